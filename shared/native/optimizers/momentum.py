"""Momentum is torch.optim.SGD with momentum; in both the learning rate is outside the velocity.

    ours      torch.optim.SGD
    state.v   momentum_buffer, none before the first step
    lr        lr
    mu        momentum

torch has no buffer at all where momentum is 0. Keras's velocity has the learning rate inside and the other sign.
"""

from numpy_impl.optimizers.momentum import MomentumState
from shared.native.optimizers import make, read

SLOTS = {"v": "momentum_buffer"}


def to_torch(state, params, *, lr=0.01, mu=0.9):
    return make("SGD", state, params, SLOTS, lr=lr, momentum=mu)


def from_torch(optimizer, like):
    return read(optimizer, like, MomentumState, SLOTS)
