"""Pictures of how words were read aloud: what attention looked at, what was said, and the worst mistakes."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from shared import pictures as draw
from shared.recipes.recurrent._spelling import Guess, Outcome, Task


def pictures(data: Task, outcome: Outcome, folder: Path) -> list[Path]:
    files = [draw.save(words_figure(outcome), folder / "words.png")]
    if outcome.shown[0].weights is not None:
        files.insert(0, draw.save(attention_figure(outcome.shown), folder / "attention.png"))
    return files


def attention_figure(shown: list[Guess]) -> Figure:
    """Which letters have weight as each phoneme is written."""
    figure = Figure(figsize=(11, 7.2), layout="constrained")
    figure.suptitle("Attention weights: letters read, from left to right; phonemes written, from top to bottom")
    for axes, guess in zip(figure.subplots(2, 3).flat, shown, strict=True):
        if guess.sounds:
            image = axes.imshow(guess.weights, cmap="Blues", vmin=0, vmax=1, aspect="auto")
        sounds = guess.sounds.split()
        axes.set_xticks(range(len(guess.word)), guess.word, fontsize=11)
        axes.set_yticks(range(len(sounds)), sounds, fontsize=9)
        axes.xaxis.tick_top()
        axes.tick_params(length=0)
        axes.set_xticks(np.arange(0.5, len(guess.word) - 1), minor=True)
        axes.set_yticks(np.arange(0.5, len(sounds) - 1), minor=True)
        axes.grid(which="minor", color="#dddddd", linewidth=0.6)
        axes.tick_params(which="minor", length=0)
        axes.spines[:].set_color("#999999")
    if any(guess.sounds for guess in shown):
        figure.colorbar(image, ax=figure.axes, shrink=0.5, label="weight")
    return figure


def words_figure(outcome: Outcome) -> Figure:
    """Test words as they are spoken: some in alphabetical order, and the worst mistakes."""
    pairs = list(zip(outcome.tested, outcome.nearby, strict=True))
    some = [pairs[i] for i in np.unique(np.linspace(0, len(pairs) - 1, 24).astype(int))]
    worst = sorted((p for p in pairs if p[1][0]), key=lambda p: -p[1][0] / len(p[1][1].split()))[:24]
    figure = Figure(figsize=(13, 7.5), layout="constrained")
    errors = {name.replace("_", " "): f"{value:.1%}" for name, value in outcome.metrics.items()}
    figure.suptitle(f"Test words, never seen in training: {', '.join(f'{k} {v}' for k, v in errors.items())}")
    for axes, rows, title in zip(
        figure.subplots(1, 2), (some, worst), ("A sample", "The worst mistakes"), strict=True
    ):
        axes.set_axis_off()
        axes.set_title(title, loc="left", fontsize=11)
        axes.set(xlim=(0, 1), ylim=(25, 0))
        for i, (guess, (count, way)) in enumerate([(None, (0, "listed")), *rows]):
            texts = (
                (guess.word, guess.sounds, way if count else "") if guess else ("word", "said", "listed, if not so")
            )
            for x, text in zip((0, 0.23, 0.63), texts, strict=True):
                color = "#888888" if guess is None else draw.WRONG if count and x == 0.23 else draw.RIGHT
                axes.text(x, i + 0.5, _short(text), fontsize=8, color=color, va="center")
    return figure


def _short(text: str) -> str:
    return text if len(text) <= 40 else text[:38] + " …"
