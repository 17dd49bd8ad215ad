"""Oracle: layers of torch, batch_norm among them, in float64."""

from itertools import pairwise

import numpy as np

from numpy_impl.intro.mlp import MLPLayer
from numpy_impl.normalization.batch_norm import BatchNormState
from numpy_impl.normalization.batch_norm_mlp import BatchNormLayer, BatchNormMLPParams
from shared.backends import Seed
from shared.cases import Bad, Case, Mutant
from shared.cases.normalization.batch_norm import USUAL, VISIBLE, initial, torch_batch_norm
from shared.cases.normalization.batch_norm import layer as norm_and_state

SMALLEST = {"N": 4, "D": 2, "H": 2, "K": 2}  # a single weight changes nothing: the normalization undoes its scale


def torch_mlp(params, x, states, *, momentum, eps):
    import torch
    import torch.nn.functional as F

    news = []
    for layer, state in zip(params.hidden, states, strict=True):
        y, new = torch_batch_norm(layer.norm, F.linear(x, layer.W.T), state, momentum=momentum, eps=eps)
        x = torch.sigmoid(y)
        news.append(new)
    return F.linear(x, params.output.W.T, params.output.b), tuple(news)


def torch_loss(params, x, labels, *, eps):
    import torch.nn.functional as F

    states = tuple(BatchNormState(0 * layer.norm.beta, 0 * layer.norm.beta) for layer in params.hidden)
    return F.cross_entropy(torch_mlp(params, x, states, momentum=0.1, eps=eps)[0], labels)


def torch_mlp_eval(params, x, states, *, eps=1e-5):
    import torch
    import torch.nn.functional as F

    x = torch.tensor(x)
    for layer, state in zip(params.hidden, states, strict=True):
        given = (*map(torch.tensor, state), *map(torch.tensor, layer.norm))
        x = torch.sigmoid(F.batch_norm(x @ torch.tensor(layer.W), *given, False, 0, eps))
    return F.linear(x, torch.tensor(params.output.W.T), torch.tensor(params.output.b))


def network(draw, N, D, *hidden, K):
    norms = [norm_and_state(draw, size) for size in hidden]
    shapes = pairwise((D, *hidden))
    weights = [BatchNormLayer(draw(*shape), norm) for shape, (norm, _) in zip(shapes, norms, strict=True)]
    output = MLPLayer(draw(hidden[-1], K), draw(K))
    return BatchNormMLPParams(tuple(weights), output), draw(N, D), tuple(state for _, state in norms)


def initial_mlp(rng, sizes, dtype):
    generator = np.random.default_rng(rng.seed)
    weights = [generator.uniform(-((6 / a) ** 0.5), (6 / a) ** 0.5, (a, b)) for a, b in pairwise(sizes)]
    norms, states = zip(*(initial(size, dtype) for size in sizes[1:-1]), strict=True)
    hidden = tuple(BatchNormLayer(W, norm) for W, norm in zip(weights, norms, strict=False))
    return BatchNormMLPParams(hidden, MLPLayer(weights[-1], np.zeros(sizes[-1]))), states


def cases(draw, N=7, D=5, H=3, K=2):
    net, x, states = network(draw, N, D, H, H + 1, K=K)
    labels = (2 * np.arange(N) + 1) % K
    yield Case("batch_norm_mlp", (net, x, states), torch_mlp, VISIBLE)
    yield Case("batch_norm_mlp_loss", (net, x, labels), torch_loss, {"eps": 2.0**-10})
    yield Case("batch_norm_mlp_eval", (net, x, states), torch_mlp_eval, {"eps": 2.0**-10}, grad=False)
    for sizes in ((D, H, K), (D, H, H + 1, K)):
        name = f"{len(sizes) - 1} layers"
        static = {"dtype": "float64"}
        yield Case("batch_norm_mlp_init", (Seed(2), sizes), initial_mlp, static, grad=False, name=name)


