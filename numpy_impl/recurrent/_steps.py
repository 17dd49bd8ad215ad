"""What all recurrent layers share: masked steps, and parameter gradients of all steps in one matmul."""

import numpy as np


def masked_state(mask, t, new, old):
    """The state after step t: the new one where the step counts, the old one where the mask (T, N) is False."""
    return new if mask is None else np.where(mask[t, :, None], new, old)


def masked_state_backward(mask, t, d_state):
    """Gradients of the new and of the old state."""
    if mask is None:
        return d_state, 0
    return np.where(mask[t, :, None], d_state, 0), np.where(mask[t, :, None], 0, d_state)


def only_valid(mask, xs):
    """xs, with 0 at the steps that do not count, NaN as they may be; on the way back the same, of its gradient."""
    return xs if mask is None else np.where(mask[..., None], xs, 0)


def rows(steps):
    """(T, N, K) as (T N, K): all steps as one batch."""
    return steps.reshape(-1, steps.shape[-1])


def outer_sum(xs, d_zs):
    """Σ_t x_tᵀ d_z_t, the gradient of W where every z_t has a term x_t W."""
    return rows(xs).T @ rows(d_zs)


def row_sum(d_zs):
    """Σ_t Σ_n d_z_tn, the gradient of a bias. The product with ones is faster than np.sum, and in float32 closer."""
    d_rows = rows(d_zs)
    return np.ones(len(d_rows), d_rows.dtype) @ d_rows
