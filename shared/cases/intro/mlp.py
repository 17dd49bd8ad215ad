"""Oracle: a stack of torch.nn.functional's layers."""

from itertools import pairwise

import numpy as np

from numpy_impl.intro.mlp import MLPLayer
from shared.backends import Seed
from shared.cases import Bad, Case, Mutant

SMALLEST = {"N": 1, "D": 1, "H": 1, "K": 1}
ACTIVATIONS = ("sigmoid", "tanh", "relu", "leaky_relu", "elu", "selu", "gelu", "softplus", "swish")


def torch_mlp(params, x, activation="relu"):
    import torch
    import torch.nn.functional as F

    named = {"swish": F.silu, "softplus": lambda z: F.softplus(z, threshold=1e9), "sigmoid": torch.sigmoid}
    function = named.get(activation) or getattr(F, activation)
    for layer in params[:-1]:
        x = function(F.linear(x, layer.W.T, layer.b))
    return F.linear(x, params[-1].W.T, params[-1].b)


def torch_loss(params, x, labels, activation="relu"):
    import torch.nn.functional as F

    return F.cross_entropy(torch_mlp(params, x, activation), labels)


def sklearn_mlp(params, x, activation):
    from sklearn.neural_network import MLPClassifier

    names = {"sigmoid": "logistic", "tanh": "tanh", "relu": "relu"}
    model = MLPClassifier([len(layer.b) for layer in params[:-1]], activation=names[activation])
    model.coefs_, model.intercepts_ = [layer.W for layer in params], [layer.b for layer in params]
    model.n_layers_, model.out_activation_ = len(params) + 1, "identity"
    return model._forward_pass_fast(x, check_input=False)


def he_layers(rng, sizes, dtype):
    generator, layers = np.random.default_rng(rng.seed), []
    for n_in, n_out in pairwise(sizes):
        bound = (6 / n_in) ** 0.5
        layers.append(MLPLayer(W=generator.uniform(-bound, bound, (n_in, n_out)), b=np.zeros(n_out)))
    return tuple(layers)


def layers(draw, *sizes):
    return tuple(MLPLayer(W=draw(a, b), b=draw(b)) for a, b in pairwise(sizes))


def cases(draw, N=7, D=3, H=5, K=4):
    for activation in ACTIVATIONS:
        second = {"sklearn": sklearn_mlp} if activation in ("sigmoid", "tanh", "relu") else {}
        args = (layers(draw, D, H, H + 1, K), draw(N, D))
        yield Case("mlp", args, torch_mlp, {"activation": activation}, name=activation, second=second)
    args = (layers(draw, D, H, H + 1, H + 2, K), draw(N, D), draw.integers(K, N))
    yield Case("mlp_loss", args, torch_loss, {"activation": "tanh"})
    yield Case("mlp_init", (Seed(3), (D, H, K)), he_layers, {"dtype": "float64"}, grad=False)


def nasty(draw):
    yield Case("mlp_loss", (layers(draw, 3, 4), draw(5, 3), draw.integers(4, 5)), torch_loss, name="no hidden layer")
    yield Case("mlp", (layers(draw, 3, 5, 4), draw(0, 3)), torch_mlp, name="no examples")
    yield Case("mlp_loss", (layers(draw, 1, 1, 1), draw(1, 1), np.array([0])), torch_loss, name="all sizes one")
    args = (layers(draw, 3, 5, 4), 1e4 * draw(6, 3), draw.integers(4, 6))
    yield Case("mlp_loss", args, torch_loss, {"activation": "sigmoid"}, name="saturated units")
    dead = layers(draw, 3, 5, 4)
    dead = (dead[0]._replace(W=np.zeros((3, 5)), b=np.zeros(5)), dead[1])
    yield Case("mlp_loss", (dead, draw(6, 3), draw.integers(4, 6)), torch_loss, name="every hidden unit at the kink")
    yield Case("mlp_init", (Seed(4), (3, 4, 5, 2)), he_layers, {"dtype": "float64"}, grad=False, name="four sizes")


def bad(draw):
    params, x = layers(draw, 3, 5, 4), draw(2, 3)
    yield Bad("mlp", (params, x), "activation is 'rleu', expected one of sigmoid, tanh, relu", {"activation": "rleu"})
    yield Bad("mlp", (params, draw(2, 4)), r"x has shape \(2, 4\), expected .* D = 3, as in params\[0\].W")
    yield Bad("mlp", ((params[0], layers(draw, 6, 4)[0]), x), r"params\[1\].W has shape \(6, 4\), expected 5 rows")
    yield Bad("mlp", ((params[0]._replace(b=draw(4)), params[1]), x), r"params\[0\].b has shape \(4,\)")
    yield Bad("mlp", ((), x), "params is tuple of length 0")
    yield Bad("mlp", (params, x.astype("float32")), "x has dtype float32, expected float64")
    yield Bad("mlp_loss", (params, x, np.array([0, 4])), r"labels holds 4 at \[1\]")
    yield Bad("mlp_loss", (params, x, np.array([0])), r"labels has shape \(1,\)")
    yield Bad("mlp_loss", (params, x[:0], np.zeros(0, int)), "N at least 1")
    yield Bad("mlp_init", (Seed(1), (3,)), r"sizes is \(3,\), expected")
    yield Bad("mlp_init", (Seed(1), (3, 0, 2)), r"sizes is \(3, 0, 2\), expected")


MUTANTS = [
    Mutant("d_z = d_activation(d_a, z, a)", "d_z = d_a",
           "The activation's derivative left out: backpropagation through a linear net."),
    Mutant("d_z = d_activation(d_a, z, a)", "d_z = d_activation(d_a, a, z)",
           "Input and output of the activation swapped: invisible for ReLU, wrong for sigmoid and tanh."),
    Mutant("reversed(list(zip(params[1:], inputs", "reversed(list(zip(params[:-1], inputs",
           "Each layer's gradient taken through its own weights instead of the next layer's."),
    Mutant("W=a_in.T @ d_z, b=np.sum(d_z, axis=0)", "W=a_in.T @ d_z, b=np.mean(d_z, axis=0)",
           "The mean is in the loss already: here, examples are summed."),
    Mutant("W=a_in.T @ d_z, b=np.sum(d_z, axis=0)", "W=a_in.T @ d_z, b=np.sum(d_z, axis=1)[: d_z.shape[1]]",
           "The wrong axis: units summed instead of examples."),
    Mutant("MLPLayer(W=a_in.T @ d_z,", "MLPLayer(W=a_in.T @ d_z / len(z),", "Divided by N twice."),
    Mutant("d_z = d_logits\n", "d_z = d_logits - np.mean(d_logits, axis=1, keepdims=True)\n",
           "A term too many: right behind a softmax, whose gradients sum to 0, and behind nothing else."),
    Mutant("d_x = None if params_only else d_z @ params[0].W.T",
           "d_x = None if params_only else d_z @ np.abs(params[0].W.T)",
           "The gradient for the inputs carries the signs of the weights."),
    Mutant("z = inputs[-1] @ layer.W + layer.b", "z = inputs[-1] @ layer.W",
           "Hidden layers without bias: every unit's boundary passes through the origin."),
    Mutant("initializers.he_uniform(rng, (n_in, n_out), dtype=dtype)",
           "initializers.he_uniform(rng, (n_out, n_in), dtype=dtype).T",
           "Fans of the transposed matrix: the scale follows the wrong side."),
]  # fmt: skip
