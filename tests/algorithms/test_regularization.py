"""What regularizers promise: penalties move the optimum to where scikit-learn finds it, and the mean over every mask
there is equals what is known in closed form."""

import collections
import itertools

import numpy as np
import optree
import pytest

from numpy_impl.intro.linear_regression import LinearRegressionParams
from numpy_impl.intro.mlp import MLPLayer, mlp
from numpy_impl.regularization.dropconnect import (
    DropConnectMasks,
    DropConnectParams,
    dropconnect,
    dropconnect_eval,
)
from numpy_impl.regularization.dropout import dropout
from numpy_impl.regularization.dropout_mlp import dropout_mlp
from shared import backends
from shared.backends import to_backend, to_numpy
from shared.data.diabetes import load_diabetes

COLUMNS = backends.installed()
each_column = pytest.mark.parametrize("column", COLUMNS)
full = pytest.mark.full  # thousands of steps are slow in the frameworks
long_run = pytest.mark.parametrize("column", [pytest.param(c, marks=[full] * (c != "numpy")) for c in COLUMNS])


@pytest.fixture(scope="module")
def data():
    """The diabetes data, standardised: (X, y), float64."""
    X, y, *_ = load_diabetes()
    return (X - X.mean(axis=0)) / X.std(axis=0), y


def gradients(column, penalty, params, X, y, strength):
    """The gradient of the mean squared error and that of the penalty, as NumPy's trees."""
    linear = backends.module(column, "intro/linear_regression")
    regularizer = getattr(backends.module(column, f"regularization/{penalty}"), penalty)
    vjp, (params, X, y) = backends.get(column).vjp, to_backend(column, (params, X, y))
    _, (of_loss, *_) = vjp(linear.linear_regression_loss, (params, X, y), {}, _ones)
    _, (of_penalty,) = vjp(regularizer, (params,), {"strength": strength}, _ones)
    return to_numpy(column, of_loss), to_numpy(column, of_penalty)


def _ones(value):
    return value * 0 + 1


def linear_params(w, b):
    return LinearRegressionParams(np.asarray(w, np.float64), np.asarray(b, np.float64))


@each_column
@pytest.mark.parametrize("strength", [0.01, 0.3, 5.0])
def test_ridge_of_scikit_learn_is_where_our_gradient_vanishes(column, strength, data):
    sklearn = pytest.importorskip("sklearn.linear_model")
    X, y = data
    ridge = sklearn.Ridge(alpha=len(y) * strength / 2).fit(X, y)
    of_loss, of_penalty = gradients(column, "l2", linear_params(ridge.coef_, ridge.intercept_), X, y, strength)
    np.testing.assert_allclose(of_loss.w + of_penalty.w, 0, atol=1e-10 * np.max(np.abs(of_penalty.w)))
    np.testing.assert_allclose(of_loss.b, 0, atol=1e-10)
    assert of_penalty.b == 0


@long_run
def test_descent_finds_the_ridge_solution(column, data):
    sklearn = pytest.importorskip("sklearn.linear_model")
    (X, y), strength = data, 0.5
    params = linear_params(np.zeros(X.shape[1]), 0.0)
    for _ in range(400):
        of_loss, of_penalty = gradients(column, "l2", params, X, y, strength)
        params = linear_params(params.w - 0.2 * (of_loss.w + of_penalty.w), params.b - 0.2 * of_loss.b)
    ridge = sklearn.Ridge(alpha=len(y) * strength / 2).fit(X, y)
    np.testing.assert_allclose(params.w, ridge.coef_, rtol=1e-9)
    np.testing.assert_allclose(params.b, ridge.intercept_, rtol=1e-9)


def kkt_residual(w, of_loss, of_penalty, strength):
    """How far w is from the optimality conditions of the lasso."""
    assert not of_penalty.w[w == 0].any()  # sign(0) = 0
    active = np.abs(of_loss.w + of_penalty.w)[w != 0]
    free = np.maximum(np.abs(of_loss.w) - strength, 0)[w == 0]
    return max(active.max(initial=0), free.max(initial=0))


@each_column
@pytest.mark.parametrize("strength", [1.0, 10.0, 50.0])
def test_lasso_of_scikit_learn_meets_our_optimality_conditions(column, strength, data):
    sklearn = pytest.importorskip("sklearn.linear_model")
    X, y = data
    lasso = sklearn.Lasso(alpha=strength / 2, tol=1e-14, max_iter=100_000).fit(X, y)
    assert 0 < np.sum(lasso.coef_ == 0) < X.shape[1]
    params = linear_params(lasso.coef_, lasso.intercept_)
    residual = kkt_residual(params.w, *gradients(column, "l1", params, X, y, strength), strength)
    assert residual < 1e-6 * strength


