"""The tracer: what it sees of a file, how columns are laid side by side, and that every algorithm can be traced."""

import json
import sys
import textwrap
from importlib.util import module_from_spec, spec_from_file_location

import numpy as np
import pytest
from safetensors import safe_open

from shared import backends, cases, catalogue
from shared.checking import fixtures, golden, mistakes
from shared.comparing import aligning, tracing, walks
from shared.differences import difference
from shared.support import blocks

PATHS = catalogue.paths()
COLUMNS = backends.installed()
each_path = pytest.mark.parametrize("path", PATHS)


@pytest.fixture
def trace(tmp_path):
    """trace("def f(): ...") -> the tracer's Observed of f()"""

    def trace(text, to_numpy=np.asarray):
        file = tmp_path / "traced.py"
        file.write_text(textwrap.dedent(text))
        spec = spec_from_file_location("traced", file)
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
        return tracing.observe(tracing.read(str(file)), lambda: module.f(), to_numpy)

    return trace


def seen(observed):
    """[((1,), "name", value)] of everything that was noted."""
    return [(e.equations, name, x.tolist()) for e in observed.events for name, x in e.values.items()]


def test_assignments_of_all_kinds(trace):
    observed = trace("""
        import numpy as np
        def f():
            a = 1.0  # (1)
            b, (c, *d) = 2, (3, 4, 5)  # (2) (3)
            untagged = 9
            a += b  # (1), once more
            x = np.zeros(3)
            x[1] = 7  # (4)
            np.add(x, 1, out=x)  # (5)
            np.add.at(x, 0, 10)  # (5)
            ys = []
            for i in range(2):
                ys.append(i + 0.5)  # (6)
            e: float = (
                a
                + b
            )  # (7)
            return x  # (8)
    """)
    assert observed.error is None
    assert seen(observed) == [
        ((1,), "a", 1), ((2, 3), "b", 2), ((2, 3), "c", 3), ((2, 3), "d[0]", 4), ((2, 3), "d[1]", 5), ((1,), "a", 3),
        ((4,), "x[1]", 7), ((5,), "x", [1, 8, 1]), ((5,), "x", [11, 8, 1]), ((6,), "ys[-1]", 0.5),
        ((6,), "ys[-1]", 1.5), ((7,), "e", 5), ((8,), "returned", [11, 8, 1]),
    ]  # fmt: skip


def test_values_are_those_of_their_time(trace):
    observed = trace("""
        import numpy as np
        def f():
            x = np.zeros(2)  # (1)
            x += 1
            x *= 3  # (2)
            x[:] = 0
    """)
    assert seen(observed) == [((1,), "x", [0, 0]), ((2,), "x", [3, 3])]


def test_helpers_closures_lambdas_and_comprehensions(trace):
    observed = trace("""
        from typing import NamedTuple
        class State(NamedTuple):
            h: float
            c: float
        def _cell(x):
            return State(x, 2 * x)  # (1)
        def f():
            k = 10
            def update(p):
                q = p + k  # (2)
                return q, q - 1  # (3)
            both = [update(p) for p in (1, 2)]
            cells = tuple(_cell(x) for x in (3.0, 4.0))
            return list(map(lambda x: x + 1, [5, 6]))  # (4)
    """)
    assert seen(observed) == [
        ((2,), "q", 11), ((3,), "returned[0]", 11), ((3,), "returned[1]", 10), ((2,), "q", 12),
        ((3,), "returned[0]", 12), ((3,), "returned[1]", 11), ((1,), "h", 3), ((1,), "c", 6), ((1,), "h", 4),
        ((1,), "c", 8), ((4,), "returned[0]", 6), ((4,), "returned[1]", 7),
    ]  # fmt: skip
    assert {e.function for e in observed.events} == {"update", "_cell", "f"}
    assert {(e.outer, e.call) for e in observed.events} == {("f", 1)}


