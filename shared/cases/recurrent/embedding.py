"""Oracle: torch.nn.functional.embedding in float64; Keras's Embedding as a second opinion."""

import numpy as np

from shared.backends import Seed
from shared.cases import Bad, Case, Mutant

SMALLEST = {"T": 0, "N": 0, "V": 1, "D": 1}


def torch_embedding(E, ids):
    import torch.nn.functional as F

    return F.embedding(ids.long(), E)


def keras_embedding(E, ids):
    import keras

    layer = keras.layers.Embedding(*E.shape, dtype="float64")
    layer.build()
    layer.set_weights([E])
    return layer(ids).numpy()


def initial(rng, V, D, dtype, s=0.1):
    return s * np.random.default_rng(rng.seed).standard_normal((V, D))


def cases(draw, T=4, N=3, V=5, D=3):
    second = {"keras": keras_embedding} if T and N else {}
    yield Case("embedding", (draw(V, D), draw.integers(V, T, N)), torch_embedding, second=second)
    yield Case("embedding_init", (Seed(5), V, D), initial, {"s": 0.3, "dtype": "float64"}, grad=False)


def nasty(draw):
    E = draw(6, 3)
    for name, ids in (
        ("one symbol again and again", np.full((50, 2), 4)),
        ("the first and the last symbol", np.array([5, 0, 0, 5, 0])),
        ("a single number", np.array(3)),
        ("three dimensions", draw.integers(6, 2, 4, 3)),
        *((f"{dtype}", draw.integers(6, 7).astype(dtype)) for dtype in ("int8", "int16", "int32")),
        ("no symbols", np.zeros((0, 2), np.int64)),
    ):
        yield Case("embedding", (E, ids), torch_embedding, name=name)
    yield Case("embedding", (draw(1, 1), np.zeros(3, np.int64)), torch_embedding, name="all sizes one")
    yield Case("embedding_init", (Seed(6), 4, 3), initial, {"dtype": "float64"}, grad=False, name="s as it is")


def bad(draw):
    E = draw(5, 3)
    yield Bad("embedding", (E, np.array([[0, 5]])), r"ids holds 5 at \[0, 1\], expected 0 <= value < 5")
    yield Bad("embedding", (E, np.array([2, -1])), r"ids holds -1 at \[1\]")
    yield Bad("embedding", (E, np.array([0.0, 1.0])), "ids has dtype float64, expected int values")
    yield Bad("embedding", (draw(5), np.array([0])), r"E has shape \(5,\), expected \(V, D\)")


MUTANTS = [
    Mutant("y = E[ids]", "y = E[ids - 1]",
           "Numbers counted from 1, because 0 was meant for padding: every symbol has its neighbour's vector."),
    Mutant("y = E[ids]", "y = E[ids] * E.shape[1] ** 0.5",
           "The Transformer multiplies its embeddings by √D; here nothing does."),
    Mutant("d_E[symbols] = np.add.reduceat(d_y.reshape(-1, E.shape[1])[order], starts, axis=0)",
           "d_E[ids] = d_y",
           "Assigning in place of adding: of a symbol that occurs twice only one gradient is left."),
    Mutant("d_E[symbols] = np.add.reduceat(d_y.reshape(-1, E.shape[1])[order], starts, axis=0)",
           "d_E[ids] += d_y",
           "NumPy's += with repeated indices adds once, without a word; np.add.at adds every time."),
    Mutant("d_E[symbols] = np.add.reduceat(d_y.reshape(-1, E.shape[1])[order], starts, axis=0)",
           "d_E[symbols] = np.add.reduceat(d_y.reshape(-1, E.shape[1])[order], starts, axis=0).mean(1)[:, None]",
           "A wrong axis as well: every number of a row gets the mean of the row's gradient."),
    Mutant("d_y.reshape(-1, E.shape[1])[order], starts", "d_y.reshape(-1, E.shape[1]), starts",
           "The symbols were sorted, their gradients were not."),
    Mutant("starts, axis=0)  #", "starts, axis=0) / np.bincount(ids.reshape(-1))[symbols, None]  #",
           "The mean over the occurrences of a symbol (PyTorch's scale_grad_by_freq) in place of the sum."),
    Mutant("    return d_E, None", "    d_E[0] = 0\n    return d_E, None",
           "PyTorch's padding_idx=0 where symbol 0 is no padding: it never learns."),
    Mutant("d_E = np.zeros_like(E)", "d_E = E.copy()",
           "Gradients start from zero; here the rows without a symbol do not."),
    Mutant("rng.normal(0, s, (n", "rng.uniform(-s, s, (n", "Keras's uniform numbers under the name of normal ones."),
    Mutant("rng.normal(0, s, (n", "rng.normal(0, s * s, (n", "s is the standard deviation, not the variance."),
]  # fmt: skip