@long_run
def test_proximal_descent_finds_the_lasso_solution(column, data):
    """Soft thresholding makes exact zeros; where it has come to rest, our gradient of the penalty says so."""
    sklearn = pytest.importorskip("sklearn.linear_model")
    (X, y), strength, lr = data, 10.0, 0.1
    params = linear_params(np.zeros(X.shape[1]), 0.0)
    for _ in range(1500):
        of_loss, of_penalty = gradients(column, "l1", params, X, y, strength)
        w = params.w - lr * of_loss.w
        w = np.sign(w) * np.maximum(np.abs(w) - lr * strength, 0)
        params = linear_params(w, params.b - lr * of_loss.b)
    assert kkt_residual(params.w, *gradients(column, "l1", params, X, y, strength), strength) < 1e-9
    lasso = sklearn.Lasso(alpha=strength / 2, tol=1e-14, max_iter=100_000).fit(X, y)
    np.testing.assert_allclose(params.w, lasso.coef_, atol=1e-6)
    np.testing.assert_array_equal(params.w == 0, lasso.coef_ == 0)


def leaf(column, *values):
    return to_backend(column, np.array(values, np.float64))


@each_column
@pytest.mark.parametrize("order", [("w", "b"), ("b", "w")])
@pytest.mark.parametrize(("penalty", "wanted"), [("l1", 9.0), ("l2", 14.5)])
def test_the_weights_of_an_ordered_dict_are_found_by_their_names(column, order, penalty, wanted):
    """optree keeps its order, and sorts the keys of any other dictionary."""
    of_name = {"w": leaf(column, 3.0, 4.0), "b": leaf(column, 50.0, 70.0)}
    body = collections.OrderedDict((name, of_name[name]) for name in order)
    tree = {"z": collections.OrderedDict(W=leaf(column, 2.0), a=leaf(column, 60.0)), "body": body}
    tree |= {"mixed": {7: leaf(column, 90.0), "W": leaf(column, 0.0)}}  # keys that have no order
    implementation = backends.module(column, f"regularization/{penalty}")
    value, (gradient,) = backends.get(column).vjp(getattr(implementation, penalty), (tree,), {"strength": 1.0}, _ones)
    kinds = optree.tree_map(lambda x: bool(np.any(to_numpy(column, x) != 0)), gradient)
    assert to_numpy(column, value) == wanted
    assert dict(kinds["body"]) == {"w": True, "b": False}
    assert dict(kinds["z"]) == {"W": True, "a": False}


@each_column
@pytest.mark.parametrize("penalty", ["l1", "l2"])
def test_whatever_an_init_gives_can_be_penalised(column, penalty):
    """Fields that a variant does not use are None: they are no leaves."""
    implementation = lambda path: backends.module(column, path)
    size, options = (8, 8, 1), {"convs": ((3, 2),), "dense": (3,)}
    for norm in (False, True):
        params, _ = implementation("convolutional/cnn").cnn_init(rng(), size, norm=norm, **options)
        assert found(column, penalty, params) > 0
    params = implementation("recurrent/decoder").decoder_init(rng(), 3, 4, 5, 6, context="init")
    assert found(column, penalty, params) > 0


def rng():
    return np.random.default_rng(0)


def found(column, penalty, params):
    penalise = getattr(backends.module(column, f"regularization/{penalty}"), penalty)
    return float(to_numpy(column, backends.get(column).call(penalise, (params,), {})))


# --- every mask there is --------------------------------------------------------------------------------------


def every_mask(k, p):
    """(mask, probability) for all 2^k masks of k units, each of which is dropped with probability p."""
    for bits in itertools.product((True, False), repeat=k):
        mask = np.array(bits)
        yield mask, (1 - p) ** mask.sum() * p ** (k - mask.sum())


@pytest.mark.parametrize("p", [0.0, 0.3, 0.9])
def test_mean_of_dropout_over_all_masks_is_the_input(p):
    x = np.random.default_rng(0).standard_normal((1, 6))
    mean = sum(chance * dropout(x, mask[None], p=p)[0] for mask, chance in every_mask(6, p))
    np.testing.assert_allclose(mean, x, rtol=1e-13)


