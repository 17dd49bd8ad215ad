"""Oracle: torch.nn.functional's layers and binary cross-entropy with labels; Keras's as a second opinion."""

from functools import partial

import numpy as np

from numpy_impl.generative.gan import GANParams
from shared.backends import Seed
from shared.cases import Bad, Case, Mutant
from shared.cases.generative._gan_game import alternating, torch_alternating
from shared.cases.generative._gan_oracles import (
    far_out,
    initial,
    keras_discriminator_loss,
    torch_discriminate,
    torch_discriminator_loss,
    torch_generate,
    torch_generator_loss,
)
from shared.cases.generative._layers import layers
from shared.differences import RUN

SMALLEST = {"N": 1, "M": 1, "D": 1, "H": 1, "Z": 1}


def networks(draw, D, H, Z, scale=1.0):
    return GANParams(layers(draw, Z, H, D, scale=scale), layers(draw, D, H + 1, H, 1, scale=scale))


def cases(draw, N=5, M=7, D=3, H=4, Z=2):
    generator, discriminator = networks(draw, D, H, Z)
    for output, activation in (("sigmoid", "tanh"), ("linear", "leaky_relu")):
        static = {"activation": activation, "output": output}
        yield Case("gan_generate", (generator, draw(M, Z)), torch_generate, static, name=output)
        for loss in ("non_saturating", "minimax"):
            args, static = (generator, discriminator, draw(M, Z)), {"activation": "tanh", "output": output}
            name = f"{loss} {output}"
            yield Case("gan_generator_loss", args, torch_generator_loss, static | {"loss": loss}, name=name)
    args, static = (discriminator, draw.uniform(N, D), draw.uniform(M, D)), {"activation": "sigmoid"}
    second = {"keras": keras_discriminator_loss}
    yield Case("gan_discriminator_loss", args, torch_discriminator_loss, static, second=second)
    yield Case("gan_discriminate", (discriminator, draw(N, D)), torch_discriminate, {"activation": "tanh"})
    args = (generator, discriminator, draw.uniform(3, N, D), draw(3, M, Z), draw(3, M, Z), 0.5)
    yield Case(alternating, args, torch_alternating, grad=False, tolerance=RUN)
    yield Case("gan_init", (Seed(3), (Z, H, D), (D, H + 1, H, 1)), initial, {"dtype": "float64"}, grad=False)


def certain(layers, logit):
    """A discriminator that gives this logit, but for a little, whatever it sees."""
    *hidden, last = layers
    return *hidden, last._replace(W=1e-3 * last.W, b=np.full(1, logit))


def nasty(draw):
    generator, discriminator = networks(draw, 3, 4, 2)
    x, x_hat, z = draw.uniform(5, 3), draw.uniform(6, 3), draw(5, 2)
    discriminates, generates = (partial(f, cost=far_out) for f in (torch_discriminator_loss, torch_generator_loss))
    for logit in (1e4, -1e4, 30.0, -30.0, 100.0, -100.0):
        sure = certain(discriminator, logit)
        yield Case("gan_discriminator_loss", (sure, x, x_hat), discriminates, name=f"logits {logit}")
        for loss in ("non_saturating", "minimax"):
            name = f"{loss}, logits {logit}"
            yield Case("gan_generator_loss", (generator, sure, z), generates, {"loss": loss}, name=name)
    blind = tuple(layer._replace(W=0 * layer.W, b=0 * layer.b) for layer in discriminator)
    args = (blind, x[:4], x_hat[:2])  # powers of two: what cancels is exactly 0
    yield Case("gan_discriminator_loss", args, torch_discriminator_loss, name="2 log 2")
    dull = (*generator[:-1], generator[-1]._replace(b=np.array([1e3, -1e3, 40.0])))
    yield Case("gan_generator_loss", (dull, discriminator, z), torch_generator_loss, name="saturated pixels")
    one = networks(draw, 1, 1, 1)
    args = (one.discriminator, draw(1, 1), draw(1, 1))
    yield Case("gan_discriminator_loss", args, torch_discriminator_loss, name="all sizes one")
    yield Case("gan_generator_loss", (one.generator, one.discriminator, draw(1, 1)), torch_generator_loss, name="one")
    linear = GANParams(layers(draw, 2, 3), layers(draw, 3, 1))
    args = (linear.generator, linear.discriminator, z)
    yield Case("gan_generator_loss", args, torch_generator_loss, {"output": "linear"}, name="linear nets")
    yield Case("gan_generate", (generator, z[:0]), torch_generate, name="no noise")
    yield Case("gan_discriminate", (discriminator, x), torch_discriminate, name="activation as it is")
    static = {"dtype": "float64"}
    yield Case("gan_init", (Seed(4), (2, 4, 5, 3), (3, 4, 1)), initial, static, grad=False, name="of other depths")


