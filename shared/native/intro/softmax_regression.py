"""A softmax regression is a linear layer with K outputs, the logits; the softmax comes after it.

    ours       torch.nn.Linear(D, K)       keras.layers.Dense(K)   ONNX Gemm
    W (D, K)   weight (K, D), transposed   kernel (D, K)           B (D, K)
    b (K,)     bias (K,)                   bias (K,)               C (K,)

torch.nn.CrossEntropyLoss and Keras's SparseCategoricalCrossentropy(from_logits=True) belong to it.
"""

from numpy_impl.intro.softmax_regression import SoftmaxRegressionParams
from shared.native import arrays, check, listed, loaded, onnx_model, sequential, take

KINDS = {"softmax_regression": SoftmaxRegressionParams}


def to_torch_weights(params):
    return {"weight": params.W.T, "bias": params.b}


def from_torch(source):
    weight, bias = take(arrays(source), "weight", "bias")
    return check(SoftmaxRegressionParams(weight.T, bias), SoftmaxRegressionParams)


def to_torch(params):
    import torch

    return loaded(torch.nn.Linear(*params.W.shape), to_torch_weights(params))


def to_keras_weights(params):
    return [params.W, params.b]


def from_keras(source):
    return check(SoftmaxRegressionParams(*listed(source, 2)), SoftmaxRegressionParams)


def to_keras(params):
    import keras

    layer = keras.layers.Dense(len(params.b), dtype=str(params.W.dtype))
    return sequential(len(params.W), [layer], to_keras_weights(params))


def to_onnx(params):
    """X (N, D) to z (N, K)."""
    n_features, n_classes = params.W.shape
    inputs, outputs = {"X": ["N", n_features]}, {"z": ["N", n_classes]}
    return onnx_model([("Gemm", "X W b", "z")], {"W": params.W, "b": params.b}, inputs, outputs)
