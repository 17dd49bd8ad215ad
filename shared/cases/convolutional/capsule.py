"""Oracle: torch.nn.functional and loops over capsules, classes and examples, with autograd, float64."""

import math
from itertools import pairwise

import numpy as np

from numpy_impl.convolutional.capsule import CapsuleEncoder, CapsuleParams
from numpy_impl.convolutional.conv2d import Conv2DParams
from numpy_impl.intro.mlp import MLPLayer
from shared.backends import Seed
from shared.cases import Bad, Case, Mutant
from shared.cases.convolutional.routing import torch_predictions, torch_routing, torch_squash

SMALLEST = {"N": 1, "C": 1, "F": 1, "types": 1, "P": 1, "J": 1, "D": 1, "M": 1}
IMAGE = 7, 8  # with kernels of 2 × 3, then 3 × 2 at stride 2: 2 × 3 places of primary capsules


def torch_conv(layer, x, stride=1):
    import torch

    W = layer.W.permute(3, 2, 0, 1).clone(memory_format=torch.contiguous_format)  # else no gradient for one channel
    return torch.nn.functional.conv2d(x.permute(0, 3, 1, 2), W, layer.b, stride)


def torch_primary(params, a, *, size, stride=2):
    import torch

    z = torch_conv(params, a, stride)  # channels first: one capsule after the other
    n, channels, height, width = z.shape
    places = [(h, w) for h in range(height) for w in range(width)]
    found = [z[:, i : i + size, h, w] for h, w in places for i in range(0, channels, size)]
    return torch_squash(torch.stack(found, 1)) if found else z.reshape(n, 0, size)


def torch_capsule(params, x, **static):
    for layer in params.convs:
        x = torch_conv(layer, x).clamp(min=0).permute(0, 2, 3, 1)
    u = torch_primary(params.primary, x, size=params.W.shape[1])
    return torch_routing(torch_predictions(params.W, u), **static)[0]


def torch_lengths(v):
    """√ε as a further number of each capsule."""
    import torch

    return torch.linalg.vector_norm(torch.nn.functional.pad(v, (0, 1), value=1e-4), dim=-1)


def classes(v):
    return np.array([max(range(v.shape[1]), key=lambda j: np.linalg.norm(one[j])) for one in v], int)


def torch_margin_loss(v, labels, *, m_plus=0.9, m_minus=0.1, lam=0.5):
    loss = 0 * v.sum()
    for lengths, label in zip(torch_lengths(v), labels, strict=True):
        for j, length in enumerate(lengths):
            loss = loss + ((m_plus - length).relu() ** 2 if j == label else lam * (length - m_minus).relu() ** 2)
    return loss / len(v)


def torch_decoder(params, v, k):
    """The one capsule of each example meets its own rows of the first weights."""
    import torch

    _, J, D = v.shape
    rows, chosen = params[0].W.reshape(J, D, -1)[k], v[torch.arange(len(v)), k]
    y = torch.einsum("nd,ndm->nm", chosen, rows) + params[0].b
    for layer in params[1:]:
        y = torch.nn.functional.linear(y.relu(), layer.W.mT, layer.b)
    return y.sigmoid()


def torch_loss(params, x, labels, *, alpha=0.0005, **static):
    import torch.nn.functional as F

    v = torch_capsule(params.encoder, x, **static)
    squares = F.mse_loss(torch_decoder(params.decoder, v, labels), x.flatten(1), reduction="sum")
    return torch_margin_loss(v, labels) + alpha * squares / len(x)


def he(generator, *shape):
    bound = (6 / math.prod(shape[:-1])) ** 0.5
    return generator.uniform(-bound, bound, shape)


