"""Oracle: for each example by itself, F.linear and softmax over its valid places alone, in torch; Keras's
AdditiveAttention behind two dense layers as a second opinion."""

import numpy as np

from numpy_impl.recurrent.attention import AttentionParams
from shared.backends import Seed
from shared.cases import Bad, Case, Mutant
from shared.cases.recurrent._oracles import glorot, some_mask, spoilt

SMALLEST = {"S": 1, "N": 0, "Q": 1, "M": 1, "A": 1}


def torch_read(v, query, keys, hs, mask=None):
    import torch

    cs, all_weights = [], []
    for n in range(len(query)):
        places = torch.arange(len(hs)) if mask is None else torch.nonzero(mask[:, n])[:, 0]
        scores = torch.stack([torch.dot(v, torch.tanh(query[n] + keys[j, n])) for j in places] or [v[:0].sum()])
        weights = hs.new_zeros(len(hs)).index_put((places,), torch.softmax(scores, 0)[: len(places)])
        all_weights.append(weights)
        cs.append(sum((weights[j] * hs[j, n] for j in places), hs[:0, n].sum(0)))
    if not cs:
        return hs[0] + 0, keys[..., 0] + 0
    return torch.stack(cs), torch.stack(all_weights, 1)


def torch_attention(params, s, hs, mask=None):
    import torch
    import torch.nn.functional as F

    keys = F.linear(hs, params.W_k.T)
    if mask is not None:
        keys = torch.zeros_like(keys).index_put((mask,), F.linear(hs[mask], params.W_k.T))
    return torch_read(params.v, F.linear(s, params.W_q.T), keys, hs, mask)


def keras_attention(params, s, hs, mask=None):
    import keras

    def dense(x, W):
        layer = keras.layers.Dense(W.shape[1], use_bias=False, dtype="float64")
        layer.build(x.shape)
        layer.set_weights([W])
        return layer(x)

    hs = hs.swapaxes(0, 1)  # Keras has the batch first
    query, keys, values = dense(s[:, None], params.W_q), dense(hs, params.W_k), keras.ops.array(hs)
    layer = keras.layers.AdditiveAttention(dtype="float64")
    layer.build([query.shape, values.shape, keys.shape])
    layer.set_weights([params.v])
    valid = np.ones(hs.shape[:2], bool) if mask is None else mask.T
    masks = [np.ones((len(s), 1), bool), valid]
    c, weights = layer([query, values, keys], mask=masks, return_attention_scores=True)
    return c.numpy()[:, 0], weights.numpy()[:, 0].T


def initial(rng, Q, M, A, dtype):
    generator = np.random.default_rng(rng.seed)
    W_q, W_k, v = glorot(generator, Q, A), glorot(generator, M, A), glorot(generator, A, 1)
    return AttentionParams(W_q, W_k, v.reshape(-1))


def unequal(S, N):
    return some_mask(S, N) if N else np.ones((S, 0), bool)


def weights(draw, Q, M, A):
    return AttentionParams(W_q=draw(Q, A), W_k=draw(M, A), v=draw(A))


def cases(draw, S=4, N=3, Q=5, M=6, A=7):
    params = weights(draw, Q, M, A)
    second = {"keras": keras_attention} if N else {}
    yield Case("attention", (params, draw(N, Q), draw(S, N, M)), torch_attention, second=second)
    args = (params, draw(N, Q), draw(S, N, M), unequal(S, N))
    yield Case("attention", args, torch_attention, second=second, name="of unequal lengths")
    args = (draw(A), draw(N, A), draw(S, N, A), draw(S, N, M), unequal(S, N))
    yield Case("attention_read", args, torch_read, name="of unequal lengths")
    yield Case("attention_init", (Seed(5), Q, M, A), initial, {"dtype": "float64"}, grad=False)


def nasty(draw):
    ones = (weights(draw, 1, 1, 1), draw(1, 1), draw(1, 1, 1), np.ones((1, 1), bool))
    yield Case("attention", ones, torch_attention, name="all sizes one")
    params, s, hs = weights(draw, 5, 6, 7), draw(3, 5), draw(4, 3, 6)
    mask = np.array([[True, False, False], [True, False, True], [False, False, False], [True, False, False]])
    yield Case("attention", (params, s, hs, mask), torch_attention, name="a row without a valid place")
    yield Case("attention", (params, s, hs, mask & ~mask), torch_attention, name="no valid place anywhere")
    yield Case("attention", (params, s, hs, mask | ~mask), torch_attention, name="a mask that hides nothing")
    loud = np.where(mask[..., None], hs, 1e4)
    yield Case("attention", (params, s, loud, mask), torch_attention, name="huge values at masked places")
    name = "masked places that are not numbers"
    yield Case("attention", (params, s, spoilt(mask, hs), mask), torch_attention, name=name)
    args = (draw(7), draw(3, 7), spoilt(mask, draw(4, 3, 7)), spoilt(mask, hs), mask)
    yield Case("attention_read", args, torch_read, name=name)
    sharp = params._replace(v=1e4 * params.v)
    yield Case("attention", (sharp, s, hs, mask), torch_attention, name="huge scores")
    yield Case("attention", (params, 1e4 * s, 1e4 * hs, mask), torch_attention, name="huge inputs")
    args = (params, draw(2, 5), draw(200, 2, 6), unequal(200, 2))
    yield Case("attention", args, torch_attention, name="two hundred places")
    yield Case("attention", (params, draw(0, 5), draw(4, 0, 6)), torch_attention, name="no examples")
    args = (draw(7), draw(3, 7), draw(4, 3, 7), draw(4, 3, 6))
    yield Case("attention_read", args, torch_read, name="no mask")


