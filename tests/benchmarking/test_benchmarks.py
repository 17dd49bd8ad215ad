"""Benchmarks: every algorithm has them for every backend, and the two sides that are timed compute the same."""

import json

import numpy as np
import optree
import pytest

from shared import backends, catalogue
from shared.benchmarking import measure
from shared.cli import bench

WITH = [path for path in catalogue.paths() if catalogue.companion("benchmarks", path)]
CASES = [
    pytest.param(path, i, backend, id=f"{path}-{benchmark.name}-{backend}")
    for path in WITH
    for i, benchmark in enumerate(measure.benchmarks(path, "TINY"))
    for backend in backends.installed()
]


def leaves(result):
    """Arrays without the axes of size 1 that some layers add."""
    arrays = (leaf.detach() if hasattr(leaf, "detach") else leaf for leaf in optree.tree_leaves(result))
    return [np.squeeze(np.asarray(array)) for array in arrays]


def built(path, i, backend):
    if not measure.is_available(backend):
        pytest.skip(f"{backend} has nothing to be compared with")
    benchmark = measure.benchmarks(path, "TINY")[i]
    eager = dict.fromkeys(benchmark.modes, "eager")  # what is computed does not depend on who compiles it
    return benchmark, measure.steps(benchmark._replace(modes=eager), path, backend)


@pytest.mark.parametrize(("path", "i", "backend"), CASES)
def test_the_two_sides_compute_the_same(path, i, backend):
    benchmark, steps = built(path, i, backend)
    for _ in range(2):  # the second training step starts from the result of the first
        ours, theirs = steps["ours"](), steps["theirs"]()
    if backend == "tf":
        theirs = benchmark.from_keras(theirs)
    for a, b in zip(leaves(ours), leaves(theirs), strict=True):
        assert a.shape == b.shape
        if benchmark.random:
            assert np.mean(a) == pytest.approx(np.mean(b), abs=0.1 * float(np.std(b)))
            assert np.std(a) == pytest.approx(np.std(b), rel=0.05)
        else:
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5 * np.max(np.abs(b), initial=1e-3))


@pytest.mark.parametrize("path", catalogue.paths())
def test_every_algorithm_has_benchmarks_in_two_sizes(path):
    assert measure.benchmarks(path)
    module = catalogue.companion("benchmarks", path)
    assert module.FULL.keys() == module.TINY.keys()


def test_turns_are_taken_and_every_round_is_counted():
    calls = []
    seconds = measure.interleave({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, repeats=4)
    assert {side: len(times) for side, times in seconds.items()} == {"a": 4, "b": 4}
    turns = [side for side, before in zip(calls, [None, *calls], strict=False) if side != before]
    assert "".join(turns[-4:]) in ("abab", "baba")


@pytest.mark.skipif(not measure.is_available("numpy"), reason="needs torch")
def test_a_measurement(capsys):
    bench.bench("sgd", backend="numpy", memory=False, repeats=3, quick=False, as_json=True)
    [row] = json.loads(capsys.readouterr().out)
    assert (row["algorithm"], row["backend"], row["theirs"]["how"]) == ("optimizers/sgd", "numpy", "torch.nn")
    assert row["ratio"] > 0
    assert row["quartiles"][0] <= row["ratio"] <= row["quartiles"][1]


def test_without_benchmarks_the_message_names_the_file():
    with pytest.raises(ValueError, match=r"no benchmarks.*shared/benchmarks/intro/none\.py"):
        measure.benchmarks("intro/none")


def test_an_unknown_backend_is_refused():
    with pytest.raises(ValueError, match=r"jax.*unknown"):
        bench.bench("sgd", backend="jax", memory=False, repeats=3, quick=False, as_json=True)
