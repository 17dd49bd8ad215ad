"""What the checks say of one algorithm, and the values that its lines compute: run once for a page."""

from typing import Any, NamedTuple

from shared import backends, cases
from shared.cases import tolerance
from shared.checking.mistakes import Finding, all_findings
from shared.checking.report import report
from shared.comparing import question_six, walks

EDGES = 2  # of many steps, the first two and the last are shown


class Walk(NamedTuple):
    """One case's values, row by row as `comparing.walks` has them; left_out: how many rows of steps in the middle."""

    case: str
    columns: list[str]
    rows: list[dict[str, Any]]
    left_out: int
    tolerance: float


class Measured(NamedTuple):
    """allowed: the largest error that a case allows in float64."""

    allowed: float | None
    report: dict[str, Any] | None
    findings: list[Finding]
    walks: list[Walk]
    problems: list[str]


def measure(path: str) -> Measured:
    """Everything that can be measured; what stops it is a problem, and the page is written without it."""
    problems: list[str] = []
    checked = _guarded(problems, "checks", lambda: report(path))
    findings = _guarded(problems, "mistakes", lambda: all_findings(path)) or []
    allowed = _guarded(problems, "cases", lambda: max(tolerance(case) for case in cases.main_cases(path)))
    seen = _guarded(problems, "values", lambda: _walks(path)) or []
    return Measured(allowed, checked, findings, seen, problems + (checked["problems"] if checked else []))


def _guarded(problems: list[str], what: str, run):
    try:
        return run()
    except Exception as error:  # a page that says what failed is better than none
        problems.append(f"{what}: {type(error).__name__}: {error}")
        return None


def _walks(path: str) -> list[Walk]:
    """Cases, in their order, until every equation has been met, forward and through."""
    source = walks.column("numpy", path).source
    wanted = {(s.through, n) for s in source.statements.values() for n in s.equations}
    found: list[Walk] = []
    for case in cases.main_cases(path):
        if not wanted:
            break
        told = question_six.report(path, case, backends.installed())
        met = {(row["through"], n) for row in told["rows"] for n in row["equations"]}
        if wanted & met:
            rows = [row for row in told["rows"] if _is_shown(row, told["rows"])]
            left_out = len(told["rows"]) - len(rows)
            found.append(Walk(told["case"], told["columns"], rows, left_out, told["tolerance"]))
            wanted -= met
    return found


def _is_shown(row: dict[str, Any], rows: list[dict[str, Any]]) -> bool:
    for key in ("call", "step"):
        if row[key] and row[key] > EDGES:
            alike = [r[key] for r in rows if all(r[k] == row[k] for k in ("function", "through", "name")) and r[key]]
            if row[key] < max(alike):
                return False
    return True
