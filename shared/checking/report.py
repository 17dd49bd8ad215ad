"""The six answers for one algorithm, with numbers: what `triptych check` prints and MEASURED.md shows."""

import itertools
import re
from typing import Any

from shared import backends, cases
from shared.cases import Case, in_dtype, tolerance
from shared.checking import mistakes
from shared.checking.answers import answer, compare, expected, finite_differences, refusal, second_opinions
from shared.checking.naming import named
from shared.comparing import question_six
from shared.differences import FINITE, NONE, Difference, Mismatch, difference


class _Sheet:
    """Collects the worst difference by question and, in words, everything that is not as it must be."""

    def __init__(self, path: str):
        self.path = path
        self.worst: dict[str, Difference] = {}
        self.problems: list[str] = []

    def note(self, key: str, found: Difference, allowed: float, case: Case):
        self.worst[key] = max(self.worst.get(key, NONE), found)
        if not found.error <= allowed:
            told = named(self.path, case, str(found))
            self.problems.append(f"{key}: {case.label}: {told}, allowed {allowed:.0e}")

    def error(self, key: str) -> float | None:
        return self.worst[key].error if key in self.worst else None


def report(path: str, columns: tuple[str, ...] | None = None) -> dict[str, Any]:
    """Checks one algorithm on the given (default: all installed) backends. "ok" says whether all is well."""
    columns = columns or backends.installed()
    sheet = _Sheet(path)
    for case in cases.main_cases(path):
        _guarded(sheet, case, lambda case=case: _main(sheet, path, case, columns))
    nasty = cases.nasty_cases(path)
    survived = sum(_guarded(sheet, case, lambda case=case: _nasty(sheet, path, case, columns)) for case in nasty)
    bad = cases.bad_inputs(path)
    refused = sum(_refused(sheet, path, wrong, columns) for wrong in bad)
    way_back = _way_back(sheet, path, columns)
    findings = mistakes.all_findings(path)
    sheet.problems += [f"mutant survives: {f.mutant.old!r} -> {f.mutant.new!r}" for f in findings if not f.caught]
    return {
        "path": path,
        "backends": {
            column: {
                "outputs": sheet.error(f"{column} outputs"),
                "gradients": sheet.error(f"{column} gradients"),
                "float32": sheet.error(f"{column} float32"),
            }
            for column in columns
        },
        "agreement": sheet.error("agreement"),
        "finite_differences": sheet.error("finite differences"),
        "second_opinions": {key[7:]: d.error for key, d in sheet.worst.items() if key.startswith("second ")},
        "way_back": way_back,
        "mutants": {"caught": sum(f.caught for f in findings), "planted": len(findings)},
        "nasty_cases": {"survived": survived, "tried": len(nasty)},
        "bad_inputs": {"refused": refused, "tried": len(bad)},
        "ok": not sheet.problems,
        "problems": sheet.problems,
    }


def _main(sheet, path, case, columns):
    wanted, answers = expected(path, case), {}
    single = in_dtype(case, "float32")
    wanted_single = expected(path, single)
    for column in columns:
        answers[column] = answer(column, path, case)
        outputs, gradients = compare(answers[column], wanted, "float64")
        sheet.note(f"{column} outputs", outputs, tolerance(case), case)
        if case.grad:
            sheet.note(f"{column} gradients", gradients, tolerance(case), case)
        found = max(compare(answer(column, path, single), wanted_single, "float32"))
        sheet.note(f"{column} float32", found, tolerance(single), case)
    for one, other in itertools.combinations(columns, 2):
        sheet.note("agreement", max(compare(answers[one], answers[other])), 2 * tolerance(case), case)
    if case.grad and "numpy" in columns:
        by_hand, estimated = finite_differences(path, case)
        found = difference(by_hand.grads, estimated.grads)
        sheet.note("finite differences", found, FINITE, case)
    for library, outputs in second_opinions(case).items():
        sheet.note(f"second {library}", difference(wanted.outputs, outputs), tolerance(case), case)


def _way_back(sheet, path, columns) -> dict[str, Any]:
    """Question six, where there are two columns to compare; a line that is wrong is a problem like any other."""
    if "numpy" not in columns or len(columns) == 1:
        return {"worst": None, "where": None, "lines": 0, "left": []}
    told = question_six.answer(path, columns)
    sheet.problems += [f"way back: {problem}" for problem in told.pop("problems")]
    return told


def _nasty(sheet, path, case, columns):
    wanted = expected(path, case)
    for column in columns:
        found = max(compare(answer(column, path, case), wanted, case.dtype))
        sheet.note(f"{column} nasty", found, tolerance(case), case)


def _guarded(sheet, case, run) -> bool:
    """Runs one case; whatever stops it is a problem like any other. True if nothing was found."""
    before = len(sheet.problems)
    try:
        run()
    except (Mismatch, ValueError, ArithmeticError, LookupError, TypeError) as error:
        sheet.problems.append(f"{case.label}: {type(error).__name__}: {named(sheet.path, case, str(error))}")
    return len(sheet.problems) == before


def _refused(sheet, path, wrong, columns) -> bool:
    before = len(sheet.problems)
    for column in columns:
        try:
            message = refusal(column, path, wrong)
        except Exception as error:  # any other exception is the finding
            sheet.problems.append(f"{column}: {type(error).__name__}: {error}")
            continue
        if not re.search(wrong.says, message):
            sheet.problems.append(f"{column}: {wrong.function} says {message!r}, expected {wrong.says!r}")
    return len(sheet.problems) == before
