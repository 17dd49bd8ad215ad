"""What every optimizer's case needs: a descent that tells the variants apart, the drivers that follow it, and
torch.optim, TensorFlow's raw update operations and optax over the same gradients."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from shared.cases import Bad, Case

ZERO_STEP, LR_CHANGE = 4, 7


def descent(draw, D=3, H=4, steps=12):
    """(params, gradients of every step, learning rates): two leaves, gradients that shrink, one of them zero, one
    coordinate so small that ε dominates it, one change of the learning rate."""
    params = {"W": draw(D, H), "b": draw(H)}
    grads = [{"W": 0.7**t * draw(D, H), "b": 0.7**t * draw(H)} for t in range(steps)]
    for g in grads:
        g["b"][0] *= 1e-8
    grads[ZERO_STEP] = {name: np.zeros_like(g) for name, g in grads[ZERO_STEP].items()}
    return params, grads, [0.1 if t < LR_CHANGE else 0.02 for t in range(steps)]


# --- drivers: parameters and state after every step -----------------------------------------------------------


class Drivers(NamedTuple):
    """run: from the start on; resumed: from a given state on; overflowing: as run, without NumPy's warnings of ∞."""

    run: Callable
    resumed: Callable
    overflowing: Callable


def drivers(name):
    """The drivers of the optimizer of that name, for any module that defines it."""

    def run(module, params, grads, lrs, **options):
        return resumed(module, params, getattr(module, f"{name}_init")(params), grads, lrs, **options)

    def resumed(module, params, state, grads, lrs, **options):
        update, history = getattr(module, f"{name}_update"), []
        for g, lr in zip(grads, lrs, strict=True):
            params, state = update(g, state, params, lr=lr, **options)
            history.append((params, state))
        return history

    def overflowing(module, params, grads, lrs, **options):
        with np.errstate(over="ignore"):
            return run(module, params, grads, lrs, **options)

    return Drivers(run, resumed, overflowing)


# --- oracles --------------------------------------------------------------------------------------------------


def torch_run(optimizer_class, params, grads, lrs, state_of, start=None, **options):
    """[(params, state)] after every step of a torch.optim optimizer, all in float64.

    state_of(optimizer, tensors, unflatten) gives the state as the NumPy column has it; start(optimizer, tensors)
    may set the optimizer's state before the first step.
    """
    import torch
    import optree

    exact = {"dtype": torch.float64}
    leaves, tree = optree.tree_flatten(params)
    tensors = [torch.tensor(leaf, **exact, requires_grad=True) for leaf in leaves]
    optimizer = optimizer_class(tensors, lr=lrs[0], **options)
    if start:
        start(optimizer, tensors)

    def unflatten(values):
        return tree.unflatten([v.detach().numpy().copy() for v in values])

    history = []
    for g, lr in zip(grads, lrs, strict=True):
        for tensor, leaf in zip(tensors, optree.tree_leaves(g), strict=True):
            tensor.grad = torch.tensor(leaf, **exact)
        optimizer.param_groups[0]["lr"] = lr
        optimizer.step()
        history.append((unflatten(tensors), state_of(optimizer, tensors, unflatten)))
    return history


def torch_oracle(name, State, slots, translate):
    """The optimizer `name` of torch.optim as an oracle of (params, grads, lrs) or (params, state, grads, lrs).

    slots: torch's name for each field of our State, None for one that is not kept. translate(**options) gives
    torch's keywords for ours.
    """

    def oracle(params, *args, **options):
        import torch
        import optree

        *before, grads, lrs = args

        def start(optimizer, tensors):
            for i, p in enumerate(tensors):
                optimizer.state[p]["step"] = torch.tensor(1.0)  # some count that do not use it
                for field, slot in slots.items():
                    leaves = optree.tree_leaves(getattr(before[0], field))
                    value = leaves[i] if len(leaves) == len(tensors) else leaves[0]  # one number for all
                    optimizer.state[p][slot] = torch.tensor(value, dtype=torch.float64)

        def state_of(optimizer, tensors, unflatten):
            def field(slot):
                if slot is None:
                    return None
                values = [optimizer.state[p][slot] for p in tensors]
                if slot == "step":
                    return np.asarray(int(values[0]))
                return values[0].numpy().copy() if slot == "mu_product" else unflatten(values)

            return State(**{name: field(slot) for name, slot in slots.items()})

        options = {"start": start if before else None, **translate(**options)}
        return torch_run(getattr(torch.optim, name), params, grads, lrs, state_of, **options)

    return oracle


def tensorflow_run(params, grads, lrs, n_slots, apply, state_of):
    """[(params, state)] of a raw update operation in float64: apply(raw_ops, exact, t, lr, grad, variable, *slots)
    and state_of(t, *trees), one tree for each slot. exact(x) is x as a float64 tensor, which tf.cast would round."""
    import tensorflow as tf

    exact = lambda x: tf.constant(x, tf.float64)
    leaves = {name: [tf.Variable(p), *(tf.Variable(0 * p) for _ in range(n_slots))] for name, p in params.items()}
    history = []
    for t, (g, lr) in enumerate(zip(grads, lrs, strict=True), 1):
        for name, variables in leaves.items():
            apply(tf.raw_ops, exact, t, exact(lr), tf.constant(g[name]), *(v.handle for v in variables))
        new, *slots = ({name: v[i].numpy() for name, v in leaves.items()} for i in range(1 + n_slots))
        history.append((new, state_of(t, *slots)))
    return history


