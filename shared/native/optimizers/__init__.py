"""States of optimizers to and from torch.optim. A module of this chapter holds

    to_torch(state, params, *, lr, ...)   a torch.optim optimizer at this state, with copies of the leaves of `params`
                                          as its parameters, in the order of optree's leaves
    from_torch(optimizer, like)           (params, state) of an optimizer, in trees of the structure of `like`

torch counts the steps of every parameter; here one number is for all. Trees of any structure go over, weights of a
network as they are here: for the parameters of a torch.nn.Module, send a moment through `to_torch_weights` of the
network's own module, as if it were the weights, which only transposes and reorders it.
"""

import numpy as np
import optree

SCALARS = {"step": 0, "mu_product": 1}  # one number for the whole optimizer, and what it is before the first step


def make(name: str, state, params, slots: dict[str, str], **keywords):
    """torch.optim's optimizer `name` with keywords, at our state. slots: torch's name for each field of the state;
    fields that are None are left out."""
    import torch

    tensors = [torch.nn.Parameter(torch.tensor(np.asarray(p))) for p in optree.tree_leaves(params)]
    optimizer = getattr(torch.optim, name)(tensors, **keywords)
    for i, tensor in enumerate(tensors):
        own = {"step": torch.tensor(0.0)}  # some count that do not use it
        for field, slot in slots.items():
            value = getattr(state, field)
            if slot == "step":
                own[slot] = torch.tensor(float(value))
            elif slot in SCALARS:
                own[slot] = torch.tensor(value)
            elif value is not None:
                own[slot] = torch.tensor(np.asarray(optree.tree_leaves(value)[i]))
        optimizer.state[tensor] = own
    return optimizer


def read(optimizer, like, State: type, slots: dict[str, str]):
    """(params, state) of a torch.optim optimizer; fields whose slot is None become None.

    ValueError if its parameters are not those of `like`, in order and shape, or if it keeps no such state.
    """
    tensors = [p for group in optimizer.param_groups for p in group["params"]]
    leaves, tree = optree.tree_flatten(like)
    found, expected = [tuple(t.shape) for t in tensors], [np.shape(leaf) for leaf in leaves]
    if found != expected:
        raise ValueError(f"the optimizer has parameters of shapes {found}, expected {expected}")
    named = {field: slot and _field(optimizer, tensors, slot, tree) for field, slot in slots.items()}
    return tree.unflatten([_numpy(t) for t in tensors]), State(**named)


def _field(optimizer, tensors, slot, tree):
    values = []
    for tensor in tensors:
        own = optimizer.state.get(tensor, {})
        if own and slot not in own:
            name = type(optimizer).__name__
            raise ValueError(f"the {name} keeps no {slot!r}, only {', '.join(map(repr, own))}")
        value = own.get(slot)  # torch's state is empty, or None, before the first step
        start = np.zeros_like(_numpy(tensor)) if slot not in SCALARS else np.asarray(SCALARS[slot])
        values.append(start if value is None else _numpy(value))
    if slot not in SCALARS:
        return tree.unflatten(values)
    if any(value != values[0] for value in values):
        raise ValueError(f"{slot} differs from parameter to parameter, expected one number for all")
    return np.asarray(int(values[0])) if slot == "step" else values[0].astype(_numpy(tensors[0]).dtype)


def _numpy(x):
    return x.detach().cpu().numpy().copy() if hasattr(x, "detach") else np.asarray(x)
