"""Oracle: layer by layer in torch (linear and sigmoid), CD as autograd of a difference of free energies, sampling
unit by unit; scikit-learn's Pipeline of BernoulliRBMs as a second opinion of the way up.
"""

from itertools import pairwise

import numpy as np

from numpy_impl.generative.rbm import RBMParams
from numpy_impl.intro.mlp import MLPLayer
from shared.backends import Seed
from shared.cases import Bad, Case, Mutant
from shared.cases.generative._layers import bits
from shared.cases.generative._rbm_chains import cd, given_h, given_v, sample
from shared.cases.generative._sklearn_rbm import to_sklearn
from shared.cases.generative.rbm import weights

SMALLEST = {"N": 1, "D": 1, "H": 1, "K": 1, "k": 1}


def up(params, v):
    import torch

    for rbm in params:
        v = torch.sigmoid(torch.nn.functional.linear(v, rbm.W.T, rbm.b_h)) + 0 * rbm.b_v.sum()
    return v


def pipeline(params, v):
    from sklearn.pipeline import Pipeline

    return Pipeline([(f"rbm {i}", to_sklearn(rbm)) for i, rbm in enumerate(params)]).transform(v)


def greedy(params, v, labels, u_v, u_h, *, layer):
    for rbm in params[:layer]:
        v = given_v(rbm, v)
    x = v if labels is None else np.hstack([v, labels])
    return cd(params[layer], x, u_v, u_h)[0], x


def generate(params, x, clamped, u_v, u_h, u_down):
    *below, top = params
    for step in range(len(u_h)):
        p = given_h(top, sample(given_v(top, x), u_h[step]))
        new = sample(p, u_v[step])
        x = np.array(
            [
                [a if keep else b for keep, a, b in zip(clamped, *rows, strict=True)]
                for rows in zip(x, new, strict=True)
            ]
        )
    state, at = x[:, : below[-1].W.shape[1]] if below else x, 0
    for i in range(len(below) - 1, -1, -1):
        p = given_h(below[i], state)
        if i > 0:
            width = p.shape[1]
            state, at = sample(p, u_down[:, at : at + width]), at + width
    return p, x


def unroll(params):
    n = params[-2].W.shape[1]
    features, labels = params[-1].W[:n], params[-1].W[n:]
    hidden = [MLPLayer(rbm.W, rbm.b_h) for rbm in params[:-1]]
    return (*hidden, MLPLayer(features, params[-1].b_h), MLPLayer(labels.T, params[-1].b_v[n:]))


def classifier(params, v):
    import torch

    net = torch.nn.Sequential()
    for layer in params:
        net.extend([torch.nn.Linear(*layer.W.shape, dtype=v.dtype), torch.nn.Sigmoid()])
    named = {
        f"{2 * i}.{name}": x
        for i, layer in enumerate(params)
        for name, x in (("weight", layer.W.T), ("bias", layer.b))
    }
    return torch.func.functional_call(net[:-1], named, v)


def loss(params, v, labels):
    import torch

    return torch.nn.functional.cross_entropy(classifier(params, v), labels)


def initial(rng, sizes, *, n_labels, dtype):
    generator, rbms = np.random.default_rng(rng.seed), []
    for i, (n, m) in enumerate(pairwise(sizes)):
        n += n_labels * (i == len(sizes) - 2)
        rbms.append(RBMParams(0.01 * generator.standard_normal((n, m)), np.zeros(n), np.zeros(m)))
    return tuple(rbms)


def stack(draw, *sizes, n_labels=0, scale=1.0):
    widths = [*sizes[:-2], sizes[-2] + n_labels]
    return tuple(weights(draw, n, m, scale) for n, m in zip(widths, sizes[1:], strict=True))


def layers(draw, *sizes):
    return tuple(MLPLayer(draw(n, m), draw(m)) for n, m in pairwise(sizes))


def different(draw, N, K):
    """Labels in no order; all classes, if there are enough examples."""
    return np.argsort(draw.uniform(N)) % K


