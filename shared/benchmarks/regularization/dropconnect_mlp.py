"""A network with DropConnect, one mask for each example, loss and gradients. No framework has such a layer: einsum
stands in."""

import numpy as np

from numpy_impl.regularization.dropconnect import DropConnectMasks
from numpy_impl.regularization.dropconnect_mlp import DropConnectMLPParams
from shared.benchmarks import gradients, keras_gradients
from shared.benchmarks.regularization.dropconnect import _einsum

FULL = {"N": 64, "D": 784, "F": 128, "H": 128, "K": 10}
TINY = {"N": 3, "D": 6, "F": 4, "H": 5, "K": 3}


def benchmarks(draw, N, D, F, H, K):
    weights = [draw(a, b, scale=(2 / a) ** 0.5) for a, b in ((D, F), (F, H), (H, K))]
    params = DropConnectMLPParams(weights[0], draw(F), weights[1], draw(H), weights[2], draw(K))
    masks = DropConnectMasks(W=draw(N, F, H) > 0, b=draw(N, H) > 0)
    x, labels, d_loss = draw(N, D), draw.labels(N, K), np.float32(1)
    benchmark = gradients(
        "dropconnect_mlp_loss",
        (params, x, labels, masks),
        d_loss,
        torch=lambda torch: lambda *args: _torch(torch, *args),
        keras=None,
    )
    yield benchmark._replace(keras=lambda keras, mode: _keras(keras, mode, (*params, x), labels, masks, d_loss))


def _torch(torch, params, x, labels, masks):
    F = torch.nn.functional
    v = F.relu(F.linear(x, params.W_g.T, params.b_g))
    h = F.relu(_einsum(torch.einsum, params.W, params.b, v, *masks))
    return F.cross_entropy(F.linear(h, params.W_o.T, params.b_o), labels)


def _keras(keras, mode, args, labels, masks, d_loss):
    ops, cross_entropy = keras.ops, keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    args, labels = [ops.array(x) for x in args], ops.array(labels)
    masks = [ops.array(mask.astype(np.float32)) for mask in masks]

    def call(W_g, b_g, W, b, W_o, b_o, x):
        v = ops.relu(ops.matmul(x, W_g) + b_g)
        h = ops.relu(_einsum(ops.einsum, W, b, v, *masks))
        return cross_entropy(labels, ops.matmul(h, W_o) + b_o)

    return keras_gradients(call, args, ops.array(d_loss), mode)
