"""What all recurrent layers share: masked steps."""

import torch


def masked_state(mask, t, new, old):
    """The state after step t: the new one where the step counts, the old one where the mask (T, N) is False."""
    return new if mask is None else torch.where(mask[t, :, None], new, old)


def only_valid(mask, xs):
    """xs, with 0 at the steps that do not count, NaN as they may be."""
    return xs if mask is None else torch.where(mask[..., None], xs, 0)
