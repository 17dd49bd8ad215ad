"""Cache-sized blocks change nothing but the time."""

import numpy as np
import pytest

from shared.support.blocks import BLOCK, map_leaves
from shared.support.erfc import erfc

SHAPES = [(), (0,), (3, 5), (BLOCK,), (BLOCK + 1,), (7, BLOCK // 2)]


def leaves(shape, order="C", n=3):
    """Trees of two leaves, one of the given shape and a small one."""
    rng = np.random.default_rng(0)
    return [{"a": np.asarray(rng.standard_normal(shape), order=order), "b": rng.standard_normal(2)} for _ in range(n)]


def several(x, y, z):
    return x * np.exp(-y * y), (x + y).astype("float32"), z


def one(x, y, z):
    return x * np.exp(-y * y) + z


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("order", ["C", "F"])
def test_blocks_give_the_same_bits(shape, order):
    trees = leaves(shape, order)
    kept = [{name: x.copy() for name, x in tree.items()} for tree in trees]
    results, single = map_leaves(several, *trees), map_leaves(one, *trees)
    assert len(results) == 3
    for name in ("a", "b"):
        arrays = [tree[name] for tree in trees]
        for result, wanted in zip(results, several(*arrays), strict=True):
            np.testing.assert_array_equal(result[name], wanted, strict=True)
        np.testing.assert_array_equal(single[name], one(*arrays), strict=True)
    for tree, before in zip(trees, kept, strict=True):
        for name in tree:
            np.testing.assert_array_equal(tree[name], before[name])


def test_only_large_leaves_are_cut_into_blocks():
    seen = []

    def formula(x, y, z):
        seen.append(x.size)
        return x + y, z

    map_leaves(formula, *leaves((2 * BLOCK + 5,)))
    assert seen == [BLOCK, BLOCK, 5, 2]


def test_what_a_formula_returns_as_a_tuple_of_one_is_one_tree_in_a_tuple():
    for shape in ((3,), (BLOCK + 1,)):
        x, *_ = leaves(shape)
        (result,) = map_leaves(lambda x: (x + 1,), x)
        np.testing.assert_array_equal(result["a"], x["a"] + 1)


def test_erfc_against_the_standard_library():
    import math

    x = np.concatenate([np.linspace(-6, 26, 3001), [0.0, -0.0, 0.46875, 4.0, np.inf, -np.inf]])
    wanted = np.array([math.erfc(v) for v in x])
    np.testing.assert_allclose(erfc(x), wanted, rtol=2e-15, atol=0)
    assert np.isnan(erfc(np.array([np.nan]))).all()
    assert erfc(np.float32([0.5])).dtype == np.float32
