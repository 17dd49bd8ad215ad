"""Figures: loss curves and images, drawn without a display and without global state."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure, SubFigure

from shared import files

STYLES = (
    ("#1b6ca8", "-", 3.2),
    ("#d1495b", "-", 1.6),
    ("#222222", ":", 1.4),
)  # of overlapping curves: all stay visible
RIGHT, WRONG = "#444444", "#c1121f"


def save(figure: Figure, path: str | Path) -> Path:
    """Writes a PNG, atomically; ValueError if the file cannot be written."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120)
    return files.write(path, buffer.getvalue())


def curves_figure(curves: dict[str, np.ndarray], title: str) -> Figure:
    """Loss over steps, one curve per name."""
    figure = Figure(figsize=(7, 4), layout="constrained")
    draw_curves(figure, curves, title)
    return figure


def draw_curves(figure: Figure | SubFigure, curves: dict[str, np.ndarray], title: str):
    """Loss over steps on a logarithmic axis; several curves are drawn over each other, and below them how far each
    is from the first."""
    first, *others = curves
    axes = figure.subplots(2 if others else 1, 1, sharex=True, squeeze=False)[:, 0]
    axes[0].set_title(title)
    axes[0].set_ylabel("loss")
    for (name, values), (color, dashes, width) in zip(curves.items(), STYLES, strict=False):
        steps = np.arange(1, len(values) + 1)
        axes[0].plot(steps, values, color=color, linestyle=dashes, linewidth=width if others else 0.8, label=name)
        if name in others:
            gap = np.abs(values - curves[first])
            axes[1].plot(steps, np.where(gap > 0, gap, np.nan), ".", color=color, markersize=2, label=name)
    if min(values.min() for values in curves.values()) > 0:
        axes[0].set_yscale("log")
    if others:
        axes[0].legend()
        axes[1].set_yscale("log")
        axes[1].set_ylabel(f"|difference from {first}'s|")
        axes[1].legend(markerscale=5)
    axes[-1].set_xlabel("step")


def scatter_figure(x: np.ndarray, y: np.ndarray, x_label: str, y_label: str, title: str) -> Figure:
    """One dot per pair, and the line on which y equals x."""
    figure = Figure(figsize=(5, 5), layout="constrained")
    axes = figure.subplots()
    axes.plot(x, y, "o", color=STYLES[0][0], markersize=4, alpha=0.6)
    ends = [min(x.min(), y.min()), max(x.max(), y.max())]
    axes.plot(ends, ends, color=STYLES[2][0], linewidth=0.8)
    axes.set(xlabel=x_label, ylabel=y_label, title=title, aspect="equal")
    return figure


def digits_figure(triples: Sequence[tuple], title: str) -> Figure:
    """A grid of images; triples: (image (H, W), label, prediction)."""
    figure = Figure(figsize=(7, 3.8), layout="constrained")
    draw_digits(figure, triples, title)
    return figure


def draw_digits(figure: Figure | SubFigure, triples: Sequence[tuple], title: str, columns: int = 8):
    """A grid of images with the prediction above each; a wrong one is red, with the true label after it."""
    figure.suptitle(title if triples else f"{title}: none")
    axes = figure.subplots()
    axes.set_axis_off()
    if not triples:
        return
    height, width = triples[0][0].shape
    dy, dx = height + height // 3, width + width // 3  # with room for the text and between columns
    grid = np.zeros((-(-len(triples) // columns) * dy, columns * dx), np.uint8)
    for i, (image, label, predicted) in enumerate(triples):
        y, x = i // columns * dy + dy - height, i % columns * dx + (dx - width) // 2
        grid[y : y + height, x : x + width] = image
        wrong = label != predicted
        text = f"{predicted}, not {label}" if wrong else f"{predicted}"
        axes.text(x + width / 2, y, text, fontsize=8, color=WRONG if wrong else RIGHT, ha="center")
    axes.imshow(grid, cmap="gray_r", vmin=0, vmax=255)
