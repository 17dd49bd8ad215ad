"""What every optimizer's case needs: a descent that tells the variants apart, and torch.optim over it."""

import numpy as np

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


def torch_run(optimizer_class, params, grads, lrs, state_of, start=None, **options):
    """[(params, state)] after every step of a torch.optim optimizer, all in float64.

    state_of(optimizer, tensors, unflatten) gives the state as the NumPy column has it; start(optimizer, tensors)
    may set the optimizer's state before the first step.
    """
    import torch
    import optree

    leaves, tree = optree.tree_flatten(params)
    tensors = [torch.tensor(leaf, dtype=torch.float64, requires_grad=True) for leaf in leaves]
    optimizer = optimizer_class(tensors, lr=lrs[0], **options)
    if start:
        start(optimizer, tensors)

    def unflatten(values):
        return tree.unflatten([v.detach().numpy().copy() for v in values])

    history = []
    for g, lr in zip(grads, lrs, strict=True):
        for tensor, leaf in zip(tensors, optree.tree_leaves(g), strict=True):
            tensor.grad = torch.tensor(leaf, dtype=torch.float64)
        optimizer.param_groups[0]["lr"] = lr
        optimizer.step()
        history.append((unflatten(tensors), state_of(optimizer, tensors, unflatten)))
    return history
