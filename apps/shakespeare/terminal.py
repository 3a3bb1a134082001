"""A text on a terminal: printed while it is written, or written by hand, symbol by symbol."""

from __future__ import annotations

from apps.pipeline.printing import visible
from apps.shakespeare.sampling import ranked
from apps.shakespeare.use import Author, Choice, Writer

OFFERED = 9  # symbols to choose from by hand
LAYOUT = "\n\t"  # control characters that belong to a text


def print_as_written(author: Author, prompt: str, length: int, choice: Choice, count: int) -> None:
    """Prints texts that begin with the prompt, each symbol when it is chosen."""
    start = author.begin(prompt)
    for row in range(count):
        print(visible(prompt, keep=LAYOUT), end="", flush=True)
        for symbol in start.copy().write(length, choice, row):
            print(visible(symbol, keep=LAYOUT), end="", flush=True)
        print("\n" if row < count - 1 else "", flush=True)


def write_by_hand(writer: Writer, prompt: str) -> None:
    """Offers the likeliest symbols again and again, until the user ends it, then prints the text."""
    text = prompt
    print("A number chooses, Enter takes the first, other text is written as it is (after ' if a number); Ctrl-D ends.")
    while True:
        order, chances = ranked(writer.logits)
        offers = [(writer.symbols.text([number]), chance) for number, chance in zip(order, chances, strict=True)]
        print(
            "  ".join(f"{place} {symbol!r} {chance:.0%}" for place, (symbol, chance) in enumerate(offers[:OFFERED], 1))
        )
        try:
            answer = input(f"{text[-60:]!r} ")
        except EOFError:
            print(f"\n\n{visible(text, keep=LAYOUT)}")
            return
        place = int(answer or 1) if (answer.isascii() and answer.isdigit()) or not answer else 0
        if 1 <= place <= min(OFFERED, len(order)):
            text += writer.take(int(order[place - 1]))
        elif place or answer == "0":
            print(f"expected a number from 1 to {min(OFFERED, len(order))}, got {answer}")
        else:
            answer = answer.removeprefix("'")
            writer.read(answer)
            text += answer
