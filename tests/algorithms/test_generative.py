"""What autoencoders, VAEs and GANs promise beyond single calls: bounds that are bounds, the exact linear baseline."""

import numpy as np
import pytest

from numpy_impl.generative.autoencoder import (
    AutoencoderParams,
    AutoencoderTiedParams,
    autoencoder,
    autoencoder_init,
    autoencoder_loss,
    autoencoder_loss_backward,
    autoencoder_tied_loss,
    autoencoder_tied_loss_backward,
    autoencoder_untied,
)
from numpy_impl.generative.gan import gan_generator_loss, gan_generator_loss_backward, gan_init
from numpy_impl.generative.vae import vae_elbo, vae_importance_bound, vae_init, vae_kl, vae_kl_backward
from numpy_impl.intro.mlp import MLPLayer, mlp
from shared import backends
from shared.backends import to_backend
from shared.data.mnist import as_rows, load_digits
from shared.recipes import Run
from shared.recipes.generative import gan_gaussians
from shared.recipes.generative._images import PCA, squared_error

COLUMNS = backends.installed()
each_column = pytest.mark.parametrize("column", COLUMNS)


@pytest.fixture(scope="module")
def digits():
    return load_digits()


@pytest.fixture
def rng():
    return np.random.default_rng(0)


# --- autoencoder ----------------------------------------------------------------------------------------------


def test_thirty_components_leave_what_was_published(digits):
    """13.87 per test digit: Hinton & Salakhutdinov, Science 313 (2006)."""
    pca = PCA(as_rows(digits.train_images, "float64"), 30)
    x = as_rows(digits.test_images, "float64")
    assert squared_error(x, pca.reconstruct(x)) == pytest.approx(13.87, abs=0.01)


def test_components_are_singular_vectors(digits):
    x = as_rows(digits.train_images[:900], "float64")
    pca, centred = PCA(x, 30), x - x.mean(axis=0)
    V = np.linalg.svd(centred, full_matrices=False)[2][:30]
    np.testing.assert_allclose(pca.components @ pca.components.T, V.T @ V, atol=1e-9)


def test_components_are_a_linear_autoencoder_at_its_best(digits):
    """Their error is the autoencoder's, and its gradient vanishes there."""
    x = as_rows(digits.test_images[:500], "float64")
    pca = PCA(x, 30)
    encoder = MLPLayer(pca.components, -pca.mean @ pca.components)
    params = AutoencoderParams((encoder,), (MLPLayer(pca.components.T, pca.mean),))
    loss, cache = autoencoder_loss(params, x)
    assert loss * x.shape[1] == pytest.approx(squared_error(x, pca.reconstruct(x)), rel=1e-12)
    d_params, _ = autoencoder_loss_backward(cache, 1.0)
    for layer in (*d_params.encoder, *d_params.decoder):
        np.testing.assert_allclose(layer.W, 0, atol=1e-12)
        np.testing.assert_allclose(layer.b, 0, atol=1e-12)


def test_tied_gradients_add(rng):
    """A tied weight gets what its two uses get when they are untied."""
    encoder = autoencoder_init(rng, (5, 4, 3), dtype="float64").encoder
    tied, x = AutoencoderTiedParams(encoder, (rng.normal(size=4), rng.normal(size=5))), rng.random((6, 5))
    _, cache = autoencoder_tied_loss(tied, x, activation="tanh")
    d_tied, _ = autoencoder_tied_loss_backward(cache, 1.0)
    _, cache = autoencoder_loss(autoencoder_untied(tied)[0], x, activation="tanh")
    d_untied, _ = autoencoder_loss_backward(cache, 1.0)
    for together, there, back in zip(d_tied.encoder, d_untied.encoder, d_untied.decoder[::-1], strict=True):
        np.testing.assert_allclose(together.W, there.W + back.W.T, rtol=1e-14)
        assert np.max(np.abs(back.W)) > 1e-3
        assert np.max(np.abs(there.W)) > 1e-3


def test_the_code_is_what_the_halves_exchange(rng):
    params, x = autoencoder_init(rng, (5, 4, 2), dtype="float64"), rng.random((6, 5))
    y, _ = autoencoder(params, x)
    np.testing.assert_array_equal(mlp(params.decoder, mlp(params.encoder, x)[0])[0], y)


# --- VAE ------------------------------------------------------------------------------------------------------


@each_column
def test_kl_is_a_distance_from_the_prior(column, rng):
    module = backends.module(column, "generative/vae")
    call = lambda mu, logvar: backends.get(column).numpy(
        backends.get(column).call(module.vae_kl, to_backend(column, (mu, logvar)), {})
    )
    mu, logvar = 3 * rng.normal(size=(2000, 1)), 3 * rng.normal(size=(2000, 1))
    assert np.all(call(mu, logvar) > 0)
    zeros = np.zeros((3, 4))
    np.testing.assert_array_equal(call(zeros, zeros), 0)
    assert np.all(call(zeros, 1e-8 * rng.normal(size=(3, 4))) >= -1e-24)


