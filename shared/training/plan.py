"""What a training run is told, checked before any work: `Settings` from the command line become a `Plan`."""

import hashlib
import os
import shlex
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import optree

from shared import backends, catalogue
from shared.recipes import Run
from shared.training import checkpoints
from shared.training.checkpoints import Checkpoint, clipped

DTYPES = ("float32", "float64")
MOST_STEPS = 10**8  # their losses alone are 400 MB
CHECKPOINT, RESULT = "checkpoint.safetensors", "result.json"


class Settings(NamedTuple):
    """What tells one training run from another.

    recipe: `recurrent/lstm`, or `lstm`. steps: another number than the budget's. device: one of PyTorch's or
    TensorFlow's, such as `cuda` or `gpu`; the CPU if None. data: a folder with the user's data, in the recipe's
    format. out: where checkpoint, result.json and pictures go; build/train/<path>/<backend>-<budget>-seed<seed> if
    None. compile=False: no compiler, even where the recipe says that it pays. threads: of the library and of BLAS; if
    None 1, which is fast for networks as small as these and never waits for other processes (or what TensorFlow has
    begun with in this process).
    """

    recipe: str
    backend: str = "numpy"
    budget: str = "quick"
    seed: int = 0
    steps: int | None = None
    device: str | None = None
    data: str | Path | None = None
    out: str | Path | None = None
    dtype: str = "float32"
    compile: bool = True
    threads: int | None = None

    @property
    def command(self) -> str:
        """The command that starts this run: the recipe, backend, budget and seed, and what is not the default."""
        words = ["triptych", "train", self.recipe, "--backend", self.backend, "--budget", self.budget]
        words += ["--seed", str(self.seed)]
        for option in ("steps", "device", "data", "out", "dtype", "threads"):
            value = getattr(self, option)
            words += [f"--{option}", str(value)] if value != self._field_defaults[option] else []
        return shlex.join(words + ([] if self.compile else ["--no-compile"]))


class Plan(NamedTuple):
    """A run whose settings have been found right.

    settings: with the recipe's whole path; about: what the checkpoint stores, one of another run is refused.
    """

    settings: Settings
    recipe: ModuleType
    run: Run
    about: dict[str, Any]
    data: Any
    folder: Path

    @property
    def path(self) -> str:
        return self.settings.recipe


def prepare(settings: Settings) -> Plan:
    """Loads the recipe and its data; ValueError if a setting is wrong."""
    path = _recipe(settings.recipe)
    recipe = catalogue.companion("recipes", path)
    settings = settings._replace(recipe=path)
    _, backend, budget, seed, steps, device, data, out, dtype, compile, threads = settings
    adapter = backends.get(backend)
    if budget not in recipe.BUDGETS:
        raise ValueError(f"budget {budget!r} is unknown, expected one of {', '.join(recipe.BUDGETS)}")
    if steps is not None and not 1 <= steps <= MOST_STEPS:
        raise ValueError(f"steps is {steps}, expected 1 to {MOST_STEPS}")
    if not 0 <= seed < 2**63:
        raise ValueError(f"seed is {seed}, expected 0 to 2**63 - 1")
    if dtype not in DTYPES:
        raise ValueError(f"dtype {dtype!r} is unknown, expected one of {', '.join(DTYPES)}")
    for name in ("data", "out"):
        if getattr(settings, name) == "":
            raise ValueError(f"{name} is empty, expected a folder")
    threads = _threads(adapter, threads)
    device = adapter.device(device)  # after the threads: here TensorFlow begins
    chosen = recipe.BUDGETS[budget]
    chosen = chosen._replace(steps=steps or chosen.steps)
    folder = Path(out) if out else Path("build", "train", path, f"{backend}-{budget}-seed{seed}")
    run = Run(backend, chosen, seed, dtype, device)
    values = recipe.load(run, data)
    about = {"path": path, "backend": backend, "budget": budget, "seed": seed, "steps": chosen.steps, "dtype": dtype}
    about |= {"device": device, "compile": compile, "threads": threads, "data": _digest(values)}
    return Plan(settings, recipe, run, about, values, folder)


def _threads(adapter: backends.Backend, wanted: int | None) -> int:
    """Sets how many threads are used and returns it: sums are rounded otherwise with another number."""
    cores = os.cpu_count() or 1
    if wanted is not None and not 1 <= wanted <= cores:
        raise ValueError(f"threads is {wanted}, expected 1 to {cores}, the cores of this machine")
    backends.get("numpy").threads(wanted or 1)  # recipes use NumPy whatever the backend
    used = adapter.threads(wanted or 1)
    if wanted not in (None, used):
        raise ValueError(f"threads is {wanted}, but {adapter.name} has begun with {used} in this process")
    return used


def _recipe(name: str) -> str:
    """The recipe that a name means; a ValueError says which algorithms have none."""
    try:
        return catalogue.find(name, catalogue.recipes)
    except ValueError as error:
        no_recipe = error
    try:
        path = catalogue.find(name)
    except ValueError:
        raise no_recipe from None  # no algorithm either: the nearest recipe is what was meant
    raise ValueError(f"{path} has no recipe to train by, expected one of {', '.join(catalogue.recipes())}")


def something_to_resume(plan: Plan):
    """ValueError if there is no checkpoint to go on from."""
    file = plan.folder / CHECKPOINT
    if not file.exists():
        raise ValueError(f"there is no '{file}' to go on from: leave out --resume to start")


def unfinished(plan: Plan, resume: bool) -> Checkpoint | None:
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
                f"'{plan.folder}' holds another run: its {key} is {clipped(found.about.get(key))}, expected {value}; "
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


def _digest(data) -> str:
    """What identifies data: a hash of all arrays."""
    digest = hashlib.sha256()
    for leaf in optree.tree_leaves(data):
        array = np.asarray(leaf)
        digest.update(f"{array.dtype}{array.shape}".encode() + array.tobytes())
    return digest.hexdigest()[:16]