def generating(draw, N, sizes, K, k, clamped=None):
    """Arguments of dbn_generate."""
    params, X = stack(draw, *sizes, n_labels=K), sizes[-2] + K
    clamped = np.arange(X) >= sizes[-2] if clamped is None else clamped
    u_h, u_v, u_down = draw.uniform(k, N, sizes[-1]), draw.uniform(k, N, X), draw.uniform(N, sum(sizes[1:-2]))
    return params, bits(draw, N, X), clamped, u_v, u_h, u_down


def cases(draw, N=4, D=5, H=3, K=2, k=2):
    sizes = (D, H + 1, H + 3, H)
    yield Case("dbn_up", (stack(draw, *sizes), draw.uniform(N, D)), up, second={"sklearn": pipeline})
    params, v = stack(draw, *sizes, n_labels=K, scale=0.5), draw.uniform(N, D)  # 1 - p must not cancel in (2)
    labels = np.eye(K)[different(draw, N, K)]
    for layer, name in enumerate(("bottom", "middle", "top, with labels")):
        n, m = params[layer].W.shape
        u_h, u_v = draw.uniform(k, N, m), draw.uniform(k, N, n)
        args = (params, v, labels if layer == 2 else None, u_v, u_h)
        yield Case("dbn_greedy", args, greedy, {"layer": layer}, grad=False, name=name)
    yield Case("dbn_generate", generating(draw, N, sizes, K, k), generate, grad=False)
    args = generating(draw, N, (D, H + 2, H + 1, H + 3, H), 0, k)
    yield Case("dbn_generate", args, generate, grad=False, name="four RBMs, no labels")
    yield Case("dbn_unroll", (params,), unroll, grad=False)
    net, answers = layers(draw, *sizes, K), different(draw, N, K)
    yield Case("dbn_classifier", (net, v), classifier)
    yield Case("dbn_classifier_loss", (net, v, answers), loss)
    static = {"n_labels": K, "dtype": "float64"}
    yield Case("dbn_init", (Seed(8), sizes), initial, static, grad=False)
    bare = {**static, "n_labels": 0}
    yield Case("dbn_init", (Seed(8), (D, H, H + 2)), initial, bare, grad=False, name="two RBMs")
    yield Case("dbn_init", (Seed(8), (D, H)), initial, static, grad=False, name="one RBM")
    yield Case("dbn_up", (stack(draw, D, H + 2, H), draw.uniform(N, D)), up, name="two RBMs")


def nasty(draw):
    args = generating(draw, 3, (4, 2), 0, 2)
    yield Case("dbn_generate", args, generate, grad=False, name="one RBM")
    yield Case("dbn_up", (args[0], draw.uniform(3, 4)), up, name="one RBM")
    args = generating(draw, 3, (4, 1, 1), 1, 2)
    yield Case("dbn_generate", args, generate, grad=False, name="one hidden unit")
    args = generating(draw, 3, (4, 2, 3), 2, 2, clamped=np.full(4, True))
    yield Case("dbn_generate", args, generate, grad=False, name="everything clamped")
    params, *others = generating(draw, 3, (4, 2, 5, 3), 2, 2)
    huge = tuple(RBMParams(*(1e3 * np.sign(x) for x in rbm)) for rbm in params)
    yield Case("dbn_generate", (huge, *others), generate, grad=False, name="weights of 1000 or -1000")
    yield Case("dbn_up", (huge[:2], draw.uniform(3, 4)), up, name="weights of 1000 or -1000")
    net = tuple(MLPLayer(1e3 * layer.W, layer.b) for layer in layers(draw, 4, 3, 2))
    args = (net, bits(draw, 3, 4), np.array([0, 1, 1]))
    yield Case("dbn_classifier_loss", args, loss, name="weights of thousands")
    never = RBMParams(W=np.zeros((4, 2)), b_v=np.array([-2e3, 2e3, -2e3, 0.0]), b_h=np.array([-2e3, 2e3]))
    never = (never, RBMParams(W=np.zeros((2, 3)), b_v=np.array([-2e3, 2e3]), b_h=np.zeros(3)))
    args = (never, bits(draw, 2, 2), np.full(2, False), np.zeros((1, 2, 2)), np.zeros((1, 2, 3)), np.zeros((2, 0)))
    yield Case("dbn_generate", args, generate, grad=False, name="p exactly 0 and 1, u = 0")
    down = (never[0], RBMParams(W=draw(2, 3), b_v=np.zeros(2), b_h=np.zeros(3)), weights(draw, 3, 2))
    down = (RBMParams(draw(4, 4), draw(4), draw(4)), never[0], *down[1:])
    args = (down, bits(draw, 2, 3), np.full(3, True), np.zeros((1, 2, 3)), np.zeros((1, 2, 2)), np.zeros((2, 6)))
    yield Case("dbn_generate", args, generate, grad=False, name="p exactly 0 and 1 on the way down, u = 0")


