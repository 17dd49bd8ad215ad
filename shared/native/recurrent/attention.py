"""Additive attention is no layer of torch or ONNX; there it is put together. Keras has all but the two products.

    ours          torch.nn.ModuleDict                    Keras                                   ONNX
    W_s (Q, A)    question.weight (A, Q), transposed     kernel of a Dense without bias          W_s of a MatMul
    W_h (E, A)    key.weight (A, E), transposed          kernel of a Dense without bias          W_h of a MatMul
    w (A,)        score.weight (1, A)                    scale (A,) of AdditiveAttention         w (A, 1) of a MatMul
    hs (S, N, E)  the same                               (N, S, E), batch first                  the same
    α (S, N)      the same                               (N, 1, S)                               the same

The models here take no mask: all places are valid. recurrent/embedding has no file like this one, because its E is
the weight of torch.nn.Embedding and of keras.layers.Embedding as it stands.
"""

import numpy as np

from numpy_impl.recurrent.attention import AttentionParams
from shared.native import arrays, check, listed, loaded, onnx_model, take

KINDS = {"attention": AttentionParams}
NAMES = "question.weight", "key.weight", "score.weight"


def to_torch_weights(params):
    return dict(zip(NAMES, (params.W_s.T, params.W_h.T, params.w[None]), strict=True))


def from_torch(source):
    W_s, W_h, w = take(arrays(source), *NAMES)
    return check(AttentionParams(W_s.T, W_h.T, w.reshape(-1)), AttentionParams)


def to_torch(params):
    from torch.nn import Linear, ModuleDict

    (Q, A), E = params.W_s.shape, len(params.W_h)
    parts = {"question": Linear(Q, A, bias=False), "key": Linear(E, A, bias=False), "score": Linear(A, 1, bias=False)}
    return loaded(ModuleDict(parts), to_torch_weights(params))


def run_torch(function, module, s, hs):
    import torch

    e = module["score"](torch.tanh(module["question"](s) + module["key"](hs)))
    alpha = torch.softmax(e, dim=0)
    return torch.sum(alpha * hs, dim=0), alpha[..., 0]


def to_keras_weights(params):
    return list(params)


def from_keras(source):
    return check(AttentionParams(*listed(source, 3)), AttentionParams)


def to_keras(params):
    """A model of (s, hs), batch first, that gives (c, α), (N, 1, E) and (N, 1, S)."""
    import keras

    (Q, A), E, dtype = params.W_s.shape, len(params.W_h), str(params.w.dtype)
    s, hs = keras.Input((1, Q), dtype=dtype), keras.Input((None, E), dtype=dtype)
    dense = [keras.layers.Dense(A, use_bias=False, dtype=dtype) for _ in "sh"]
    look = keras.layers.AdditiveAttention(dtype=dtype)
    model = keras.Model([s, hs], look([dense[0](s), hs, dense[1](hs)], return_attention_scores=True))
    model.set_weights(to_keras_weights(params))
    return model


def run_keras(function, model, s, hs):
    import keras

    c, alpha = model([s[:, None], keras.ops.swapaxes(hs, 0, 1)])
    return c[:, 0], keras.ops.transpose(alpha[:, 0])


def to_onnx(params):
    """s (N, Q), hs (S, N, E) to c (N, E), α (S, N)."""
    nodes = [
        ("MatMul", "s W_s", "q"),
        ("MatMul", "hs W_h", "keys"),
        ("Add", "q keys", "sum"),
        ("Tanh", "sum", "fits"),
        ("MatMul", "fits w", "e"),
        ("Softmax", "e", "weights", {"axis": 0}),
        ("Mul", "weights hs", "seen"),
        ("ReduceSum", "seen first", "c", {"keepdims": 0}),
        ("Squeeze", "weights last", "alpha"),
    ]
    weights = {"W_s": params.W_s, "W_h": params.W_h, "w": params.w[:, None]}
    weights |= {"first": np.array([0]), "last": np.array([2])}
    (Q, _), E = params.W_s.shape, len(params.W_h)
    return onnx_model(nodes, weights, {"s": ["N", Q], "hs": ["S", "N", E]}, {"c": ["N", E], "alpha": ["S", "N"]})


def run_onnx(function, session, s, hs):
    return tuple(session.run(None, {"s": s, "hs": hs}))
