"""Training a recipe on one backend: a progress bar, checkpoints from which a killed run goes on bit for bit,
pictures, and a record of the result."""

import hashlib
import json
import os
import platform
import shlex
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import optree
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from shared import backends, catalogue, files, pictures
from shared.recipes import Run
from shared.training import checkpoints
from shared.training.checkpoints import Checkpoint

DTYPES = ("float32", "float64")
CHECKPOINT, RESULT = "checkpoint.safetensors", "result.json"
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
    """Ctrl-C was pressed and a checkpoint has been written; the message says how to go on."""


def train(
    name: str,
    backend: str,
    budget: str = "quick",
    seed: int = 0,
    steps: int | None = None,
    device: str | None = None,
    data: str | Path | None = None,
    out: str | Path | None = None,
    dtype: str = "float32",
    resume: bool = False,
    fresh: bool = False,
    compile: bool = True,
    progress: bool = True,
    checkpoint_seconds: float = 10,
) -> Result:
    """Trains an algorithm by its recipe.

    name: `recurrent/lstm`, or `lstm`. steps: another number than the budget's. device: one of PyTorch's or
    TensorFlow's, such as `cuda` or `gpu`; the CPU if None. data: a folder with the user's data, in the recipe's
    format. out: where checkpoint, result.json and pictures go; build/train/<path>/<backend>-<budget>-seed<seed> if
    None. resume: go on from the checkpoint there, if there is one. fresh: start over, whatever lies there.
    compile=False: no compiler, even where the recipe says that it pays. checkpoint_seconds: time between two
    checkpoints, more where writing one takes long; 0: after every step.

    Raises ValueError before any work if an argument is wrong, or if the folder holds another run or an unfinished
    one; during it, if the loss is no longer finite. Raises Interrupted after Ctrl-C, when a checkpoint is written.
    """
    plan = _plan(name, backend, budget, seed, steps, device, data, out, dtype, compile)
    if resume and fresh:
        raise ValueError("resume and fresh exclude each other, expected at most one of them")
    found = None if fresh else _found(plan, resume)
    files.open_folder(plan.folder)
    run, recipe, adapter = plan.run, plan.recipe, backends.get(backend)
    with adapter.scope(device), _ctrl_c() as pressed, _bar(plan, progress) as show:
        state = backends.to_numpy(backend, recipe.init(run, plan.data))
        if found:
            state = checkpoints.restore(found, state, plan.folder / CHECKPOINT)
        else:
            (plan.folder / RESULT).unlink(missing_ok=True)  # an older run's
            found = Checkpoint(plan.about, 0, 0.0, {}, state)
            checkpoints.write(plan.folder / CHECKPOINT, found)
        advance = recipe.step(run)
        if compile:
            advance = adapter.compile(advance, jit=backend in run.budget.jit)
        state = backends.to_backend(backend, state, device)
        state, last = _steps(plan, advance, state, found, show, pressed, checkpoint_seconds)
    with adapter.scope(device):
        return _finish(plan, state, last)


def speaker(
    name: str,
    backend: str,
    budget: str = "quick",
    seed: int = 0,
    device: str | None = None,
    data: str | Path | None = None,
    out: str | Path | None = None,
    dtype: str = "float32",
) -> tuple[Callable[[str], str], str]:
    """A trained model to talk to, by what its recipe calls `say`, and what it is; arguments as for `train`.

    Raises ValueError if the recipe has no `say`, or if there is no checkpoint of such a run.
    """
    plan = _plan(name, backend, budget, seed, None, device, data, out, dtype, True)
    if not hasattr(plan.recipe, "say"):
        others = [path for path in catalogue.recipes() if hasattr(catalogue.companion("recipes", path), "say")]
        raise ValueError(f"{plan.path} has nothing to say, expected one of {', '.join(others)}")
    file = plan.folder / CHECKPOINT
    if not file.exists():
        raise ValueError(f"there is no '{file}'; to train the model:\n  {plan.command}")
    found = checkpoints.read(file)
    for key in ("path", "budget", "dtype", "data"):  # the backend may be another one: weights are weights
        if found.about.get(key) != plan.about[key]:
            raise ValueError(f"'{file}': its {key} is {found.about.get(key)}, expected {plan.about[key]}")
    run, adapter = plan.run, backends.get(backend)
    with adapter.scope(device):
        like = backends.to_numpy(backend, plan.recipe.init(run, plan.data))
        state = backends.to_backend(backend, checkpoints.restore(found, like, file), device)

    def say(text: str) -> str:
        with adapter.scope(device):
            return plan.recipe.say(run, plan.data, state, text)

    return say, f"{plan.path}, {found.step} of {found.about['steps']} steps on {found.about['backend']}"


