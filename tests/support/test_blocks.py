"""Cache-sized blocks change nothing but the time."""

import numpy as np
import pytest

from shared.support.blocks import BLOCK, map_leaves
from shared.support.erfc import erfc


@pytest.mark.parametrize("shape", [(), (0,), (3, 5), (BLOCK,), (BLOCK + 1,), (7, BLOCK // 2)])
@pytest.mark.parametrize("order", ["C", "F"])
def test_blocks_give_the_same_bits(shape, order):
    rng = np.random.default_rng(0)
    x, y = (np.asarray(rng.standard_normal(shape), order=order) for _ in range(2))
    kept = x.copy()

    def formula(x, y):
        return x * np.exp(-y * y), (x + y).astype("float32")

    trees = [{"a": leaf, "b": (leaf,)} for leaf in (x, y)]
    for got, wanted in zip(map_leaves(formula, *trees), formula(x, y), strict=True):
        for leaf in (got["a"], got["b"][0]):
            np.testing.assert_array_equal(leaf, wanted, strict=True)
    one = map_leaves(lambda x, y: x * y, *trees)
    np.testing.assert_array_equal(one["b"][0], x * y, strict=True)
    np.testing.assert_array_equal(x, kept)


def test_erfc_against_the_standard_library():
    import math

    x = np.concatenate([np.linspace(-6, 26, 3001), [0.0, -0.0, 0.46875, 4.0, np.inf, -np.inf]])
    wanted = np.array([math.erfc(v) for v in x])
    np.testing.assert_allclose(erfc(x), wanted, rtol=2e-15, atol=0)
    assert np.isnan(erfc(np.array([np.nan]))).all()
    assert erfc(np.float32([0.5])).dtype == np.float32
