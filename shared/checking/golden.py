"""Golden vectors: `shared/fixtures/<path>.safetensors`, what the oracles answered, for columns and ports that
are tested where the oracles are not installed.

Every tensor's name is `<case label>/<leaf>`: leaves of `args`, `static` in the metadata, `outputs`, `cotangents`
and `grads`; and, of the main cases, `trace/<equations>/<name>/<step>`, what the lines of an equation compute on the
way there (`trace/4/f/step 1`) and back (`trace/4/d_f/step 1`). The metadata is JSON: equations, oracle, versions,
and by case tolerance, static arguments and the order of the trace. shared/fixtures/README.md has all that a reader in
another language needs.
"""

import json
from pathlib import Path

import numpy as np

from shared import catalogue, files
from shared.cases import Case
from shared.differences import Mismatch, difference, flatten

TRACE = "trace/"
FORMAT = 1  # of the files, as shared/fixtures/README.md describes it; goes up when an old reader would fail


def file(path: str) -> Path:
    return catalogue.ROOT / "shared" / "fixtures" / f"{path}.safetensors"


def load(path: str) -> dict[str, np.ndarray]:
    """Every tensor of a fixture by name; ValueError if there is none, or a damaged one."""
    return content(path)[0]


def about(path: str) -> dict[str, dict]:
    """What the metadata of a fixture say of every case, by label."""
    return json.loads(content(path)[1]["cases"])


def content(path: str) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Tensors and metadata of a fixture; ValueError if there is none, or a damaged one."""
    if not file(path).exists():
        raise ValueError(f"{path} has no fixture: run `make fixtures` where PyTorch is installed")
    return files.tensors(file(path), "fixture")


def order(path: str, label: str) -> list[str]:
    """The traced values of a case in the order of execution, `2+3/f/step 1`; none of a nasty case."""
    return about(path).get(label, {}).get("trace", [])


def read(path: str, case: Case) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Outputs and gradients of one case as the oracle gave them. Mismatch if the case has changed since."""
    prefix = f"{case.label}/"
    stored = {name.removeprefix(prefix): x for name, x in load(path).items() if name.startswith(prefix)}
    args = arguments(case)
    outdated = f"the fixture of {path} is not of the case {case.label!r} as it is now: run `make fixtures`"
    if not set(args) <= set(stored):
        raise Mismatch(outdated)
    if difference({k: stored[k] for k in args}, args).error > 1e-6:  # a float32 replay rounds its arguments
        raise Mismatch(outdated)
    return tuple({k: v for k, v in stored.items() if k.startswith(group)} for group in ("outputs", "grads"))


def has(path: str, case: Case) -> bool:
    """Whether the fixture is of these very arguments, and not of those that were rounded to them."""
    stored = load(path)
    return all(
        np.array_equal(stored[f"{case.label}/{name}"], x, equal_nan=True) for name, x in arguments(case).items()
    )


def arguments(case: Case) -> dict[str, np.ndarray]:
    """The numbers among the arguments, by name: strings and None are in no tensor file."""
    return {name: x for name, x in flatten(case.args, "args").items() if x.dtype.kind in "fiub"}
