"""The mutation run: what it edits, that an edit is planted and taken away, and that little of it survives."""

import subprocess
import sys

import numpy as np
import pytest
from equivalent import EQUIVALENT
from house import ROOT
from mutants import draw, files, planted
from mutations import edits

from shared import backends, catalogue
from shared.cases import find_case
from shared.checking.answers import answer, compare

SNIPPET = '''
"""Says 1 + 1."""
SIZE = 20


@checked(N=1)
def f(x, *, axis=0, loud=False):
    """Says 2 + 2."""
    if x < 0 and not loud:
        raise ValueError(f"{1 + 1}")
    return np.sum(-x.T + 2.5, axis=axis)
'''
MUTANTS = {
    "SIZE = 20": ["SIZE = 21", "SIZE = 19"],
    "@checked(N=1)": ["@checked()", "@checked(N=2)", "@checked(N=0)"],
    "def f(x, *, axis=0, loud=False):": ["def f(x, *, axis=1, loud=False):", "def f(x, *, axis=0, loud=True):"],
    "if x < 0 and not loud:": [
        "if x < 0 or not loud:",
        "if x <= 0 and not loud:",
        "if x > 0 and not loud:",
        "if x < 1 and not loud:",
        "if x < 0 and loud:",
        "if not (x < 0 and not loud):",
    ],
    "return np.sum(-x.T + 2.5, axis=axis)": [
        "return np.sum(-x.T + 2.5)",
        "return np.mean(-x.T + 2.5, axis=axis)",
        "return np.sum(-x.T - 2.5, axis=axis)",
        "return np.sum((-x.T), axis=axis)",
        "return np.sum((2.5), axis=axis)",
        "return np.sum(x.T + 2.5, axis=axis)",
        "return np.sum(-x + 2.5, axis=axis)",
        "return np.sum(-x.T + 5.0, axis=axis)",
        "return np.sum(-x.T + 2.25, axis=axis)",
    ],
}


def test_what_is_edited():
    found = {}
    for edit in edits(SNIPPET):
        found.setdefault(edit.old, []).append(edit.new)
    assert {old: sorted(new) for old, new in found.items()} == {old: sorted(new) for old, new in MUTANTS.items()}


def test_an_edit_reaches_all_that_use_the_file_and_is_taken_away():
    """A mistake in losses shows in what imports them; a smallest size is checked where it is asked for."""
    case = find_case("intro/mlp", "mlp_loss")
    text = catalogue.source("numpy", "losses").read_text()
    right = answer("numpy", "intro/mlp", case)
    with planted("numpy", "losses", text.replace("loss = -np.mean(picked)", "loss = -np.sum(picked)")):
        assert max(compare(answer("numpy", "intro/mlp", case), right)).error > 0
    assert max(compare(answer("numpy", "intro/mlp", case), right)).error == 0
    module, text = backends.module("numpy", "recurrent/rnn"), catalogue.source("numpy", "recurrent/rnn").read_text()
    params, xs = module.rnn_init(np.random.default_rng(0), 2, 3, dtype="float64"), np.ones((1, 1, 2))
    longer = planted("numpy", "recurrent/rnn", text.replace("@checked(T=1)", "@checked(T=2)"))
    with longer, pytest.raises(ValueError, match="T at least 2"):
        module.rnn(params, xs, np.zeros((1, 3)))
    module.rnn(params, xs, np.zeros((1, 3)))


def test_a_sample_stays_when_something_else_changes():
    every = [("a", edit) for edit in edits(SNIPPET)]
    more = [("a", edit) for edit in edits(SNIPPET.replace("SIZE = 20", "SIZE = 30"))]
    some = lambda drawn: {e.new for _, e in drawn if "SIZE" not in e.old}
    one, other = some(draw(every, 8, 0)), some(draw(more, 8, 0))
    assert len(draw(every, 8, 0)) == 8
    assert len(one ^ other) <= 4
    assert some(draw(every, 8, 1)) != one


def test_what_is_called_equivalent_stands_in_the_files():
    known = {}
    for x in EQUIVALENT:
        assert x.reason
        for column in x.columns:
            place = column, x.path
            if place not in known:
                text = catalogue.source(*place).read_text()
                known[place] = {(edit.old, edit.new) for edit in edits(text)}
            assert (x.old, x.new) in known[place], f"{column}: {x}"


def test_no_file_is_left_out():
    assert set(catalogue.paths()) < set(files("numpy"))


@pytest.mark.full
@pytest.mark.parametrize("column", backends.installed())
def test_no_mutant_survives(column):
    """A sample; all of them: `python tests/mutants.py --column numpy`."""
    command = [sys.executable, "tests/mutants.py", "--column", column, "--sample", "100"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
