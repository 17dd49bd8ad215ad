"""Routing: forward and backward against the equations as einsums, which is how they are usually written; there is no
such layer in torch.nn or Keras."""

from shared.benchmarks import gradients

FULL = {"N": 32, "I": 1152, "J": 10, "P": 8, "D": 16}  # the paper's capsules
TINY = {"N": 3, "I": 6, "J": 4, "P": 2, "D": 5}


def benchmarks(draw, N, I, J, P, D):
    args = draw(I, P, J, D, scale=0.1), draw(N, I, P, scale=0.2)
    yield gradients("routing_predictions", args, draw(N, J, I, D), torch=_torch_predictions, keras=_keras_predictions)
    along = draw(N, J, D), draw(N, J, I)
    yield gradients("routing", (draw(N, J, I, D, scale=0.1),), along, torch=_torch, keras=_keras)


def _torch_predictions(torch):
    return lambda W, u: torch.einsum("nip,ipjd->njid", u, W)


def _keras_predictions(keras):
    return lambda W, u: keras.ops.einsum("nip,ipjd->njid", u, W)


def _torch(torch):
    def routing(predictions):
        b = torch.zeros_like(predictions[..., 0])
        for t in range(3):
            c = torch.softmax(b, dim=1)
            s = torch.einsum("nji,njid->njd", c, predictions)
            v = _squash(torch, s)
            if t < 2:
                b = b + torch.einsum("njid,njd->nji", predictions, v)
        return v, c

    return routing


def _keras(keras):
    def routing(predictions):
        b = keras.ops.zeros_like(predictions[..., 0])
        for t in range(3):
            c = keras.ops.softmax(b, axis=1)
            s = keras.ops.einsum("nji,njid->njd", c, predictions)
            v = _squash(keras.ops, s)
            if t < 2:
                b = b + keras.ops.einsum("njid,njd->nji", predictions, v)
        return v, c

    return routing


def _squash(library, s):
    squared = library.sum(s * s, -1)[..., None]
    return squared / (1 + squared) * s / library.sqrt(squared + 1e-8)
