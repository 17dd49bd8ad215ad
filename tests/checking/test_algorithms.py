"""The six questions, asked of every algorithm there is: a path under numpy_impl is enough to be tested."""

import itertools
import json
import re
from importlib.util import find_spec

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open

from shared import backends, cases, catalogue
from shared.cases import in_dtype, tolerance
from shared.checking import broken, fixtures, golden, mistakes
from shared.checking.answers import (
    answer,
    compare,
    expected,
    finite_differences,
    params_only,
    refusal,
    second_opinions,
)
from shared.comparing import backward_lines, question_six
from shared.differences import FINITE, Difference, difference

PATHS = catalogue.paths()
COLUMNS = backends.installed()
each_path = pytest.mark.parametrize("path", PATHS)
each_column = pytest.mark.parametrize("column", COLUMNS)


KNOWN = {}  # what was asked of cases so far: several tests of an algorithm ask the same


def once(ask, *whom, case):
    """ask(*whom, case), computed once. Not for cases of other sizes, which have the same labels."""
    key = ask, *whom, case.label, case.dtype
    if key not in KNOWN:
        KNOWN[key] = ask(*whom, case)
    return KNOWN[key]


def agree(found: Difference, allowed: float, label: str):
    assert found.error <= allowed, f"{label}: {found}, allowed {allowed:.0e}"


@each_path
@each_column
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_column_agrees_with_the_oracle(path, column, dtype):
    for case in cases.main_cases(path):
        case = in_dtype(case, dtype)
        got, wanted = once(answer, column, path, case=case), once(expected, path, case=case)
        outputs, gradients = compare(got, wanted, dtype)
        agree(outputs, tolerance(case), f"{case.label}, outputs")
        agree(gradients, tolerance(case), f"{case.label}, gradients")


@each_path
def test_columns_agree_with_each_other(path):
    for case in cases.main_cases(path):
        answers = {column: once(answer, column, path, case=case) for column in COLUMNS}
        for one, other in itertools.combinations(COLUMNS, 2):
            found = max(compare(answers[one], answers[other]))
            agree(found, 2 * tolerance(case), f"{case.label}, {one} against {other}")


@each_path
def test_hand_written_gradient_equals_finite_differences(path):
    """Along random directions, which see an error in any element; element by element in `triptych check`."""
    gradients_equal_differences(path, directions=4)


@each_path
def test_parameters_alone_get_the_gradient_that_they_get_among_all(path):
    """With params_only=True the first argument's gradient is the same to the last bit, and the second has none."""
    for case in cases.main_cases(path):
        pair = params_only(path, case)
        if pair:
            assert max(compare(*pair)).error == 0, case.label


@pytest.mark.full
@each_path
def test_hand_written_gradient_equals_finite_differences_in_every_element(path):
    gradients_equal_differences(path)


def gradients_equal_differences(path, directions=None):
    for case in cases.main_cases(path):
        if case.grad:
            by_hand, estimated = finite_differences(path, case, directions=directions)
            agree(difference(by_hand.grads, estimated.grads), FINITE, case.label)


@each_path
def test_other_libraries_agree_with_the_oracle(path):
    for case in cases.main_cases(path):
        opinions = second_opinions(case)
        assert opinions.keys() == {library for library in case.second if find_spec(library)}
        for library, outputs in opinions.items():
            found = difference(once(expected, path, case=case).outputs, outputs)
            agree(found, tolerance(case), f"{case.label}, {library}")


@each_path
def test_every_mutant_is_caught(path):
    survivors = [f.mutant for f in mistakes.all_findings(path) if not f.caught]
    assert not survivors, f"not caught: {survivors}"


@each_path
def test_there_are_enough_mutants(path):
    wanted = {"recurrent/lstm": 15, "optimizers/adam": 8}.get(path, 6)
    assert len(cases.mutants(path)) >= wanted


@pytest.mark.skipif(len(COLUMNS) < 2, reason="another column to compare NumPy with")
@each_path
def test_every_line_of_the_way_back_is_right(path):
    """Question six; what cannot be compared is a minority, and says why."""
    told = question_six.answer(path)
    assert not told["problems"], "\n".join(told["problems"])
    left = {x["line"] for x in told["left"]}
    assert all(x["reason"] for x in told["left"])
    assert len(left) <= told["lines"], f"{path}: compared {told['lines']} lines, not {sorted(left)}"


@each_path
def test_three_mistakes_are_on_the_way_back(path):
    if any(line.through for line in backward_lines.of(path)):
        found = [broken.by(path, mutant) for mutant in cases.mutants(path)]
        there = [x for x in found if x]
        assert len(there) >= 3, f"{path}: {len(there)} mutants in a `_backward`"
        assert any(x.gradients for x in there)


