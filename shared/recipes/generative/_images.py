"""Pictures of many small images, and principal components, for the recipes of this chapter."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from PIL import Image

from shared import files
from shared.pictures import RIGHT, STYLES

GAP = 2  # pixels between two images
ZOOM = 3  # dots of a GIF for each pixel of an image


def sheet(images: np.ndarray, columns: int, background: float = 1.0) -> np.ndarray:
    """(N, H, W) images, row after row, as one picture with gaps between them."""
    n, height, width = images.shape
    rows = -(-n // columns)
    picture = np.full((rows * (height + GAP) + GAP, columns * (width + GAP) + GAP), background, np.float64)
    for i, image in enumerate(images):
        y, x = GAP + i // columns * (height + GAP), GAP + i % columns * (width + GAP)
        picture[y : y + height, x : x + width] = image
    return picture


def rows_figure(rows: Sequence[tuple[str, np.ndarray]], title: str) -> Figure:
    """One row of images for each (label, (N, H, W) in [0, 1]); ink is dark."""
    picture = sheet(np.concatenate([1 - images for _, images in rows]), len(rows[0][1]))
    height = len(rows[0][1][0]) + GAP
    figure = Figure(figsize=(8.5, 8.5 * 0.84 * picture.shape[0] / picture.shape[1] + 0.45), layout="constrained")
    axes = figure.subplots()
    axes.imshow(picture, cmap="gray", vmin=0, vmax=1)
    axes.set_yticks([GAP + (i + 0.5) * height - GAP / 2 for i in range(len(rows))], [label for label, _ in rows])
    axes.tick_params(length=0, labelsize=9, labelcolor=RIGHT)
    axes.set_xticks([])
    axes.set_frame_on(False)
    axes.set_title(title, fontsize=11)
    return figure


def sheet_figure(images: np.ndarray, columns: int, title: str, **labels: str) -> Figure:
    """A square sheet of (N, H, W) images in [0, 1]; ink is dark. labels: xlabel, ylabel."""
    picture = sheet(1 - images, columns)
    figure = Figure(figsize=(6, 6 * picture.shape[0] / picture.shape[1] + 0.5), layout="constrained")
    axes = figure.subplots()
    axes.imshow(picture, cmap="gray", vmin=0, vmax=1)
    axes.set(xticks=[], yticks=[], **labels)
    axes.set_frame_on(False)
    axes.set_title(title, fontsize=11)
    return figure


def filters_figure(sheets: Sequence[tuple[str, np.ndarray]], columns: int, title: str) -> Figure:
    """Sheets of weights (N, H, W) side by side, each weight image scaled by its own largest entry: red is negative,
    blue positive."""
    figure = Figure(figsize=(5.2 * len(sheets), 5.9), layout="constrained")
    figure.suptitle(title, fontsize=11)
    for axes, (label, weights) in zip(figure.subplots(1, len(sheets), squeeze=False)[0], sheets, strict=True):
        largest = np.max(np.abs(weights), axis=(1, 2), keepdims=True)
        axes.imshow(sheet(weights / np.maximum(largest, 1e-12), columns, 0.0), cmap="RdBu", vmin=-1, vmax=1)
        axes.set_title(label, fontsize=10)
        axes.set_axis_off()
    return figure


def save_gif(pictures: Sequence[np.ndarray], path: Path, milliseconds: int) -> Path:
    """An animated GIF of grey pictures (H, W) in [0, 1] or of RGB ones (H, W, 3) in 0 ... 255; the last stays."""
    frames = []
    for picture in pictures:
        if picture.ndim == 2:
            picture = np.repeat(np.repeat(np.uint8(np.rint(255 * np.clip(picture, 0, 1))), ZOOM, 0), ZOOM, 1)
        frames.append(Image.fromarray(picture))
    durations = [milliseconds] * (len(frames) - 1) + [10 * milliseconds]
    buffer = io.BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:], duration=durations, loop=0)
    return files.write(path, buffer.getvalue())


class PCA:
    """The n principal components of the rows of x: the first right singular vectors of the centred x.

    They are the eigenvectors of its (D, D) scatter matrix, which is small however many rows there are.
    """

    def __init__(self, x: np.ndarray, n: int):
        self.mean = x.mean(axis=0, dtype=np.float64)
        centred = x - self.mean
        self.components = np.linalg.eigh(centred.T @ centred)[1][:, ::-1][:, :n]  # eigenvalues come in rising order

    def codes(self, x: np.ndarray) -> np.ndarray:
        return (x - self.mean) @ self.components

    def reconstruct(self, x: np.ndarray) -> np.ndarray:
        return self.codes(x) @ self.components.T + self.mean


def squared_error(x: np.ndarray, reconstruction: np.ndarray) -> float:
    """Per example: summed over the pixels, mean over the examples."""
    return float(np.mean(np.sum(np.square(np.float64(x) - reconstruction), axis=1)))


def one_of_each(labels: np.ndarray, count: int) -> np.ndarray:
    """Indices of the first example of every class, then of the second ones, `count` in all at most."""
    ranks = np.empty(len(labels), int)
    for label in np.unique(labels):
        of_class = labels == label
        ranks[of_class] = np.arange(of_class.sum())
    return np.lexsort((labels, ranks))[:count]


def places_figure(places: np.ndarray, labels: np.ndarray, title: str) -> Figure:
    """Points (N, 2) in the plane, coloured by class, each class named at its median."""
    figure = Figure(figsize=(6.4, 6), layout="constrained")
    axes = figure.subplots()
    for i, label in enumerate(np.unique(labels)):
        of_class, color = places[labels == label], f"C{i % 10}"
        axes.plot(*of_class.T, ".", color=color, markersize=2, alpha=0.5)
        box = {"facecolor": "white", "edgecolor": color, "boxstyle": "circle,pad=0.25"}
        axes.text(
            *np.median(of_class, axis=0),
            str(label),
            color=color,
            fontweight="bold",
            ha="center",
            va="center",
            bbox=box,
        )
    axes.set(title=title, xlabel="first latent", ylabel="second latent", aspect="equal")
    return figure


def clouds_figure(
    clouds: Sequence[tuple[str, np.ndarray]], centres: np.ndarray, sigma: float, title: str, inches: float
):
    """Panels of points (N, 2) side by side, over circles of three σ around the centres of what they should be."""
    figure = Figure(figsize=(inches * len(clouds), inches + 0.4), layout="constrained")
    if title:
        figure.suptitle(title, fontsize=11)
    end = 1.5 * np.max(np.abs(centres))
    for axes, (label, points) in zip(figure.subplots(1, len(clouds), squeeze=False)[0], clouds, strict=True):
        for centre in centres:
            axes.add_patch(Circle(centre, 3 * sigma, facecolor=STYLES[1][0], alpha=0.25, linewidth=0))
        axes.plot(*points.T, ".", color=STYLES[0][0], markersize=2, alpha=0.6)
        axes.set(xlim=(-end, end), ylim=(-end, end), xticks=[], yticks=[], aspect="equal")
        axes.set_title(label, fontsize=9)
    return figure


def pixels(figure: Figure) -> np.ndarray:
    """A figure as (H, W, 3) in 0 ... 255."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()
