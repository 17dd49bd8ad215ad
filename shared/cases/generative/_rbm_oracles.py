"""What the energies and probabilities of an RBM are held against: sums over every state, in torch and float64;
scikit-learn's BernoulliRBM."""

import numpy as np

from numpy_impl.generative.rbm import RBMParams
from shared.cases.generative import _enumeration as exact
from shared.cases.generative._sklearn_rbm import to_sklearn


def energy(params, v, h):
    import torch

    weights = params.b_v, params.b_h, params.W
    terms = zip(("ni,i->n", "nj,j->n", "ni,nj,ij->n"), ((v,), (h,), (v, h)), weights, strict=True)
    return -sum(torch.einsum(form, *units, weight) for form, units, weight in terms)


def sklearn_free_energy(params, v):
    return to_sklearn(params)._free_energy(v)


def hidden(params, v):
    """p(h_j = 1 | v) from the energies of all h."""
    import torch

    h = exact.states(len(params.b_h), v)
    params = params._replace(b_v=0 * params.b_v)  # it cancels
    return torch.softmax(-exact.rbm_energies(params, v, h), 1) @ h


def visible(params, h):
    import torch

    v = exact.states(len(params.b_v), h)
    params = params._replace(b_h=0 * params.b_h)
    return torch.softmax(-exact.rbm_energies(params, v, h), 0).T @ v


def sklearn_hidden(params, v):
    return to_sklearn(params)._mean_hiddens(v)


def pseudo_likelihood(params, v, flip):
    import torch

    keep = torch.ones_like(v).scatter(1, flip[:, None], 0)
    both = torch.stack([v, keep * v + (1 - keep) * (1 - v)])
    energies = torch.stack([exact.rbm_free_energy(params, x) for x in both])
    return v.shape[1] * torch.log_softmax(-energies, 0)[0]


def sklearn_pseudo_likelihood(params, v, flip):
    """Of a whole (0 or 1) v; `flip` for its random numbers."""
    from unittest.mock import patch

    model, stream = to_sklearn(params), type("Stream", (), {"randint": lambda self, *_: flip})()
    with patch("sklearn.neural_network._rbm.check_random_state", lambda _: stream):
        return model.score_samples(v)


def visible_bias(p, *, least=0.01):
    p = np.minimum(np.maximum(p, least), 1 - least)
    return np.log(p) - np.log1p(-p)


def initial(rng, n_visible, n_hidden, dtype):
    W = 0.01 * np.random.default_rng(rng.seed).standard_normal((n_visible, n_hidden))
    return RBMParams(W, np.zeros(n_visible), np.zeros(n_hidden))
