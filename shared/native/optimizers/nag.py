"""Nesterov's accelerated gradient is torch.optim.SGD with nesterov=True, in the same form.

    ours      torch.optim.SGD(nesterov=True)
    state.v   momentum_buffer, none before the first step
    lr        lr
    mu        momentum, above 0

Keras's velocity has the learning rate inside and the other sign.
"""

from numpy_impl.optimizers.nag import NAGState
from shared.native.optimizers import make, read

SLOTS = {"v": "momentum_buffer"}


def to_torch(state, params, *, lr=0.01, mu=0.9):
    return make("SGD", state, params, SLOTS, lr=lr, momentum=mu, nesterov=True)


def from_torch(optimizer, like):
    return read(optimizer, like, NAGState, SLOTS)
