"""Oracles: torch.nn.functional, torch.logsumexp; Keras on TensorFlow and SciPy for the values."""

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


def torch_masked(logits, labels, mask):
    """PyTorch's mean over no position is NaN."""
    import torch.nn.functional as F

    labels = labels.masked_fill(~mask, -100)
    K = logits.shape[-1]
    return F.cross_entropy(logits.reshape(-1, K), labels.reshape(-1), ignore_index=-100, reduction="sum") / max(
        int(mask.sum()), 1
    )


def torch_logsumexp(x, axis=-1):
    import torch

    return torch.logsumexp(x, axis)


def scipy_logsumexp(x, axis=-1):
    from scipy.special import logsumexp

    return logsumexp(x, axis=axis)


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
    labels, mask = draw.integers(K, N, D), draw.uniform(N, D) < 0.6
    yield Case("masked_cross_entropy", (draw(N, D, K), labels, mask), torch_masked)
    for axis in (-1, 1):
        args, second = (3 * draw(N, D, K),), {"scipy": scipy_logsumexp}
        yield Case("logsumexp", args, torch_logsumexp, {"axis": axis}, name=f"axis {axis}", second=second)


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
    x, some = draw(4, 3), np.array([True, False, True, False])
    labels = np.array([0, 2, 1, 1])
    yield Case("masked_cross_entropy", (x, labels, some), torch_masked, name="one axis of positions")
    yield Case("masked_cross_entropy", (x, labels, some & False), torch_masked, name="no position counts")
    yield Case("masked_cross_entropy", (x[:0], labels[:0], some[:0]), torch_masked, name="no position")
    never = np.where((np.arange(3) == labels[:, None]) & ~some[:, None], -np.inf, x)
    yield Case("masked_cross_entropy", (never, labels, some), torch_masked, name="impossible where it does not count")
    args = (x.reshape(2, 2, 1, 3), labels.reshape(2, 2, 1), some.reshape(2, 2, 1))
    yield Case("masked_cross_entropy", args, torch_masked, name="three axes of positions")
    args = (x.astype("float32"), labels, some)
    yield Case("masked_cross_entropy", args, torch_masked, dtype="float32", name="float32")
    infinite = np.array([[-np.inf, -np.inf], [-np.inf, 1.0], [1e4, 1e4], [-1e4, -1e4], [np.inf, 0.0]])
    yield Case("logsumexp", (infinite,), scipy_logsumexp, grad=False, name="infinite, huge")
    yield Case("logsumexp", (np.where(np.eye(3), -np.inf, draw(3, 3)),), torch_logsumexp, name="-∞ among others")
    yield Case("logsumexp", (draw(3),), torch_logsumexp, name="one axis alone")
    yield Case("logsumexp", (draw(3, 1),), torch_logsumexp, name="of one number")


def bad(draw):
    logits = draw(3, 4)
    for label in (4, -1):
        yield Bad("softmax_cross_entropy", (logits, np.array([0, label, 1])), rf"labels holds {label} at \[1\]")
    yield Bad("softmax_cross_entropy", (logits, np.array([0, 1])), r"labels has shape \(2,\)")
    yield Bad("softmax_cross_entropy", (logits, draw(3)), "labels has dtype float64, expected int")
    yield Bad("softmax_cross_entropy", (draw(0, 4), np.zeros(0, int)), "logits has shape .* N at least 1")
    yield Bad("softmax_cross_entropy", (draw(4), np.array([1])), r"logits has shape \(4,\), expected \(N, K\)")
    labels, mask = np.array([[0, 1], [2, 3], [4, 0]]), np.array([[True, True], [True, True], [False, True]])
    args = (draw(3, 2, 4), labels, mask)
    yield Bad("masked_cross_entropy", args, r"labels holds 4 at \[2, 0\]")
    yield Bad("masked_cross_entropy", (draw(3, 2, 4), labels[:2], mask), r"labels has shape \(2, 2\)")
    yield Bad("masked_cross_entropy", (draw(3, 2, 5), labels, mask[0]), r"mask has shape \(2,\)")
    yield Bad("masked_cross_entropy", (draw(3, 2, 5), labels, mask * 1.0), "mask has dtype float64, expected bool")
    yield Bad("logsumexp", (np.arange(3),), "x has dtype int64, expected float")
    yield Bad("soft_cross_entropy", (logits, draw(3, 5)), r"target has shape \(3, 5\)")
    yield Bad("mse", (logits, draw(4, 3)), r"target has shape \(4, 3\)")
    yield Bad("mse", (draw(0), draw(0)), "prediction has shape .* at least 1")
    yield Bad("mse", (logits, logits.astype("float32")), "target has dtype float32, expected float64")
    yield Bad("binary_cross_entropy", (logits, logits[0]), "target has shape")
    for wrong in (2.0, -0.1, np.nan, 255.0):
        target = np.where(np.arange(12).reshape(3, 4) == 6, wrong, 0.5)
        yield Bad(
            "binary_cross_entropy", (logits, target), rf"target holds {wrong} at \[1, 2\], expected in \[0, 1\]"
        )


