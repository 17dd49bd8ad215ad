"""Answering, for one algorithm, five of the six questions: do the columns agree with each other, with finite
differences and with an independent oracle, do the mutants die, and are the nasty cases survived?"""

import importlib.util
import inspect
from collections.abc import Callable
from types import ModuleType
from typing import NamedTuple

import numpy as np
import optree

from shared import backends
from shared.cases import Bad, Case, cotangents, in_dtype
from shared.checking import golden
from shared.differences import Difference, Mismatch, difference, flatten
from shared.support.shapes import unchecked


class Answer(NamedTuple):
    """What a column computed: outputs and gradients by leaf name (no gradients where the case has none)."""

    outputs: dict[str, np.ndarray]
    grads: dict[str, np.ndarray]


def answer(backend: str, path: str, case: Case, module: ModuleType | None = None) -> Answer:
    """Runs a case in one column. module: another implementation than the column's own, such as a mutant."""
    adapter = backends.get(backend)
    module = module or backends.module(backend, path)
    args = backends.to_backend(backend, case.args)
    if not case.grad:
        outputs = call(backend, module, case.function, args, case.static)
        return Answer(flatten(backends.to_numpy(backend, outputs), "outputs"), {})

    def along(outputs):
        dtyped = optree.tree_map(lambda x: np.asarray(x, case.dtype), cotangents(backends.to_numpy(backend, outputs)))
        return backends.to_backend(backend, dtyped)

    outputs, grads = adapter.vjp(getattr(module, case.function), args, case.static, along)
    as_numpy = backends.to_numpy(backend, (outputs, grads))
    return Answer(flatten(as_numpy[0], "outputs"), flatten(as_numpy[1], "grads"))


def call(backend: str, module: ModuleType, function: str | Callable, args, static):
    """Outputs of a public function, or of a driver `function(module, *args, **static)`."""
    if callable(function):
        return backends.get(backend).call(function, (module, *args), static)
    return backends.get(backend).call(getattr(module, function), args, static)


def expected(path: str, case: Case) -> Answer:
    """What the oracle says, in float64: asked live where PyTorch is installed, else read from the fixture.

    The fixture has no answer for arguments that were rounded to float32, and rounding can change the answer by many
    times as much as the argument. What is right for the rounded ones NumPy's column in float64 says, which is
    compared with the fixture itself.
    """
    if "torch" in backends.installed():
        return from_oracle(case)
    stored = Answer(*golden.read(path, case))
    return stored if golden.has(path, case) else answer("numpy", path, in_dtype(case, "float64"))


def from_oracle(case: Case) -> Answer:
    exact = in_dtype(case, "float64")
    if not case.grad:
        outputs = exact.oracle(*exact.args, **exact.static)
        return Answer(flatten(_arrays(outputs), "outputs"), {})
    torch = backends.get("torch")
    args = backends.convert(exact.args, torch.array, "numpy")

    def along(outputs):
        return optree.tree_map(torch.array, cotangents(_arrays(outputs)))

    outputs, grads = torch.vjp(exact.oracle, args, exact.static, along)
    return Answer(flatten(_arrays(outputs), "outputs"), flatten(_arrays(grads), "grads"))


def second_opinions(case: Case) -> dict[str, dict[str, np.ndarray]]:
    """The outputs of every further oracle whose library is installed, by the library's name."""
    answers = {}
    for library, oracle in case.second.items():
        if importlib.util.find_spec(library):
            outputs = oracle(*case.args, **case.static)
            answers[library] = flatten(_arrays(outputs), "outputs")
    return answers


def compare(got: Answer, wanted: Answer, dtype: str | None = None) -> tuple[Difference, Difference]:
    """The worst differences of outputs and of gradients; Mismatch if the trees differ."""
    return difference(got.outputs, wanted.outputs, dtype), difference(got.grads, wanted.grads, dtype)