def bad(draw):
    params, v = stack(draw, 4, 3, 2, n_labels=2), bits(draw, 5, 4)
    labels, u_h, u_v = np.eye(2)[[0, 1, 0, 1, 1]], draw.uniform(1, 5, 2), draw.uniform(1, 5, 5)
    top, bottom = {"layer": 1}, {"layer": 0}
    yield Bad("dbn_up", (params, v), r"params\[1\].W has shape \(5, 2\), expected 3 rows, as params\[0\]")
    yield Bad("dbn_up", ((), v), "params is tuple of length 0, expected a tuple of at least one")
    yield Bad("dbn_greedy", (params, v, labels, u_v, u_h), "layer is 2, expected from 0 to 1", {"layer": 2})
    yield Bad("dbn_greedy", (params, v, None, u_v, u_h), r"params\[1\].W has shape \(5, 2\), expected 3 rows", top)
    yield Bad(
        "dbn_greedy", (params, v, labels, u_v, u_h), r"params\[0\].W has shape \(4, 3\), expected 6 rows", bottom
    )
    yield Bad("dbn_greedy", (params, v, labels[:2], u_v, u_h), r"labels has shape \(2, 2\), expected .* N = 5", top)
    yield Bad("dbn_greedy", (params, v, labels, u_v[:0], u_h[:0]), "k at least 1", top)
    params, *others, u_down = generating(draw, 3, (4, 2, 5, 3), 2, 2)
    yield Bad("dbn_generate", (params, *others, u_down[:, :1]), r"u_down has shape \(3, 1\), expected 2 columns")
    x, clamped, u_v, u_h = others
    yield Bad(
        "dbn_generate", (params, x, clamped[:2], u_v, u_h, u_down), r"clamped has shape \(2,\), expected .* X = 7"
    )
    yield Bad("dbn_unroll", (stack(draw, 4, 3, 2),), "top RBM has 3 visible units, expected more than 3, for labels")
    yield Bad("dbn_unroll", (stack(draw, 4, 3),), "params has one RBM, expected hidden layers and a top RBM")
    apart = (weights(draw, 4, 3), weights(draw, 5, 2), weights(draw, 4, 2))
    yield Bad("dbn_unroll", (apart,), r"params\[1\].W has shape \(5, 2\), expected 3 rows, as come from below")
    net = layers(draw, 4, 3, 2)
    yield Bad("dbn_classifier", (net, draw(5, 3)), r"v has shape \(5, 3\), expected .* D = 4, as in params\[0\].W")
    yield Bad("dbn_classifier_loss", (net, v, np.array([0, 1, 2, 0, 0])), "labels holds 2 at")
    yield Bad("dbn_init", (Seed(1), (4,)), r"sizes is \(4,\), expected at least \(D, H\)")