def test_mean_of_a_network_with_dropout_over_all_masks_is_the_network_in_evaluation():
    """Exact where nothing but an affine map comes after the dropped units: hidden units here."""
    rng, p = np.random.default_rng(1), 0.4
    params = tuple(MLPLayer(rng.standard_normal(shape), rng.standard_normal(shape[1])) for shape in ((3, 5), (5, 2)))
    x, inputs = rng.standard_normal((1, 3)), np.full((1, 3), True)
    logits = lambda mask: dropout_mlp(params, x, (inputs, mask[None]), p_input=0.0, p=p)[0]
    mean = sum(chance * logits(mask) for mask, chance in every_mask(5, p))
    np.testing.assert_allclose(mean, mlp(params, x)[0], rtol=1e-13)


def test_dropout_in_a_linear_regression_is_ridge_with_scaled_features():
    """Mean squared error over all masks: that of evaluation plus p / (1 - p) Σ_i w_i² mean x_i² (Srivastava et al.
    2014, section 9.1)."""
    rng, p = np.random.default_rng(2), 0.3
    X, y, w = rng.standard_normal((4, 5)), rng.standard_normal(4), rng.standard_normal(5)
    cost = lambda X: np.mean((X @ w - y) ** 2)
    mean = sum(chance * cost(dropout(X, np.tile(mask, (4, 1)), p=p)[0]) for mask, chance in every_mask(5, p))
    assert mean == pytest.approx(cost(X) + p / (1 - p) * np.sum(w**2 * np.mean(X**2, axis=0)), rel=1e-13)


def masked_sums(params, x, p, inverted=False):
    """(u, probability) for every mask of a layer with one unit and of one example x (D,)."""
    for mask, chance in every_mask(len(x) + 1, p):
        masks = DropConnectMasks(W=mask[None, :-1, None], b=mask[None, -1:])
        u, _ = dropconnect(params, x[None], masks, p=p, inverted=inverted)
        yield u[0, 0], chance


@pytest.mark.parametrize("p", [0.8, 0.5, 0.0])
def test_mean_and_variance_of_dropconnect_over_all_masks(p):
    rng = np.random.default_rng(3)
    params, x = DropConnectParams(rng.standard_normal((4, 1)), rng.standard_normal(1)), rng.standard_normal(4)
    sums, chances = map(np.array, zip(*masked_sums(params, x, p), strict=True))
    mean = chances @ sums
    variance = chances @ (sums - mean) ** 2
    normals = np.array([-1.0, 1.0])[:, None, None]  # their mean and variance are those of a standard normal
    units = [dropconnect_eval(params, x[None], e[None], p=p, activation="relu")[0, 0] for e in normals]
    both = mean + np.sqrt(variance) * normals[:, 0, 0]
    np.testing.assert_allclose(units, np.maximum(both, 0), rtol=1e-12, atol=1e-15)
    inverted = sum(chance * u for u, chance in masked_sums(params, x, p, inverted=True))
    np.testing.assert_allclose(inverted, x @ params.W[:, 0] + params.b[0], rtol=1e-12)


def test_the_gaussian_is_a_better_evaluation_than_the_mean_weights():
    """Mean of relu(u) over all 2^13 masks, against the Gaussian's and against dropout's short cut relu(mean u)."""
    rng, p, gaussian, short = np.random.default_rng(4), 0.5, [], []
    normals = rng.standard_normal((20_000, 1, 1))
    for _ in range(8):
        params, x = DropConnectParams(rng.standard_normal((12, 1)), rng.standard_normal(1)), rng.standard_normal(12)
        exact = sum(chance * max(u, 0) for u, chance in masked_sums(params, x, p))
        gaussian.append(abs(dropconnect_eval(params, x[None], normals, p=p)[0, 0] - exact))
        short.append(abs(max((1 - p) * (x @ params.W[:, 0] + params.b[0]), 0) - exact))
    assert 10 * np.mean(gaussian) < np.mean(short)


# --- masks that the frameworks draw ---------------------------------------------------------------------------


@pytest.mark.parametrize("p", [0.0, 0.25, 0.5, 0.9, 1.0])
def test_dropout_is_that_of_pytorch_with_the_mask_it_drew(p):
    torch = pytest.importorskip("torch")
    x = np.random.default_rng(5).standard_normal((20, 30))

    def theirs(x):
        torch.manual_seed(3)
        return torch.nn.functional.dropout(torch.tensor(x), p).numpy()

    mask = theirs(np.ones_like(x)) != 0
    np.testing.assert_allclose(dropout(x, mask, p=p)[0], theirs(x), rtol=1e-15)
