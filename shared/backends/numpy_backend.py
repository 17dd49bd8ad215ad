"""NumPy: gradients come from the hand-written `f_backward` beside every `f`."""

import inspect
from contextlib import nullcontext

import numpy as np
import threadpoolctl

from shared import backends


def array(x, device=None):
    return np.asarray(x)


def numpy(x):
    return np.asarray(x)


def backward(fn):
    """The hand-written backward of fn, found by its name in fn's own file, or None."""
    return inspect.unwrap(fn).__globals__.get(f"{fn.__name__}_backward")


def vjp(fn, args, static, cotangents):
    """Outputs of `fn(*args, **static)` and its gradients along cotangents(outputs); None for what has none."""
    outputs, differentiate = forward(fn, args, static)
    return outputs, differentiate(cotangents(outputs))


def forward(fn, args, static):
    """Outputs and a function from their cotangents to one gradient per argument."""
    back = backward(fn)
    if next(iter(inspect.signature(back).parameters)) in backends.ELEMENTWISE:
        y = fn(*args, **static)
        return y, lambda dy: (back(dy, *args, y, **static),)
    outputs, cache = fn(*args, **static)
    return outputs, lambda d_outputs: tuple(back(cache, d_outputs))


def call(fn, args, static):
    """Outputs alone, without the cache that a differentiable function returns beside them."""
    return forward(fn, args, static)[0] if backward(fn) else fn(*args, **static)


def value_and_grad(fn):
    back = backward(fn)
    only = {"params_only": True} if "params_only" in inspect.signature(back).parameters else {}

    def run(params, *args, **static):
        loss, cache = fn(params, *args, **static)
        return loss, back(cache, np.ones_like(loss), **only)[0]

    return run


def compile(step, jit=True):
    return step


def device(name):
    if name not in (None, "cpu"):
        raise ValueError(f"device {name!r} is unknown to numpy, expected cpu")
    return "cpu"


def scope(name):
    return nullcontext()


def threads(n):
    threadpoolctl.threadpool_limits(n)
    return n


BACKEND = backends.Backend(
    "numpy",
    array,
    numpy,
    vjp,
    call=call,
    value_and_grad=value_and_grad,
    compile=compile,
    device=device,
    scope=scope,
    threads=threads,
)
