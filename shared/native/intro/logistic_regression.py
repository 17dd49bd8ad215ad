"""A logistic regression is a linear layer with one output, the logit; the sigmoid comes after it.

    ours     torch.nn.Linear(D, 1)     keras.layers.Dense(1)     ONNX Gemm
    w (D,)   weight (1, D), a row      kernel (D, 1), a column   B (D, 1)
    b ()     bias (1,)                 bias (1,)                 C (1,)

Outputs are (N, 1) there and (N,) here, and logits in both: torch.nn.BCEWithLogitsLoss and Keras's
BinaryCrossentropy(from_logits=True) belong to them.
"""

from numpy_impl.intro.logistic_regression import LogisticRegressionParams
from shared.native.intro import linear_regression as linear
from shared.native.intro.linear_regression import (
    run_keras,
    run_onnx,
    run_torch,
    to_keras,
    to_keras_weights,
    to_onnx,
    to_torch,
    to_torch_weights,
)

__all__ = ["run_keras", "run_onnx", "run_torch", "to_keras", "to_keras_weights", "to_onnx", "to_torch"]
__all__ += ["to_torch_weights"]

KINDS = {"logistic_regression": LogisticRegressionParams}


def from_torch(source):
    return LogisticRegressionParams(*linear.from_torch(source))


def from_keras(source):
    return LogisticRegressionParams(*linear.from_keras(source))