class _Plan(NamedTuple):
    """A run whose arguments have been found right."""

    path: str
    recipe: ModuleType
    run: Run
    about: dict[str, Any]  # what tells this run from others: a checkpoint of another one is refused
    data: Any
    folder: Path
    command: str  # that starts it


def _plan(name, backend, budget, seed, steps, device, data, out, dtype, compile) -> _Plan:
    path = _recipe(name)
    recipe = catalogue.companion("recipes", path)
    backends.get(backend).device(device)
    if budget not in recipe.BUDGETS:
        raise ValueError(f"budget {budget!r} is unknown, expected one of {', '.join(recipe.BUDGETS)}")
    if steps is not None and steps < 1:
        raise ValueError(f"steps is {steps}, expected at least 1")
    if seed < 0:
        raise ValueError(f"seed is {seed}, expected at least 0")
    if dtype not in DTYPES:
        raise ValueError(f"dtype {dtype!r} is unknown, expected one of {', '.join(DTYPES)}")
    chosen = recipe.BUDGETS[budget]
    chosen = chosen._replace(steps=steps or chosen.steps)
    folder = Path(out) if out else Path("build", "train", path, f"{backend}-{budget}-seed{seed}")
    run = Run(backend, chosen, seed, dtype, device)
    values = recipe.load(run, data)
    about = {"path": path, "backend": backend, "budget": budget, "seed": seed, "steps": chosen.steps, "dtype": dtype}
    about |= {"device": device or "cpu", "compile": compile, "data": _digest(values)}
    given = {
        "steps": steps,
        "device": device,
        "data": data,
        "out": out,
        "dtype": None if dtype == "float32" else dtype,
    }
    command = ["triptych", "train", path, "--backend", backend, "--budget", budget, "--seed", str(seed)]
    for option, value in given.items():
        command += [f"--{option}", str(value)] if value is not None else []
    command += [] if compile else ["--no-compile"]
    return _Plan(path, recipe, run, about, values, folder, shlex.join(command))


def _recipe(name: str) -> str:
    """The recipe that a name means; a ValueError says which algorithms have none."""
    try:
        return catalogue.find(name, catalogue.recipes)
    except ValueError:
        path = catalogue.find(name)  # its message is the better one if there is no such algorithm either
    raise ValueError(f"{path} has no recipe to train by, expected one of {', '.join(catalogue.recipes())}")


def _found(plan: _Plan, resume: bool) -> Checkpoint | None:
    """The checkpoint to go on from, None to start at the beginning; ValueError if that would destroy another run."""
    file = plan.folder / CHECKPOINT
    if not file.exists():
        return None
    try:
        found = checkpoints.read(file)
    except ValueError as error:
        raise ValueError(f"{error}; --fresh starts over") from error
    for key, value in plan.about.items():
        if found.about.get(key) != value:
            raise ValueError(
                f"'{plan.folder}' holds another run: its {key} is {found.about.get(key)}, expected {value}; "
                "--out chooses another folder, --fresh writes over this one"
            )
    if resume:
        return found
    if found.step < plan.run.budget.steps:
        raise ValueError(
            f"'{plan.folder}' holds an unfinished run, step {found.step} of {plan.run.budget.steps}: "
            "--resume goes on, --fresh starts over"
        )
    return None