MUTANTS = [
    Mutant("dbn_up(params[:layer], v)[0] if layer else v", "v",
           "Every RBM trained on the data instead of on what the RBM below makes of it."),
    Mutant("dbn_up(params[:layer], v)[0] if layer else v", "np.round(dbn_up(params[:layer], v)[0]) if layer else v",
           "Bits go up where probabilities belong: most of what the layer below knows is lost."),
    Mutant("dbn_up(params[:layer], v)[0] if layer else v", "dbn_up(params[: layer + 1], v)[0]",
           "Off by one: an RBM trained on its own hidden units."),
    Mutant("rbm_cd(params[layer], x, u_v, u_h)", "rbm_cd(params[layer], x, u_v[1:], u_h[1:])",
           "Off by one: k - 1 steps of CD."),
    Mutant("np.concatenate([x, labels], axis=1)", "np.concatenate([labels, x], axis=1)",
           "Labels before the features: the weights are in other rows than generation and fine-tuning look for."),
    Mutant("x, cache = rbm_hidden(rbm, x)  # (1)", "x, cache = rbm_hidden(rbm._replace(b_h=0 * rbm.b_h), x)  # (1)",
           "The hidden biases forgotten on the way up."),
    Mutant("h = rbm_sample(rbm_hidden(params[-1], x)[0], u_hidden)", "h = rbm_hidden(params[-1], x)[0]",
           "Mean field in the top RBM: it settles and generates one picture for ever."),
    Mutant("np.where(clamped, x, rbm_sample(p, u_visible))", "np.where(clamped, x, p)",
           "Probabilities handed on as the visible state of the chain."),
    Mutant("np.where(clamped, x, rbm_sample(p, u_visible))", "rbm_sample(p, u_visible)",
           "Labels not clamped: the chain wanders to other classes."),
    Mutant("np.where(clamped, x, rbm_sample(p, u_visible))", "np.where(clamped, rbm_sample(p, u_visible), x)",
           "The mask the other way round: only the labels move."),
    Mutant("state = rbm_sample(p, u_down", "state = 1.0 * (0.5 < p)  # rbm_sample(p, u_down",
           "A threshold on the way down: layers below are drawn, not rounded."),
    Mutant("state = rbm_sample(p, u_down[:, sum(units[:i]) : sum(units[: i + 1])])", "state = p",
           "Probabilities on the way down: averages of pictures, smoother than any sample."),
    Mutant("np.where(clamped, x, rbm_sample(p, u_visible))", "np.where(clamped, x, 1.0 * (u_visible <= p))",
           "Not strictly less: a unit whose probability is exactly 0 fires when u is 0, which does occur."),
    Mutant("params[-2::-1], [rbm", "params[:-1], [rbm", "Downwards in the order of upwards."),
    Mutant("MLPLayer(rbm.W, rbm.b_h) for rbm", "MLPLayer(rbm.W, 0 * rbm.b_h) for rbm",
           "Pretrained weights without their biases."),
    Mutant("np.ascontiguousarray(top.W[n:].T), top.b_v[n:]", "np.ascontiguousarray(top.W[n:].T), 0 * top.b_v[n:]",
           "The labels' biases, which know how frequent a class is, left behind."),
    Mutant('mlp(params, v, activation="sigmoid")', 'mlp(params, v, activation="relu")',
           "Weights that were learned for σ in a network of rectifiers."),
    Mutant("visible = [*sizes[:-2], sizes[-2] + n_labels]", "visible = [sizes[0] + n_labels, *sizes[1:-1]]",
           "Labels at the bottom."),
    Mutant("        d_params = (d_rbm, *d_params)\n", "        d_params = (*d_params, d_rbm)\n",
           "The gradients of the RBMs in the order of the way back."),
    Mutant("rbm_hidden_backward(rbm_cache, d_x)",
           "rbm_hidden_backward(rbm_cache, np.broadcast_to(np.sum(d_x, axis=0), d_x.shape))",
           "A sum over the examples inside the network: every example gets the gradient of all."),
    Mutant("d_rbm, d_x = rbm_hidden_backward", "d_rbm, _ = rbm_hidden_backward",
           "The gradient does not go on to the RBM below."),
    Mutant("d_logits, _ = losses.softmax_cross_entropy_backward(loss_cache, d_loss)",
           "d_logits = losses.softmax_cross_entropy_backward(loss_cache, d_loss)[0] * len(loss_cache[1])",
           "The 1/N of the mean dropped."),
]  # fmt: skip
