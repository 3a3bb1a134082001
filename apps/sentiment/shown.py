"""What the command line shows of an answer, and what it shows of the app without a verb."""

from __future__ import annotations

from collections.abc import Sequence

from apps.pipeline.printing import visible
from apps.sentiment.use import Answer, load


def print_answer(answer: Answer) -> None:
    """One line for a text, and below it the explanation if the answer has one."""
    start = visible(" ".join(answer.text[:200].split()))
    start = start if len(start) <= 80 else f"{start[:79]}…"
    if answer.label is None:
        print(f"{'(no words)':>10}           {start}", flush=True)
        return
    next_best = sorted(answer.probabilities.items(), key=lambda item: -item[1])[1]
    doubt = f"  ({visible(next_best[0])}: {next_best[1]:.1%})" if len(answer.probabilities) > 2 else ""
    print(f"{visible(answer.label):>10} {answer.probabilities[answer.label]:8.1%}  {start}{doubt}", flush=True)
    if answer.words is not None:
        labels = list(answer.probabilities)
        labels = labels if len(labels) == 2 else [f"all but {answer.label}", answer.label]
        print_explanation(answer.words, answer.phrases or [], labels)


def print_explanation(
    words: Sequence[tuple[str, float]], phrases: Sequence[tuple[str, float]], labels: Sequence[str]
) -> None:
    """Words coloured by their weights for the second label (green) or the first (red), then the weightiest of each, and
    the weightiest phrases."""
    from rich.console import Console
    from rich.text import Text

    strongest = max(1e-9, *(abs(weight) for _, weight in words))
    line = Text()
    for word, weight in words:
        faded = int(255 * (1.0 - 0.8 * abs(weight) / strongest))
        colour = f"rgb({faded},255,{faded})" if weight > 0 else f"rgb(255,{faded},{faded})"
        line.append(visible(word), style=f"black on {colour}").append(" ")
    console = Console(highlight=False)
    console.print(line)
    ranked = sorted(words, key=lambda pair: pair[1])
    for label, sign, pairs in ((labels[1], 1, ranked[:-6:-1]), (labels[0], -1, ranked[:5])):
        pushed = weighed([pair for pair in pairs if sign * pair[1] > 0])
        console.print(f"  towards {visible(label)}: {pushed or 'nothing'}", markup=False)
    if phrases:
        weightiest = sorted(phrases, key=lambda pair: -abs(pair[1]))[:5]
        console.print(f"  together: {weighed(weightiest)}", markup=False)


def weighed(pairs: Sequence[tuple[str, float]]) -> str:
    """Words or phrases with their weights, in a line."""
    return ", ".join(f"{visible(word)} {weight:+.2f}" for word, weight in pairs)


def demonstrate() -> None:
    """What the shipped model says of a few sentences."""
    samples = (
        "I laughed all the way through and cried at the end. A wonderful cast, and not a minute too long.",
        "The plot makes no sense and nobody in it can act. I want my two hours and my money back.",
        "It isn't the masterpiece they promised, but I had a good time, and so did the children.",
    )
    for answer in load().classify(samples):
        print_answer(answer)