MUTANTS = [
    Mutant("d_error = d_loss * 2 / error.size", "d_error = d_loss / error.size",
           "The square's 2 is missing: right for the loss with a factor ½, not for the mean squared error."),
    Mutant("d_error = d_loss * 2 / error.size", "d_error = d_loss * 2 / len(error)",
           "The mean is over all elements, not over the rows alone."),
    Mutant("np.mean(error * error)", "np.sum(error * error)", "A sum, not a mean: the loss grows with the batch."),
    Mutant("softplus(logits) - target * logits", "softplus(-logits) - target * logits",
           "The sign inside softplus belongs to the other class."),
    Mutant("* (sigmoid(logits) - target)", "* (target - sigmoid(logits))",
           "The gradient with the sign turned climbs."),
    Mutant("* (sigmoid(logits) - target)", "* sigmoid(logits)",
           "A dropped term: without the target, every logit is pushed down whatever the class."),
    Mutant("top = np.where(np.isfinite(top), top, 0)", "top = 0 * top",
           "Without the shift by the maximum, e^z overflows for logits above 710."),
    Mutant("    top = np.where(np.isfinite(top), top, 0)  # ∞ - ∞ is NaN\n", "",
           "Where every number is -∞, the shift gives -∞ - (-∞), which is not a number."),
    Mutant("top = np.max(x, axis=axis, keepdims=True)", "top = np.max(x)",
           "One shift for all: a row far below the others underflows to log 0."),
    Mutant("np.sum(np.exp(shifted), axis=axis, keepdims=True)", "np.sum(np.exp(shifted), axis=0, keepdims=True)",
           "Normalised over the batch instead of the classes."),
    Mutant("total = np.squeeze(top + log_sum, axis)", "total = np.squeeze(log_sum, axis)",
           "The maximum was subtracted, and is not added again."),
    Mutant("d_x = d_total * np.exp(x - total)", "d_x = d_total * np.exp(x)",
           "The exponentials without their sum: weights of the softmax that do not sum to 1."),
    Mutant("d_log_p - np.exp(log_p) * np.sum(d_log_p, axis=-1, keepdims=True)", "d_log_p - np.exp(log_p)",
           "Right only if the incoming gradients sum to 1: TensorFlow's fused operation assumes that."),
    Mutant("np.sum(d_log_p, axis=-1, keepdims=True)", "np.sum(d_log_p, axis=0, keepdims=True)",
           "The wrong axis: the gradients of one example's classes belong together, not those of one class."),
    Mutant("labels[..., None] == np.arange(log_p.shape[-1])",
           "np.isin(np.arange(log_p.shape[-1]), labels) & (labels[..., None] >= 0)",
           "Indexing whole columns: every example is charged with everyone's labels."),
    Mutant("d_logits = d_loss / len(labels) * (np", "d_logits = d_loss * (np",
           "The mean's 1/N is missing: the learning rate silently depends on the batch size."),
    Mutant("-np.sum(target * log_p) / len(logits)", "-np.mean(target * log_p)",
           "The mean over examples and classes is too small by a factor K."),
    Mutant("d_target = -d_loss / len(target) * log_p", "d_target = -d_loss / len(target) * np.exp(log_p)",
           "The derivative for the target is the log-probability, not the probability."),
    Mutant("count = np.maximum(np.sum(mask, dtype=logits.dtype), 1)", "count = np.asarray(mask.size, logits.dtype)",
           "A mean over all positions: the more padding, the smaller the loss."),
    Mutant("count = np.maximum(np.sum(mask, dtype=logits.dtype), 1)", "count = np.sum(mask, dtype=logits.dtype)",
           "Where no position counts, 0 / 0 is not a number, and every weight becomes NaN after one step."),
    Mutant("-np.sum(np.where(mask, picked, 0)) / count", "-np.sum(mask * picked) / count",
           "0 · ∞ is not a number: an impossible symbol spoils the loss even where it does not count."),
    Mutant("weights = d_loss / count * mask", "weights = d_loss / count * np.ones_like(mask, log_p.dtype)",
           "Padding has a gradient: the network learns to predict what stands after the end."),
]  # fmt: skip
