"""Nadam is torch.optim.NAdam, with the same schedule of μ.

    ours            torch.optim.NAdam
    state.step      step, one for every parameter
    state.product   mu_product, one for every parameter
    state.m         exp_avg
    state.v         exp_avg_sq
    lr, eps         lr, eps
    beta1, beta2    betas=(beta1, beta2)
    psi             momentum_decay

torch begins the product in its default dtype; one that comes from here keeps that of the parameters.
"""

from numpy_impl.optimizers.nadam import NadamState
from shared.native.optimizers import make, read

SLOTS = {"step": "step", "product": "mu_product", "m": "exp_avg", "v": "exp_avg_sq"}


def to_torch(state, params, *, lr=2e-3, beta1=0.9, beta2=0.999, eps=1e-8, psi=0.004):
    return make("NAdam", state, params, SLOTS, lr=lr, betas=(beta1, beta2), eps=eps, momentum_decay=psi)


def from_torch(optimizer, like):
    return read(optimizer, like, NadamState, SLOTS)
