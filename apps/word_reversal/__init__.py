"""A word, spelled backwards by an encoder-decoder with attention, trained on random strings; or your own pairs.

    python -m apps.word_reversal reverse stressed

The network: a bidirectional LSTM reads the letters; an LSTM writes the answer letter by letter and, for each, looks at
the letters read, by attention. `train --data pairs.tsv` teaches the same network any pairs of short strings.

From Python: `from apps import word_reversal; word_reversal.load().reverse("stressed").reversed`.
"""

from apps.word_reversal.use import Answer, Translator, load

__all__ = ["Answer", "Translator", "load"]
