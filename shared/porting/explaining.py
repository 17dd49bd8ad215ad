"""A port's finding: the first thing that is wrong with it, with the equation, and why, if the numbers show it.

The port and the NumPy column are walked side by side; the first tagged line that differs is where the port went
wrong. The classic mistakes of the algorithm (its case's MUTANTS) are tried first as reasons: one that gives exactly
the port's numbers is the reason. Otherwise `hints` looks for a pattern in the numbers.
"""

import inspect
import itertools
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import optree

from shared.cases import Case, Mutant, in_dtype, mutants, tolerance
from shared.checking import answers, mistakes
from shared.checking.answers import Answer
from shared.comparing import aligning, tracing, walks
from shared.comparing.walks import Implementation
from shared.differences import FLOAT32, Difference, Mismatch, difference, flatten
from shared.porting import taps
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


class Evidence(NamedTuple):
    """What is known of one case: what both sides answer, and what both compute on the way, side by side.

    model: the NumPy column. reference: its walk; rows: its walk and the port's, aligned.
    """

    path: str
    case: Case
    model: Implementation
    port: Implementation
    wanted: Answer
    got: Answer
    reference: tracing.Observed
    rows: list[aligning.Row]


def gather(path: str, port: Implementation, case: Case, wanted: Answer, got: Answer) -> Evidence:
    """Walks both sides through the case, once."""
    model = walks.column("numpy", path)
    reference, walked = walks.walk(model, case), walks.walk(port, case)
    rows = aligning.align({"numpy": reference.events, "port": walked.events})
    return Evidence(path, case, model, port, wanted, got, reference, rows)


def explained(evidence: Evidence, finding: Finding, found: Difference | None = None) -> Finding:
    """The finding with the first equation that differs, and with a hint."""
    path, case, port = evidence.path, evidence.case, evidence.port
    through = finding.kind == "gradients"
    both = [row for row in evidence.rows if len(row.cells) == 2 and (through or not row.through)]
    first = aligning.first_difference(both, walks.allowed(case))
    wrong = planted_mistakes(path)
    mistake = same_mistake(path, in_dtype(case, "float64"), evidence.got, wrong, tolerance(case))
    if first is None:
        tagged = "every tagged line agrees" if both else "no line carries an equation's tag, such as # (1)"
        text = f"{finding.text}; {tagged}{' on the way forward' if through and both else ''}"
        why = mistake or _leaf_hint(evidence, found)
        if not through or walks.backward_of(port, case):
            return replace(finding, text=text, hint=why)
        wrong = taps.first_wrong(path, port, case)
        if wrong:
            at = {"equations": wrong.tapped.equations, "name": wrong.tapped.name}
            return replace(finding, text=f"{finding.text}; {wrong}", hint=why, **at)
        why = why or "the values are right, their derivative is not: something is detached, rounded, or at a kink"
        return replace(finding, text=text, hint=why)
    row, where = first
    line = [row, *(other for other in both if _same_line(other, row))]
    why = mistake or _hint_of(evidence, line) or _mixed_up(line) or _mistake_here(evidence, wrong, row)
    text = f"{row.place}{_gap(row, where)}, line {row.cells['port'].line}"
    at = {"index": where.index, "got": where.got, "expected": where.wanted}
    return replace(finding, text=text, equations=row.equations, name=row.name, when=tuple(row.when), hint=why, **at)


def _gap(row: aligning.Row, where: Difference) -> str:
    """How the port's value differs from the model's: shape, type or numbers."""
    ours, theirs = row.cells["port"].array, row.cells["numpy"].array
    if ours.shape != theirs.shape:
        return f" has shape {ours.shape}, expected {theirs.shape}"
    if not where.index and not np.isfinite(where.got) and ours.dtype.kind != theirs.dtype.kind:
        return f" has dtype {ours.dtype}, expected {theirs.dtype}"
    return _numbers(where)


