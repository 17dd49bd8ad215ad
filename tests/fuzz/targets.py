"""What is fuzzed: for every loader a valid file, and the call that reads it."""

import gzip
import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from safetensors.numpy import save

from shared import catalogue, files
from shared.checking import golden
from shared.cli import native
from shared.data.cmudict import load_cmudict
from shared.data.diabetes import load_diabetes
from shared.data.idx import read_idx
from shared.training import checkpoints, records


class Target(NamedTuple):
    """valid: whole files that the loader takes. name: what the file is called. load: is given the file's path."""

    valid: list[bytes]
    name: str
    load: Callable[[Path], Any]


def _checkpoint() -> bytes:
    about = {"path": "intro/softmax_regression", "backend": "numpy", "budget": "quick", "seed": 0, "steps": 9}
    metadata = json.dumps({"format": 1, "about": about, "step": 3, "seconds": 1.5})
    state = {
        "state.params.W": np.ones((3, 2), "f4"),
        "state.params.b": np.zeros(2, "f4"),
        "state.step": np.asarray(3),
    }
    return save(state | {"history.loss": np.ones(3, "f4")}, {"triptych": metadata})


def _weights() -> bytes:
    return save({"[0].W": np.ones((3, 2), "f4"), "[0].b": np.zeros(2, "f4")})


def _idx() -> bytes:
    return struct.pack(">BBBB2I", 0, 0, 11, 2, 3, 4) + np.arange(12, dtype=">i2").tobytes()


CMUDICT = b";;; a comment\ncat K AE1 T\ncat(2) K AE0 T # other\nat AE1 T\nit's IH1 T S\n"
CSV = b"age,sex,y\n1,2,3.5\n-4,5e2,.6\n7,8,9\n"
RECORD = {
    "path": "optimizers/sgd", "backend": "numpy", "budget": "quick", "steps": 9, "seed": 0, "seconds": 1.5,
    "first_loss": 2.0, "last_loss": 1, "metrics": {"accuracy": 0.5},
}  # fmt: skip


def _golden(path: Path):
    """Reads a fixture that lies where the project's own do not."""
    before, golden.file = golden.file, lambda _: path
    try:
        return golden.load("optimizers/sgd")
    finally:
        golden.file = before


def _both(data: bytes) -> list[bytes]:
    return [data, gzip.compress(data)]


TARGETS = {
    "checkpoint": Target([_checkpoint()], "checkpoint.safetensors", checkpoints.read),
    "tensors": Target([_checkpoint(), _weights()], "weights.safetensors", files.tensors),
    "weights": Target(
        [_checkpoint(), _weights()], "weights.safetensors", lambda path: native.read("intro/mlp", path)
    ),
    "golden": Target([(catalogue.ROOT / "shared/fixtures/optimizers/sgd.safetensors").read_bytes()], "x", _golden),
    "idx": Target(_both(_idx()), "a.idx", read_idx),
    "cmudict": Target(_both(CMUDICT), "cmudict.dict", lambda path: load_cmudict(path.parent)),
    "csv": Target(_both(CSV), "diabetes.csv", lambda path: load_diabetes(path.parent)),
    "record": Target(
        [json.dumps(RECORD).encode()],
        "train/optimizers/sgd/run/result.json",
        lambda path: list(records.runs(path.parents[3], "optimizers/sgd")),
    ),
}
