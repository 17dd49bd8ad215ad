"""AdaDelta is torch.optim.Adadelta.

    ours       torch.optim.Adadelta
    state.v    square_avg
    state.u    acc_delta
    (none)     step, of no use
    lr, eps    lr, eps
    rho 0.95   rho 0.9

The formula is the same everywhere, the defaults are not.
"""

from numpy_impl.optimizers.adadelta import AdaDeltaState
from shared.native.optimizers import make, read

SLOTS = {"v": "square_avg", "u": "acc_delta"}


def to_torch(state, params, *, lr=1.0, rho=0.95, eps=1e-6):
    return make("Adadelta", state, params, SLOTS, lr=lr, rho=rho, eps=eps)


def from_torch(optimizer, like):
    return read(optimizer, like, AdaDeltaState, SLOTS)
