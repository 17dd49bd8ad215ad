"""Checking a port: one file, in any array library, with the names and the equation tags of an algorithm.

The NumPy column is the measure, which the other columns, finite differences and the oracles confirm. Every case is
compared in outputs, dtype, shapes and gradients; the first thing that is wrong is one `Finding`: the equation,
variable, step and index where the port leaves the way, and why, if the numbers show it. This module runs in the
process of `shared.porting.runner`, beside the port.
"""

import importlib.util
import sys
import traceback
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import optree

from shared import cases
from shared.backends import libraries
from shared.cases import Case, in_dtype, main_cases, nasty_cases, tolerance
from shared.checking import answers
from shared.checking.answers import Answer
from shared.comparing import aligning, tracing, walks
from shared.comparing.walks import Implementation
from shared.differences import Mismatch, difference, flatten
from shared.porting.explaining import Finding, explained, gather, in_words


def load(file: Path) -> Implementation:
    """The port as a module, with its source and its library. Finding if it cannot be read, compiled or imported."""
    try:
        text = file.read_text(encoding="utf-8")
        source = tracing.read(str(file), text)
    except SyntaxError as error:
        raise Finding("syntax", f"{file.name}, line {error.lineno}: SyntaxError: {error.msg}") from None
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise Finding("syntax", f"{file.name} cannot be read: {_first_line(error)}") from None
    spec = importlib.util.spec_from_file_location(f"port_{file.stem}", file)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # NamedTuple looks its module up by name
    sys.path.append(str(file.parent))  # last, so that a port called jax.py does not stand in jax's way
    try:
        spec.loader.exec_module(module)
        library = libraries.of(module, text)
    except (Exception, SystemExit) as error:
        raise Finding("import", f"{_where(error, file)} while the file is imported") from None
    return Implementation(module, source, library)


def check(
    path: str,
    file: Path,
    labels: list[str] | None = None,
    dtype: str = "float64",
    say: Callable[[str], None] = print,
) -> dict[str, Any]:
    """The report on a port. labels: only these cases; dtype: "float32" for libraries without float64; say: called
    with a description of each step, so that the parent process can report where it hung."""
    report = {"path": path, "impl": str(file), "library": None, "gradients": None, "cases": [], "finding": None}
    try:
        say("the import of the file")
        port = load(file)
        report["library"] = port.library.name
        chosen = [cases.find_case(path, label) for label in labels or []] or _cases(path, dtype)
        _nothing_is_missing(port, chosen, file)
        report["gradients"] = _source_of_gradients(port, chosen)
        for case in chosen:
            exact = case  # a case that is made for float32 is about what float32 cannot hold
            if dtype == "float32":
                case = in_dtype(case, "float32")
            say(f"case {case.label}")
            report["cases"].append(_case(path, port, case, exact, file))
            if case.dtype == "float64" and _is_main(path, case):
                single = in_dtype(case, "float32")
                single = replace(single, name=f"{case.name} float32".strip())
                say(f"case {single.label}")
                report["cases"].append(_case(path, port, single, exact, file))
    except Finding as finding:
        report["finding"] = {**finding.__dict__, "line": str(finding)}
    return {**report, "ok": report["finding"] is None}


def _cases(path: str, dtype: str) -> list[Case]:
    """All cases; in float32, of the nasty ones those that are meant for it."""
    return main_cases(path) + [case for case in nasty_cases(path) if dtype in ("float64", case.dtype)]


def _is_main(path: str, case: Case) -> bool:
    return case.label in {main.label for main in main_cases(path)}


def _nothing_is_missing(port: Implementation, cases: list[Case], file: Path):
    wanted = dict.fromkeys(case.function for case in cases if isinstance(case.function, str))
    missing = [name for name in wanted if not callable(getattr(port.module, name, None))]
    if missing:
        here = vars(port.module).items()
        own = [name for name, value in here if getattr(value, "__module__", "") == port.module.__name__]
        own = [name for name in own if not isinstance(getattr(port.module, name), type)]
        has = f"it defines {', '.join(own)}" if own else "it defines no functions"
        raise Finding("missing", f"{file.name} does not define {', '.join(missing)} ({has})")


