"""The demonstration: three models, trained on MNIST in every installed backend from the same initial bits and with
the same batches, so that their loss curves coincide."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from shared import backends, pictures
from shared.recipes import _digits
from shared.training.loop import Result, train
from shared.training.plan import Settings

GOALS = {  # path: accuracy on the test images that every backend should reach
    "intro/softmax_regression": 0.915,
    "intro/mlp": 0.975,
    "recurrent/lstm": 0.96,
}


def demo(folder: str | Path = "build/demo", seed: int = 0, progress: bool = True) -> list[dict[str, Any]]:
    """Trains everything and draws one picture per model into `folder`; some two minutes on two cores.

    Returns one row per model and backend: recipe, backend, first and last loss, accuracy and its goal, seconds, the
    largest |difference| of its loss curve from the first backend's (NumPy's, where it is installed) and the picture.

    Raises ValueError if the folder cannot be written to; loop.Interrupted, after a checkpoint, on Ctrl-C.
    """
    rows, folder = [], Path(folder)
    for path, goal in GOALS.items():
        results = {}
        for backend in backends.installed():
            settings = Settings(path, backend, seed=seed, out=folder / path / backend)
            results[backend] = train(settings, fresh=True, progress=progress)
        picture = pictures.save(figure(path, results), folder / f"{path.split('/')[-1]}.png")
        reference = next(iter(results.values())).history["loss"]
        for backend, result in results.items():
            record, losses = result.record, result.history["loss"]
            rows.append(
                {
                    "recipe": path,
                    "backend": backend,
                    "first_loss": record["first_loss"],
                    "last_loss": record["last_loss"],
                    "accuracy": record["metrics"]["accuracy"],
                    "goal": goal,
                    "seconds": record["seconds"],
                    "difference": float(np.max(np.abs(losses - reference))),
                    "picture": str(picture),
                }
            )
    return rows


def figure(path: str, results: dict[str, Result]) -> Figure:
    """One model's loss curves over each other; digits as the first backend reads them, and its worst mistakes."""
    backend, first = next(iter(results.items()))
    drawing = Figure(figsize=(14, 7), layout="constrained")
    left, right = drawing.subfigures(1, 2)
    curves = {name: result.history["loss"] for name, result in results.items()}
    pictures.draw_curves(left, curves, f"{path}: loss of every step, from the same start with the same batches")
    some, worst = _digits.chosen(first.data, first.outcome)
    above, below = right.subfigures(2, 1)
    pictures.draw_digits(above, some, f"The first test images, as the {backend} column reads them")
    wrong = int(np.sum(first.outcome.predicted != first.data.test_labels))
    pictures.draw_digits(below, worst, f"The worst of its {wrong} mistakes")
    return drawing
