"""AdaMax is torch.optim.Adamax, ε inside the maximum.

    ours           torch.optim.Adamax
    state.step     step, one for every parameter
    state.m        exp_avg
    state.u        exp_inf
    lr, eps        lr, eps
    beta1, beta2   betas=(beta1, beta2)

TensorFlow and Keras add ε to u at every step instead.
"""

from numpy_impl.optimizers.adamax import AdaMaxState
from shared.native.optimizers import make, read

SLOTS = {"step": "step", "m": "exp_avg", "u": "exp_inf"}


def to_torch(state, params, *, lr=2e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    return make("Adamax", state, params, SLOTS, lr=lr, betas=(beta1, beta2), eps=eps)


def from_torch(optimizer, like):
    return read(optimizer, like, AdaMaxState, SLOTS)
