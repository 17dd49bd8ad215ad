"""Golden vectors: `shared/fixtures/<path>.safetensors`, what the oracles answered, for columns and ports that
are tested where the oracles are not installed.

Every tensor's name is `<case label>/<leaf>`: leaves of `args`, `static` in the metadata, `outputs`, `cotangents`
and `grads`; and, of the main cases, `trace/<equations>/<name>/<step>`, what the lines of an equation compute on the
way. The metadata is JSON: equations, oracle, versions, and by case tolerance, static arguments and the order of the
trace. shared/fixtures/README.md has all that a reader in another language needs.
"""

import json
from importlib.metadata import version
from pathlib import Path

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save

from shared import atomic, catalogue
from shared.cases import Case, main_cases, nasty_cases, of
from shared.comparing import Mismatch, difference, flatten

TRACE = "trace/"
LARGEST = 1000  # elements: a port is not debugged by eye on more


def file(path: str) -> Path:
    return catalogue.ROOT / "shared" / "fixtures" / f"{path}.safetensors"


def build(path: str) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """The tensors and the metadata of one algorithm's fixture, asked of the oracles anew."""
    from shared.checking import cotangents, from_oracle
    from shared.walks import equations

    tensors, about = {}, {}
    main = main_cases(path)
    for case in main + nasty_cases(path):
        result = from_oracle(case)
        groups = [_args(case), result.outputs, result.grads]
        if case.grad:
            outputs = list(result.outputs.values())
            groups.append(dict(zip((f"cotangents{k[7:]}" for k in result.outputs), cotangents(outputs), strict=True)))
        for group in groups:
            tensors |= {f"{case.label}/{leaf}": np.array(x, order="C") for leaf, x in group.items()}
        if case.label in about:
            raise ValueError(f"{path} has two cases called {case.label!r}: give one another name")
        function = case.function if isinstance(case.function, str) else case.function.__name__
        about[case.label] = {"function": function, "static": case.static, "gradients": case.grad}
        about[case.label] |= {"tolerance": case.tolerance, "dtype": case.dtype}
        if case in main:
            steps = trace(path, case)
            about[case.label]["trace"] = list(steps)
            tensors |= {f"{case.label}/{TRACE}{name}": x for name, x in steps.items()}
    metadata = {
        "algorithm": path,
        "oracle": " ".join(of(path).__doc__.split()),
        "equations": json.dumps(equations(path), ensure_ascii=False),
        "cases": json.dumps(about, default=str),
        "versions": json.dumps({name: version(name) for name in ("numpy", "torch")}),
    }
    return tensors, metadata


def trace(path: str, case: Case) -> dict[str, np.ndarray]:
    """What the NumPy column computes on the way forward, in the order of execution, by `<equations>/<name>/<step>`.

    `2+3/f/step 1`, `1/m/step 2, leaf W`, `6/logits`. Of a name that is computed twice at one place the last counts.
    """
    from shared import aligning, walks

    rows = aligning.align({"numpy": walks.walk(walks.column("numpy", path), case).events})
    found = {}
    for row in rows:
        array = row.cells["numpy"].array
        if not row.through and array.size <= LARGEST:
            place = "+".join(map(str, row.equations)), row.name, ", ".join(row.when)
            found["/".join(filter(None, place))] = np.array(array, order="C")
    return found


def write(path: str) -> Path:
    """Asks the oracles and writes the fixture, atomically."""
    tensors, metadata = build(path)
    target = file(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    return atomic.write(target, save(tensors, metadata))


def load(path: str) -> dict[str, np.ndarray]:
    """Every tensor of a fixture by name; ValueError if there is no fixture."""
    if not file(path).exists():
        raise ValueError(f"{path} has no fixture: run `make fixtures` where PyTorch is installed")
    with safe_open(file(path), framework="numpy") as stored:
        return {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118


def read(path: str, case: Case) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Outputs and gradients of one case as the oracle gave them. Mismatch if the case has changed since."""
    prefix = f"{case.label}/"
    stored = {name.removeprefix(prefix): x for name, x in load(path).items() if name.startswith(prefix)}
    args = _args(case)
    outdated = f"the fixture of {path} is not of the case {case.label!r} as it is now: run `make fixtures`"
    if not set(args) <= set(stored):
        raise Mismatch(outdated)
    if difference({k: stored[k] for k in args}, args).error > 1e-6:  # a float32 replay rounds its arguments
        raise Mismatch(outdated)
    return tuple({k: v for k, v in stored.items() if k.startswith(group)} for group in ("outputs", "grads"))


def _args(case: Case) -> dict[str, np.ndarray]:
    """The numbers among the arguments, by name: strings and None are in no tensor file."""
    return {name: x for name, x in flatten(case.args, "args").items() if x.dtype.kind in "fiub"}
