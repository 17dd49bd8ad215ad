"""Mutants that no test can kill, because they compute the same: each with its reason. See `mutants`."""

from typing import NamedTuple


class Equivalent(NamedTuple):
    """old, new: the line as `mutants` prints it; columns: where it stands."""

    path: str
    old: str
    new: str
    reason: str
    columns: tuple[str, ...] = ("numpy", "torch", "tf")


EQUIVALENT = [
    Equivalent(
        "generative/ais",
        "error = 3 * np.sqrt(np.sum((w - 1) * (w - 1)) / (M - 1) / M)  # (8)",
        "error = 3 * np.sqrt(np.sum((w + 1) * (w - 1)) / (M - 1) / M)  # (8)",
        "the mean of w is 1, so Σ (w - 1)² = Σ w² - M = Σ (w + 1) (w - 1)",
        ("numpy",),
    ),
    Equivalent(
        "generative/ais",
        "error = 3 * np.sqrt(np.sum((w - 1) * (w - 1)) / (M - 1) / M)  # (8)",
        "error = 3 * np.sqrt(np.sum((w - 1) * (w + 1)) / (M - 1) / M)  # (8)",
        "as above",
        ("numpy",),
    ),
    Equivalent(
        "convolutional/pooling",
        "image = _padded(x.new_ones(1, *x.shape[1:3], 1, dtype=torch.bool), pads, False)",
        "image = _padded(x.new_ones(2, *x.shape[1:3], 1, dtype=torch.bool), pads, False)",
        "of these images the first alone is read",
        ("torch",),
    ),
    Equivalent(
        "recurrent/embedding",
        'order = np.argsort(ids, axis=None, kind="stable")',
        "order = np.argsort(ids, axis=None)",
        "the gradients of one symbol are added up in another order, which rounds differently at most",
        ("numpy",),
    ),
    Equivalent(
        "recurrent/embedding",
        "d_E[symbols] = np.add.reduceat(d_y.reshape(-1, E.shape[1])[order], starts, axis=0)  # through (1)",
        "d_E[symbols] = np.add.reduceat(d_y.reshape(-1, E.shape[1])[order], starts)  # through (1)",
        "axis 0 is what NumPy takes of itself; here it is written out",
        ("numpy",),
    ),
]


def is_equivalent(column: str, path: str, edit) -> bool:
    return any((x.path, x.old, x.new) == (path, edit.old, edit.new) and column in x.columns for x in EQUIVALENT)
