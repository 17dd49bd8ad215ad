"""Capsules: what holds for every input, in every column."""

import numpy as np
import pytest

from shared import backends
from shared.cases import Draw

each_column = pytest.mark.parametrize("column", backends.installed())


def call(column, path, function, *args, **static):
    """A public function of a column, from and to NumPy, without a gradient."""
    fn = getattr(backends.module(column, f"convolutional/{path}"), function)
    return backends.to_numpy(column, backends.get(column).call(fn, backends.to_backend(column, args), static))


def gradient(column, predictions, **static):
    """Of the sum of v, with respect to the predictions."""
    adapter = backends.get(column)

    def along(outputs):
        v, c = backends.to_numpy(column, outputs)
        return backends.to_backend(column, (np.ones_like(v), np.zeros_like(c)))

    fn = backends.module(column, "convolutional/routing").routing
    return adapter.numpy(adapter.vjp(fn, backends.to_backend(column, (predictions,)), static, along)[1][0])


@each_column
@pytest.mark.parametrize("iterations", [1, 2, 3, 7])
@pytest.mark.parametrize(("dtype", "scale"), [("float64", 1), ("float64", 100), ("float32", 1)])
def test_capsules_are_shared_out_and_shorter_than_1(column, iterations, dtype, scale):
    predictions = (scale * Draw(1)(3, 4, 5, 6)).astype(dtype)
    v, c = call(column, "routing", "routing", predictions, iterations=iterations)
    assert v.dtype == c.dtype == dtype
    np.testing.assert_allclose(c.sum(axis=1), 1, rtol=1e-6 if dtype == "float32" else 1e-14)
    assert c.min() >= 0
    assert np.linalg.norm(v, axis=-1).max() < 1


@each_column
def test_one_round_is_a_linear_map_and_a_squash(column):
    draw = Draw(2)
    W, u, other = draw(5, 3, 4, 6), draw(2, 5, 3), draw(2, 5, 3)

    def before_the_squash(u):
        """v = f(n) s with n = |s|² and |v| = n / (1 + n), ε aside: n = |v| / (1 - |v|)."""
        predictions = call(column, "routing", "routing_predictions", W, u)
        v, c = call(column, "routing", "routing", predictions, iterations=1, eps=1e-30)
        np.testing.assert_allclose(c, 1 / 4, rtol=1e-15)
        length = np.linalg.norm(v, axis=-1, keepdims=True)
        return v / length * np.sqrt(length / (1 - length))

    s = before_the_squash(u)
    np.testing.assert_allclose(s, np.einsum("nip,ipjd->njd", u, W) / 4, rtol=1e-10)
    np.testing.assert_allclose(before_the_squash(2 * u - other), 2 * s - before_the_squash(other), rtol=1e-9)


@each_column
def test_squash_keeps_the_direction_and_the_order_of_lengths(column):
    direction = Draw(3)(6)
    direction /= np.linalg.norm(direction)
    lengths = np.array([0, 1e-3, 0.1, 0.5, 1, 2, 10, 1e3])
    v = call(column, "routing", "routing_squash", lengths[:, None] * direction)
    np.testing.assert_allclose(v @ direction, lengths**2 / (1 + lengths**2), rtol=1e-2, atol=1e-12)
    np.testing.assert_allclose(v[4:] @ direction, lengths[4:] ** 2 / (1 + lengths[4:] ** 2), rtol=1e-8)
    assert np.all(np.diff(v @ direction) > 0)
    np.testing.assert_allclose(v - np.outer(v @ direction, direction), 0, atol=1e-15)


@each_column
def test_the_order_of_the_capsules_does_not_matter(column):
    predictions = Draw(4)(2, 4, 5, 6)
    v, c = call(column, "routing", "routing", predictions)
    below, above = np.array([3, 0, 4, 1, 2]), np.array([2, 3, 1, 0])
    v_below, c_below = call(column, "routing", "routing", predictions[:, :, below])
    np.testing.assert_allclose(v_below, v, rtol=1e-11)
    np.testing.assert_allclose(c_below, c[:, :, below], rtol=1e-11)
    v_above, c_above = call(column, "routing", "routing", predictions[:, above])
    np.testing.assert_allclose(v_above, v[:, above], rtol=1e-11)
    np.testing.assert_allclose(c_above, c[:, above], rtol=1e-11)


@each_column
def test_capsules_that_agree_find_each_other(column):
    """All predict the same of capsule 0 and anything of the others: rounds move everything to capsule 0."""
    predictions = Draw(5)(1, 3, 8, 6)
    predictions[0, 0] = predictions[0, 0, 0]
    shares = [call(column, "routing", "routing", predictions, iterations=r)[1][0, 0].mean() for r in (1, 2, 3, 6)]
    assert shares[0] == pytest.approx(1 / 3)
    assert np.all(np.diff(shares) > 0)
    assert shares[-1] > 0.95


@each_column
def test_constant_coefficients_give_the_same_output_and_another_gradient(column):
    predictions = Draw(6)(2, 4, 5, 6)
    v, c = call(column, "routing", "routing", predictions)
    same, too = call(column, "routing", "routing", predictions, stop_gradient=True)
    np.testing.assert_array_equal(v, same)
    np.testing.assert_array_equal(c, too)
    full, constant = gradient(column, predictions), gradient(column, predictions, stop_gradient=True)
    assert np.max(np.abs(full - constant)) > 0.3 * np.max(np.abs(full))
    one, other = (gradient(column, predictions, stop_gradient=s, iterations=1) for s in (False, True))
    np.testing.assert_allclose(one, other, rtol=1e-13)  # after one round the coefficients are constants


@each_column
def test_the_decoder_sees_one_capsule(column):
    draw, module = Draw(7), backends.module("numpy", "intro/mlp")
    layers = module.mlp_init(np.random.default_rng(0), (4 * 5, 7, 9), dtype="float64")
    v, k = draw(3, 4, 5), np.array([2, 0, 3])
    y = call(column, "capsule_decoder", "capsule_decoder", layers, v, k)
    others = draw(3, 4, 5)
    others[np.arange(3), k] = v[np.arange(3), k]
    np.testing.assert_array_equal(call(column, "capsule_decoder", "capsule_decoder", layers, others, k), y)
    assert np.all((y > 0) & (y < 1))


@each_column
def test_the_margin_loss_is_0_within_the_margins_and_allows_for_many_classes(column):
    direction = Draw(8)(5)
    direction /= np.linalg.norm(direction)
    v = np.array([[0.95, 0.05, 0.09], [0.0, 0.92, 0.0]])[..., None] * direction
    loss = lambda v, labels: float(call(column, "capsule_margin", "capsule_margin_loss", v, np.array(labels)))
    assert loss(v, [0, 1]) == 0
    both = np.array([[0.95, 0.6, 0.0]])[..., None] * direction
    assert loss(both, [0]) == pytest.approx(0.5 * 0.5**2, rel=1e-6)  # λ (0.6 - 0.1)²
    assert loss(both, [2]) == pytest.approx(0.9**2 + 0.5 * (0.85**2 + 0.5**2), rel=1e-3)


def test_the_default_sizes_are_the_papers():
    params = backends.module("numpy", "convolutional/capsule").capsule_init(np.random.default_rng(0), (28, 28, 1), 10)
    assert params.encoder.convs[0].W.shape == (9, 9, 1, 256)
    assert params.encoder.primary.W.shape == (9, 9, 256, 256)
    assert params.encoder.W.shape == (1152, 8, 10, 16)
    assert [layer.W.shape for layer in params.decoder] == [(160, 512), (512, 1024), (1024, 784)]
