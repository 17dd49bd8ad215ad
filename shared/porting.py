"""Checking a port: one file, in any array library, with the names and the equation tags of an algorithm.

The NumPy column is the measure, which the other columns, finite differences and the oracles confirm. Every case is
compared in outputs, dtype, shapes and gradients; the first thing that is wrong is one `Finding`: the equation,
variable, step and index where the port leaves the way, and why, if the numbers show it. This module runs in the
process of `shared.port_runner`, beside the port.
"""

import importlib.util
import itertools
import sys
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import optree

from shared import aligning, checking, libraries, mistakes, tracing, walks
from shared.cases import Case, main_cases, mutants, nasty_cases
from shared.checking import Answer, in_dtype, tolerance
from shared.comparing import FLOAT32, Difference, Mismatch, difference, flatten
from shared.hints import Setting, hint
from shared.walks import Implementation


@dataclass(eq=False)
class Finding(Exception):  # an answer, not a malfunction: raised to leave the checking where it is found
    """What is wrong, in one line.

    kind: syntax, import, missing, error, structure, outputs, gradients; from `shared.port_runner` timeout and died.
    """

    kind: str
    text: str
    case: str | None = None
    equations: tuple[int, ...] = ()
    name: str | None = None
    when: tuple[str, ...] = ()
    index: tuple[int, ...] | None = None
    got: float | None = None
    expected: float | None = None
    hint: str | None = None

    def __str__(self):
        return f"{f'case {self.case}: ' if self.case else ''}{self.text}{f'. Hint: {self.hint}' if self.hint else ''}"


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
    """The report on a port. labels: only these cases; dtype: "float32" for libraries without float64; say: hears what
    comes next, so that whoever waits knows where it hangs."""
    report = {"path": path, "impl": str(file), "library": None, "gradients": None, "cases": [], "finding": None}
    try:
        say("the import of the file")
        port = load(file)
        report["library"] = port.library.name
        chosen = [walks.find_case(path, label) for label in labels or []] or main_cases(path) + nasty_cases(path)
        _nothing_is_missing(port, chosen, file)
        report["gradients"] = _source_of_gradients(port, chosen)
        for case in chosen:
            if dtype == "float32":
                case = in_dtype(case, "float32")
            say(f"case {case.label}")
            report["cases"].append(_case(path, port, case, file))
            if case.dtype == "float64" and _is_main(path, case):
                single = in_dtype(case, "float32")
                say(f"case {case.label}, float32")
                report["cases"].append(_case(path, port, replace(single, name=f"{case.name} float32".strip()), file))
    except Finding as finding:
        report["finding"] = {**finding.__dict__, "line": str(finding)}
    return {**report, "ok": report["finding"] is None}


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


def _case(path: str, port: Implementation, case: Case, file: Path) -> dict[str, Any]:
    """The errors of one case: outputs first, since gradients of wrong outputs say nothing. Finding if one is beyond
    the tolerance, or if the port stops."""
    errors: dict[str, float | None] = {"outputs": None, "gradients": None}
    got = Answer({}, {})
    with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
        wanted = checking.answer("numpy", path, in_dtype(case, "float64"))
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
                raise _explained(path, port, case, finding, got) from None
            errors[kind] = found.error
            if not found.error <= tolerance(case):
                raise _explained(path, port, case, _in_words(kind, case, found), got, found)
    return {"case": case.label, **errors}


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


def _in_words(kind: str, case: Case, found: Difference) -> Finding:
    at = {"index": found.index, "got": found.got, "expected": found.wanted}
    return Finding(kind, f"{found.leaf}{_numbers(found)}", case.label, name=found.leaf, **at)


def _numbers(found: Difference) -> str:
    at = f"{list(found.index)}" if found.index else ""
    got, wanted = f"{found.got:.6g}", f"{found.wanted:.6g}"
    if got == wanted:
        got, wanted = f"{found.got:.17g}", f"{found.wanted:.17g}"
    return f"{', ' if at else ''}{at}: got {got}, expected {wanted} (relative error {found.error:.0e})"


