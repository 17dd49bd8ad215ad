"""DropConnect with one mask for each example, forward and backward.

No framework has such a layer: einsum stands in.
"""

from numpy_impl.regularization.dropconnect import DropConnectMasks, DropConnectParams
from shared.benchmarks import gradients, keras_gradients

FULL = {"N": 64, "D": 256, "H": 256}
TINY = {"N": 3, "D": 4, "H": 5}


def benchmarks(draw, N, D, H):
    params = DropConnectParams(draw(D, H, scale=D**-0.5), draw(H))
    masks = DropConnectMasks(W=draw(N, D, H) > 0, b=draw(N, H) > 0)
    x, d_u = draw(N, D), draw(N, H)
    benchmark = gradients(
        "dropconnect",
        (params, x, masks),
        d_u,
        torch=lambda torch: lambda params, x, masks: _einsum(torch.einsum, *params, x, *masks),
        keras=None,
        modes={"torch": "eager"},
    )
    yield benchmark._replace(keras=lambda keras, mode: _keras(keras, mode, (*params, x), masks, d_u))


def _einsum(einsum, W, b, x, mask_W, mask_b):
    return einsum("ni,nij->nj", x, mask_W * W) + mask_b * b


def _keras(keras, mode, args, masks, d_u):
    args, masks = [keras.ops.array(x) for x in args], [keras.ops.array(mask) for mask in masks]

    def call(*args):
        return _einsum(keras.ops.einsum, *args, *(keras.ops.cast(mask, "float32") for mask in masks))

    return keras_gradients(call, args, keras.ops.array(d_u), mode)
