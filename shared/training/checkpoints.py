"""Checkpoints: a training run at one step, whole, in one safetensors file.

Tensors are named by the Python expression that reaches them, `state.params[0].W`, `history.loss`; the metadata
holds one JSON object with the format's version, what the run is, the steps done and the seconds spent.
"""

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import optree
from safetensors.numpy import save

from shared import files
from shared.differences import flatten

FORMAT = 1


class Checkpoint(NamedTuple):
    about: dict[str, Any]  # what the run is: path, backend, budget, seed, ...
    step: int  # steps done
    seconds: float  # spent on them
    history: dict[str, np.ndarray]  # one value per step done, by name
    state: Any  # a tree of NumPy arrays; as read from a file, its leaves by name


def write(path: str | Path, checkpoint: Checkpoint) -> Path:
    """Writes a checkpoint, atomically; ValueError if the file cannot be written. about["steps"]: of the whole run."""
    about, step, seconds, history, state = checkpoint
    tensors = flatten(state, "state") | {f"history.{name}": values for name, values in history.items()}
    metadata = {"triptych": json.dumps({"format": FORMAT, "about": about, "step": step, "seconds": seconds})}
    return files.write(path, save({name: np.asarray(x, order="C") for name, x in tensors.items()}, metadata))


def read(path: str | Path) -> Checkpoint:
    """Reads a checkpoint; ValueError, naming the file, if it is missing, damaged, or something else."""
    tensors, metadata = files.tensors(path, "checkpoint")
    try:
        found = json.loads(metadata["triptych"])
        version, about, step, seconds = (found[name] for name in ("format", "about", "step", "seconds"))
    except (KeyError, TypeError, ValueError, RecursionError):
        raise ValueError(f"'{path}' is not a checkpoint of a training run") from None
    if version != FORMAT:
        raise ValueError(f"'{path}' has checkpoint format {clipped(version)}, expected {FORMAT}")
    history = {name.removeprefix("history."): x for name, x in tensors.items() if name.startswith("history.")}
    state = {name: x for name, x in tensors.items() if re.match(r"state($|[.\[])", name)}
    checkpoint = Checkpoint(about, step, seconds, history, state)
    foreign = tensors.keys() - state.keys() - {f"history.{name}" for name in history}
    problem = f"there is a tensor {min(foreign)!r}, expected state and history" if foreign else _problem(checkpoint)
    if problem:
        raise ValueError(f"'{path}' is a damaged checkpoint: {problem}")
    return checkpoint


def _problem(checkpoint: Checkpoint) -> str | None:
    """What cannot be so in any run, in words."""
    about, step, seconds, history, _ = checkpoint
    steps = about.get("steps") if isinstance(about, dict) else None
    if type(steps) is not int:
        return "it does not say of what run"
    if type(step) is not int or not 0 <= step <= steps:
        return f"its step is {clipped(repr(step))}, expected 0 to {steps}"
    if type(seconds) not in (int, float) or not 0 <= seconds < np.inf:
        return f"its seconds are {clipped(repr(seconds))}, expected a number from 0"
    if step and "loss" not in history:
        return "it has no history of the loss"
    for name, values in history.items():
        if values.shape != (step,) or values.dtype.kind not in "fiub":
            return f"its history {name!r} is {_describe(values)}, expected {step} numbers"
    if step and not np.isfinite(history["loss"]).all():
        return "its losses are not all finite"
    return None


def restore(checkpoint: Checkpoint, like, path: str | Path):
    """The state as a tree with the structure of `like`; ValueError if leaves, shapes or dtypes differ."""
    expected = flatten(like, "state")
    for name in expected | checkpoint.state:
        found, wanted = _describe(checkpoint.state.get(name)), _describe(expected.get(name))
        if found != wanted:
            raise ValueError(f"'{path}': {name} is {found}, expected {wanted}")
    return optree.tree_unflatten(optree.tree_structure(like), [checkpoint.state[name] for name in expected])


def _describe(x: np.ndarray | None) -> str:
    return "absent" if x is None else f"{x.dtype} of shape {x.shape}"


def clipped(value) -> str:
    """A value from a file, for a message of one line."""
    text = " ".join(str(value).split())
    return text if len(text) <= 40 else f"{text[:40]}…"