def bad(draw):
    (generator, discriminator), x, x_hat, z = networks(draw, 3, 4, 2), draw(5, 3), draw(7, 3), draw(6, 2)
    loss = "gan_discriminator_loss"
    yield Bad(
        "gan_generate", (generator, draw(6, 3)), r"z has shape \(6, 3\), expected .* Z = 2, as in params\[0\].W"
    )
    yield Bad(loss, (discriminator, x, draw(5, 2)), r"x_hat has shape \(5, 2\), expected .* D = 3, as in discrim")
    wrong = (generator[0], *layers(draw, 4, 6))
    fits = r"discriminator\[0\].W has shape \(3, 5\), expected .* D = 6, as in generator\[1\]"
    yield Bad("gan_generator_loss", (wrong, discriminator, z), fits)
    wrong = layers(draw, 2, 1)
    yield Bad(loss, (wrong, x, x_hat), r"x has shape \(5, 3\), expected .* D = 2, as in discriminator\[0\].W")
    wrong = (discriminator[0], *layers(draw, 9, 1))
    yield Bad(
        "gan_discriminate", (wrong, x), r"params\[1\].W has shape \(9, 1\), expected 5 rows, as params\[0\] gives"
    )
    yield Bad("gan_discriminate", (layers(draw, 3, 2), x), r"params\[0\] has shape \(3, 2\), expected .*1")
    wide = (*discriminator[:-1], *layers(draw, 4, 2))
    yield Bad(loss, (wide, x, x_hat), r"discriminator\[2\] has shape \(4, 2\), expected .*1")
    yield Bad("gan_generator_loss", (generator, wide, z), r"discriminator\[2\] has shape \(4, 2\), expected .*1")
    yield Bad(loss, (discriminator, x[:0], x_hat), "N at least 1")
    yield Bad(loss, (discriminator, x, x_hat[:0]), "M at least 1")
    yield Bad("gan_generator_loss", (generator, discriminator, z[:0]), "M at least 1")
    args = (generator, discriminator, z)
    yield Bad("gan_generator_loss", args, "loss is 'wgan', expected one of non_saturating, minimax", {"loss": "wgan"})
    yield Bad("gan_generator_loss", args, "output is 'tanh', expected one of sigmoid, linear", {"output": "tanh"})
    yield Bad("gan_generate", (generator, z), "activation is 'rleu', expected one of", {"activation": "rleu"})
    yield Bad("gan_generate", ((), z), "params is tuple of length 0")
    yield Bad(loss, (discriminator, x.astype("float32"), x_hat), "x has dtype float32, expected float64")
    yield Bad("gan_init", (Seed(1), (2,), (3, 1)), r"sizes is \(2,\), expected")


