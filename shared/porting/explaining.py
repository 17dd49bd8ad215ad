"""A port's finding: the first thing that is wrong with it, with the equation, and why, if the numbers show it.

The port and the NumPy column are walked side by side; the first tagged line that differs is where the port went
wrong. The classic mistakes of the algorithm (its case's MUTANTS) are tried first as reasons: one that gives exactly
the port's numbers is the reason. Else the numbers are asked (`porting.hints`).
"""

import inspect
import itertools
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import optree

from shared.cases import Case, in_dtype, mutants, tolerance
from shared.checking import answers, mistakes
from shared.checking.answers import Answer
from shared.comparing import aligning, tracing, walks
from shared.comparing.walks import Implementation
from shared.differences import FLOAT32, Difference, Mismatch, difference, flatten
from shared.porting.hints import Setting, hint


@dataclass(eq=False)
class Finding(Exception):  # an answer, not a malfunction: raised to leave the checking where it is found
    """What is wrong, in one line.

    kind: syntax, import, missing, error, structure, outputs, gradients; from `porting.runner` timeout and died.
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


def in_words(kind: str, case: Case, found: Difference) -> Finding:
    at = {"index": found.index, "got": found.got, "expected": found.wanted}
    return Finding(kind, f"{found.leaf}{_numbers(found)}", case.label, name=found.leaf, **at)


def _numbers(found: Difference) -> str:
    at = f"{list(found.index)}" if found.index else ""
    got, wanted = f"{found.got:.6g}", f"{found.wanted:.6g}"
    if got == wanted:
        got, wanted = f"{found.got:.17g}", f"{found.wanted:.17g}"
    return f"{', ' if at else ''}{at}: got {got}, expected {wanted} (relative error {found.error:.0e})"


def explained(
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
        if not why and through and not walks.backward_of(port, case):
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
    setting = Setting(_sizes(case), _plain_numbers(case), row.call, others, words, _by_name(path, case))
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


def _sizes(case: Case) -> frozenset[int]:
    """Sizes of axes, and of all but the last axis together: whatever is averaged over."""
    shapes = [leaf.shape for leaf in optree.tree_leaves(case.args) if hasattr(leaf, "shape")]
    return frozenset(int(n) for shape in shapes for n in (*shape, np.prod(shape[:-1]), np.prod(shape)))


def _by_name(path: str, case: Case) -> dict[str, np.ndarray]:
    """`params.W_x` and so on: the leaves of the arguments, as the function calls them."""
    if callable(case.function):
        return {}
    names = inspect.signature(getattr(walks.column("numpy", path).module, case.function)).parameters
    leaves = [flatten(value, name) for name, value in zip(names, case.args, strict=False)]
    return {name: x for group in leaves for name, x in group.items() if x.dtype.kind == "f"}


def _plain_numbers(case: Case) -> dict[str, float]:
    return {k: float(v) for k, v in case.static.items() if isinstance(v, int | float) and not isinstance(v, bool)}


def _leaf_hint(case: Case, got: Answer, path: str, found: Difference | None) -> str | None:
    if found is None:
        return None
    wanted = answers.answer("numpy", path, in_dtype(case, "float64"))
    have, want = ({**a.outputs, **a.grads} for a in (got, wanted))
    return hint(have[found.leaf], want[found.leaf], Setting(_sizes(case), _plain_numbers(case)))


def _same_mistake(path: str, case: Case, got: Answer) -> str | None:
    """The classic mistake that gives exactly the port's numbers."""
    for mutant in mutants(path):
        try:
            wrong = answers.answer("numpy", path, in_dtype(case, "float64"), mistakes.plant(path, mutant))
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