def _steps(
    plan: _Plan,
    advance: Callable,
    state,
    found: Checkpoint,
    show: Callable[[int, float], None],
    pressed: threading.Event,
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
        stop = i + 1 == steps or pressed.is_set()
        save = stop or now - saved > pause
        if not save and now - shown < REFRESH:
            continue
        history = _extended(last.history, [backends.to_numpy(run.backend, values) for values in recent])
        last = Checkpoint(plan.about, i + 1, found.seconds + now - begun, history, None)
        recent, shown = [], now
        _check_finite(history["loss"])
        show(i + 1, history["loss"][-1])
        if save:
            last = last._replace(state=backends.to_numpy(run.backend, state))
            checkpoints.write(plan.folder / CHECKPOINT, last)
            saved = time.monotonic()
            pause = max(pause, SHARE * (saved - now)) if pause else 0
        if pressed.is_set():
            raise Interrupted(
                f"Stopped after step {i + 1} of {steps}; everything so far is kept. To go on:\n"
                f"  {plan.command} --resume"
            )
    return state, last


def _extended(history: dict, reported: list[dict]) -> dict[str, np.ndarray]:
    new = {name: np.array([values[name] for values in reported]) for name in reported[0]}
    return {name: np.concatenate([history[name], x]) if name in history else x for name, x in new.items()}


def _check_finite(losses: np.ndarray):
    if not np.isfinite(losses).all():
        at = int(np.argmin(np.isfinite(losses)))
        raise ValueError(f"the loss is {losses[at]} at step {at + 1}: training has diverged")


def _finish(plan: _Plan, state, last: Checkpoint) -> Result:
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
    files = plan.recipe.pictures(plan.data, outcome, plan.folder)
    curve = pictures.curves_figure({plan.run.backend: losses}, f"{plan.path}: loss of every step")
    files.append(pictures.save(curve, plan.folder / "loss.png"))
    files.append(plan.folder / CHECKPOINT)
    files.append(files.write(plan.folder / RESULT, json.dumps(record, indent=2).encode() + b"\n"))
    return Result(record, last.history, backends.to_numpy(plan.run.backend, state), plan.data, outcome, files)


def _machine(backend: str) -> dict[str, Any]:
    libraries = {"python": platform.python_version(), "numpy": np.__version__}
    libraries[backend] = version(backends.LIBRARIES[backend])
    return {
        "system": platform.system(),
        "processor": platform.processor() or platform.machine(),
        "cpus": os.cpu_count(),
        "versions": libraries,
    }


def _digest(data) -> str:
    """What identifies data: a hash of all arrays."""
    digest = hashlib.sha256()
    for leaf in optree.tree_leaves(data):
        array = np.asarray(leaf)
        digest.update(f"{array.dtype}{array.shape}".encode() + array.tobytes())
    return digest.hexdigest()[:16]


@contextmanager
def _ctrl_c() -> Iterator[threading.Event]:
    """An event that the first Ctrl-C sets; the second raises KeyboardInterrupt at once."""
    pressed = threading.Event()
    if threading.current_thread() is not threading.main_thread():  # only the main thread can have a handler
        yield pressed
        return

    def handler(number, frame):
        pressed.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.write(2, b"\nStopping after this step. Ctrl-C again stops at once.\n")  # print is not safe in a handler

    before = signal.signal(signal.SIGINT, handler)
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _bar(plan: _Plan, visible: bool) -> Iterator[Callable[[int, float], None]]:
    """A progress bar on stderr; yields show(steps done, loss)."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[speed]}"),
        TextColumn("{task.fields[loss]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), disable=not visible) as bar:
        task = bar.add_task(f"{plan.path} {plan.run.backend}", total=plan.run.budget.steps, speed="", loss="")

        def show(done: int, loss: float):
            speed = bar.tasks[0].speed
            bar.update(task, completed=done, loss=f"loss {loss:.4f}", speed=f"{speed:.0f}/s" if speed else "")

        yield show
