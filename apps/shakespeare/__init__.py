"""Writes like Shakespeare: two LSTMs that say which character comes next, trained on his plays or on any text of yours.

    python -m apps.shakespeare generate --prompt "ROMEO:"

The network: embedding -> two LSTMs -> the same embedding, transposed, gives the logits of what comes next.

From Python: `from apps import shakespeare; print(shakespeare.load().write("ROMEO:", length=200).text)`.
"""

from apps.shakespeare.use import Author, Choice, Text, load

__all__ = ["Author", "Choice", "Text", "load"]
