"""Nothing that a caller may choose is untried: every option is once off its default and once at it, an argument that
may be None comes and does not come, and what makes layers has made different numbers of them."""

import inspect

import pytest

from shared import backends, cases, catalogue

PATHS = catalogue.paths()
NOT_ASKED = {"dtype", "lr"}  # every case says float64, and float32 when it is repeated; drivers give lr by its place
# Networks of millions of weights: what they are is asked in tests/algorithms, or their defaults are compared alone.
AS_PUBLISHED = {"capsule_init": {"kernel", "channels", "types", "sizes", "hidden"}, "cnn_init": {"convs", "dense"}}


def functions(path):
    """The public functions that are called forwards, with their parameters."""
    module = backends.module("numpy", path)
    for name, fn in vars(module).items():
        is_own = inspect.isfunction(fn) and fn.__module__ == module.__name__
        if is_own and not name.startswith("_") and not name.endswith("_backward"):
            yield name, inspect.signature(fn).parameters


def calls(path, name, parameters):
    """Every argument that the cases give a function, by name: at its default where they leave it.

    What no case calls by its name is called by others, or by a driver: then their options are its own, and of its
    arguments nothing is known.
    """
    every = cases.main_cases(path) + cases.nasty_cases(path)
    direct = [case for case in every if case.function == name]
    for case in direct or every:
        given = dict(zip(parameters, case.args, strict=False)) if direct else {}
        known = {x: p for x, p in parameters.items() if direct or p.kind is p.KEYWORD_ONLY}
        yield {x: given.get(x, case.static.get(x, p.default)) for x, p in known.items()}


def same(one, other):
    """`2` is not `(2, 2)`, nor is it `2.0`."""
    return type(one) is type(other) and (one is other or (not hasattr(one, "shape") and one == other))


@pytest.mark.parametrize("path", PATHS)
def test_every_option_is_once_off_its_default_and_once_at_it(path):
    for name, parameters in functions(path):
        tried = list(calls(path, name, parameters))
        asked = tried[0].keys() - NOT_ASKED
        for option, parameter in parameters.items():
            if parameter.default is not parameter.empty and option in asked:
                at = [same(arguments[option], parameter.default) for arguments in tried]
                published = option in AS_PUBLISHED.get(name, ())
                assert not all(at), f"no case of {name} sets {option} to anything but {parameter.default!r}"
                assert any(at) or published, f"no case of {name} leaves {option} at {parameter.default!r}"


@pytest.mark.parametrize("path", PATHS)
def test_layers_are_made_in_different_numbers(path):
    for name, parameters in functions(path):
        for option, parameter in parameters.items():
            if name.endswith("_init") and str(parameter.annotation).startswith("tuple[int, ..."):
                lengths = {len(arguments[option]) for arguments in calls(path, name, parameters)}
                assert len(lengths) > 1, f"every case of {name} has {lengths} numbers in {option}"