def nasty(draw):
    net, x, states = network(draw, 5, 3, 4, K=2)
    yield Case("batch_norm_mlp", (net, x, states), torch_mlp, USUAL, name="one hidden layer")
    net, x, states = network(draw, 5, 3, 4, 6, K=2)
    yield Case("batch_norm_mlp", (net, x, states), torch_mlp, USUAL | {"momentum": 1.0}, name="momentum 1")
    huge = net._replace(output=net.output._replace(W=1e3 * net.output.W))
    yield Case(
        "batch_norm_mlp_loss", (huge, x, np.array([0, 1, 1, 0, 1])), torch_loss, {"eps": 1e-5}, name="huge logits"
    )
    yield Case("batch_norm_mlp_eval", (net, x, states), torch_mlp_eval, grad=False, name="eps as it is")


def bad(draw):
    net, x, states = network(draw, 5, 3, 4, 6, K=2)
    yield Bad("batch_norm_mlp", (net, x[:1], states), "x has shape .* N at least 2")
    yield Bad("batch_norm_mlp", (net, x, states[:1]), "states is a tuple of 1, expected 2")
    yield Bad("batch_norm_mlp", (net, x, states[::-1]), r"states\[0\] has 6 channels, expected 4")
    yield Bad("batch_norm_mlp", (net, x, states), r"momentum is 1.1, expected in \[0, 1\]", {"momentum": 1.1})
    yield Bad(
        "batch_norm_mlp_eval",
        (net, draw(5, 2), states),
        r"x has shape \(5, 2\), .* D = 3, as in params.hidden\[0\].W",
    )
    first, second = net.hidden
    turned = net._replace(hidden=(first._replace(W=draw(3, 5), norm=second.norm), second))
    yield Bad("batch_norm_mlp", (turned, x, states), r"params.hidden\[0\].norm.gamma has shape \(6,\), .* C = 5")
    longer = net._replace(hidden=(first, second._replace(W=draw(5, 6))))
    yield Bad("batch_norm_mlp", (longer, x, states), r"params.hidden\[1\].W has shape \(5, 6\), expected 4 rows")
    other = net._replace(output=net.output._replace(W=draw(5, 2)))
    yield Bad("batch_norm_mlp", (other, x, states), r"params.output.W has shape \(5, 2\), .* D_in = 6")
    yield Bad("batch_norm_mlp_loss", (net, x, np.array([0, 1, 0, 2, 0])), r"labels holds 2 at \[3\]")
    yield Bad("batch_norm_mlp_init", (Seed(1), (3, 2)), r"sizes is \(3, 2\), expected")


MUTANTS = [
    Mutant("a_in = a\n        a = sigmoid(y)", "a_in = a\n        a = sigmoid(z)", "Normalized, and then not used."),
    Mutant("new_states.append(new_state)", "new_states.append(state)", "The running statistics are never updated."),
    Mutant("momentum=momentum, eps=eps)  # (2)", "eps=eps)  # (2)",
           "The momentum that was asked for is not passed on."),
    Mutant("y, _ = batch_norm_eval(layer.norm, z, state, eps=eps)",
           "(y, _), _ = batch_norm(layer.norm, z, state, eps=eps)",
           "The batch's statistics in evaluation: what is said of one example depends on the others."),
    Mutant("b=np.sum(d_logits, axis=0)", "b=np.sum(d_logits, axis=1)[: len(d_logits.T)]",
           "The wrong sum axis: the bias is shared by the examples, so its gradient sums over them."),
    Mutant("b=np.sum(d_logits, axis=0)", "b=np.mean(d_logits, axis=0)",
           "The loss is a mean already: a second one makes the bias learn N times too slowly."),
    Mutant("d_y = sigmoid_backward(d_a, layer.y, layer.a)", "d_y = d_a * layer.a",
           "A dropped factor: σ' is a (1 - a), not a."),
    Mutant("(layer.norm, (d_y, d_new_state))", "(layer.norm, (d_y, BatchNormState(*(0 * d for d in d_new_state))))",
           "The new running statistics are outputs too: what comes back from them is dropped."),
    Mutant("d_norm, d_z, d_state = batch_norm_backward(", "d_z, (d_norm, _, d_state) = d_y, batch_norm_backward(",
           "The normalization left out of the way back: z takes y's gradient."),
    Mutant("d_hidden.append(BatchNormLayer(d_W, d_norm))", "d_hidden.insert(0, BatchNormLayer(d_W, d_norm))",
           "The way back goes from the last layer to the first: gradients end up at the wrong layers."),
]  # fmt: skip
