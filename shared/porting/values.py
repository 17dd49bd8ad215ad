"""Judging the numbers of a port in any language: a safetensors file with what it computed for the golden vectors.

The port reads `shared/fixtures/<path>.safetensors` (or `triptych golden`'s files), computes, and writes tensors under
the same names: `<case>/outputs...`, `<case>/grads...` and, as far as it likes, `<case>/trace/...`. The first equation
whose numbers differ is named, as for a port in Python.
"""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from shared import cases, files
from shared.cases import Case, in_dtype, tolerance
from shared.checking import golden
from shared.checking.answers import Answer
from shared.comparing import walks
from shared.differences import Difference, Mismatch, difference
from shared.porting.explaining import Finding, in_words, planted_mistakes, same_mistake, sizes_of, static_numbers
from shared.porting.hints import Setting, hint


def check(path: str, file: Path, labels: Iterable[str] = ()) -> dict[str, Any]:
    """The report on a file, as `porting.check` writes it. labels: only these cases.

    ValueError if the file cannot be read, or holds a case or a tensor that the golden vectors do not have.
    """
    (values, _), wanted = files.tensors(file), golden.load(path)
    by_case: dict[str, dict[str, np.ndarray]] = {}
    for name, array in values.items():
        label, _, leaf = name.partition("/")
        if leaf.startswith(("outputs", "grads", golden.TRACE)):  # arguments may be given back; nobody asks
            by_case.setdefault(cases.find_case(path, label).label, {})[leaf] = array
    chosen = [cases.find_case(path, label).label for label in labels] or [
        label for label in golden.about(path) if label in by_case
    ]
    if not chosen:
        raise ValueError(f"{file} holds no outputs, expected tensors such as '{cases.find_case(path).label}/outputs'")
    report = {"path": path, "impl": str(file), "library": "values", "gradients": None, "cases": [], "finding": None}
    compared = False
    try:
        for label in chosen:
            case, given = cases.find_case(path, label), by_case.get(label, {})
            right = {n.removeprefix(f"{label}/"): x for n, x in wanted.items() if n.startswith(f"{label}/")}
            row = _case(path, case, given, right)
            report["cases"].append({"case": label, **row})
            compared |= row["gradients"] is not None
    except Finding as finding:
        report["finding"] = {**finding.__dict__, "line": str(finding)}
    any_ = any(cases.find_case(path, label).grad for label in chosen)
    report["gradients"] = "compared" if compared else "not compared: the file has none" if any_ else "none to compare"
    return {**report, "ok": report["finding"] is None}


def _case(path: str, case: Case, given: dict, right: dict) -> dict[str, float | None]:
    """The errors of one case; Finding at the first value that is beyond the tolerance."""
    floats = {str(x.dtype) for x in given.values() if x.dtype.kind == "f"}
    allowed = tolerance(in_dtype(case, "float32") if floats == {"float32"} else case)
    group = lambda tensors, start: {n: x for n, x in tensors.items() if n.startswith(start)}
    errors: dict[str, float | None] = {"outputs": None, "gradients": None}
    got = Answer(group(given, "outputs"), group(given, "grads"))
    for kind, have, start in (("outputs", got.outputs, "outputs"), ("gradients", got.grads, "grads")):
        want = group(right, start)
        if kind == "gradients" and not (have and case.grad):
            continue
        try:
            found = difference(have, want)
        except Mismatch as mismatch:
            finding = Finding("structure", str(mismatch), case.label)
            raise _explained(path, case, given, right, got, finding, 10 * allowed) from None
        errors[kind] = found.error
        if not found.error <= allowed:
            raise _explained(path, case, given, right, got, in_words(kind, case, found), 10 * allowed, found)
    return errors


def _explained(
    path: str, case: Case, given: dict, right: dict, got: Answer, finding: Finding, allowed: float,
    found: Difference | None = None,
) -> Finding:  # fmt: skip
    """The finding with the first traced value that differs, and with a hint."""
    back = finding.kind == "gradients"
    traced = [n for n in golden.order(path, case.label) if back or not _is_gradient(n)]
    known = [n for n in traced if golden.TRACE + n in given]
    why = same_mistake(path, in_dtype(case, "float64"), got, planted_mistakes(path), allowed)
    for name in known:
        have, want = given[golden.TRACE + name], right[golden.TRACE + name]
        gap = _gap(name, have, want)
        if not gap.error <= allowed:
            numbers, variable, when = _place(name)
            words = " ".join([variable, *(walks.equations(path)[str(n)] for n in numbers)])
            setting = Setting(sizes_of(case), static_numbers(case), _step(when), words=words)
            shapes = f" has shape {have.shape}, expected {want.shape}" if have.shape != want.shape else ""
            text = f"{_in_words(name)}{shapes or in_words('', case, gap).text.removeprefix(gap.leaf)}"
            at = {"index": gap.index, "got": gap.got, "expected": gap.wanted}
            why = why or hint(have, want, setting)
            return replace(finding, text=text, equations=numbers, name=variable, when=when, hint=why, **at)
    missing = list(dict.fromkeys(f"({n})" for name in traced if name not in known for n in _place(name)[0]))
    told = f"; the traced values in the file agree ({len(known)})" if known else ""
    told += f"; no traced value was given of equation {' '.join(missing)}" if missing else ""
    if found is not None and not why:
        why = hint(given[found.leaf], right[found.leaf], Setting(sizes_of(case), static_numbers(case)))
    return replace(finding, text=f"{finding.text}{told}", hint=why)


def _gap(name: str, have: np.ndarray, want: np.ndarray) -> Difference:
    try:
        return difference({name: have}, {name: want})
    except Mismatch:
        return Difference(np.inf, name, (), np.nan, np.nan)


def _is_gradient(name: str) -> bool:
    return "/d_" in f"/{name}"


def _place(name: str) -> tuple[tuple[int, ...], str, tuple[str, ...]]:
    """`2+3/f/step 1` -> ((2, 3), "f", ("step 1",))"""
    numbers, *middle = name.split("/")
    when = middle.pop() if len(middle) > 1 and " " in middle[-1] else ""
    return tuple(map(int, numbers.split("+"))), middle[-1], tuple(filter(None, when.split(", ")))


def _in_words(name: str) -> str:
    numbers, variable, when = _place(name)
    kind = "through" if _is_gradient(name) else "equation"
    return ", ".join([f"{kind} {' '.join(f'({n})' for n in numbers)}", f"`{variable}`", *when])


def _step(when: tuple[str, ...]) -> int | None:
    steps = [int(part.removeprefix("step ")) for part in when if part.startswith("step ")]
    return steps[0] if steps else None