def optax_run(params, grads, lrs, make, state_of):
    """[(params, state)] of optax under x64: make(optax) is the transformation without a learning rate,
    state_of(t, its state) the state as the NumPy column has it."""
    import jax
    import optax

    as_numpy = lambda tree: jax.tree.map(np.asarray, tree)
    enable_x64 = jax.enable_x64 if hasattr(jax, "enable_x64") else jax.experimental.enable_x64  # within the block
    with enable_x64(True):
        transformation, history = make(optax), []
        state = transformation.init(jax.tree.map(jax.numpy.asarray, params))
        for t, (g, lr) in enumerate(zip(grads, lrs, strict=True), 1):
            direction, state = transformation.update(jax.tree.map(jax.numpy.asarray, g), state)
            params = {name: p - lr * np.asarray(direction[name]) for name, p in params.items()}
            history.append((params, state_of(t, as_numpy(state))))
    return history


# --- edges ----------------------------------------------------------------------------------------------------


def nasty_runs(draw, run, oracle, options, huge=1e20):
    """Zero, tiny and huge gradients from the first step on; huge: the largest that float32 must carry."""
    params, small = {"W": draw(3)}, np.array([1e-25, -1e-12, 1e-8])
    args = (params, [{"W": np.zeros(3)}] * 2, [0.1] * 2)
    yield Case(run, args, oracle, options, grad=False, name="zero gradients")
    yield Case(run, (params, [{"W": small}] * 3, [0.1] * 3), oracle, options, grad=False, name="tiny gradients")
    args = ({"W": draw(3).astype("float32")}, [{"W": np.float32([huge, -huge, huge / 100])}] * 2, [0.1] * 2)
    yield Case(run, args, oracle, options, grad=False, dtype="float32", name="huge gradients, float32")
    args = ({"W": draw(3)}, [{"W": draw(3)}] * 3, [0.0, 0.1, 0.0])
    yield Case(run, args, oracle, options, grad=False, name="a rate of 0 before and after")


def infinite_squares(draw, overflowing, oracle, options):
    """Gradients whose squares no float64 holds: the weight stands still, and the others go on."""
    args = ({"W": draw(3)}, [{"W": np.array([1e200, -1e200, 1.0])}] * 2, [0.1] * 2)
    yield Case(overflowing, args, oracle, options, grad=False, name="infinite squares")


def late_run(draw, resumed, oracle, options, state):
    """Two steps after a million others; state(m, v) makes the state of that moment from a normal and a positive
    tree."""
    late = state({"W": draw(3)}, {"W": 0.1 + draw.uniform(3)})
    args = ({"W": draw(3)}, late, [{"W": draw(3)}] * 2, [0.1] * 2)
    yield Case(resumed, args, oracle, options, grad=False, name="after a million steps")


POSITIVE, NON_NEGATIVE, DECAY = "(0, inf)", "[0, inf)", "[0, 1)"
OUTSIDE = {POSITIVE: (0.0, -1, float("nan")), NON_NEGATIVE: (-0.1, float("nan")), DECAY: (1.0, -0.1)}


def bad_calls(function, state_of, fields, **intervals):
    """Numbers outside their intervals and trees that do not fit; state_of(zeros) makes the state, `fields` are its
    trees."""
    params = {"W": _numbers(3, 2), "b": _numbers(2)}
    zeros = {name: np.zeros_like(p) for name, p in params.items()}
    state = state_of(zeros)
    for keyword, interval in {"lr": NON_NEGATIVE, **intervals}.items():
        says = interval.replace("(", r"\(").replace(")", r"\)").replace("[", r"\[")
        for value in OUTSIDE[interval]:
            yield Bad(
                function, (params, state, params), f"{keyword} is {value}, expected in {says}", {keyword: value}
            )
    yield Bad(function, (params, state, params), "lr is 'fast', expected a number", {"lr": "fast"})
    yield Bad(function, ({"W": params["W"]}, state, params), r"is the tree .* as grads is")
    yield Bad(function, (params, state, {**params, "b": np.zeros(3)}), r"params.b has shape \(3,\), expected \(2,\)")
    for field in fields:
        other = state._replace(**{field: {"W": zeros["W"]}})
        yield Bad(function, (params, other, params), rf"state.{field} is the tree .* as grads is")
        other = state._replace(**{field: {**zeros, "b": np.zeros(3)}})
        yield Bad(function, (params, other, params), rf"state.{field}.b has shape \(3,\), expected \(2,\)")
    single = {**params, "W": params["W"].astype("float32")}
    yield Bad(function, (params, state, single), "params.W has dtype float32, expected float64")


def _numbers(*shape):
    """Numbers for a call that is refused before it looks at them."""
    return np.linspace(-1, 1, int(np.prod(shape))).reshape(shape)