def test_a_cache_is_no_result(trace):
    observed = trace("""
        def f():
            y, cache = g(2.0)  # (2)
            return y, (1.0, 2.0)  # (3)
        def f_backward(cache, dy):
            return dy
        def g(x):
            return x, {"x": x}  # (1)
        def g_backward(cache, dy):
            return dy
    """)
    assert seen(observed) == [((1,), "returned", 2), ((2,), "y", 2), ((3,), "returned", 2)]


def test_what_an_error_cuts_short_is_not_noted(trace):
    observed = trace("""
        def f():
            a = 1  # (1)
            try:
                b = a / 0  # (2)
            except ZeroDivisionError:
                b = 2  # (3)
            c = [][b]  # (4)
    """)
    assert seen(observed) == [((1,), "a", 1), ((3,), "b", 2)]
    assert isinstance(observed.error, IndexError)


def test_tracing_leaves_everything_as_it_was(trace):
    before, block, another = sys.gettrace(), blocks.BLOCK, lambda *_: None  # such as a debugger's
    sys.settrace(another)
    try:
        trace("def f():\n    raise KeyError('x')\n")
        after = sys.gettrace()
    finally:
        sys.settrace(before)
    assert after is another
    assert block == blocks.BLOCK


def test_large_leaves_are_traced_whole():
    """NumPy works on large arrays block by block; a trace has one value for a leaf all the same."""
    from numpy_impl.optimizers.adam import adam_init, adam_update

    params = {"W": np.ones(3 * blocks.BLOCK)}
    source = tracing.read(str(catalogue.source("numpy", "optimizers/adam")))
    run = lambda: adam_update(params, adam_init(params), params)
    shapes = {x.shape for event in tracing.observe(source, run, np.asarray).events for x in event.values.values()}
    assert shapes == {(3 * blocks.BLOCK,), ()}  # the corrections are numbers


@each_path
def test_columns_agree_line_by_line(path):
    """Every value that a line computes, in every main case, and none without its counterpart in the other columns."""
    implementations = {column: walks.column(column, path) for column in COLUMNS}
    found = set()
    for case in cases.main_cases(path):
        report = walks.report(path, case, implementations)
        assert report["ok"], f"{case.label}: {report['stopped'] or report['rows'][report['first']]['place']}"
        forward = [row for row in report["rows"] if not row["through"]]
        # One column may name what another one returns together with untagged values.
        alone = [row for row in forward if len(row["columns"]) < len(COLUMNS) and "returned[" not in row["name"]]
        assert not alone, f"{case.label}: only some columns have {[row['place'] for row in alone]}"
        found |= {str(n) for row in forward for n in row["equations"]}
    assert found == set(walks.equations(path)), "every equation is computed in some case"


@each_path
def test_fixture_has_the_trace_that_every_column_computes(path):
    """Read with the safetensors library alone, and walked in the order that the metadata gives."""
    with safe_open(golden.file(path), framework="numpy") as fixture:
        about = json.loads(fixture.metadata()["cases"])
        assert fixture.metadata().keys() == {"format", "algorithm", "oracle", "equations", "cases", "versions"}
        for case in cases.main_cases(path):
            stored = {name: fixture.get_tensor(f"{case.label}/trace/{name}") for name in about[case.label]["trace"]}
            there = {name: x for name, x in stored.items() if "/d_" not in name}
            assert difference(fixtures.trace(path, case), there).error <= walks.allowed(case)
            if "torch" in COLUMNS:
                back = {name: x for name, x in stored.items() if "/d_" in name}
                assert difference(fixtures.gradients(path, case), back).error <= walks.allowed(case)