def initial(rng, image, n_classes, *, kernel, channels, types, sizes, hidden, dtype):
    generator, (P, D), (height, width, n_in) = np.random.default_rng(rng.seed), sizes, image
    convs = []
    for n_out in (*channels, types * P):
        convs.append(Conv2DParams(he(generator, kernel, kernel, n_in, n_out), np.zeros(n_out)))
        n_in = n_out
    less = (len(channels) + 1) * (kernel - 1)
    places = -(-(height - less) // 2) * -(-(width - less) // 2)
    W = 0.1 * generator.standard_normal((places * types, P, n_classes, D))
    ends = (n_classes * D, *hidden, math.prod(image))
    decoder = tuple(MLPLayer(he(generator, m, n), np.zeros(n)) for m, n in pairwise(ends))
    return CapsuleParams(CapsuleEncoder(tuple(convs[:-1]), convs[-1], W), decoder)


def encoder(draw, C, F, types, P, J, D, layers=1):
    convs = [Conv2DParams(draw(2, 3, C, F), draw(F))]
    convs += [Conv2DParams(0.5 * draw(2, 2, F, F), draw(F)) for _ in range(layers - 1)]
    return CapsuleEncoder(
        tuple(convs), Conv2DParams(draw(3, 2, F, types * P), draw(types * P)), draw(6 * types, P, J, D)
    )


def decoder(draw, *sizes):
    return tuple(MLPLayer(draw(m, n), draw(n)) for m, n in pairwise(sizes))


def capsules(draw, N, J, D):
    """Vectors with lengths from 0 to 1: on all sides of both margins."""
    v = draw(N, J, D)
    return draw.uniform(N, J, 1) * v / np.linalg.norm(v, axis=-1, keepdims=True)


def cases(draw, N=3, C=2, F=3, types=2, P=4, J=3, D=5, M=6):
    (height, width), labels = IMAGE, draw.integers(J, N)
    primary = Conv2DParams(draw(3, 2, F, types * P), draw(types * P))
    yield Case("capsule_primary", (primary, draw(N, 6, 6, F)), torch_primary, {"size": P})
    params = encoder(draw, C, F, types, P, J, D)
    x = draw.uniform(N, height, width, C)
    yield Case("capsule", (params, x), torch_capsule)
    v = capsules(draw, N, J, D)
    yield Case("capsule_lengths", (v,), torch_lengths)
    yield Case("capsule_classes", (v,), classes, grad=False)
    yield Case("capsule_margin_loss", (v, labels), torch_margin_loss)
    others = {"m_plus": 0.8, "m_minus": 0.3, "lam": 0.7}
    yield Case("capsule_margin_loss", (v, labels), torch_margin_loss, others, name="other margins")
    layers = decoder(draw, J * D, M, height * width * C)
    yield Case("capsule_decoder", (layers, v, labels), torch_decoder)
    yield Case("capsule_loss", (CapsuleParams(params, layers), x, labels), torch_loss)
    sizes = {"kernel": 3, "channels": (4, 2), "types": types, "sizes": (P, D), "hidden": (M, 3), "dtype": "float64"}
    yield Case("capsule_init", (Seed(5), (10, 11, C), J), initial, sizes, grad=False)


def nasty(draw):
    (height, width), sizes = IMAGE, {"C": 2, "F": 3, "types": 2, "P": 4, "J": 3, "D": 5}
    x, labels = draw.uniform(2, height, width, 2), np.array([2, 0])
    params = CapsuleParams(encoder(draw, **sizes), decoder(draw, 15, 6, 112))
    for name, static in (
        ("one round", {"iterations": 1}),
        ("five rounds", {"iterations": 5}),
        ("constant coefficients", {"stop_gradient": True}),
    ):
        yield Case("capsule_loss", (params, x, labels), torch_loss, static, name=name)
    yield Case("capsule_loss", (params, x, labels), torch_loss, {"alpha": 0.5}, name="much reconstruction")
    yield Case("capsule", (params.encoder, x[:0]), torch_capsule, name="no examples")
    yield Case("capsule", (params.encoder, 1e4 * x), torch_capsule, name="huge pixels")
    dark = [Conv2DParams(layer.W, 0 * layer.b) for layer in (*params.encoder.convs, params.encoder.primary)]
    dark = params.encoder._replace(convs=tuple(dark[:-1]), primary=dark[-1])
    yield Case("capsule", (dark, 0 * x), torch_capsule, name="zero capsules")
    yield Case("capsule", (encoder(draw, **sizes | {"J": 1}), x), torch_capsule, name="one capsule above")
    whole = Conv2DParams(draw(6, 6, 3, 4), draw(4))
    one = params.encoder._replace(primary=whole, W=draw(1, 4, 3, 5))
    yield Case("capsule", (one, x), torch_capsule, name="one capsule below")
    deep = encoder(draw, **sizes, layers=2)._replace(W=draw(2 * 2 * 2, 4, 3, 5))
    yield Case("capsule", (deep, x), torch_capsule, name="two convolutions")
    v = capsules(draw, 4, 3, 5)
    v[1], v[2, 1] = 0, 0
    labels = np.array([2, 0, 1, 1])
    yield Case("capsule_margin_loss", (v, labels), torch_margin_loss, name="zero capsules")
    yield Case("capsule_margin_loss", (v[:, :1], 0 * labels), torch_margin_loss, name="one class")
    yield Case("capsule_classes", (v,), classes, grad=False, name="all equally long")
    yield Case("capsule_decoder", (params.decoder, 0 * v, labels), torch_decoder, name="zero capsules")
    yield Case("capsule_decoder", (params.decoder, v[:0], labels[:0]), torch_decoder, name="no examples")
    yield Case("capsule_decoder", (decoder(draw, 15, 4), v, labels), torch_decoder, name="one layer")


def bad(draw):
    params = CapsuleParams(encoder(draw, 2, 3, 2, 4, 3, 5), decoder(draw, 15, 6, 112))
    net, x, v, labels = params.encoder, draw(2, 7, 8, 2), draw(2, 3, 5), np.array([2, 0])
    yield Bad("capsule", (net, draw(2, 7, 8, 1)), "x has 1 channels, expected 2, as params.W has")
    yield Bad("capsule", (net, x[:, :3]), "2 rows .* expected at least 3")
    yield Bad("capsule", (net, x[..., 0]), r"x has shape \(2, 7, 8\), expected \(N, height, width, channels\)")
    yield Bad("capsule", (net._replace(W=draw(11, 4, 3, 5)), x), r"u has shape \(2, 12, 4\), .* with I = 11, as in W")
    wrong = net._replace(W=draw(12, 3, 3, 5))
    yield Bad("capsule", (wrong, x), "8 channels out, expected a multiple of 3, the size of a capsule")
    yield Bad("capsule", (net, x.astype("float32")), "x has dtype float32, expected float64")
    yield Bad("capsule", (net, x), r"iterations is 0, expected in \[1, inf\)", {"iterations": 0})
    yield Bad(
        "capsule", (net._replace(convs=()), x), "params.convs is tuple of length 0, expected a tuple of at least one"
    )
    yield Bad("capsule", (params, x), r"params is a CapsuleParams, expected CapsuleEncoder\(convs, primary, W\)")
    yield Bad("capsule_primary", (net.primary, x), r"a has shape \(2, 7, 8, 2\), expected .* C = 3", {"size": 4})
    yield Bad(
        "capsule_primary",
        (net.primary, draw(2, 6, 6, 3)),
        r"expected a multiple of 0, the size of a capsule \(at least 1\)",
        {"size": 0},
    )
    yield Bad("capsule_margin_loss", (v, np.array([0, 3])), r"labels holds 3 at \[1\], expected 0 <= value < 3")
    yield Bad("capsule_margin_loss", (v, np.array([0, -1])), r"labels holds -1 at \[1\]")
    yield Bad("capsule_margin_loss", (v, labels[:1]), r"labels has shape \(1,\), expected .* N = 2")
    yield Bad("capsule_margin_loss", (v[:0], labels[:0]), "N at least 1")
    yield Bad("capsule_margin_loss", (v, labels), r"m_plus is 1.5, expected in \[0, 1\]", {"m_plus": 1.5})
    yield Bad("capsule_classes", (v[:, :0],), "J at least 1")
    yield Bad("capsule_decoder", (params.decoder, draw(2, 3, 4), labels), "expected 12 rows, as x has")
    yield Bad(
        "capsule_decoder", (params.decoder, v, np.array([0.0, 1.0])), "k has dtype float64, expected int values"
    )
    yield Bad("capsule_loss", (params, x, np.array([0, 3])), r"labels holds 3 at \[1\]")
    yield Bad("capsule_loss", (params, x[:0], labels[:0]), "N at least 1")
    small = params._replace(decoder=decoder(draw, 15, 6, 56))
    message = r"the decoder gives 56 numbers, expected 112, as x has shape \(2, 7, 8, 2\)"
    yield Bad("capsule_loss", (small, x, labels), message)


MUTANTS = [
    Mutant("return u, (z.shape,", "return z.reshape(u.shape), (z.shape,",
           "Primary capsules that are not squashed: their lengths say nothing."),
    Mutant("// size, size))  # (2)", "// size, size) / (z.shape[3] // size))  # (2)",
           "Primary capsules divided by the number of types before the squash, as in the authors' code."),
    Mutant("z, conv_cache = conv2d(params, a, stride=stride)",
           "z, conv_cache = conv2d(params, a, stride=stride)\n    z = relu(z)",
           "A relu before the primary capsules: no direction with a negative number is left."),
    Mutant("routing_squash(z.reshape(len(z), math.prod(z.shape[1:]) // size, size))",
           "routing_squash(z.reshape(len(z), size, math.prod(z.shape[1:]) // size).swapaxes(1, 2))",
           "The channels cut the other way: a vector mixes places and types."),
    Mutant("size: int, stride: int = 2", "size: int, stride: int = 1", "The primary capsules' stride left out."),
    Mutant("short * short, lam * (long * long)", "short, lam * long",
           "Margins without their squares, as in several public copies."),
    Mutant("np.where(T, short * short, lam * (long * long))", "np.where(T, lam * (short * short), long * long)",
           "λ on the wrong side: it is the absent classes that count less."),
    Mutant("np.where(T, short * short, lam * (long * long))", "np.where(T, long * long, lam * (short * short))",
           "The margins trade places: the right capsule is made short."),
    Mutant("np.sum(np.where(T, short * short, lam * (long * long))) / len(v)",
           "np.mean(np.where(T, short * short, lam * (long * long)))",
           "The mean over the classes too, where the paper adds them up."),
    Mutant("np.sum(np.where(T, short * short, lam * (long * long))) / len(v)",
           "np.sum(np.where(T, short * short, lam * (long * long))) / len(v) / 2",
           "A factor ½, as in the authors' code: the reconstruction weighs twice as much."),
    Mutant("np.where(T, -short, lam * long)", "np.where(T, short, lam * long)",
           "The loss falls as the right capsule grows: the sign of its gradient."),
    Mutant("d_lengths = 2 * d_loss", "d_lengths = d_loss", "The derivative of a square has a factor 2."),
    Mutant("np.sum(v * v, axis=-1) + EPS", "np.sum(v * v, axis=-1)",
           "A length without ε: its gradient at a zero capsule is NaN."),
    Mutant("np.sqrt(np.sum(v * v, axis=-1) + EPS)", "(np.sum(v * v, axis=-1) + EPS)",
           "The squared length in place of the length."),
    Mutant("lengths = np.sqrt(np.sum(v * v, axis=-1) + EPS)", "lengths = np.sqrt(np.sum(v * v, axis=-1)) + EPS",
           "ε outside the root: a zero capsule has the length ε, and no gradient."),
    Mutant("np.argmax(np.sum(v * v, axis=-1), axis=-1)", "np.argmax(np.sum(v, axis=-1), axis=-1)",
           "The class with the largest sum: a direction, not a length."),
    Mutant("decoder_cache = capsule_decoder(params.decoder, v, labels)",
           "decoder_cache = capsule_decoder(params.decoder, v, capsule_classes(v))",
           "The longest capsule decoded in training too: the decoder then draws wrong guesses."),
    Mutant("h = np.where(T, v, 0)", "h = v",
           "All capsules decoded: the others tell the decoder what the label's own should."),
    Mutant("np.where(T, d_h.reshape(shape), 0)", "d_h.reshape(shape)",
           "The mask left out on the way back: capsules that were set to 0 get a gradient."),
    Mutant("y = sigmoid(z)", "y = z", "Logits taken for pixels."),
    Mutant("alpha / len(x) * np.sum(error * error)", "alpha * np.mean(error * error)",
           "The mean over the pixels with the weight that belongs to their sum: 784 times too small on MNIST."),
    Mutant("alpha / len(x) * np.sum(error * error)", "alpha * np.sum(error * error)",
           "The sum over the examples: the weight of the reconstruction grows with the batch."),
    Mutant("alpha / len(x) * np.sum(error * error)", "np.sum(error * error) / len(x)",
           "The reconstruction at full weight: it drowns the margins."),
    Mutant("cache, d_v + capsule_margin_loss_backward(margin_cache, d_loss)[0]",
           "cache, capsule_margin_loss_backward(margin_cache, d_loss)[0]",
           "The reconstruction trains the decoder alone: the capsules learn nothing of how things look."),
    Mutant("d_x - d_y.reshape(shape)", "d_x", "The image is the target too: its gradient has a second part."),
    Mutant("a = relu(z)  # (1)", "a = z  # (1)", "The convolution's relu left out."),
    Mutant("iterations=iterations, stop_gradient=stop_gradient)  # (3)", "iterations=iterations)  # (3)",
           "Constant coefficients asked for and not passed on."),
    Mutant("routing(predictions, iterations=iterations,", "routing(predictions, iterations=iterations + 1,",
           "One round too many."),
    Mutant("rng.normal(0, 0.1,", "rng.normal(0, 0.01,",
           "Weights that start too small: every output capsule is nearly 0."),
]  # fmt: skip