def _source_of_gradients(port: Implementation, cases: list[Case]) -> str:
    if not any(case.grad for case in cases):
        return "none to compare"
    if any(walks.backward_of(port, case) for case in cases):
        return "its own _backward functions"
    return f"{port.library.name}'s autodiff" if port.library.vjp else "not compared: no _backward, no autodiff known"


def _case(path: str, port: Implementation, case: Case, exact: Case, file: Path) -> dict[str, Any]:
    """The errors of one case: outputs first, since gradients of wrong outputs say nothing. Finding if one is beyond
    the tolerance, or if the port stops. exact: the case as the NumPy column answers it."""
    errors: dict[str, float | None] = {"outputs": None, "gradients": None}
    got = Answer({}, {})
    with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
        wanted = answers.answer("numpy", path, exact)
        for kind, run, want in (("outputs", outputs, wanted.outputs), ("gradients", gradients, wanted.grads)):
            try:
                have = run(port, case)
            except (Exception, SystemExit) as error:
                raise _stopped(path, port, case, file, error) from None
            if have is None:
                continue
            got = Answer(have, {}) if kind == "outputs" else got._replace(grads=have)
            try:
                found = difference(have, want, case.dtype)
            except Mismatch as mismatch:
                finding = Finding("structure", str(mismatch), case.label)
                if _rounds(port, case):
                    name = port.library.name
                    raise replace(
                        finding, hint=f"{name} made float32 of float64: check with --dtype float32"
                    ) from None
                raise explained(gather(path, port, case, wanted, got), finding) from None
            errors[kind] = found.error
            if not found.error <= tolerance(case):
                evidence = gather(path, port, case, wanted, got)
                raise explained(evidence, in_words(kind, case, found), found)
    return {"case": case.label, **errors}


def _rounds(port: Implementation, case: Case) -> bool:
    """Whether the library cannot hold the numbers of a case in their precision."""
    return port.library.numpy(port.library.array(np.ones(2, case.dtype))).dtype != case.dtype


def outputs(port: Implementation, case: Case) -> dict[str, np.ndarray]:
    """What the port computes, by leaf."""
    found, _ = walks.forward(port, case, walks.arguments(port, case.args))
    return flatten(optree.tree_map(port.library.numpy, found), "outputs")


def gradients(port: Implementation, case: Case) -> dict[str, np.ndarray] | None:
    """Its gradients by leaf, from its own backward or its library's autodiff; None if there is neither."""
    args = walks.arguments(port, case.args)
    along = lambda outputs: walks.along(port, outputs, case.dtype)
    if not case.grad:
        return None
    if walks.backward_of(port, case):
        found, differentiate = walks.forward(port, case, args)
        grads = differentiate(along(found))
    elif port.library.vjp:
        _, grads = port.library.vjp(getattr(port.module, case.function), args, case.static, along)
    else:
        return None
    return flatten(optree.tree_map(port.library.numpy, grads), "grads")


def _stopped(path: str, port: Implementation, case: Case, file: Path, error: BaseException) -> Finding:
    """Where a port stopped, and which equation was the last that it computed."""
    missing = isinstance(error, AttributeError) and error.obj is port.module
    if missing:
        return Finding("missing", f"{file.name} does not define {error.name}")
    words = _where(error, file)
    if isinstance(error, NotImplementedError):
        return Finding("missing", f"{_place(error, file)} is not written yet", case.label)
    rows = aligning.align({"port": walks.walk(port, case).events})
    after = f"; the last equation before it is {rows[-1].place.removeprefix('equation ')}" if rows else ""
    return Finding("error", words + after, case.label)


def _where(error: BaseException, file: Path) -> str:
    place = _place(error, file)
    said = _first_line(error)
    return f"{place}: {type(error).__name__}{f': {said}' if said else ''}"


def _place(error: BaseException, file: Path) -> str:
    """`my_lstm.py, line 12, in lstm`: the innermost line of the port that the error went through."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == str(file)]
    if not frames:
        return file.name
    inside = f", in {frames[-1].name}" if frames[-1].name != "<module>" else ""
    return f"{file.name}, line {frames[-1].lineno}{inside}"


def _first_line(error: BaseException) -> str:
    said = " ".join(str(error).split())
    return said if len(said) <= 200 else f"{said[:200]} …"
