"""An autoencoder is two Sequentials of linear layers, encoder and decoder, one after the other.

    ours                               torch.nn.Sequential, layer 2 l          keras.Sequential    ONNX
    params.encoder[l].W (D_in, D_out)  encoder.2l.weight, transposed           kernel, as it is    code_W{l} of a Gemm
    params.encoder[l].b (D_out,)       encoder.2l.bias                         bias                code_b{l}

and so for the decoder, `y` in ONNX. In Keras all layers stand in one row: the first half of them is the encoder. The
activation is no weight: it is named again when a model is made. The code has none. Tied weights are first written
out, by autoencoder_untied.
"""

from numpy_impl.generative.autoencoder import AutoencoderParams
from shared.native import arrays, check
from shared.native.generative import _halves
from shared.native.generative._halves import to_keras_weights, to_torch_weights

__all__ = [
    "KINDS",
    "from_keras",
    "from_torch",
    "to_keras",
    "to_keras_weights",
    "to_onnx",
    "to_torch",
    "to_torch_weights",
]

KINDS = {"autoencoder": AutoencoderParams}


def from_torch(source):
    return check(AutoencoderParams(*_halves.from_torch(arrays(source))), AutoencoderParams)


def to_torch(params, *, activation="relu"):
    return _halves.in_a_row(params, activation, activated=False)


def from_keras(source):
    return check(AutoencoderParams(*_halves.from_keras(source)), AutoencoderParams)


def to_keras(params, *, activation="relu"):
    return _halves.keras_in_a_row(params, activation, activated=False)


def to_onnx(params, *, activation="relu"):
    """x (N, D) to y (N, D)."""
    return _halves.onnx_in_a_row(params, activation, activated=False)
