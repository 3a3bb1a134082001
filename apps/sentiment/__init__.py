"""Is a film review positive? A bidirectional LSTM over its words, trained on IMDB or on your own labelled texts.

    python -m apps.sentiment classify "A warm, funny film that never drags."

The network: embedding -> bidirectional LSTM -> its mean and maximum over time and the embedding's mean -> dense 64 ->
logit, or a logit for each of several labels, less loud for few words. It learns in stages, each of which `train
--resume` takes up again: word vectors; the labels; then the labels together with opinions of the texts that have none.

From Python: `from apps import sentiment; sentiment.load().classify("A warm, funny film.")`.
"""

from apps.sentiment.use import Answer, Classifier, load

__all__ = ["Answer", "Classifier", "load"]
