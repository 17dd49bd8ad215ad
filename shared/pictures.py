"""Figures: loss curves and images, drawn without a display and without global state."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure, SubFigure

from shared import atomic

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
    return atomic.write(path, buffer.getvalue())


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


def digits_figure(triples: Sequence[tuple], title: str) -> Figure:
    """A grid of images; triples: (image (H, W), label, prediction)."""
    figure = Figure(figsize=(7, 4.4), layout="constrained")
    draw_digits(figure, triples, title)
    return figure


def draw_digits(figure: Figure | SubFigure, triples: Sequence[tuple], title: str, columns: int = 8):
    """A grid of images with the prediction above each; a wrong one is red, with the true label after it."""
    figure.suptitle(title if triples else f"{title}: none")
    lines = max(1, -(-len(triples) // columns))
    for axis in figure.subplots(lines, columns, squeeze=False).flat:
        axis.set_axis_off()
    for axis, (image, label, predicted) in zip(figure.axes, triples, strict=False):
        wrong = label != predicted
        axis.imshow(image, cmap="gray_r", vmin=0, vmax=255)
        text = f"{predicted}, not {label}" if wrong else f"{predicted}"
        axis.set_title(text, fontsize=8, color=WRONG if wrong else RIGHT, pad=2)
