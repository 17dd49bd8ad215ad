"""Mutants: the classic mistakes of an algorithm, planted one by one to see that the checks catch them."""

import sys
import warnings
from types import ModuleType
from typing import NamedTuple

import numpy as np

from shared import catalogue
from shared.cases import Mutant, main_cases, mutants, nasty_cases, tolerance
from shared.checking import broken
from shared.checking.answers import Answer, answer, compare, expected
from shared.checking.broken import Broken
from shared.checking.naming import named
from shared.differences import Difference, Mismatch

Expected = list[tuple]  # (case, Answer) pairs


class Finding(NamedTuple):
    """What the checks said of one mutant. caught: whether they noticed; how: by which number or error; broken: the
    gradient equations that it breaks, if it is on the way back."""

    mutant: Mutant
    caught: bool
    how: str
    broken: Broken | None = None


def plant(path: str, mutant: Mutant) -> ModuleType:
    """The NumPy module with one mistake in it; ValueError unless the edit applies exactly once."""
    file = catalogue.source("numpy", path)
    text = file.read_text()
    times = text.count(mutant.old)
    if times != 1:
        raise ValueError(f"{path}: the mutant's text stands {times} times in the file, not once: {mutant.old!r}")
    if mutant.old == mutant.new:
        raise ValueError(f"{path}: the mutant changes nothing: {mutant.old!r}")
    return load(text.replace(mutant.old, mutant.new), path)


def load(text: str, path: str) -> ModuleType:
    """A module from source text, under the name of the NumPy column's file but not in sys.modules."""
    name = f"numpy_impl.{path.replace('/', '.')}"
    module = ModuleType(name)
    module.__file__ = str(catalogue.source("numpy", path))
    original = sys.modules.get(name)
    sys.modules[name] = module  # NamedTuple and get_type_hints look their module up by name
    try:
        exec(compile(text, module.__file__, "exec"), module.__dict__)
    finally:
        if original is None:
            del sys.modules[name]
        else:
            sys.modules[name] = original
    return module


def expectations(path: str) -> Expected:
    return [(case, expected(path, case)) for case in main_cases(path) + nasty_cases(path)]


def examine(path: str, mutant: Mutant, wanted: Expected) -> Finding:
    """Runs the cases on the mutant, in their order, until one shows a difference or stops with an error."""
    module = plant(path, mutant)
    for case, right in wanted:
        try:
            with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
                found = compare(answer("numpy", path, case, module), right, case.dtype)
        except (Mismatch, ValueError, TypeError, ArithmeticError, LookupError, AttributeError) as error:
            told = f"{type(error).__name__}: {str(error).splitlines()[0]}"
            return Finding(mutant, True, f"{case.label}: {named(path, case, told)}")
        wrong = [difference for difference in found if difference.error > tolerance(case)]
        if wrong:
            told = "; ".join(map(_in_words, wrong))
            return Finding(mutant, True, f"{case.label}: {named(path, case, told)}")
    return Finding(mutant, False, "nothing differs")


def _in_words(difference: Difference) -> str:
    at = f"{difference.leaf}{list(difference.index) if difference.index else ''}"
    off = f"{100 * difference.error:.2g} % of" if difference.error < 1 else f"{difference.error:.2g} times"
    return f"{at} is {difference.got:.6g} instead of {difference.wanted:.6g} (off by {off} the largest entry)"


def unmutated(path: str, wanted: Expected) -> Answer | None:
    """The same examination of the file as it is: must find nothing, or every mutant would be 'caught'."""
    text = catalogue.source("numpy", path).read_text()
    module = load(text, path)
    for case, right in wanted:
        for found in compare(answer("numpy", path, case, module), right, case.dtype):
            if found.error > tolerance(case):
                raise Mismatch(f"{path} without any mutant: {case.label}: {found}")


def all_findings(path: str) -> list[Finding]:
    wanted = expectations(path)
    unmutated(path, wanted)
    return [examine(path, mutant, wanted)._replace(broken=broken.by(path, mutant)) for mutant in mutants(path)]
