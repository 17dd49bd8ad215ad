"""RMSProp is torch.optim.RMSprop, plain, centered and with momentum, ε outside the root.

    ours                        torch.optim.RMSprop
    state.v                     square_avg
    state.a, None if plain      grad_avg, with centered=True
    state.b, None if plain      momentum_buffer, with momentum above 0
    (none)                      step, of no use
    lr, eps                     lr, eps
    rho 0.9                     alpha 0.99
    centered, momentum          centered, momentum

Keras has ε inside the root.
"""

from numpy_impl.optimizers.rmsprop import RMSPropState
from shared.native.optimizers import make, read

SLOTS = {"v": "square_avg", "a": "grad_avg", "b": "momentum_buffer"}


def to_torch(state, params, *, lr=1e-3, rho=0.9, eps=1e-8, centered=False, momentum=0.0):
    for name, tree, used in (("a", state.a, centered), ("b", state.b, momentum > 0)):
        if (tree is not None) != used:
            raise ValueError(f"state.{name} is {'None' if tree is None else 'kept'}, which is not the option's state")
    options = {"lr": lr, "alpha": rho, "eps": eps, "centered": centered, "momentum": momentum}
    return make("RMSprop", state, params, SLOTS, **options)


def from_torch(optimizer, like):
    group = optimizer.param_groups[0]
    used = {"v": True, "a": group["centered"], "b": group["momentum"] > 0}
    return read(optimizer, like, RMSPropState, {f: slot if used[f] else None for f, slot in SLOTS.items()})
