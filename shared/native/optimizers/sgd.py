"""Gradient descent is torch.optim.SGD; there is no state to take over.

    ours   torch.optim.SGD
    lr     lr

Weight decay, dampening and momentum stay 0.
"""

from numpy_impl.optimizers.sgd import SGDState
from shared.native.optimizers import make, read

SLOTS = {}


def to_torch(state, params, *, lr=0.01):
    return make("SGD", state, params, SLOTS, lr=lr)


def from_torch(optimizer, like):
    return read(optimizer, like, SGDState, SLOTS)
