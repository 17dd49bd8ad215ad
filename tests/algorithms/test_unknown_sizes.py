"""TensorFlow: functions are traced once for batches of any size, with None where an annotation says N."""

import inspect
from types import SimpleNamespace
from typing import Annotated, get_args, get_origin, get_type_hints

import numpy as np
import optree
import pytest

from shared import backends, cases, catalogue
from shared.cases import tolerance
from shared.checking.answers import answer, compare
from shared.support.sizes import sizes

pytestmark = pytest.mark.skipif("tf" not in backends.installed(), reason="needs TensorFlow")
KNOWN = {"linear_regression_fit": "X has a number of rows that is not known"}  # values decide whether it raises


def signature(value, hint):
    """The TensorSpecs of an argument, in its order of leaves: None for the axis N of the annotation."""
    import tensorflow as tf

    while get_origin(hint) is Annotated:
        hint = get_args(hint)[0]
    options = (hint, *get_args(hint))
    if hasattr(value, "_fields"):
        hints = get_type_hints(type(value), include_extras=True)
        return [spec for name, x in value._asdict().items() for spec in signature(x, hints[name])]
    if isinstance(value, tuple):
        inner = next((get_args(option)[0] for option in options if get_origin(option) is tuple), None)
        return [spec for x in value for spec in signature(x, inner)]
    if not isinstance(value, tf.Tensor):
        return []
    dims = next((option.dim_str.split() for option in options if hasattr(option, "dim_str")), [])
    unknown = {axis for axis, dim in enumerate(dims) if dim == "N"}
    return [tf.TensorSpec([None if i in unknown else n for i, n in enumerate(value.shape)], value.dtype)]


def signatures(function, args):
    raw = inspect.unwrap(function)
    hints = get_type_hints(raw, include_extras=True)
    pairs = zip(inspect.signature(raw).parameters, args, strict=False)
    return [spec for name, value in pairs for spec in signature(value, hints.get(name))]


def of_any_size(function):
    """The function, traced for any N and called with what it is given."""
    import tensorflow as tf

    def run(*args, **static):
        leaves, tree = optree.tree_flatten(args)
        is_tensor = [isinstance(x, tf.Tensor) for x in leaves]

        @tf.function(input_signature=signatures(function, args))
        def graph(*tensors):
            given = iter(tensors)
            filled = [next(given) if varies else x for x, varies in zip(leaves, is_tensor, strict=True)]
            return function(*tree.unflatten(filled), **static)

        return graph(*(x for x, varies in zip(leaves, is_tensor, strict=True) if varies))

    return run


EVERY_DAY = {
    "losses",
    "intro/mlp",
    "normalization/batch_norm",
    "recurrent/gru",
    "convolutional/pooling",
    "generative/rbm",
}
some_first = [pytest.param(p, marks=[pytest.mark.full] * (p not in EVERY_DAY)) for p in catalogue.paths()]


@pytest.mark.parametrize("path", some_first)  # tracing takes long
def test_a_function_is_traced_for_batches_of_any_size(path):
    """Outputs and gradients are those of the function as it is."""
    module = backends.module("tf", path)
    for case in cases.main_cases(path):
        args = backends.to_backend("tf", case.args)
        function = getattr(module, case.function) if isinstance(case.function, str) else None
        if not function or not any(None in spec.shape.as_list() for spec in signatures(function, args)):
            continue
        if case.function in KNOWN:
            with pytest.raises(ValueError, match=KNOWN[case.function]):
                of_any_size(function)(*args, **case.static)
            continue
        any_size = SimpleNamespace(**{case.function: of_any_size(function)})
        found = max(compare(answer("tf", path, case, any_size), answer("tf", path, case)))
        assert found.error <= tolerance(case), f"{case.label}: {found}"


def test_a_size_that_is_known_stays_a_number():
    import tensorflow as tf

    seen = []

    @tf.function(input_signature=[tf.TensorSpec([None, 3], tf.float64)])
    def rows(x):
        seen.append(sizes(x)[1])
        return sizes(x)[0]

    assert sizes(np.ones((2, 3))) == [2, 3]
    assert int(rows(tf.ones([5, 3], tf.float64))) == 5
    assert seen == [3]
