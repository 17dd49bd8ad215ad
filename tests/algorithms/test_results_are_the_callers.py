"""Results are the caller's: what a backward needs is in its cache, and stays there when an output is overwritten."""

import inspect

import numpy as np
import optree
import pytest

from shared import backends, cases, catalogue
from shared.backends import numpy_backend
from shared.differences import difference, flatten


def gradients(case, module, spoil):
    """Gradients by hand, after every output was overwritten in place, if spoil."""
    args = optree.tree_map(np.copy, case.args)
    outputs, differentiate = numpy_backend.forward(getattr(module, case.function), args, case.static)
    along = optree.tree_map(lambda x: np.asarray(x, case.dtype), cases.cotangents(outputs))
    if spoil:
        for leaf in optree.tree_leaves(outputs):
            if np.shape(leaf):
                leaf[...] = 77
    return flatten(differentiate(along), "grads")


@pytest.mark.parametrize("path", catalogue.paths())
def test_overwriting_a_result_does_not_change_the_way_back(path):
    module = backends.module("numpy", path)
    for case in cases.main_cases(path):
        if case.grad and not elementwise(module, case):
            found = difference(gradients(case, module, spoil=True), gradients(case, module, spoil=False))
            assert found.error == 0, f"{case.label}: {found}"


def elementwise(module, case):
    """Whether its backward is given the output: d_x = f_backward(d_y, x, y)."""
    back = numpy_backend.backward(getattr(module, case.function))
    return next(iter(inspect.signature(back).parameters)) in backends.ELEMENTWISE
