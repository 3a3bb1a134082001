"""Chinese words and their parts of speech.

    python -m apps.chinese_pos tag "我爱自然语言处理。"

The network: what is known of each character (itself, the pairs with its neighbours, known words that start, end or
pass here) -> two bidirectional LSTMs -> scores of its place in the word and the word's part of speech. A search then
finds the best sequence in which every word that begins also ends, with one part of speech.

From Python: `from apps import chinese_pos; chinese_pos.load().tag("我爱自然语言处理。").sentences`.
"""

from apps.chinese_pos.use import Tagged, Tagger, load

__all__ = ["Tagged", "Tagger", "load"]
