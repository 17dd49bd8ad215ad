"""Additive attention: forward and backward against the same in torch.nn.functional and in keras.ops."""

import numpy as np

from numpy_impl.recurrent.attention import AttentionParams
from shared.benchmarks import gradients, keras_gradients

FULL = {"S": 10, "N": 128, "Q": 256, "M": 256, "A": 128}
TINY = {"S": 4, "N": 3, "Q": 5, "M": 6, "A": 7}


def benchmarks(draw, S, N, Q, M, A):
    params = AttentionParams(draw(Q, A, scale=Q**-0.5), draw(M, A, scale=M**-0.5), draw(A, scale=A**-0.5))
    mask = np.arange(S)[:, None] < draw.labels(N, S) + 1
    args = params, draw(N, Q), draw(S, N, M), mask
    along, flat = (draw(N, M), draw(S, N)), (*params, *args[1:])
    benchmark = gradients("attention", args, along, _torch, None)
    return [benchmark._replace(keras=lambda keras, mode: _keras(keras, mode, flat, along))]


def _torch(torch):
    F = torch.nn.functional

    def attention(params, s, hs, mask):
        hidden = torch.tanh(F.linear(s, params.W_q.T) + F.linear(hs, params.W_k.T))
        weights = F.softmax(F.linear(hidden, params.v[None])[..., 0].masked_fill(~mask, -torch.inf), dim=0)
        return torch.einsum("sn,snm->nm", weights, hs), weights

    return attention


def _keras(keras, mode, args, along):
    ops = keras.ops

    def attention(W_q, W_k, v, s, hs, mask):
        hidden = ops.tanh(ops.matmul(s, W_q) + ops.matmul(hs, W_k))
        scores = ops.sum(hidden * v, axis=-1)
        weights = ops.softmax(scores - 1e9 * (1 - ops.cast(mask, "float32")), axis=0)  # as in AdditiveAttention
        return ops.einsum("sn,snm->nm", weights, hs), weights

    return keras_gradients(attention, [ops.array(x) for x in args], [ops.array(x) for x in along], mode)
