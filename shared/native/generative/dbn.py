"""The classifier of a DBN is a Sequential of linear layers with sigmoids between them, as an MLP's in shared/native/
intro/mlp.py; its RBMs have no counterpart in torch, Keras or ONNX.

    ours                      torch.nn.Sequential, layer 2 l       keras.Sequential    ONNX
    params[l].W (D_in, D_out) 2l.weight (D_out, D_in), transposed  kernel, as it is    W{l} of a Gemm
    params[l].b (D_out,)      2l.bias (D_out,)                     bias                b{l}
"""

from shared.native.intro import mlp
from shared.native.intro.mlp import from_keras, from_torch, to_keras_weights, to_torch_weights

__all__ = [
    "CHECKPOINT", "KINDS", "from_keras", "from_torch", "to_keras", "to_keras_weights", "to_onnx", "to_torch",
    "to_torch_weights",
]  # fmt: skip

KINDS = {"dbn_classifier": mlp.KINDS["mlp"]}
CHECKPOINT = {"state.net.params": ""}


def to_torch(params):
    return mlp.to_torch(params, activation="sigmoid")


def to_keras(params):
    return mlp.to_keras(params, activation="sigmoid")


def to_onnx(params):
    """v (N, D) to logits (N, K)."""
    return mlp.to_onnx(params, activation="sigmoid")
