"""Oracle: torch.nn.functional and loops over capsules, classes and examples, with autograd, float64."""

import math
from itertools import pairwise

import numpy as np

from numpy_impl.convolutional.capsule import CapsuleEncoder, CapsuleParams
from numpy_impl.convolutional.conv2d import Conv2DParams
from numpy_impl.intro.mlp import MLPLayer
from shared.backends import Seed
from shared.cases import Bad, Case, Mutant
from shared.cases.convolutional.capsule_decoder import decoder, torch_decoder
from shared.cases.convolutional.capsule_margin import capsules, torch_margin_loss
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


def classes(v):
    return np.array([max(range(v.shape[1]), key=lambda j: np.linalg.norm(one[j])) for one in v], int)


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


def cases(draw, N=3, C=2, F=3, types=2, P=4, J=3, D=5, M=6):
    (height, width), labels = IMAGE, np.arange(N)[::-1] % J
    primary = Conv2DParams(draw(3, 2, F, types * P), draw(types * P))
    yield Case("capsule_primary", (primary, draw(N, 6, 6, F)), torch_primary, {"size": P})
    params = encoder(draw, C, F, types, P, J, D)
    x = draw.uniform(N, height, width, C)
    yield Case("capsule", (params, x), torch_capsule)
    v = capsules(draw, N, J, D)
    yield Case("capsule_classes", (v,), classes, grad=False)
    layers = decoder(draw, J * D, M, height * width * C)
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
    yield Case("capsule_classes", (v,), classes, grad=False, name="all equally long")
    primary = Conv2DParams(draw(3, 2, 3, 8), draw(8))
    yield Case(
        "capsule_primary", (primary, draw(2, 6, 6, 3)), torch_primary, {"size": 4, "stride": 1}, name="stride 1"
    )
    for name, static in (("two rounds", {"iterations": 2}), ("constant coefficients", {"stop_gradient": True})):
        yield Case("capsule", (params.encoder, x), torch_capsule, static, name=name)
    sizes = {"kernel": 2, "channels": (4,), "types": 3, "sizes": (2, 5), "hidden": (6,), "dtype": "float64"}
    yield Case("capsule_init", (Seed(6), (5, 6, 2), 3), initial, sizes, grad=False, name="one convolution")


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
    yield Bad("capsule_classes", (v[:, :0],), "J at least 1")
    yield Bad("capsule_loss", (params, x, np.array([0, 3])), r"labels holds 3 at \[1\]")
    yield Bad("capsule_loss", (params, x[:0], labels[:0]), "N at least 1")
    small = params._replace(decoder=decoder(draw, 15, 6, 56))
    message = r"the decoder gives 56 numbers, expected 112, as x has shape \(2, 7, 8, 2\)"
    yield Bad("capsule_loss", (small, x, labels), message)


MUTANTS = [
    Mutant("return u, CapsulePrimaryCache", "return s, CapsulePrimaryCache",
           "Primary capsules that are not squashed: their lengths say nothing."),
    Mutant("// size, size)  # (3)", "// size, size) / (z.shape[3] // size)  # (3)",
           "Primary capsules divided by the number of types before the squash, as in the authors' code."),
    Mutant("z, conv_cache = conv2d(params, a, stride=stride)",
           "z, conv_cache = conv2d(params, a, stride=stride)\n    z = relu(z)",
           "A relu before the primary capsules: no direction with a negative number is left."),
    Mutant("s = z.reshape(len(z), math.prod(z.shape[1:]) // size, size)",
           "s = z.reshape(len(z), size, math.prod(z.shape[1:]) // size).swapaxes(1, 2)",
           "The channels cut the other way: a vector mixes places and types."),
    Mutant("size: int, stride: int = 2", "size: int, stride: int = 1", "The primary capsules' stride left out."),
    Mutant("np.argmax(np.sum(v * v, axis=-1), axis=-1)", "np.argmax(np.sum(v, axis=-1), axis=-1)",
           "The class with the largest sum: a direction, not a length."),
    Mutant("decoder_cache = capsule_decoder(params.decoder, v, labels)",
           "decoder_cache = capsule_decoder(params.decoder, v, capsule_classes(v))",
           "The longest capsule decoded in training too: the decoder then draws wrong guesses."),
    Mutant("alpha / len(x) * np.sum(error * error)", "alpha * np.mean(error * error)",
           "The mean over the pixels with the weight that belongs to their sum: 784 times too small on MNIST."),
    Mutant("alpha / len(x) * np.sum(error * error)", "alpha * np.sum(error * error)",
           "The sum over the examples: the weight of the reconstruction grows with the batch."),
    Mutant("alpha / len(x) * np.sum(error * error)", "np.sum(error * error) / len(x)",
           "The reconstruction at full weight: it drowns the margins."),
    Mutant("a = relu(z)  # (2)", "a = z  # (2)", "The convolution's relu left out."),
    Mutant("iterations=iterations, stop_gradient=stop_gradient)  # (6)", "iterations=iterations)  # (6)",
           "Constant coefficients asked for and not passed on."),
    Mutant("routing(predictions, iterations=iterations,", "routing(predictions, iterations=iterations + 1,",
           "One round too many."),
    Mutant("rng.normal(0, 0.1,", "rng.normal(0, 0.01,",
           "Weights that start too small: every output capsule is nearly 0."),
    Mutant("d_decoder, d_v, _ = capsule_decoder_backward(decoder_cache, d_y)",
           "d_decoder, d_v = capsule_decoder_backward(decoder_cache, d_y)[0], 0",
           "A dropped term: the reconstruction trains the decoder alone, not the capsules."),
    Mutant("d_x -= d_y.reshape(shape)", "d_x -= 0", "The image is the target too: its gradient has a second part."),
    Mutant("d_y = 2 * alpha / len(error)", "d_y = alpha / len(error)", "The derivative of a square has a factor 2."),
    Mutant("d_y = 2 * alpha / len(error) * d_loss * error",
           "d_y = 2 * alpha / len(error) * d_loss * np.sum(error, axis=1, keepdims=True)",
           "The wrong sum: every pixel answers for its own error, not for that of the whole image."),
    Mutant("d_z = relu_backward(d_a, layer.z, layer.a)", "d_z = d_a", "The relu left out of the way back."),
    Mutant("d_convs.insert(0, d_layer)", "d_convs.append(d_layer)",
           "The way back goes from the last layer to the first: gradients end up at the wrong layers."),
]  # fmt: skip