def finite_differences(
    path: str, case: Case, module: ModuleType | None = None, directions: int | None = None
) -> tuple[Answer, Answer]:
    """NumPy's hand-written gradient and its central-difference estimate, both as `grads` of an Answer.

    directions: instead of every element of a leaf, its derivatives along that many random directions of ±1, for a
    leaf that has more elements; an error in any element shows in each of them.
    """
    from shared.backends import numpy_backend as numpy

    fn = getattr(module or backends.module("numpy", path), case.function)
    args = backends.to_backend("numpy", case.args)
    outputs, differentiate = numpy.forward(fn, args, case.static)
    along = cotangents(outputs)
    leaves, tree = optree.tree_flatten(args)
    weights = [np.asarray(w) for w in optree.tree_leaves(along)]

    def value():
        with unchecked():  # a step to either side may leave the range that is allowed
            ys = optree.tree_leaves(numpy.call(fn, tree.unflatten(leaves), case.static))
        return sum(np.sum(w * y) for w, y in zip(weights, ys, strict=True))

    by_hand, grads, estimates = flatten(differentiate(along), "grads"), {}, {}
    names = iter(by_hand)
    for i, leaf in enumerate(leaves):
        if backends.is_float(leaf):
            name = next(names)
            if directions is None or leaf.size <= directions:
                grads[name], estimates[name] = by_hand[name], np.empty_like(leaf)
                for index in np.ndindex(leaf.shape):
                    step = np.zeros_like(leaf)
                    step[index] = 1e-5 * max(1.0, abs(leaf[index]))
                    estimates[name][index] = _slope(value, leaves, i, step) / np.max(step)
            else:
                signs = np.random.default_rng(i).choice((-1.0, 1.0), (directions, *leaf.shape))
                step = 1e-5 * max(1.0, np.max(np.abs(leaf)))
                grads[name] = np.array([np.sum(sign * by_hand[name]) for sign in signs])
                estimates[name] = np.array([_slope(value, leaves, i, step * sign) / step for sign in signs])
    return Answer({}, grads), Answer({}, estimates)


def _slope(value: Callable, leaves: list, i: int, step: np.ndarray) -> float:
    """Half the difference of the values a step above and a step below."""
    leaf, sides = leaves[i], []
    for side in (leaf + step, leaf - step):
        leaves[i] = side
        sides.append(value())
    leaves[i] = leaf
    return (sides[0] - sides[1]) / 2


def params_only(path: str, case: Case) -> tuple[Answer, Answer] | None:
    """What NumPy's backward gives with `params_only=True`, and, of the same arguments, what it gives without.

    None if there is no such option; Mismatch if the second argument gets a gradient all the same, or the first none.
    """
    from shared.backends import numpy_backend as numpy

    fn = getattr(backends.module("numpy", path), case.function) if case.grad else None
    back = fn and numpy.backward(fn)
    if not back or "params_only" not in inspect.signature(back).parameters:
        return None
    outputs, cache = fn(*backends.to_backend("numpy", case.args), **case.static)
    full, alone = (tuple(back(cache, cotangents(outputs), params_only=only)) for only in (False, True))
    if alone[0] is None or alone[1] is not None:
        raise Mismatch(f"{back.__name__}(params_only=True) gives too much or too little")
    full = [grad if other is not None else None for grad, other in zip(full, alone, strict=True)]
    return Answer({}, flatten(alone, "grads")), Answer({}, flatten(tuple(full), "grads"))


def refusal(backend: str, path: str, bad: Bad) -> str:
    """The message of the ValueError that a bad input raises; Mismatch if it raises none."""
    module = backends.module(backend, path)
    try:
        call(backend, module, bad.function, backends.to_backend(backend, bad.args), bad.static)
    except ValueError as error:
        return str(error)
    raise Mismatch(f"{bad.function} took a bad input without a ValueError (expected one about {bad.says!r})")


def _arrays(tree):
    return optree.tree_map(lambda x: x.detach().numpy() if hasattr(x, "detach") else np.asarray(x), tree)
