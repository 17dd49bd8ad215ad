"""Training a recipe on one backend: a progress bar, checkpoints from which a killed run goes on bit for bit,
pictures, and a record of the result."""

import json
import os
import platform
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from shared import backends, files, pictures
from shared.training import checkpoints
from shared.training.checkpoints import Checkpoint
from shared.training.console import Asked, bar, stopping
from shared.training.lock import locked
from shared.training.plan import CHECKPOINT, RESULT, Plan, Settings, prepare, something_to_resume, unfinished

REFRESH = 0.2  # seconds between two looks at the loss: on an accelerator, each look waits for it
SHARE = 50  # at most 1/50 of the time goes into writing checkpoints


class Result(NamedTuple):
    record: dict[str, Any]  # what result.json holds
    history: dict[str, np.ndarray]  # "loss" and whatever else a step reports, one value per step
    state: Any  # a tree of NumPy arrays
    data: Any  # what the recipe loaded
    outcome: Any  # what the recipe draws its pictures from
    files: list[Path]


class Interrupted(KeyboardInterrupt):
    """Ctrl-C was pressed or SIGTERM came, and a checkpoint has been written. args: how to go on, and the status that
    a command ends with."""

    @property
    def status(self) -> int:
        return self.args[1]

    def __str__(self) -> str:
        return self.args[0]


def train(
    settings: Settings,
    *,
    resume: bool = False,
    fresh: bool = False,
    progress: bool = True,
    checkpoint_seconds: float = 10,
) -> Result:
    """Trains an algorithm by its recipe.

    resume: go on from the checkpoint in the run's folder. fresh: start over, whatever lies there.
    checkpoint_seconds: time between two checkpoints, more where writing one takes long; 0: after every step.

    Raises ValueError before any work if an argument is wrong, or if the folder holds another run or an unfinished
    one, or another process works there; during it, if the loss is no longer finite. Raises Interrupted after Ctrl-C
    or SIGTERM, when a checkpoint is written.
    """
    if resume and fresh:
        raise ValueError("resume and fresh exclude each other, expected at most one of them")
    plan = prepare(settings)
    if resume:
        something_to_resume(plan)
    run, backend, adapter = plan.run, plan.run.backend, backends.get(plan.run.backend)
    with adapter.scope(run.device):
        start = backends.to_numpy(backend, plan.recipe.init(run, plan.data))  # refuses data before a folder is made
    with locked(files.open_folder(plan.folder)), adapter.scope(run.device):
        found = None if fresh else unfinished(plan, resume)
        with stopping() as asked, bar(f"{plan.path} {backend}", run.budget.steps, progress) as show:
            if found:
                start = checkpoints.restore(found, start, plan.folder / CHECKPOINT)
            else:
                (plan.folder / RESULT).unlink(missing_ok=True)  # an older run's
                found = Checkpoint(plan.about, 0, 0.0, {}, start)
                checkpoints.write(plan.folder / CHECKPOINT, found)
            advance = plan.recipe.step(run)
            if settings.compile:
                advance = adapter.compile(advance, jit=backend in run.budget.jit)
            state = backends.to_backend(backend, start, run.device)
            state, last = _steps(plan, advance, state, found, show, asked, checkpoint_seconds)
        return _finish(plan, state, last)


def _steps(
    plan: Plan,
    advance: Callable,
    state,
    found: Checkpoint,
    show: Callable[[int, float], None],
    asked: Asked,
    pause: float,
) -> tuple[Any, Checkpoint]:
    """The steps that are still to do, with a checkpoint every `pause` seconds and at the end."""
    run, recipe, steps = plan.run, plan.recipe, plan.run.budget.steps
    array = backends.get(run.backend).array
    last, recent = found, []  # recent: what the steps since the last look reported, still in the backend
    moved = {}  # the arrays of the last batch in the backend; one that comes again, as whole batches do, stays there
    begun = shown = saved = time.monotonic()
    for i in range(found.step, steps):
        batch = recipe.batch(run, plan.data, i)
        moved = {id(x): moved.get(id(x)) or (x, array(x, run.device)) for x in batch}
        state, reported = advance(state, *(moved[id(x)][1] for x in batch))
        recent.append(reported)
        now = time.monotonic()
        stop = i + 1 == steps or asked.signal is not None
        save = stop or now - saved > pause
        if not save and now - shown < REFRESH:
            continue
        history = _extended(plan, last.history, [backends.to_numpy(run.backend, values) for values in recent])
        last = Checkpoint(plan.about, i + 1, found.seconds + now - begun, history, None)
        recent, shown = [], now
        _check_finite(history["loss"])
        show(i + 1, history["loss"][-1])
        if save:
            last = last._replace(state=backends.to_numpy(run.backend, state))
            checkpoints.write(plan.folder / CHECKPOINT, last)
            saved = time.monotonic()
            pause = max(pause, SHARE * (saved - now)) if pause else 0
        if asked.signal is not None:
            raise Interrupted(
                f"Stopped after step {i + 1} of {steps}; everything so far is kept. To go on:\n"
                f"  {plan.settings.command} --resume",
                128 + asked.signal,
            )
    return state, last


def _extended(plan: Plan, history: dict, reported: list[dict]) -> dict[str, np.ndarray]:
    if history and history.keys() != reported[0].keys():
        names = [", ".join(sorted(x)) for x in (history, reported[0])]
        raise ValueError(
            f"'{plan.folder / CHECKPOINT}' has a history of {checkpoints.clipped(names[0])}, expected {names[1]}"
        )
    new = {name: np.array([values[name] for values in reported]) for name in reported[0]}
    return {name: np.concatenate([history[name], x]) if name in history else x for name, x in new.items()}


def _check_finite(losses: np.ndarray):
    if not np.isfinite(losses).all():
        at = int(np.argmin(np.isfinite(losses)))
        raise ValueError(f"the loss is {losses[at]} at step {at + 1}: training has diverged")


def _finish(plan: Plan, state, last: Checkpoint) -> Result:
    """Evaluates, draws and records."""
    metrics, outcome = plan.recipe.evaluate(plan.run, plan.data, state)
    losses = last.history["loss"]
    record = plan.about | {
        "seconds": round(last.seconds, 3),
        "first_loss": float(losses[0]),
        "last_loss": float(losses[-1]),
        "metrics": metrics,
        "machine": _machine(plan.run.backend),
    }
    written = plan.recipe.pictures(plan.data, outcome, plan.folder)
    curve = pictures.curves_figure({plan.run.backend: losses}, f"{plan.path}: loss of every step")
    written.append(pictures.save(curve, plan.folder / "loss.png"))
    written.append(plan.folder / CHECKPOINT)
    written.append(files.write(plan.folder / RESULT, json.dumps(record, indent=2).encode() + b"\n"))
    return Result(record, last.history, backends.to_numpy(plan.run.backend, state), plan.data, outcome, written)


def _machine(backend: str) -> dict[str, Any]:
    libraries = {"python": platform.python_version(), "numpy": np.__version__}
    libraries[backend] = version(backends.LIBRARIES[backend])
    return {
        "system": platform.system(),
        "processor": platform.processor() or platform.machine(),
        "cpus": os.cpu_count(),
        "versions": libraries,
    }
