"""Adam is torch.optim.Adam, ε in the same place.

    ours           torch.optim.Adam
    state.step     step, one for every parameter
    state.m        exp_avg
    state.v        exp_avg_sq
    lr, eps        lr, eps
    beta1, beta2   betas=(beta1, beta2)

Keras adds ε before the bias correction: its state means the same, its steps do not.
"""

from numpy_impl.optimizers.adam import AdamState
from shared.native.optimizers import make, read

SLOTS = {"step": "step", "m": "exp_avg", "v": "exp_avg_sq"}


def to_torch(state, params, *, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    return make("Adam", state, params, SLOTS, lr=lr, betas=(beta1, beta2), eps=eps)


def from_torch(optimizer, like):
    return read(optimizer, like, AdamState, SLOTS)
