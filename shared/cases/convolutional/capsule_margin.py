"""Oracle: loops over examples and classes in torch, with autograd, float64."""

import numpy as np

from shared.cases import Bad, Case, Mutant

SMALLEST = {"N": 1, "J": 1, "D": 1}


def torch_lengths(v):
    """√ε as a further number of each capsule."""
    import torch

    return torch.linalg.vector_norm(torch.nn.functional.pad(v, (0, 1), value=1e-4), dim=-1)


def torch_margin_loss(v, labels, *, m_plus=0.9, m_minus=0.1, lam=0.5):
    loss = 0 * v.sum()
    for lengths, label in zip(torch_lengths(v), labels, strict=True):
        for j, length in enumerate(lengths):
            loss = loss + ((m_plus - length).relu() ** 2 if j == label else lam * (length - m_minus).relu() ** 2)
    return loss / len(v)


def capsules(draw, N, J, D):
    """Vectors with lengths from 0 to 1: on all sides of both margins."""
    v = draw(N, J, D)
    return draw.uniform(N, J, 1) * v / np.linalg.norm(v, axis=-1, keepdims=True)


def cases(draw, N=4, J=3, D=5):
    v, labels = capsules(draw, N, J, D), np.arange(N)[::-1] % J
    yield Case("capsule_margin_lengths", (v,), torch_lengths)
    yield Case("capsule_margin_loss", (v, labels), torch_margin_loss)
    others = {"m_plus": 0.8, "m_minus": 0.3, "lam": 0.7}
    yield Case("capsule_margin_loss", (v, labels), torch_margin_loss, others, name="other margins")


def nasty(draw):
    v = capsules(draw, 4, 3, 5)
    v[1], v[2, 1] = 0, 0
    labels = np.array([2, 0, 1, 1])
    yield Case("capsule_margin_loss", (v, labels), torch_margin_loss, name="zero capsules")
    yield Case("capsule_margin_loss", (v[:, :1], 0 * labels), torch_margin_loss, name="one class")


def bad(draw):
    v, labels = draw(2, 3, 5), np.array([2, 0])
    yield Bad("capsule_margin_loss", (v, np.array([0, 3])), r"labels holds 3 at \[1\], expected 0 <= value < 3")
    yield Bad("capsule_margin_loss", (v, np.array([0, -1])), r"labels holds -1 at \[1\]")
    yield Bad("capsule_margin_loss", (v, labels[:1]), r"labels has shape \(1,\), expected .* N = 2")
    yield Bad("capsule_margin_loss", (v[:0], labels[:0]), "N at least 1")
    yield Bad("capsule_margin_loss", (v, labels), r"m_plus is 1.5, expected in \[0, 1\]", {"m_plus": 1.5})


MUTANTS = [
    Mutant("short * short, lam * (long * long)", "short, lam * long",
           "Margins without their squares, as in several public copies."),
    Mutant("np.where(T, short * short, lam * (long * long))", "np.where(T, lam * (short * short), long * long)",
           "λ on the wrong side: it is the absent classes that count less."),
    Mutant("np.where(T, short * short, lam * (long * long))", "np.where(T, long * long, lam * (short * short))",
           "The margins trade places: the right capsule is made short."),
    Mutant("np.sum(np.where(T, short * short, lam * (long * long))) / len(v)",
           "np.mean(np.where(T, short * short, lam * (long * long)))",
           "The mean over the classes too, where the paper adds them up."),
    Mutant("np.sum(np.where(T, short * short, lam * (long * long))) / len(v)",
           "np.sum(np.where(T, short * short, lam * (long * long))) / len(v) / 2",
           "A factor ½, as in the authors' code: the reconstruction weighs twice as much."),
    Mutant("    lengths = np.sqrt(np.sum(v * v, axis=-1) + EPS)  # (1)\n    short",
           "    lengths = np.sqrt(np.sum(v * v, axis=-1))  # (1)\n    short",
           "A length without ε: its gradient at a zero capsule is NaN."),
    Mutant("    lengths = np.sqrt(np.sum(v * v, axis=-1) + EPS)  # (1)\n    short",
           "    lengths = np.sum(v * v, axis=-1) + EPS  # (1)\n    short",
           "The squared length in place of the length."),
    Mutant("    lengths = np.sqrt(np.sum(v * v, axis=-1) + EPS)  # (1)\n    short",
           "    lengths = np.sqrt(np.sum(v * v, axis=-1)) + EPS  # (1)\n    short",
           "ε outside the root: a zero capsule has the length ε, and no gradient."),
    Mutant("d_lengths = d_long - d_short", "d_lengths = d_long + d_short",
           "The loss falls as the right capsule grows: the sign of its gradient."),
    Mutant("d_lengths = d_long - d_short", "d_lengths = -d_short",
           "A dropped term: capsules of absent classes are never made shorter."),
    Mutant("d_short = 2 / len(v)", "d_short = 1 / len(v)", "The derivative of a square has a factor 2."),
    Mutant("d_short = 2 / len(v)", "d_short = 2 / v.shape[1]",
           "The wrong axis for the mean: over the classes in place of the examples."),
]  # fmt: skip
