"""An RBM in scikit-learn, for the cases of this chapter, their tests and benchmarks.

    ours              sklearn.neural_network.BernoulliRBM
    W (D, H)          components_ (H, D), transposed
    b_v (D,)          intercept_visible_ (D,)
    b_h (H,)          intercept_hidden_ (H,)
    chains h (M, H)   h_samples_ (M, H)

There, fit is persistent CD with one step and as many chains as a batch has examples: rbm_pcd and SGD. partial_fit
goes on from these weights, in float64.
"""

import numpy as np

from numpy_impl.generative.rbm import RBMParams
from shared.native import check


def to_sklearn(params, h=None, **options):
    """A BernoulliRBM with these weights and, where h is given, these chains; options are its own."""
    from sklearn.neural_network import BernoulliRBM

    params = check(params, RBMParams)
    model = BernoulliRBM(len(params.b_h), **options if h is None else {"batch_size": len(h)} | options)
    model.components_ = np.array(params.W.T, order="F")
    model.intercept_visible_, model.intercept_hidden_ = params.b_v.copy(), params.b_h.copy()
    model.n_features_in_, model._n_features_out = len(params.b_v), len(params.b_h)
    if h is not None:
        model.h_samples_ = h.copy()
    return model


def from_sklearn(model):
    """(params, chains h) of a BernoulliRBM that has been fitted."""
    params = RBMParams(model.components_.T, model.intercept_visible_, model.intercept_hidden_)
    return check(RBMParams(*(np.array(x, order="C") for x in params)), RBMParams), model.h_samples_.copy()
