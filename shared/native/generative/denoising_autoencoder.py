"""A denoising autoencoder has the weights of an autoencoder, and the activation on the code as well.

See shared/native/generative/autoencoder for names and layouts; in torch, `activation` stands between `encoder` and
`decoder`.
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

KINDS = {"denoising_autoencoder": AutoencoderParams}


def from_torch(source):
    return check(AutoencoderParams(*_halves.from_torch(arrays(source))), AutoencoderParams)


def to_torch(params, *, activation="sigmoid"):
    return _halves.in_a_row(params, activation, activated=True)


def from_keras(source):
    return check(AutoencoderParams(*_halves.from_keras(source)), AutoencoderParams)


def to_keras(params, *, activation="sigmoid"):
    return _halves.keras_in_a_row(params, activation, activated=True)


def to_onnx(params, *, activation="sigmoid"):
    """x (N, D) to y (N, D)."""
    return _halves.onnx_in_a_row(params, activation, activated=True)
