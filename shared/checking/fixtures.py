"""Writing the golden vectors: the oracles are asked anew, and the NumPy column is traced (see `golden`)."""

import inspect
import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save

from shared import backends, files
from shared.cases import Case, cotangents, main_cases, nasty_cases, of
from shared.checking import golden
from shared.checking.answers import from_oracle
from shared.checking.golden import TRACE, arguments
from shared.comparing import aligning, walks, way_back

LARGEST = 1000  # elements: a port is not debugged by eye on more


def build(path: str) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """The tensors and the metadata of one algorithm's fixture, asked of the oracles anew."""
    tensors, about = {}, {}
    main = main_cases(path)
    for case in main + nasty_cases(path):
        result = from_oracle(case)
        groups = [arguments(case), result.outputs, result.grads]
        if case.grad:
            outputs = list(result.outputs.values())
            groups.append(dict(zip((f"cotangents{k[7:]}" for k in result.outputs), cotangents(outputs), strict=True)))
        for group in groups:
            tensors |= {f"{case.label}/{leaf}": np.array(x, order="C") for leaf, x in group.items()}
        if case.label in about:
            raise ValueError(f"{path} has two cases called {case.label!r}: give one another name")
        about[case.label] = described(path, case)
        about[case.label] |= {"tolerance": case.tolerance, "dtype": case.dtype}
        if case in main:
            steps = trace(path, case) | gradients(path, case)
            about[case.label]["trace"] = list(steps)
            tensors |= {f"{case.label}/{TRACE}{name}": x for name, x in steps.items()}
    metadata = {
        "format": str(golden.FORMAT),
        "algorithm": path,
        "oracle": " ".join(of(path).__doc__.split()),
        "equations": json.dumps(walks.equations(path), ensure_ascii=False),
        "cases": json.dumps(about, default=str),
        "versions": json.dumps({name: version(name) for name in ("numpy", "torch")}),
    }
    return tensors, metadata


def described(path: str, case: Case) -> dict[str, Any]:
    """What is called, in words, with the names of its arguments and every keyword, defaults included."""
    if callable(case.function):
        name, function = case.function.__name__, case.function
        about = " ".join(inspect.getdoc(function).split())
        own = list(inspect.signature(function).parameters.values())[1:]  # without the module
    else:
        name, function = case.function, getattr(backends.module("numpy", path), case.function)
        about = f"One call of {name}: {case.name or 'random numbers, all sizes different'}."
        own = list(inspect.signature(function).parameters.values())
    names = [p.name for p in own if p.kind is p.POSITIONAL_OR_KEYWORD]
    defaults = {p.name: p.default for p in own if p.kind is p.KEYWORD_ONLY and p.default is not p.empty}
    given = {"arguments": names[: len(case.args)], "static": defaults | case.static}
    return {"about": about, "function": name, **given, "gradients": case.grad}


def trace(path: str, case: Case) -> dict[str, np.ndarray]:
    """What the NumPy column computes on the way forward, in the order of execution, by `<equations>/<name>/<step>`.

    `2+3/f/step 1`, `1/m/step 2, leaf W`, `6/logits`. Of a name that is computed twice at one place the last counts.
    """
    rows = aligning.align({"numpy": walks.walk(walks.column("numpy", path), case).events})
    found = {}
    for row in rows:
        array = row.cells["numpy"].array
        if not row.through and array.size <= LARGEST:
            place = "+".join(map(str, row.equations)), row.name, ", ".join(row.when)
            found["/".join(filter(None, place))] = np.array(array, order="C")
    return found


def gradients(path: str, case: Case) -> dict[str, np.ndarray]:
    """What the NumPy column computes on the way back, in its order: `4/d_f/step 1` is the gradient of `4/f/step 1`.

    Only what autograd gives to the same value of PyTorch's column as well. Where two functions have one name under
    one equation, the second has its function before it: `4/_cell/d_f/step 1`.
    """
    found = {}
    for row, error, *_ in way_back.compare(path, case, ("numpy", "torch")).rows if case.grad else ():
        array = row.cells["numpy"].array
        if error <= way_back.BOUND and array.size <= LARGEST:
            place = ["+".join(map(str, row.equations)), row.name, *([", ".join(row.when)] if row.when else [])]
            taken = found.get("/".join(place))
            if taken is not None and not np.array_equal(taken, array):
                place.insert(1, row.function)
            found["/".join(place)] = np.array(array, order="C")
    return found


def write(path: str) -> Path:
    """Asks the oracles and writes the fixture, atomically."""
    tensors, metadata = build(path)
    target = golden.file(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    return files.write(target, save(tensors, metadata))
