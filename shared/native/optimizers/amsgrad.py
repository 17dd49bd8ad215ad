"""AMSGrad is torch.optim.Adam with amsgrad=True: the maximum of the moment before its correction.

    ours           torch.optim.Adam(amsgrad=True)
    state.step     step, one for every parameter
    state.m        exp_avg
    state.v        exp_avg_sq
    state.w        max_exp_avg_sq
    lr, eps        lr, eps
    beta1, beta2   betas=(beta1, beta2)

optax takes the maximum after the correction: its state means something else.
"""

from numpy_impl.optimizers.amsgrad import AMSGradState
from shared.native.optimizers import make, read

SLOTS = {"step": "step", "m": "exp_avg", "v": "exp_avg_sq", "w": "max_exp_avg_sq"}


def to_torch(state, params, *, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    return make("Adam", state, params, SLOTS, lr=lr, betas=(beta1, beta2), eps=eps, amsgrad=True)


def from_torch(optimizer, like):
    return read(optimizer, like, AMSGradState, SLOTS)
