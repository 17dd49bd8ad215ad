"""Oracle: the one capsule of each example with its own rows of the first weights, in torch with autograd, float64."""

from itertools import pairwise

import numpy as np

from numpy_impl.intro.mlp import MLPLayer
from shared.cases import Bad, Case, Mutant
from shared.cases.convolutional.capsule_margin import capsules

SMALLEST = {"N": 1, "J": 1, "D": 1, "H": 1, "M": 1}


def torch_decoder(params, v, k):
    """The one capsule of each example meets its own rows of the first weights."""
    import torch

    _, J, D = v.shape
    rows, chosen = params[0].W.reshape(J, D, -1)[k], v[torch.arange(len(v)), k]
    y = torch.einsum("nd,ndm->nm", chosen, rows) + params[0].b
    for layer in params[1:]:
        y = torch.nn.functional.linear(y.relu(), layer.W.mT, layer.b)
    return y.sigmoid()


def decoder(draw, *sizes):
    return tuple(MLPLayer(draw(m, n), draw(n)) for m, n in pairwise(sizes))


def cases(draw, N=3, J=4, D=5, H=6, M=7):
    k = np.arange(N)[::-1] % J
    yield Case("capsule_decoder", (decoder(draw, J * D, H, M), capsules(draw, N, J, D), k), torch_decoder)


def nasty(draw):
    layers, v, k = decoder(draw, 15, 6, 4), capsules(draw, 4, 3, 5), np.array([2, 0, 1, 1])
    yield Case("capsule_decoder", (layers, 0 * v, k), torch_decoder, name="zero capsules")
    yield Case("capsule_decoder", (layers, v[:0], k[:0]), torch_decoder, name="no examples")
    yield Case("capsule_decoder", (decoder(draw, 15, 4), v, k), torch_decoder, name="one layer")


def bad(draw):
    layers, v, k = decoder(draw, 15, 6, 4), draw(2, 3, 5), np.array([2, 0])
    yield Bad("capsule_decoder", (layers, draw(2, 3, 4), k), r"x has shape \(2, 12\), .* D = 15")
    yield Bad("capsule_decoder", (layers, v, np.array([0.0, 1.0])), "k has dtype float64, expected int values")
    yield Bad("capsule_decoder", (layers, v, np.array([0, 3])), r"k holds 3 at \[1\], expected 0 <= value < 3")


MUTANTS = [
    Mutant("h = np.where(T, v, 0)", "h = v",
           "All capsules decoded: the others tell the decoder what the label's own should."),
    Mutant("y = sigmoid(logits)", "y = logits", "Logits taken for pixels."),
    Mutant("labels[:, None] == np.arange(v.shape[1])", "labels[:, None] != np.arange(v.shape[1])",
           "The mask the wrong way round: every capsule but the label's is decoded."),
    Mutant("np.where(cache.T, d_h.reshape(cache.shape), 0)", "d_h.reshape(cache.shape)",
           "The mask left out on the way back: capsules that were set to 0 get a gradient."),
    Mutant("d_logits = sigmoid_backward(d_y, cache.logits, cache.y)", "d_logits = d_y",
           "A dropped factor: the slope of the sigmoid. Right only for a cross-entropy, where it cancels."),
    Mutant("np.where(cache.T, d_h.reshape(cache.shape), 0)",
           "np.where(cache.T, np.sum(d_h.reshape(cache.shape), axis=1, keepdims=True), 0)",
           "A sum over the capsules: only the chosen one was drawn from."),
]  # fmt: skip