def _explained(
    path: str, port: Implementation, case: Case, finding: Finding, got: Answer, found: Difference | None = None
) -> Finding:
    """The finding with the first equation that differs, and with a hint."""
    reference = walks.walk(walks.column("numpy", path), case)
    walked = walks.walk(port, case)
    rows = aligning.align({"numpy": reference.events, "port": walked.events})
    through = finding.kind == "gradients"
    both = [row for row in rows if len(row.cells) == 2 and (through or not row.through)]
    first = aligning.first_difference(both, walks.allowed(case))
    mistake = _same_mistake(path, case, got)
    if first is None:
        tagged = "every tagged line agrees" if both else "no line carries an equation's tag, such as # (1)"
        text = f"{finding.text}; {tagged}{' on the way forward' if through and both else ''}"
        why = mistake or _leaf_hint(case, got, path, found)
        if not why and through and "autodiff" in _source_of_gradients(port, [case]):
            why = "the values are right, their derivative is not: something is detached, rounded, or at a kink"
        return replace(finding, text=text, hint=why)
    row, where = first
    cells = row.cells["port"], row.cells["numpy"]
    if cells[0].array.shape != cells[1].array.shape:
        numbers = f" has shape {cells[0].array.shape}, expected {cells[1].array.shape}"
    elif not where.index and not np.isfinite(where.got) and cells[0].array.dtype.kind != cells[1].array.dtype.kind:
        numbers = f" has dtype {cells[0].array.dtype}, expected {cells[1].array.dtype}"
    else:
        numbers = _numbers(where)
    line = [row, *(other for other in both if _same_line(other, row))]
    words = " ".join([row.name, *(walks.equations(path)[str(n)] for n in row.equations)])
    others = {other.name: other.cells["numpy"].array for other in line[1:]}
    setting = Setting(_sizes(case), _plain_numbers(case), row.call, others, words)
    why = mistake or hint(cells[0].array, cells[1].array, setting) or _mixed_up(line)
    why = why or _mistake_here(path, case, reference, row)
    text = f"{row.place}{numbers}, line {cells[0].line}"
    at = {"index": where.index, "got": where.got, "expected": where.wanted}
    return replace(finding, text=text, equations=row.equations, name=row.name, when=tuple(row.when), hint=why, **at)


def _mixed_up(line: list[aligning.Row]) -> str | None:
    """Whether one name of a line holds what another one should: the first name alone may not show it."""
    for row, other in itertools.permutations(line, 2):
        try:
            if difference({"": row.cells["port"].array}, {"": other.cells["numpy"].array}).error <= FLOAT32:
                return f"`{row.name}` is what `{other.name}` should be: names or blocks in another order"
        except Mismatch:
            continue
    return None


def _same_line(one: aligning.Row, other: aligning.Row) -> bool:
    place = lambda row: (row.equations, row.through, row.function, row.call, row.step, row.leaf)
    return one is not other and place(one) == place(other)


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


def _sizes(case: Case) -> frozenset[int]:
    """Sizes of axes, and of all but the last axis together: whatever is averaged over."""
    shapes = [leaf.shape for leaf in optree.tree_leaves(case.args) if hasattr(leaf, "shape")]
    return frozenset(int(n) for shape in shapes for n in (*shape, np.prod(shape[:-1]), np.prod(shape)))


def _plain_numbers(case: Case) -> dict[str, float]:
    return {k: float(v) for k, v in case.static.items() if isinstance(v, int | float) and not isinstance(v, bool)}


def _leaf_hint(case: Case, got: Answer, path: str, found: Difference | None) -> str | None:
    if found is None:
        return None
    wanted = checking.answer("numpy", path, in_dtype(case, "float64"))
    have, want = ({**a.outputs, **a.grads} for a in (got, wanted))
    return hint(have[found.leaf], want[found.leaf], Setting(_sizes(case), _plain_numbers(case)))


def _same_mistake(path: str, case: Case, got: Answer) -> str | None:
    """The classic mistake that gives exactly the port's numbers."""
    for mutant in mutants(path):
        try:
            wrong = checking.answer("numpy", path, in_dtype(case, "float64"), mistakes.plant(path, mutant))
            pairs = [(got.outputs, wrong.outputs), *([(got.grads, wrong.grads)] if got.grads else [])]
            if max(difference(have, want).error for have, want in pairs) <= tolerance(case):
                return mutant.why
        except Exception:  # a mutant that stops is not the port's mistake
            continue
    return None


def _mistake_here(path: str, case: Case, reference: tracing.Observed, row: aligning.Row) -> str | None:
    """The classic mistake that gives the port's number in the first equation that differs."""
    model = walks.column("numpy", path)
    file = model.source.file
    text = Path(file).read_text(encoding="utf-8")
    for mutant in mutants(path):
        try:
            source = tracing.read(file, text.replace(mutant.old, mutant.new))
            wrong = walks.walk(Implementation(mistakes.plant(path, mutant), source, model.library), case)
            aligned = aligning.align({"numpy": reference.events, "port": wrong.events})
            (same,) = (other for other in aligned if other.place == row.place and len(other.cells) == 2)
            gap = difference({"": row.cells["port"].array}, {"": same.cells["port"].array})
        except Exception:  # a mutant that stops is not the port's mistake
            continue
        if gap.error <= walks.allowed(case):
            return mutant.why
    return None