@pytest.mark.parametrize(
    ("path", "number", "where"),
    [
        ("recurrent/lstm", 1, "equation (2) (3), `f`, step 1"),
        ("recurrent/lstm", 5, "equation (4), `c`, step 1"),
        ("recurrent/lstm", 13, "through (5), `d_c`, step 1"),
        ("optimizers/adam", 0, "equation (3), `m_hat`, step 1, leaf W"),
        ("optimizers/adam", 5, "equation (3), `correction1`, step 2"),
        ("optimizers/adam", 7, "equation (2), `v`, step 1, leaf W"),
    ],
)
def test_the_first_line_that_differs_is_named(path, number, where):
    right, mutant = walks.column("numpy", path), cases.mutants(path)[number]
    text = catalogue.source("numpy", path).read_text().replace(mutant.old, mutant.new)
    source = tracing.read(right.source.file, text)
    wrong = walks.Implementation(mistakes.plant(path, mutant), source, right.library)
    report = walks.report(path, cases.find_case(path), {"right": right, "wrong": wrong})
    assert not report["ok"]
    assert report["rows"][report["first"]]["place"] == where


def events(*named, equations=(1,)):
    """Events of one call of f, each of one array by its name."""
    place = equations, False, "f", 1, "f", 1, ()
    return [tracing.Event(*place, {name: np.asarray(x)}) for name, x in named]


def test_values_without_a_namesake_are_paired_by_order():
    rows = aligning.align({"numpy": events(("zs[-1]", 1), ("zs[-1]", 2)), "torch": events(("z", 1), ("z", 2))})
    assert [(row.name, row.step, len(row.cells)) for row in rows] == [("zs[-1]", 1, 2), ("zs[-1]", 2, 2)]


def test_one_line_for_two_equations_and_two_lines_for_them():
    one = events(("i", 1), equations=(2, 3)) + events(("g", 2), equations=(2, 3))
    two = events(("i", 1), equations=(2,)) + events(("g", 2), equations=(3,))
    assert [len(row.cells) for row in aligning.align({"a": one, "b": two})] == [2, 2]


def test_what_only_one_column_has_stands_where_it_is_computed():
    rows = aligning.align({"a": events(("x", 1), ("y", 2)), "b": events(("x", 1), ("extra", [1, 2]), ("y", 2))})
    assert [(row.name, list(row.cells)) for row in rows] == [("x", ["a", "b"]), ("extra", ["b"]), ("y", ["a", "b"])]
    assert aligning.first_difference(rows, 0) is None


def test_other_shapes_differ_unless_the_numbers_are_the_same():
    pair = lambda x, y: aligning.align({"a": events(("x", x)), "b": events(("x", y))})
    assert aligning.first_difference(pair([[1, 2], [3, 4]], [1, 2, 3, 4]), 0) is None
    assert aligning.first_difference(pair([[1, 2], [3, 4]], [1, 2, 3, 5]), 1)[1].error == np.inf
    assert aligning.first_difference(pair([1.0, 2.0], [1, 2]), 1)[1].error == np.inf  # integers are no floats


def test_trace_prints_every_step_and_the_verdict(run):
    status, out, _ = run("trace", "lstm")
    assert status == 0
    for text in ("_cell, step 4", "(2) (3)", "4×3×20", "∂(4)", "c = f ⊙ state.c + i ⊙ g", *COLUMNS):
        assert text in out
    assert "values agree" in out.splitlines()[-1]
    assert max(len(line) for line in out.splitlines() if line.startswith((" (", " ∂"))) <= 130


def test_trace_as_json(run):
    args = ("trace", "adam", "--backends", "numpy", "--json", "--case", "run zero gradients")
    status, out, _ = run(*args)
    report = json.loads(out)
    assert status == 0
    assert report["columns"] == ["numpy"]
    (row,) = (row for row in report["rows"] if row["place"] == "equation (1), `m`, step 1")
    assert row["columns"]["numpy"]["values"] == [0, 0, 0]


def test_trace_names_what_is_not_there(run):
    status, _, err = run("trace", "lstm", "--case", "nonsense")
    assert status == 1
    assert "has no case 'nonsense', expected one of: lstm, " in err
    status, _, err = run("trace", "lstm", "--backends", "numpy,mxnet")
    assert status == 1
    assert "'mxnet' is unknown" in err
