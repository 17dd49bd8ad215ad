"""Question six for an algorithm: is every line of the way back right by itself? And a case's whole trace."""

import re
from typing import Any

from shared import cases, catalogue
from shared.cases import Case
from shared.comparing import aligning, backward_lines, walks, way_back
from shared.comparing.way_back import BOUND, Compared, Left


def answer(path: str, columns: tuple[str, ...] | None = None) -> dict[str, Any]:
    """Over all main cases: the worst difference and where it is; how many lines were compared; which not, and why.

    "worst" is None where there is nothing to compare.
    """
    source = way_back.numpy_column(path).source
    tagged = {s.lines[0]: s for s in source.statements.values() if s.through}
    worst, lines, left, ran, problems = None, set(), {}, set(), []
    for case in cases.main_cases(path):
        if case.grad and tagged:
            found = way_back.compare(path, case, columns)
            lines |= found.lines
            ran |= found.ran
            left |= {x.line: x for x in reversed(found.left)}
            problems += [f"{case.label}: {found.error}"] if found.error else []
            wrong = {(x.row.name.split(".")[0], x.lines): x for x in reversed(found.rows) if not x.error <= BOUND}
            problems += [f"{case.label}: {in_words(path, x)}" for x in reversed(wrong.values())]
            if found.worst and (worst is None or found.worst.error > worst[0]):
                worst = found.worst.error, f"{case.label}: {found.worst.row.place}"
    missing = [x for x in left.values() if x.line not in lines]
    missing += [Left(at, tagged[at].function, "", "no case runs it") for at in sorted(tagged.keys() - ran)]
    return {
        "worst": worst and worst[0],
        "where": worst and worst[1],
        "lines": len(lines),
        "left": _with_text(path, missing),
        "problems": problems,
    }


def in_words(path: str, found: Compared) -> str:
    """The first value of a line that is wrong, in words, with the gradient equation that it breaks."""
    equation = gradient_of(path, found.row.name, found.row.equations)
    broken = f"; it should be {equation}" if equation else ""
    lines = ", ".join(map(str, found.lines))
    return f"{found.row.place} (line {lines}): relative difference {found.error:.1e}{broken}"


def gradient_of(path: str, name: str, through: tuple[int, ...]) -> str:
    """The specification's equation for a gradient of the code, such as `d_params.W_h`, or ""."""
    bare = re.sub(r"\[[^\]]*\]", "", name)
    meant = {bare, f"d_{bare.rpartition('.')[2].removeprefix('d_')}"}
    hits = backward_lines.equations(path, meant, set(through))
    return hits[0].whole if hits else ""


def report(path: str, case: Case, columns: tuple[str, ...], *, backward: bool = False) -> dict[str, Any]:
    """A trace as `walks.report` has it, with the way back in every column. backward: that alone.

    "gradients": the equation of every row of the way back, by its name; "left": lines that are not compared.
    """
    found = walks.report(path, case, {name: walks.column(name, path) for name in columns})
    if len(columns) == 1 or "numpy" not in columns or not case.grad:
        return found | {"gradients": {}, "left": []}
    back = way_back.compare(path, case, columns)
    allowed = max(BOUND, walks.allowed(case))
    there = [] if backward else [row for row in found["rows"] if not row["through"]]
    rows = there + [_record(row, allowed) for row in back.rows]
    first = next((i for i, row in enumerate(rows) if row["differs"]), None)
    equations = {row.row.name: gradient_of(path, row.row.name, row.row.equations) for row in back.rows}
    stopped = found["stopped"] | ({"numpy": back.error} if back.error else {})
    return found | {
        "rows": rows,
        "first": first,
        "tolerance": allowed,
        "stopped": stopped,
        "ok": first is None and not stopped,
        "gradients": {name: text for name, text in equations.items() if text},
        "left": _with_text(path, back.left),
    }


def _record(found: Compared, allowed: float) -> dict[str, Any]:
    return aligning.record(found.row, allowed) | {
        "difference": aligning.number(found.error),
        "differs": not found.error <= allowed,
    }


def _with_text(path: str, left: list[Left]) -> list[dict[str, Any]]:
    text = catalogue.source("numpy", path).read_text().splitlines()
    found = [x._asdict() | {"text": text[x.line - 1].strip() if x.line else ""} for x in left]
    return sorted(found, key=lambda x: x["line"])


def main():
    """`python -m shared.comparing.question_six lstm gru`: the answer in words."""
    import sys

    for path in map(catalogue.find, sys.argv[1:]):
        told = answer(path)
        error = "–" if told["worst"] is None else f"{told['worst']:.0e}"
        print(f"{path}: worst {error} ({told['where']}); {told['lines']} lines compared, {len(told['left'])} not")
        for left in told["left"]:
            print(f"  not compared: line {left['line']} {left['name']}: {left['reason']}: {left['text']}")
        for problem in told["problems"]:
            print(f"  {problem}")


if __name__ == "__main__":
    main()
