"""Checkpoints: a training run at one step, whole, in one safetensors file.

Tensors are named by the Python expression that reaches them, `state.params[0].W`, `history.loss`; the metadata
holds one JSON object with the format's version, what the run is, the steps done and the seconds spent.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import optree
from safetensors import SafetensorError, safe_open
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
    """Writes a checkpoint, atomically; ValueError if the file cannot be written."""
    about, step, seconds, history, state = checkpoint
    tensors = flatten(state, "state") | {f"history.{name}": values for name, values in history.items()}
    metadata = {"triptych": json.dumps({"format": FORMAT, "about": about, "step": step, "seconds": seconds})}
    return files.write(path, save({name: np.asarray(x, order="C") for name, x in tensors.items()}, metadata))


def read(path: str | Path) -> Checkpoint:
    """Reads a checkpoint; ValueError, naming the file, if it is missing, cut off, or something else."""
    try:
        with safe_open(path, framework="numpy") as stored:
            metadata = json.loads((stored.metadata() or {})["triptych"])
            tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118  not a dict
        if metadata["format"] != FORMAT:
            raise ValueError(f"'{path}' has checkpoint format {metadata['format']}, expected {FORMAT}")
        history = {name.removeprefix("history."): x for name, x in tensors.items() if name.startswith("history.")}
        state = {name: x for name, x in tensors.items() if name.startswith("state")}
        return Checkpoint(metadata["about"], metadata["step"], metadata["seconds"], history, state)
    except (OSError, SafetensorError) as error:
        raise ValueError(f"'{path}' is not a whole checkpoint: {error}") from error
    except (KeyError, TypeError, json.JSONDecodeError) as error:
        raise ValueError(f"'{path}' is not a checkpoint of a training run") from error


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