@each_path
@each_column
def test_nasty_cases_are_survived(path, column):
    nasty_cases_are_survived(path, column, lambda case: not is_slow(column, path, case))


@pytest.mark.full
@each_path
@each_column
def test_slow_cases_are_survived(path, column):
    nasty_cases_are_survived(path, column, lambda case: is_slow(column, path, case))


def is_slow(column, path, case):
    """TensorFlow takes seconds for a long loop; that of one layer is enough for every day."""
    return column == "tf" and "two hundred steps" in case.label and path != "recurrent/lstm"


def nasty_cases_are_survived(path, column, chosen):
    for case in filter(chosen, cases.nasty_cases(path)):
        got, wanted = answer(column, path, case), once(expected, path, case=case)
        found = max(compare(got, wanted, case.dtype))
        agree(found, tolerance(case), case.label)


@each_path
@each_column
def test_bad_input_is_refused(path, column):
    for bad in cases.bad_inputs(path):
        message = refusal(column, path, bad)
        assert re.search(bad.says, message), f"{bad.function} says {message!r}, expected {bad.says!r}"


@each_path
@pytest.mark.parametrize("which", range(3), ids=["smallest", "largest", "mixed"])
def test_any_shape(path, which):
    """Sizes 1, odd and empty ones: every column against the oracle, or, without it, NumPy against differences."""
    right_for_sizes(path, cases.some_sizes(path)[which])


@pytest.mark.full
@each_path
@settings(max_examples=12, deadline=None, derandomize=True, database=None)
@given(data=st.data())
def test_many_shapes(path, data):
    smallest = cases.of(path).SMALLEST
    right_for_sizes(
        path, {name: data.draw(st.integers(least, least + 4), label=name) for name, least in smallest.items()}
    )


def right_for_sizes(path, sizes):
    for case in cases.main_cases(path, **sizes):
        answers = {column: answer(column, path, case) for column in COLUMNS}
        allowed = 10 * tolerance(case)
        if "torch" in COLUMNS:
            wanted = expected(path, case)
        else:
            wanted = answers["numpy"]
            if case.grad and sum(np.size(x) for x in wanted.grads.values()) < 100:
                by_hand, estimated = finite_differences(path, case)
                agree(difference(by_hand.grads, estimated.grads), FINITE, case.label)
        for column in COLUMNS:
            agree(max(compare(answers[column], wanted, "float64")), allowed, f"{case.label} {sizes}, {column}")


@each_path
def test_fixture_is_what_the_columns_compute(path):
    """Read as a port in another language would: with the safetensors library and nothing of ours."""
    with safe_open(golden.file(path), framework="numpy") as fixture:
        about = json.loads(fixture.metadata()["cases"])
        for case in cases.main_cases(path):
            assert about[case.label]["tolerance"] == case.tolerance
            got = once(answer, "numpy", path, case=case)
            for leaf, array in {**got.outputs, **got.grads}.items():
                stored = fixture.get_tensor(f"{case.label}/{leaf}")
                agree(difference({leaf: array}, {leaf: stored}), tolerance(case), case.label)


@pytest.mark.parametrize("path", PATHS if "torch" in COLUMNS else [])
def test_fixture_is_of_the_cases_as_they_are(path):
    """Arguments, outputs and gradients; what lines compute on the way is compared in test_tracing."""
    stored, chosen = golden.load(path), cases.main_cases(path) + cases.nasty_cases(path)
    assert {name.split("/")[0] for name in stored} == {case.label for case in chosen}, "run `make fixtures`"
    for case in chosen:
        wanted = once(expected, path, case=case)
        allowed = max(1e-12, case.tolerance)
        for name, tensor in {**golden.arguments(case), **wanted.outputs, **wanted.grads}.items():
            name = f"{case.label}/{name}"
            agree(difference({name: stored.get(name)}, {name: tensor}), allowed, "run `make fixtures`")


@pytest.mark.full
@pytest.mark.parametrize("path", PATHS if "torch" in COLUMNS else [])
def test_fixture_equals_its_regeneration(path):
    tensors, metadata = fixtures.build(path)
    about, stored = json.loads(metadata["cases"]), golden.load(path)
    assert set(stored) == set(tensors), "run `make fixtures`"
    for name, tensor in tensors.items():
        # Small numbers on the way come from large ones; an ill-conditioned case says so by its own tolerance, and
        # its last digits change with the number of threads that an oracle sums with.
        usual = 1e-9 if f"/{golden.TRACE}" in name else 1e-12
        allowed = max(usual, about[name.split("/")[0]]["tolerance"])
        agree(difference({name: stored[name]}, {name: tensor}), allowed, "run `make fixtures`")
    with safe_open(golden.file(path), framework="numpy") as fixture:
        assert fixture.metadata()["cases"] == metadata["cases"], "run `make fixtures`"
