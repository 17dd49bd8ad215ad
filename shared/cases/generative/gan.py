"""Oracle: torch.nn.functional's layers and binary cross-entropy with labels; Keras's as a second opinion."""

import inspect
import sys
from contextlib import nullcontext
from functools import partial

import numpy as np
import optree

from numpy_impl.generative.gan import GANParams
from numpy_impl.intro.mlp import MLPLayer
from shared.backends import Seed, libraries
from shared.cases import Bad, Case, Mutant
from shared.cases.generative._layers import he_layers, layers, torch_mlp
from shared.differences import RUN

SMALLEST = {"N": 1, "M": 1, "D": 1, "H": 1, "Z": 1}


def torch_generate(generator, z, activation="leaky_relu", output="sigmoid"):
    import torch

    made = torch_mlp(generator, z, activation)
    return torch.sigmoid(made) if output == "sigmoid" else made


def torch_discriminate(discriminator, x, activation="leaky_relu"):
    return torch_mlp(discriminator, x, activation).squeeze(1)


def cross_entropy(logits, label):
    """Of the whole batch against one label."""
    import torch
    import torch.nn.functional as F

    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, label))


def far_out(logits, label):
    """The same; binary_cross_entropy_with_logits loses digits of what is far smaller than the logit."""
    import torch.nn.functional as F

    return -F.logsigmoid(logits if label else -logits).mean()


def torch_discriminator_loss(discriminator, x, x_hat, activation="leaky_relu", cost=cross_entropy):
    real, made = (
        torch_discriminate(discriminator, x, activation),
        torch_discriminate(discriminator, x_hat, activation),
    )
    return cost(real, 1.0) + cost(made, 0.0)


def torch_generator_loss(
    generator,
    discriminator,
    z,
    activation="leaky_relu",
    output="sigmoid",
    loss="non_saturating",
    cost=cross_entropy,
):
    s = torch_discriminate(discriminator, torch_generate(generator, z, activation, output), activation)
    return cost(s, 1.0) if loss == "non_saturating" else -cost(s, 0.0)


def value_and_grad(module, function, *args):
    """A loss of the module and its gradient by the first argument: by its own backward, else by its library's."""
    if hasattr(module, f"{function}_backward"):
        loss, cache = getattr(module, function)(*args)
        return loss, getattr(module, f"{function}_backward")(cache, np.ones_like(loss))[0]
    library = libraries.of(module, inspect.getsource(module))
    loss, grads = library.vjp(getattr(module, function), args, {}, lambda loss: 0 * loss + 1)
    return loss, grads[0]


def alternating(gan, generator, discriminator, xs, zs, fresh, lr):
    """Rounds of the game by plain gradient descent: both costs and both nets after every round. A round first trains
    the discriminator with x_hat of `zs`, then the generator with `fresh` noise and the new discriminator."""
    follow = lambda net, grads: optree.tree_map(lambda p, g: p - lr * g, net, grads)
    rounds = []
    with sys.modules["torch"].enable_grad() if "torch" in sys.modules else nullcontext():
        for x, z, again in zip(xs, zs, fresh, strict=True):
            x_hat = gan.gan_generate(generator, z)
            if hasattr(gan, "gan_generate_backward"):
                x_hat, _ = x_hat
            d_cost, grads = value_and_grad(gan, "gan_discriminator_loss", discriminator, x, x_hat)
            discriminator = follow(discriminator, grads)
            g_cost, grads = value_and_grad(gan, "gan_generator_loss", generator, discriminator, again)
            generator = follow(generator, grads)
            rounds.append((d_cost, g_cost, generator, discriminator))
    return rounds


def torch_alternating(generator, discriminator, xs, zs, fresh, lr):
    """As written everywhere: two modules, two optimizers, BCEWithLogitsLoss, and detach()."""
    import torch
    from torch import nn

    def built(layers, *last):
        modules = [m for W, b in layers for m in (nn.Linear(*W.shape, dtype=torch.float64), nn.LeakyReLU(0.01))]
        net = nn.Sequential(*modules[:-1], *last)
        with torch.no_grad():
            for p, value in zip(net.parameters(), optree.tree_leaves(layers), strict=True):
                p.copy_(torch.tensor(value.T))
        return net

    def weights(net):
        leaves = [p.detach().numpy().T.copy() for p in net.parameters()]
        return tuple(MLPLayer(W, b) for W, b in zip(leaves[::2], leaves[1::2], strict=True))

    G, D, bce, rounds = built(generator, nn.Sigmoid()), built(discriminator), nn.BCEWithLogitsLoss(), []
    of_G, of_D = (torch.optim.SGD(net.parameters(), lr=lr) for net in (G, D))
    for x, z, again in zip(*(map(torch.tensor, stack) for stack in (xs, zs, fresh)), strict=True):
        of_D.zero_grad()
        real, made = D(x), D(G(z).detach())
        d_loss = bce(real, torch.ones_like(real)) + bce(made, torch.zeros_like(made))
        d_loss.backward()
        of_D.step()
        of_G.zero_grad()
        made = D(G(again))
        g_loss = bce(made, torch.ones_like(made))
        g_loss.backward()
        of_G.step()
        rounds.append((d_loss.detach(), g_loss.detach(), weights(G), weights(D)))
    return rounds


def keras_cross_entropy(logits, label):
    import keras

    loss = keras.losses.BinaryCrossentropy(from_logits=True, dtype="float64")
    return loss(np.full((len(logits), 1), label), logits)


def keras_stack(params, x):
    import keras

    for layer in params[:-1]:
        x = keras.ops.sigmoid(x @ layer.W + layer.b)
    return x @ params[-1].W + params[-1].b


def keras_discriminator_loss(discriminator, x, x_hat, activation):
    real, made = keras_stack(discriminator, x), keras_stack(discriminator, x_hat)
    return (keras_cross_entropy(real, 1.0) + keras_cross_entropy(made, 0.0)).numpy()


def initial(rng, generator_sizes, discriminator_sizes, dtype):
    generator = np.random.default_rng(rng.seed)
    return GANParams(he_layers(generator, generator_sizes), he_layers(generator, discriminator_sizes))


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
