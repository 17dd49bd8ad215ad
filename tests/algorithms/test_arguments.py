"""What every algorithm does with unusual arguments, and with what it gives back: NumPy's numbers, small integers,
results that are changed in place."""

import functools
import inspect
import itertools
from dataclasses import replace

import numpy as np
import optree
import pytest

from shared import backends, cases, catalogue
from shared.backends import numpy_backend
from shared.cases import in_dtype, tolerance
from shared.checking.answers import answer, compare
from shared.differences import difference, flatten

PATHS = catalogue.paths()
OTHERS = [path for path in PATHS if not path.startswith("recurrent/")]
COLUMNS = backends.installed()
each_path = pytest.mark.parametrize("path", PATHS)
each_column = pytest.mark.parametrize("column", COLUMNS)
# In the NumPy column a number of NumPy's widens float32; the frameworks are asked as well, in test-full.
numpy_first = pytest.mark.parametrize(
    "column", [pytest.param(c, marks=[pytest.mark.full] * (c != "numpy")) for c in COLUMNS]
)


def with_numbers(case, kind, to):
    """The case with every number of a kind, float or int, as one of NumPy's."""
    turned = lambda tree: optree.tree_map(lambda x: to(x) if type(x) is kind else x, tree, none_is_leaf=True)
    args = case.args if kind is int else turned(case.args)  # integers among them are sizes and counts
    return replace(case, args=args, static=turned(case.static))


@each_path
@numpy_first
@pytest.mark.parametrize("of", [np.float64, lambda x: np.asarray(x, np.float64)], ids=["number", "array"])
def test_a_hyper_parameter_of_numpy_leaves_float32_alone(path, column, of):
    """A schedule gives np.float64; `np.float64(0.1) * x` is float64 whatever x is."""
    for plain in cases.main_cases(path):
        case = in_dtype(with_numbers(plain, float, of), "float32")
        found = compare(answer(column, path, case), answer(column, path, in_dtype(plain, "float32")), "float32")
        assert max(found).error == 0, case.label


@each_path
@numpy_first
def test_an_integer_of_numpy_is_an_integer(path, column):
    for plain in cases.main_cases(path):
        case = with_numbers(plain, int, np.int64)
        assert max(compare(answer(column, path, case), answer(column, path, plain))).error == 0, case.label


def makers(column, path):
    """(label, a call that makes new parameters or states) for everything that does so."""
    module = backends.module(column, path)
    name = path.split("/")[-1]
    for case in cases.main_cases(path):
        if isinstance(case.function, str) and case.function.endswith("_init"):
            yield case.label, made_by_case(column, module, case)
    if path.startswith("optimizers/"):
        params = backends.to_backend(column, {"W": np.ones((2, 3)), "b": np.ones(3)})
        for static in ({}, {"centered": True, "momentum": 0.9}) if name == "rmsprop" else ({},):
            yield name, functools.partial(getattr(module, f"{name}_init"), params, **static)
    if hasattr(module, f"{name}_zero_state"):
        params = states_of(column, path, name)
        yield f"{name}_zero_state", functools.partial(getattr(module, f"{name}_zero_state"), params, 2)


def made_by_case(column, module, case):
    args = backends.to_backend(column, case.args)
    return functools.partial(getattr(module, case.function), *args, **case.static)


def states_of(column, path, name):
    """The parameters of cells whose first states are asked for."""
    make = lambda cell: getattr(backends.module(column, f"recurrent/{cell}"), f"{cell}_init")(rng(), 3, 4)
    if name == "bidirectional":
        return backends.module(column, "recurrent/bidirectional").BidirectionalParams(make("lstm"), make("gru"))
    if name == "stacked":
        return make("lstm"), make("rnn"), make("gru")
    return getattr(backends.module(column, path), f"{name}_init")(rng(), 3, 4)


def rng():
    return np.random.default_rng(0)


@each_path
@pytest.mark.parametrize("column", [column for column in COLUMNS if column != "tf"])  # whose tensors never change
def test_what_is_made_new_shares_no_memory(path, column):
    """An optimizer that works in place would change the one with the other."""
    for label, make in makers(column, path):
        leaves = [np.asarray(leaf) for leaf in optree.tree_leaves(make())]  # a view, in PyTorch as well
        for one, other in itertools.combinations(leaves, 2):
            assert not np.shares_memory(one, other), label


@each_path
@each_column
def test_parameters_are_made_of_floating_point_numbers(path, column):
    with_dtype = [(label, make) for label, make in makers(column, path) if "dtype" in make.keywords]
    for label, make in with_dtype:
        for dtype in ("int8", "complex64"):
            make = functools.partial(make, dtype=dtype)
            with pytest.raises(ValueError, match=f"dtype is {dtype!r}, expected one of float64, float32, float16"):
                raise AssertionError(f"{label} made {make()}")


@pytest.mark.parametrize("path", OTHERS)
@each_column
def test_small_integers_are_labels_too(path, column):
    is_labels = lambda x: getattr(x, "dtype", None) == np.int64 and x.ndim
    for plain in cases.main_cases(path):
        if any(map(is_labels, optree.tree_leaves(plain.args))):
            wanted = answer(column, path, plain)
            for dtype in ("int8", "int16", "int32"):
                small = lambda x, dtype=dtype: x.astype(dtype) if is_labels(x) else x
                case = replace(plain, args=optree.tree_map(small, plain.args))
                found = max(compare(answer(column, path, case), wanted))
                assert found.error <= tolerance(plain), f"{case.label}, {dtype}"


@pytest.mark.parametrize("path", OTHERS)
def test_results_can_be_changed_in_place(path):
    """What a cache holds is its own: a backward does not see what happens to the outputs."""
    module = backends.module("numpy", path)
    for case in cases.main_cases(path):
        back = isinstance(case.function, str) and getattr(module, f"{case.function}_backward", None)
        if not case.grad or next(iter(inspect.signature(back).parameters)) in backends.ELEMENTWISE:
            continue
        found = []
        for change in (0, 1):
            outputs, differentiate = numpy_backend.forward(getattr(module, case.function), case.args, case.static)
            along = cases.cotangents(outputs)
            for leaf in optree.tree_leaves(outputs):
                if isinstance(leaf, np.ndarray) and leaf.ndim:
                    leaf += np.asarray(change, leaf.dtype)
            found.append(flatten(differentiate(along), "grads"))
        assert difference(*found).error == 0, case.label
