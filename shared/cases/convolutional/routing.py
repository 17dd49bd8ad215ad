"""Oracle: every example, every pair of capsules and every round by itself, in torch with autograd, float64."""

import numpy as np

from shared.cases import Bad, Case, Mutant

SMALLEST = {"N": 0, "I": 1, "J": 1, "P": 1, "D": 1}


def torch_squash(s, *, eps=1e-8):
    """The paper's two factors: how long, and where to."""
    squared = s.pow(2).sum(-1)
    direction = s * (squared + eps).rsqrt()[..., None]
    return direction * (squared / (1 + squared))[..., None]


def torch_predictions(W, u):
    import torch

    I, _, J, _ = W.shape
    pairs = [torch.stack([u[:, i] @ W[i, :, j] for i in range(I)], 1) for j in range(J)]
    return torch.stack(pairs, 1)


def torch_routing(predictions, *, iterations=3, stop_gradient=False, eps=1e-8):
    """One example at a time, vectors (J, I, D); the constant c of `stop_gradient` come from detached predictions."""
    import torch

    outputs = [_route(p, iterations, stop_gradient, eps) for p in predictions]
    if not outputs:
        return predictions.sum(2), predictions.sum(3)
    return tuple(torch.stack(parts) for parts in zip(*outputs, strict=True))


def _route(p, iterations, stop_gradient, eps):
    import torch

    J, I, _ = p.shape
    seen = p.detach() if stop_gradient else p
    b = torch.zeros(I, J, dtype=p.dtype)  # the capsules below first, unlike the columns
    for _ in range(iterations - 1):
        c = torch.softmax(b, dim=1)
        v = torch_squash(torch.einsum("ij,jid->jd", c, seen), eps=eps)
        b = b + torch.einsum("jid,jd->ij", seen, v)
    c = torch.softmax(b, dim=1).mT
    s = torch.stack([sum((c[j, i] * p[j, i] for i in range(I)), 0 * p[j].sum(0)) for j in range(J)])
    return torch_squash(s, eps=eps), c


def cases(draw, N=3, I=5, J=4, P=3, D=6):
    yield Case("routing_squash", (draw(N, J, D),), torch_squash)
    yield Case("routing_squash", (draw(N, D),), torch_squash, {"eps": 0.5}, name="large eps")
    yield Case("routing_predictions", (draw(I, P, J, D), draw(N, I, P)), torch_predictions)
    for iterations in (3, 1):
        name = f"{iterations} rounds" if iterations > 1 else "one round"
        static = {"iterations": iterations}
        yield Case("routing", (draw(N, J, I, D),), torch_routing, static, name=name)


def nasty(draw):
    zero = draw(3, 4)
    zero[1] = 0
    yield Case("routing_squash", (zero,), torch_squash, name="a zero vector")
    yield Case("routing_squash", (1e-6 * draw(3, 4),), torch_squash, name="shorter than eps")
    yield Case("routing_squash", (1e6 * draw(3, 4),), torch_squash, name="huge vectors")
    for name, (N, J, I, D), scale, iterations in (
        ("all sizes one", (1, 1, 1, 1), 1, 3),
        ("one capsule below", (2, 4, 1, 6), 1, 3),
        ("one capsule above", (2, 1, 5, 6), 1, 3),
        ("no examples", (0, 4, 5, 6), 1, 3),
        ("no capsules below", (2, 4, 0, 6), 1, 3),
        ("ten rounds", (2, 4, 5, 6), 1, 10),
        ("zero capsules", (2, 4, 5, 6), 0, 3),
        ("huge agreement", (2, 4, 5, 6), 1e3, 3),
    ):
        args, static = (scale * draw(N, J, I, D),), {"iterations": iterations}
        yield Case("routing", args, torch_routing, static, name=name)
    static = {"stop_gradient": True}  # not among the main cases: finite differences know nothing of it
    yield Case("routing", (draw(2, 4, 5, 6),), torch_routing, static, name="constant coefficients")
    some = draw(2, 4, 5, 6)
    some[:, :, 2] = 0
    yield Case("routing", (some,), torch_routing, name="a zero capsule among others")
    yield Case("routing", (some,), torch_routing, {"eps": 0.5}, name="large eps")


def bad(draw):
    W, u, predictions = draw(5, 3, 4, 6), draw(2, 5, 3), draw(2, 4, 5, 6)
    yield Bad("routing_predictions", (W, draw(2, 6, 3)), r"u has shape \(2, 6, 3\), expected .* I = 5, as in W")
    yield Bad("routing_predictions", (W, draw(2, 5, 2)), r"u has shape \(2, 5, 2\), expected .* P = 3, as in W")
    yield Bad("routing_predictions", (draw(5, 3, 24), u), r"W has shape \(5, 3, 24\), expected \(I, P, J, D\)")
    yield Bad("routing_predictions", (W, u.astype("float32")), "u has dtype float32, expected float64, as W has")
    yield Bad("routing", (predictions[0],), r"predictions has shape \(4, 5, 6\), expected \(N, J, I, D\)")
    yield Bad("routing", (predictions[:, :0],), "J at least 1")
    yield Bad("routing", (predictions,), r"iterations is 0, expected in \[1, inf\)", {"iterations": 0})
    yield Bad("routing", (predictions,), r"eps is 0.0, expected in \(0, inf\)", {"eps": 0.0})
    yield Bad("routing_squash", (np.array([1, 2]),), "s has dtype int64, expected float values")


