"""Additive attention is no layer of torch or ONNX; there it is put together. Keras has all but the two products.

    ours             torch.nn.ModuleDict                 Keras                                   ONNX
    W_q (Q, A)       query.weight (A, Q), transposed     kernel of a Dense without bias          W_q of a MatMul
    W_k (M, A)       key.weight (A, M), transposed       kernel of a Dense without bias          W_k of a MatMul
    v (A,)           score.weight (1, A)                 scale (A,) of AdditiveAttention         v (A, 1) of a MatMul
    hs (S, N, M)     the same                            (N, S, M), batch first                  the same
    weights (S, N)   the same                            (N, 1, S)                               the same

The models here take no mask: all places are valid. recurrent/embedding has no file like this one, because its E is
the weight of torch.nn.Embedding and of keras.layers.Embedding as it stands.
"""

import numpy as np

from numpy_impl.recurrent.attention import AttentionParams
from shared.native import arrays, check, listed, loaded, onnx_model, take

KINDS = {"attention": AttentionParams}
NAMES = "query.weight", "key.weight", "score.weight"


def to_torch_weights(params):
    return dict(zip(NAMES, (params.W_q.T, params.W_k.T, params.v[None]), strict=True))


def from_torch(source):
    W_q, W_k, v = take(arrays(source), *NAMES)
    return check(AttentionParams(W_q.T, W_k.T, v.reshape(-1)), AttentionParams)


def to_torch(params):
    from torch.nn import Linear, ModuleDict

    (Q, A), M = params.W_q.shape, len(params.W_k)
    parts = {"query": Linear(Q, A, bias=False), "key": Linear(M, A, bias=False), "score": Linear(A, 1, bias=False)}
    return loaded(ModuleDict(parts), to_torch_weights(params))


def run_torch(function, module, s, hs):
    import torch

    scores = module["score"](torch.tanh(module["query"](s) + module["key"](hs)))
    weights = torch.softmax(scores, dim=0)
    return torch.sum(weights * hs, dim=0), weights[..., 0]


def to_keras_weights(params):
    return list(params)


def from_keras(source):
    return check(AttentionParams(*listed(source, 3)), AttentionParams)


def to_keras(params):
    """A model of (s, hs), batch first, that gives (c, weights), (N, 1, M) and (N, 1, S)."""
    import keras

    (Q, A), M, dtype = params.W_q.shape, len(params.W_k), str(params.v.dtype)
    s, hs = keras.Input((1, Q), dtype=dtype), keras.Input((None, M), dtype=dtype)
    dense = [keras.layers.Dense(A, use_bias=False, dtype=dtype) for _ in "sh"]
    layer = keras.layers.AdditiveAttention(dtype=dtype)
    model = keras.Model([s, hs], layer([dense[0](s), hs, dense[1](hs)], return_attention_scores=True))
    model.set_weights(to_keras_weights(params))
    return model


def run_keras(function, model, s, hs):
    import keras

    c, weights = model([s[:, None], keras.ops.swapaxes(hs, 0, 1)])
    return c[:, 0], keras.ops.transpose(weights[:, 0])


def to_onnx(params):
    """s (N, Q), hs (S, N, M) to c (N, M), weights (S, N)."""
    nodes = [
        ("MatMul", "s W_q", "query"),
        ("MatMul", "hs W_k", "keys"),
        ("Add", "query keys", "sum"),
        ("Tanh", "sum", "hidden"),
        ("MatMul", "hidden v", "scores"),
        ("Softmax", "scores", "column", {"axis": 0}),
        ("Mul", "column hs", "read"),
        ("ReduceSum", "read first", "c", {"keepdims": 0}),
        ("Squeeze", "column last", "weights"),
    ]
    constants = {"W_q": params.W_q, "W_k": params.W_k, "v": params.v[:, None]}
    constants |= {"first": np.array([0]), "last": np.array([2])}
    (Q, _), M = params.W_q.shape, len(params.W_k)
    return onnx_model(nodes, constants, {"s": ["N", Q], "hs": ["S", "N", M]}, {"c": ["N", M], "weights": ["S", "N"]})


def run_onnx(function, session, s, hs):
    return tuple(session.run(None, {"s": s, "hs": hs}))
