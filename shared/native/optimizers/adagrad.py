"""AdaGrad is torch.optim.Adagrad, ε outside the root and sums from 0.

    ours      torch.optim.Adagrad
    state.h   sum
    (none)    step, of use only with lr_decay
    lr, eps   lr, eps

Keras has ε inside the root and begins with sums of 0.1.
"""

from numpy_impl.optimizers.adagrad import AdaGradState
from shared.native.optimizers import make, read

SLOTS = {"h": "sum"}


def to_torch(state, params, *, lr=0.01, eps=1e-10):
    return make("Adagrad", state, params, SLOTS, lr=lr, eps=eps)


def from_torch(optimizer, like):
    return read(optimizer, like, AdaGradState, SLOTS)
