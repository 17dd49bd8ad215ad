"""The game of a GAN played by plain gradient descent, ours with any of its implementations, and in torch.nn."""

import inspect
import sys
from contextlib import nullcontext

import numpy as np
import optree

from numpy_impl.intro.mlp import MLPLayer
from shared.backends import libraries


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
