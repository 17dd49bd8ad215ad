"""Oracles: torch.nn.functional; Keras on TensorFlow for the values."""

import numpy as np

from shared.cases import Bad, Case, Mutant

SMALLEST = {"N": 1, "K": 1, "D": 1}


def torch_mse(prediction, target):
    import torch.nn.functional as F

    return F.mse_loss(prediction, target)


def torch_bce(logits, target):
    import torch.nn.functional as F

    return F.binary_cross_entropy_with_logits(logits, target)


def torch_log_softmax(logits):
    import torch.nn.functional as F

    return F.log_softmax(logits, dim=-1)


def torch_cross_entropy(logits, labels):
    """Integer labels or soft ones: PyTorch tells them apart by their dtype."""
    import torch.nn.functional as F

    return F.cross_entropy(logits, labels)


def keras_loss(name):
    def loss(outputs, target):
        import keras

        extra = {} if name == "MeanSquaredError" else {"from_logits": True}
        return getattr(keras.losses, name)(**extra, dtype="float64")(target, outputs).numpy()

    return loss


def cases(draw, N=4, K=5, D=3):
    second = {"keras": keras_loss("MeanSquaredError")}
    yield Case("mse", (draw(N, D), draw(N, D)), torch_mse, second=second)
    second = {"keras": keras_loss("BinaryCrossentropy")}
    yield Case("binary_cross_entropy", (draw(N, D), draw.uniform(N, D)), torch_bce, second=second)
    yield Case("log_softmax", (draw(N, K),), torch_log_softmax)
    second = {"keras": keras_loss("SparseCategoricalCrossentropy")}
    yield Case("softmax_cross_entropy", (draw(N, K), draw.integers(K, N)), torch_cross_entropy, second=second)
    yield Case("soft_cross_entropy", (draw(N, K), draw.uniform(N, K)), torch_cross_entropy)  # rows do not sum to 1


def nasty(draw):
    z = np.array([1e4, -1e4, 710.0, -710.0, 100.0, -100.0, 0.0, -0.0])
    for y in (0.0, 1.0, 0.3):
        yield Case("binary_cross_entropy", (z, np.full(8, y)), torch_bce, name=f"huge logits, y = {y}")
        yield Case("binary_cross_entropy", (np.zeros(3), np.full(3, y)), torch_bce, name=f"logits 0, y = {y}")
    labels = np.array([0, 1, 2])
    huge = np.array([[1e4, 0.0, -1e4]] * 3)
    yield Case("softmax_cross_entropy", (huge, labels), torch_cross_entropy, name="huge logits")
    yield Case("softmax_cross_entropy", (np.zeros((3, 3)), labels), torch_cross_entropy, name="equal logits")
    yield Case("softmax_cross_entropy", (draw(3, 1), 0 * labels), torch_cross_entropy, name="one class")
    impossible = np.where(np.eye(3, k=1), -np.inf, draw(3, 3))
    yield Case("softmax_cross_entropy", (impossible, labels), torch_cross_entropy, name="impossible class")
    far = np.array([[0.0, -800.0]])
    yield Case("log_softmax", (far,), torch_log_softmax, name="log of what underflows")
    yield Case("log_softmax", (huge.astype("float32"),), torch_log_softmax, dtype="float32", name="huge, float32")
    yield Case("log_softmax", (draw(0, 3),), torch_log_softmax, name="no examples")


def bad(draw):
    logits = draw(3, 4)
    for label in (4, -1):
        yield Bad("softmax_cross_entropy", (logits, np.array([0, label, 1])), rf"labels holds {label} at \[1\]")
    yield Bad("softmax_cross_entropy", (logits, np.array([0, 1])), r"labels has shape \(2,\)")
    yield Bad("softmax_cross_entropy", (logits, draw(3)), "labels has dtype float64, expected int")
    yield Bad("softmax_cross_entropy", (draw(0, 4), np.zeros(0, int)), "logits has shape .* N at least 1")
    yield Bad("softmax_cross_entropy", (draw(4), np.array([1])), r"logits has shape \(4,\), expected \(N, K\)")
    yield Bad("soft_cross_entropy", (logits, draw(3, 5)), r"target has shape \(3, 5\)")
    yield Bad("mse", (logits, draw(4, 3)), r"target has shape \(4, 3\)")
    yield Bad("mse", (draw(0), draw(0)), "prediction has shape .* at least 1")
    yield Bad("mse", (logits, logits.astype("float32")), "target has dtype float32, expected float64")
    yield Bad("binary_cross_entropy", (logits, logits[0]), "target has shape")


MUTANTS = [
    Mutant("d_prediction = d_loss * 2 / error.size", "d_prediction = d_loss / error.size",
           "The square's 2 is missing: right for the loss with a factor ½, not for the mean squared error."),
    Mutant("d_prediction = d_loss * 2 / error.size", "d_prediction = d_loss * 2 / len(error)",
           "The mean is over all elements, not over the rows alone."),
    Mutant("np.mean(error * error)", "np.sum(error * error)", "A sum, not a mean: the loss grows with the batch."),
    Mutant("softplus(logits) - target * logits", "softplus(-logits) - target * logits",
           "The sign inside softplus belongs to the other class."),
    Mutant("d_mean * (sigmoid(logits) - target)", "d_mean * (target - sigmoid(logits))",
           "The gradient with the sign turned climbs."),
    Mutant("shifted = logits - np.max(logits, axis=-1, keepdims=True)", "shifted = logits",
           "Without the shift by the maximum, e^z overflows for logits above 710."),
    Mutant("np.max(logits, axis=-1, keepdims=True)", "np.max(logits, axis=0, keepdims=True)",
           "A shift per class instead of one per example changes the probabilities."),
    Mutant("np.sum(np.exp(shifted), axis=-1, keepdims=True)", "np.sum(np.exp(shifted), axis=0, keepdims=True)",
           "Normalised over the batch instead of the classes."),
    Mutant("d_log_p - np.exp(log_p) * np.sum(d_log_p, axis=-1, keepdims=True)", "d_log_p - np.exp(log_p)",
           "Right only if the incoming gradients sum to 1: TensorFlow's fused operation assumes that."),
    Mutant("d_logits[np.arange(len(labels)), labels] -= 1", "d_logits[:, labels] -= 1",
           "Indexing whole columns: every example is charged with everyone's labels."),
    Mutant("d_logits *= d_loss / len(labels)", "d_logits *= d_loss",
           "The mean's 1/N is missing: the learning rate silently depends on the batch size."),
    Mutant("-np.sum(target * log_p) / len(logits)", "-np.mean(target * log_p)",
           "The mean over examples and classes is too small by a factor K."),
    Mutant("return d_logits, scale * log_p", "return d_logits, scale * np.exp(log_p)",
           "The derivative for the target is the log-probability, not the probability."),
]  # fmt: skip
