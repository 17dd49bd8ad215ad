"""PyTorch: gradients come from autograd, speed from torch.compile."""

from contextlib import nullcontext

import torch
import optree

from shared import backends
from shared.backends import is_float


def array(x, device=None):
    return torch.tensor(x, device=device)


def numpy(x):
    return x.detach().cpu().numpy()


def call(fn, args, static):
    with torch.no_grad():
        return fn(*args, **static)


def vjp(fn, args, static, cotangents):
    """Outputs of `fn(*args, **static)` and its gradients along cotangents(outputs); None for what has none."""
    args = optree.tree_map(lambda x: x.detach().requires_grad_() if is_float(x) else x, args)
    outputs = fn(*args, **static)
    inputs = [x for x in optree.tree_leaves(args) if is_float(x)]
    pairs = zip(optree.tree_leaves(outputs), optree.tree_leaves(cotangents(outputs)), strict=True)
    values, along = zip(*((y, dy) for y, dy in pairs if is_float(y) and y.requires_grad), strict=True)
    grads = iter(torch.autograd.grad(values, inputs, along, allow_unused=True, materialize_grads=True))
    return outputs, optree.tree_map(lambda x: next(grads) if is_float(x) else None, args)


def gradients_inside(run, cotangents):
    """What run(apart, watch) gives back, and the gradient of every tensor that was watched on its way.

    run gives (outputs, anything). watch(x): remembers a tensor and gives its number, or None for a constant;
    apart(x): the same numbers as a tensor of its own, whose gradient is of its own uses alone.
    """
    seen, places = [], {}

    def watch(x):
        if not x.requires_grad:
            return None
        if id(x) not in places:
            places[id(x)] = len(seen)
            seen.append(x)
        return places[id(x)]

    def apart(x):
        return x.view_as(x) if x.requires_grad else x.clone().requires_grad_()

    outputs, found = run(apart, watch)
    pairs = zip(optree.tree_leaves(outputs), optree.tree_leaves(cotangents(outputs)), strict=True)
    values, along = zip(*((y, dy) for y, dy in pairs if is_float(y) and y.requires_grad), strict=True)
    return outputs, found, torch.autograd.grad(values, seen, along, allow_unused=True, materialize_grads=True)


def value_and_grad(fn):
    def run(params, *args, **static):
        params = optree.tree_map(lambda p: p.detach().requires_grad_(), params)
        loss = fn(params, *args, **static)
        leaves, tree = optree.tree_flatten(params)
        return loss.detach(), tree.unflatten(torch.autograd.grad(loss, leaves))

    return run


def compile(step, jit=True):
    if not jit:
        return step
    torch._dynamo.reset()  # it gives up on a function that it has compiled eight times
    torch._dynamo.config.trace_autograd_ops = True  # the gradient becomes part of the compiled graph
    return torch.compile(step, dynamic=False)


def device(name):
    try:
        wanted = torch.device("cpu" if name is None else name)
        torch.zeros(1, device=wanted).cpu()  # meta has no numbers; others may not be in this machine
        used = torch.empty(0, device=wanted).device
    except (RuntimeError, AssertionError) as error:
        raise ValueError(f"device {name!r} cannot be used by torch: {str(error).splitlines()[0]}") from None
    if used.type == "cpu" and wanted.index:  # torch does not mind
        raise ValueError(f"device {name!r} is unknown to torch: there is one CPU, cpu")
    return str(used)


def scope(name):
    return nullcontext()  # operations run where their arguments are


def threads(n):
    torch.set_num_threads(n)
    return torch.get_num_threads()


BACKEND = backends.Backend(
    "torch",
    array,
    numpy,
    vjp,
    call=call,
    gradients_inside=gradients_inside,
    value_and_grad=value_and_grad,
    compile=compile,
    device=device,
    scope=scope,
    threads=threads,
)