MUTANTS = [
    Mutant("np.mean(softplus(-s_real)) + np.mean(softplus(s_fake))", "np.mean(softplus(-s_real))",
           "Half of the discriminator's loss: calling everything real is then perfect."),
    Mutant("np.mean(softplus(-s_real)) + np.mean(softplus(s_fake))",
           "0.5 * (np.mean(softplus(-s_real)) + np.mean(softplus(s_fake)))",
           "The ½ of other texts: the discriminator learns at half the rate that is set."),
    Mutant("np.mean(softplus(-s_real)) + np.mean(softplus(s_fake))",
           "np.mean(softplus(s_real)) + np.mean(softplus(-s_fake))",
           "The labels swapped: two nets that agree on the wrong answer."),
    Mutant("np.mean(softplus(-s_real)) + np.mean(softplus(s_fake))",
           "0.9 * np.mean(softplus(-s_real)) + 0.1 * np.mean(softplus(s_real)) + np.mean(softplus(s_fake))",
           "Smoothed labels where none were asked for."),
    Mutant("np.mean(softplus(-s_real)) + np.mean(softplus(s_fake))",
           "np.mean(np.concatenate([softplus(-s_real), softplus(s_fake)]))",
           "One mean over both kinds: half of the sum, and the kinds weigh by their numbers."),
    Mutant("d_discriminator, d_x_hat = gan_discriminate_backward(cache.discriminator, d_s)",
           "d_discriminator, d_x_hat = gan_discriminate_backward(cache.discriminator, -d_s)",
           "The generator's gradient taken from what the discriminator wants: they work together, against the game."),
    Mutant("gan_generate_backward(cache.generator, d_x_hat)", "gan_generate_backward(cache.generator, 0 * d_x_hat)",
           "The examples detached in the generator's step as well: it never learns."),
    Mutant("d_both[: len(s_real)], d_both[len(s_real) :]", "d_both[len(s_real) :], d_both[: len(s_real)]",
           "The gradients of real and generated examples trade places."),
    Mutant("d_s = -d_cost / len(s) * sigmoid(-s)", "d_s = d_cost / len(s) * sigmoid(-s)",
           "The sign of the generator's gradient: it helps the discriminator to win."),
    Mutant("d_s = -d_cost / len(s) * sigmoid(s)", "d_s = -d_cost / len(s) * sigmoid(-s)",
           "The gradient of the non-saturating loss where minimax was asked for."),
    Mutant("d_s = -d_cost / len(s) * sigmoid(-s)", "d_s = -d_cost * sigmoid(-s)",
           "A mean over the examples differentiated as a sum: the step grows with the batch."),
    Mutant('if loss == "non_saturating":', 'if loss == "minimax":',
           "minimax where the non-saturating loss was asked for: almost no gradient while the discriminator wins."),
    Mutant("cost = np.mean(softplus(-s))  # (5)", "cost = -np.mean(softplus(-s))  # (5)",
           "The loss with the wrong sign beside a right gradient: the curve climbs as the samples get better."),
    Mutant("d_s_real = -d_cost / len(s_real)", "d_s_real = d_cost / len(s_real)",
           "The sign of a real example's logit forgotten in the gradient."),
    Mutant("d_s_fake = d_cost / len(s_fake) * sigmoid(s_fake)", "d_s_fake = d_cost / len(s_real) * sigmoid(s_fake)",
           "The wrong axis: the mean over the fakes is divided by the number of real examples."),
    Mutant("d_s = np.concatenate([d_s_real, d_s_fake])", "d_s = np.concatenate([d_s_real, 0 * d_s_fake])",
           "Half of the discriminator's gradient dropped: it never learns what a fake looks like."),
    Mutant("return mlp_backward(cache, d_s[:, None], params_only=params_only)",
           "return mlp_backward(cache, d_s[:, None] * 0.5, params_only=params_only)",
           "A ½ in the gradient that is not in the loss."),
    Mutant('d_a = d_x_hat * x_hat * (1 - x_hat) if cache.output == "sigmoid" else d_x_hat', "d_a = d_x_hat",
           "The derivative of the generator's last sigmoid left out."),
    Mutant('x_hat = sigmoid(a) if output == "sigmoid" else a', "x_hat = np.tanh(a)",
           "Examples between -1 and 1 from a generator whose data lie between 0 and 1."),
    Mutant("s = column[:, 0]", "s = sigmoid(column[:, 0])",
           "A probability where the losses expect a logit: two sigmoids."),
]  # fmt: skip