def bad(draw):
    params, s, hs = weights(draw, 5, 6, 7), draw(3, 5), draw(4, 3, 6)
    yield Bad("attention", (params, s, hs[:0]), r"hs has shape \(0, 3, 6\), expected .* S at least 1")
    yield Bad("attention", (params, s, hs, np.ones((3, 4), bool)), r"mask has shape \(3, 4\), .* with S = 4")
    yield Bad("attention", (params, s, hs, np.ones((4, 3))), "mask has dtype float64, expected bool values")
    yield Bad("attention", (params, draw(3, 6), hs), r"s has shape \(3, 6\), .* with Q = 5, as in params.W_q")
    yield Bad("attention", (params, draw(2, 5), hs), r"hs has shape \(4, 3, 6\), .* with N = 2")
    yield Bad("attention", (params._replace(v=draw(6)), s, hs), r"params.v has shape \(6,\), .* with A = 7")
    yield Bad("attention_read", (draw(7), draw(3, 7), draw(5, 3, 7), hs), r"hs has shape \(4, 3, 6\), .* with S = 5")
    yield Bad("attention", (params, s.astype("float32"), hs), "s has dtype float32, expected float64")


MUTANTS = [
    Mutant("total = np.sum(exps, axis=0)", "total = np.sum(exps, axis=1, keepdims=True)",
           "The softmax over the batch: the weights of one example depend on the others."),
    Mutant("np.where(mask, scores, -np.inf)", "np.where(mask, scores, -1e6)",
           "d2l's -1e6 for masked scores: where nothing is valid, the padding gets equal weights instead of none."),
    Mutant("np.where(mask, scores, -np.inf)", "scores - 1e9 * ~mask",
           "Keras's -1e9: in float64 a row without valid places keeps its scores and reads the padding."),
    Mutant("np.where(mask, scores, -np.inf)", "np.where(mask, scores, 0)",
           "Score 0 is no mask: e^0 = 1, so that padding gets weight."),
    Mutant("np.where(mask, scores, -np.inf)", "np.where(mask, -np.inf, scores)",
           "The mask the wrong way round: True means valid here, and masked in some libraries."),
    Mutant("np.where(mask, scores, -np.inf)", "scores", "No mask: the padding takes part."),
    Mutant("exps / np.where(total > 0, total, 1)", "exps / total",
           "0 / 0 where no place is valid: one such row makes every weight of the network NaN."),
    Mutant("masked - np.where(np.isfinite(top), top, 0)", "masked",
           "Without subtracting the largest score first, large scores overflow."),
    Mutant("scores = hidden @ v", "scores = hidden @ v / len(v) ** 0.5",
           "The 1/√A of dot-product attention; additive attention has none."),
    Mutant("hidden = tanh(query + keys)", "hidden = tanh(query) * tanh(keys)",
           "Luong's product in place of Bahdanau's sum."),
    Mutant('c = np.einsum("sn,snm->nm", weights, hs)', 'c = np.einsum("sn,snm->nm", exps, hs)',
           "The weights used before they are divided by their sum."),
    Mutant("d_scores = weights * (d_weights - np.sum(weights * d_weights, axis=0))", "d_scores = weights * d_weights",
           "The softmax differentiated as if it were an exponential: its weights add up to 1."),
    Mutant("d_scores = weights * (d_weights - np.sum(weights * d_weights, axis=0))",
           "d_scores = weights * (1 - weights) * d_weights",
           "The softmax differentiated place by place, as a sigmoid: the other places are forgotten."),
    Mutant("np.sum(weights * d_weights, axis=0))", "np.sum(weights * d_weights, axis=1, keepdims=True))",
           "The softmax's sum on the way back over the batch; on the way there it is over the places."),
    Mutant("d_weights = d_weights + np.einsum", "d_weights = np.einsum",
           "Whoever uses the weights themselves gets no gradient through them."),
    Mutant("d_keys = d_hidden * (1 - hidden * hidden)", "d_keys = d_hidden * hidden * (1 - hidden)",
           "tanh has the derivative 1 - tanh²; σ (1 - σ) is the sigmoid's."),
    Mutant("d_query = np.sum(d_keys, axis=0)", "d_query = d_keys[-1]",
           "One query is compared with every key; its gradient is the sum over all places."),
    Mutant("    d_hs += np.tensordot(d_keys, params.W_k.T, 1)  # through (2)\n", "",
           "The encoder's outputs get a gradient as what is read alone; they also make the keys."),
    Mutant("d_hs += np.tensordot(d_keys, params.W_k.T, 1)", "d_hs = np.tensordot(d_keys, params.W_k.T, 1)",
           "The encoder's outputs get a gradient through the keys alone; they are also what is read."),
]  # fmt: skip
