"""What an RBM's chains, and the gradients taken from them, are held against: plain loops over units, and autograd of
a difference of free energies; scikit-learn's BernoulliRBM, with given uniforms for its random numbers."""

import numpy as np

from numpy_impl.generative.rbm import RBMParams
from shared.cases.generative._sklearn_rbm import from_sklearn, to_sklearn


class Given:
    """Takes the place of a random stream: `uniform` gives the arrays in their order."""

    def __init__(self, *arrays):
        self.arrays = list(arrays)

    def uniform(self, size):
        assert self.arrays[0].shape == size
        return self.arrays.pop(0)


def sample(p, u):
    """1.0 where u < p; p from plain exponentials, one unit at a time."""
    return np.array(
        [[float(one < chance) for one, chance in zip(*rows, strict=True)] for rows in zip(u, p, strict=True)]
    )


def sigmoid(z):
    from scipy.special import expit

    return expit(z)


def given_v(params, v):
    return sigmoid(np.einsum("ni,ij->nj", v, params.W) + params.b_h)


def given_h(params, h):
    return sigmoid(np.einsum("nj,ij->ni", h, params.W) + params.b_v)


def gibbs(params, v, u_v, u_h):
    for step in range(len(u_h)):
        p = given_h(params, sample(given_v(params, v), u_h[step]))
        v = sample(p, u_v[step])
    return v, p


def sklearn_gibbs(params, v, u_v, u_h):
    """Its v after every step but the last is where the last one starts; p comes from that step's h."""
    model = to_sklearn(params)
    for step in range(len(u_h)):
        h = model._sample_hiddens(v, Given(u_h[step]))
        v = 1.0 * model._sample_visibles(h, Given(u_v[step]))
    return v, given_h(params, h)


def difference_of_free_energies(params, v_pos, v_neg):
    """The gradient of mean F(v_pos) - mean F(v_neg), by autograd."""
    import torch

    params = RBMParams(*(torch.tensor(x, requires_grad=True) for x in params))
    v_pos, v_neg = torch.tensor(v_pos), torch.tensor(v_neg)

    def free(v):
        z = v @ params.W + params.b_h
        return -(v @ params.b_v) - torch.logaddexp(z, torch.zeros_like(z)).sum(1)

    gap = free(v_pos).mean() - free(v_neg).mean()
    return RBMParams(*(g.numpy() for g in torch.autograd.grad(gap, params)))


def cd(params, v, u_v, u_h):
    v_k, _ = gibbs(params, v, u_v, u_h)
    return difference_of_free_energies(params, v, v_k), v_k


def pcd(params, v, h, u_v, u_h):
    for step in range(len(u_h)):
        v_k = sample(given_h(params, h), u_v[step])
        h = sample(given_v(params, v_k), u_h[step])
    return difference_of_free_energies(params, v, v_k), h


def sklearn_pcd(params, v, h, u_v, u_h):
    """What its _fit does to the weights, as a gradient; for k = 1 and as many chains as examples."""
    model = to_sklearn(params, h, learning_rate=1.0)
    model._fit(v, Given(u_v[0], u_h[0]))
    moved, h = from_sklearn(model)
    return RBMParams(*(before - after for before, after in zip(params, moved, strict=True))), h
