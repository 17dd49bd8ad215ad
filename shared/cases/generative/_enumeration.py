"""What energy models are held against: every state there is, one after the other, in torch and float64."""

from itertools import product


def states(n, like):
    """All 2^n rows of n zeros and ones."""
    import torch

    return torch.tensor(list(product((0.0, 1.0), repeat=n)), dtype=like.dtype)


def rbm_energies(params, v, h):
    """E of every row of v with every row of h: (N, M)."""
    import torch

    return -(v @ params.b_v)[:, None] - (h @ params.b_h)[None] - torch.einsum("ni,ij,mj->nm", v, params.W, h)


def rbm_free_energy(params, v):
    """-log Σ_h e^(-E(v, h)), the sum taken state by state."""
    import torch

    return -torch.logsumexp(-rbm_energies(params, v, states(len(params.b_h), v)), 1)


def rbm_log_partition(params):
    """log Σ_v Σ_h e^(-E(v, h)), the sums taken state by state."""
    import torch

    every = states(len(params.b_v), params.W), states(len(params.b_h), params.W)
    return torch.logsumexp(-rbm_energies(params, *every).reshape(-1), 0)