def _hint_of(evidence: Evidence, line: list[aligning.Row]) -> str | None:
    """A pattern in the numbers of the first value of a line."""
    row, case = line[0], evidence.case
    words = " ".join([row.name, *(walks.equations(evidence.path)[str(n)] for n in row.equations)])
    others = {other.name: other.cells["numpy"].array for other in line[1:]}
    setting = Setting(sizes_of(case), static_numbers(case), row.call, others, words, _by_name(evidence))
    return hint(row.cells["port"].array, row.cells["numpy"].array, setting)


def _mixed_up(line: list[aligning.Row]) -> str | None:
    """Detects swapped results: a variable that holds the value another variable of that line should have."""
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


def sizes_of(case: Case) -> frozenset[int]:
    """Sizes of axes, and of all but the last axis together: whatever is averaged over."""
    shapes = [leaf.shape for leaf in optree.tree_leaves(case.args) if hasattr(leaf, "shape")]
    return frozenset(int(n) for shape in shapes for n in (*shape, np.prod(shape[:-1]), np.prod(shape)))


def _by_name(evidence: Evidence) -> dict[str, np.ndarray]:
    """`params.W_x` and so on: the leaves of the arguments, as the function calls them."""
    case = evidence.case
    if callable(case.function):
        return {}
    names = inspect.signature(getattr(evidence.model.module, case.function)).parameters
    leaves = [flatten(value, name) for name, value in zip(names, case.args, strict=False)]
    return {name: x for group in leaves for name, x in group.items() if x.dtype.kind == "f"}


def static_numbers(case: Case) -> dict[str, float]:
    return {k: float(v) for k, v in case.static.items() if isinstance(v, int | float) and not isinstance(v, bool)}


def _leaf_hint(evidence: Evidence, found: Difference | None) -> str | None:
    if found is None:
        return None
    have, want = ({**a.outputs, **a.grads} for a in (evidence.got, evidence.wanted))
    return hint(have[found.leaf], want[found.leaf], Setting(sizes_of(evidence.case), static_numbers(evidence.case)))


def planted_mistakes(path: str) -> list[tuple[Mutant, Implementation]]:
    """Every classic mistake of the algorithm, planted in the NumPy column."""
    model = walks.column("numpy", path)
    text = Path(model.source.file).read_text(encoding="utf-8")
    return [
        (
            mutant,
            Implementation(
                mistakes.plant(path, mutant),
                tracing.read(model.source.file, text.replace(mutant.old, mutant.new)),
                model.library,
            ),
        )
        for mutant in mutants(path)
    ]


def same_mistake(
    path: str, case: Case, got: Answer, wrong: list[tuple[Mutant, Implementation]], allowed: float
) -> str | None:
    """The classic mistake that gives exactly the port's numbers."""
    for mutant, planted in wrong:
        try:
            said = answers.answer("numpy", path, case, planted.module)
            pairs = [(got.outputs, said.outputs), *([(got.grads, said.grads)] if got.grads else [])]
            if max(difference(have, want).error for have, want in pairs) <= allowed:
                return mutant.why
        except Exception:  # a mutant that stops is not the port's mistake
            continue
    return None


def _mistake_here(evidence: Evidence, wrong: list[tuple[Mutant, Implementation]], row: aligning.Row) -> str | None:
    """The classic mistake that gives the port's number in the first equation that differs."""
    for mutant, planted in wrong:
        try:
            walked = walks.walk(planted, evidence.case)
            aligned = aligning.align({"numpy": evidence.reference.events, "port": walked.events})
            (same,) = (other for other in aligned if other.place == row.place and len(other.cells) == 2)
            gap = difference({"": row.cells["port"].array}, {"": same.cells["port"].array})
        except Exception:  # a mutant that stops is not the port's mistake
            continue
        if gap.error <= walks.allowed(evidence.case):
            return mutant.why
    return None