def test_kl_is_least_at_the_prior():
    zeros = np.zeros((3, 4))
    _, cache = vae_kl(zeros, zeros)
    for gradient in vae_kl_backward(cache, np.ones(3)):
        np.testing.assert_array_equal(gradient, 0)


@pytest.mark.skipif("torch" not in COLUMNS, reason="needs torch")
def test_kl_is_that_of_torch(rng):
    import torch
    from torch.distributions import Normal, kl_divergence

    mu, logvar = rng.normal(size=(50, 3)), rng.normal(size=(50, 3))
    wanted = kl_divergence(Normal(torch.tensor(mu), torch.tensor(np.exp(logvar / 2))), Normal(0.0, 1.0)).sum(1)
    np.testing.assert_allclose(vae_kl(mu, logvar)[0], wanted.numpy(), rtol=1e-12)


def test_more_samples_make_the_bound_tighter(rng):
    """In the mean over the noise: one sample gives the ELBO, and the bound rises with their number towards log p(x),
    which a long sum tells here."""
    params = vae_init(rng, (6, 5, 2), dtype="float64")
    x = (rng.random((40, 6)) < 0.5).astype(float)
    eps = rng.normal(size=(4096, 40, 2))
    bounds = [
        np.mean([vae_importance_bound(params, x, part) for part in eps.reshape(-1, k, 40, 2)]) for k in (1, 4, 64)
    ]
    elbo = np.mean([vae_elbo(params, x, e)[0] for e in eps])
    log_p = np.mean(vae_importance_bound(params, x, eps))
    assert elbo < bounds[0] + 0.1 < bounds[1] < bounds[2] < log_p + 0.02
    assert abs(elbo - bounds[0]) < 0.1  # the KL in closed form against its samples


def test_one_sample_is_the_elbo_but_for_the_sampled_kl(rng):
    params, x = vae_init(rng, (6, 5, 2), dtype="float64"), rng.random((3, 6))
    eps = rng.normal(size=(1, 3, 2))
    mu, logvar = np.split(mlp(params.encoder, x)[0], 2, axis=1)
    z = mu + np.exp(logvar / 2) * eps[0]
    sampled = np.sum(0.5 * z**2 - 0.5 * eps[0] ** 2 - 0.5 * logvar, axis=1)
    wanted = vae_elbo(params, x, eps[0])[0] + vae_kl(mu, logvar)[0] - sampled
    np.testing.assert_allclose(vae_importance_bound(params, x, eps), wanted, rtol=1e-12)


# --- GAN ------------------------------------------------------------------------------------------------------


def test_minimax_gives_no_gradient_to_a_loser(rng):
    """Where the discriminator is sure that all is made, non-saturating is e^30 times as steep."""
    generator, discriminator = gan_init(rng, (2, 4, 3), (3, 4, 1), dtype="float64")
    *hidden, last = discriminator
    sure = (*hidden, last._replace(W=1e-3 * last.W, b=np.array([-30.0])))
    steepness = {}
    for loss in ("non_saturating", "minimax"):
        _, cache = gan_generator_loss(generator, sure, rng.normal(size=(5, 2)), loss=loss)
        _, (*_, d_last), _ = gan_generator_loss_backward(cache, 1.0)
        steepness[loss] = float(d_last.b[0])
    assert steepness["non_saturating"] == pytest.approx(-1, abs=1e-10)
    assert steepness["minimax"] == pytest.approx(-np.exp(-30), rel=0.02)


def test_modes_are_counted_as_said():
    """Samples on seven centres and between two: seven modes, and only a part is near."""
    run = Run("numpy", gan_gaussians.BUDGETS["quick"], 0, "float64")
    centres = gan_gaussians.load(run, None)
    x, *_ = gan_gaussians.batch(run, centres, 0)
    assert np.max(np.min(np.linalg.norm(x[:, None] - centres, axis=2), axis=1)) < 5 * gan_gaussians.SIGMA
    with pytest.raises(ValueError, match="makes its own"):
        gan_gaussians.load(run, "somewhere")
    made = np.repeat(np.concatenate([centres[:7], 0.5 * centres[:1]]), 625, axis=0)
    metrics, covered = gan_gaussians.coverage(made, centres)
    assert metrics == {"modes": 7, "near": 7 / 8, "rarest": 0.0, "commonest": 1 / 8}
    assert covered.tolist() == [True] * 7 + [False]