MUTANTS = [
    Mutant("e = np.exp(b - np.max(b, axis=1, keepdims=True))\n        c = e / np.sum(e, axis=1, keepdims=True)",
           "e = np.exp(b - np.max(b, axis=2, keepdims=True))\n        c = e / np.sum(e, axis=2, keepdims=True)",
           "The softmax over the capsules below, as in several public copies: they compete, not the capsules above."),
    Mutant("c = e / np.sum(e, axis=1, keepdims=True)",
           "c = e / (np.exp(-np.max(b, axis=1, keepdims=True)) + np.sum(e, axis=1, keepdims=True))",
           "Leaky routing, an option of the authors' code: a further capsule above that takes what fits nowhere."),
    Mutant("np.exp(b - np.max(b, axis=1, keepdims=True))", "np.exp(b)",
           "No shift before the exponential: a large agreement overflows."),
    Mutant("if t == 0 or stop_gradient:", "if True:",
           "The gradient stopped at the last coefficients, as in some public copies: same output, other gradients."),
    Mutant("if t == 0 or stop_gradient:", "if t == 0:",
           "Constant coefficients asked for and not delivered."),
    Mutant("scale = squared / (1 + squared) / np.sqrt(squared + eps)",
           "scale = squared / (1 + squared) / (np.sqrt(squared) + eps)",
           "ε outside the root: nearly the same output; differentiated automatically, it is NaN at s = 0."),
    Mutant("scale = squared / (1 + squared) / np.sqrt(squared + eps)",
           "scale = squared / (1 + squared) / np.sqrt(squared)",
           "No ε: a zero vector becomes NaN, as in the authors' code."),
    Mutant("scale = squared / (1 + squared) / np.sqrt(squared + eps)", "scale = squared / (1 + squared)",
           "Not divided by the length: a long vector stays as long as it was."),
    Mutant("scale = squared / (1 + squared) / np.sqrt(squared + eps)",
           "scale = squared / (0.5 + squared) / np.sqrt(squared + eps)",
           "0.5 in place of 1: short vectors are damped less."),
    Mutant("squared = np.sum(s * s, axis=-1, keepdims=True)", "squared = np.sum(s * s, axis=-2, keepdims=True)",
           "The length taken along the wrong axis: over the capsules in place of the numbers of one."),
    Mutant("- 0.5 * squared / (squared + eps)", "- squared / (squared + eps)",
           "The derivative of a root has a factor ½."),
    Mutant("d_s = scale * d_v + 2 * d_squared * s", "d_s = scale * d_v",
           "The squash's factor taken for a constant: it depends on s as well."),
    Mutant("b = b + _agreement(v, predictions)", "b = _agreement(v, predictions)",
           "The agreement replaces b in place of adding to it: earlier rounds are forgotten."),
    Mutant("b = b + _agreement(v, predictions)", "b = b + np.mean(_agreement(v, predictions), axis=0)",
           "One b for the whole batch, the mean over its examples, as in several public copies."),
    Mutant("b = b + _agreement(v, predictions)", "b = b + _agreement(s, predictions)",
           "The agreement with s, before the squash: long sums get even more."),
    Mutant("if t > 0:", "if t > 1:", "One update less than rounds allow."),
    Mutant("s = _mixture(c, predictions)", "s = _mixture(c, predictions) + 0.1",
           "A bias for every output capsule, as in the authors' code."),
    Mutant("s = _mixture(c, predictions)", "s = predictions.shape[1] * _mixture(c, predictions)",
           "A plain sum in the first round in place of Σ_j c_ij = 1: every s is J times too long."),
    Mutant("keepdims=True)) + d_b  # through (5) (8)", "keepdims=True))  # through (5) (8)",
           "A dropped term: b adds up over the rounds, so the gradient of later rounds passes on to earlier ones."),
    Mutant("d_c - np.sum(c * d_c, axis=1, keepdims=True)", "d_c - np.sum(c * d_c, axis=2, keepdims=True)",
           "The wrong sum axis on the way back: the softmax is over the capsules above."),
    Mutant("(d_c_output if t == len(rounds) - 1 else 0)", "d_c_output",
           "Only the last coefficients are an output: the gradient from above belongs to the last round alone."),
    Mutant("d_c - np.sum(c * d_c, axis=1, keepdims=True)", "d_c - np.sum(d_c, axis=1, keepdims=True)",
           "The softmax's gradient with the plain sum: its mean is weighted by c."),
    Mutant(" + (d_c_output if t == len(rounds) - 1 else 0)", "",
           "The coefficients are an output too: what comes from above is lost."),
    Mutant("        products.append((d_b, rounds[t - 1].v))\n", "",
           "The predictions count twice in a round: in the sum, and in the agreement, whose gradient is left out."),
    Mutant("products.append((c, d_s))", "products += [(c, d_s)] if t == len(rounds) - 1 else []",
           "Only the last sum passes its gradient on: those of the earlier rounds are left out."),
    Mutant("np.sum(pairs @ W.transpose(2, 0, 3, 1), axis=0)", "np.mean(pairs @ W.transpose(2, 0, 3, 1), axis=0)",
           "A capsule below predicts every capsule above: their gradients add up."),
]  # fmt: skip
