"""Oracle: torch with the same mask, in float64; ONNX's reference evaluator, whose masks can be foretold, as a second
opinion."""

import numpy as np

from shared.cases import Bad, Case, Mutant

SMALLEST = {"N": 0, "D": 1, "H": 1}
ONNX_SEED = 7


def torch_dropout(x, mask, *, p):
    return x.masked_fill(~mask, 0) / (1 - p) if p < 1 else 0 * x


def not_dropped(u, *, p=0.5):
    return ~(u >= 1 - p)


def onnx_dropout(x, mask, *, p):
    """Draws its own mask, from ONNX_SEED."""
    import onnx
    from onnx.reference import ReferenceEvaluator

    node = onnx.helper.make_node("Dropout", ["x", "ratio", "training"], ["y"], seed=ONNX_SEED)
    kinds = {"x": onnx.TensorProto.DOUBLE, "ratio": onnx.TensorProto.DOUBLE, "training": onnx.TensorProto.BOOL}
    inputs = [onnx.helper.make_tensor_value_info(name, kind, None) for name, kind in kinds.items()]
    output = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.DOUBLE, None)
    model = onnx.helper.make_model(onnx.helper.make_graph([node], "dropout", inputs, [output]))
    (y,) = ReferenceEvaluator(model).run(None, {"x": x, "ratio": np.float64(p), "training": np.array(True)})
    return y


def onnx_mask(shape, p):
    return np.random.RandomState(ONNX_SEED).uniform(0, 1, shape) >= p


def mask(draw, *shape, p=0.4):
    return draw.uniform(*shape) < 1 - p


def cases(draw, N=6, D=4, H=5):
    yield Case("dropout", (draw(N, D, H), mask(draw, N, D, H)), torch_dropout, {"p": 0.4})
    args = (draw(N, D), onnx_mask((N, D), 0.3))
    yield Case("dropout", args, torch_dropout, {"p": 0.3}, name="as ONNX", second={"onnx": onnx_dropout})
    yield Case("dropout_mask", (draw.uniform(N, D),), not_dropped, {"p": 0.3}, grad=False)


def nasty(draw):
    x, some, all_, none = draw(3, 4), mask(draw, 3, 4), np.full((3, 4), True), np.full((3, 4), False)
    yield Case("dropout", (x, all_), torch_dropout, {"p": 0.0}, name="p = 0")
    yield Case("dropout", (x, none), torch_dropout, {"p": 1.0}, name="p = 1")
    yield Case("dropout", (x, some), torch_dropout, {"p": 1.0}, name="p = 1, whatever the mask")
    yield Case("dropout", (x, none), torch_dropout, {"p": 0.5}, name="everything dropped")
    yield Case("dropout", (draw(0, 3), none[:0, :3]), torch_dropout, {"p": 0.5}, name="no units")
    yield Case("dropout", (draw(), np.asarray(True)), torch_dropout, {"p": 0.5}, name="a scalar")
    edges = np.array([0.0, 0.25, 0.75, np.nextafter(1, 0)])
    for p in (0.0, 0.25, 0.75, 1.0):
        yield Case("dropout_mask", (edges,), not_dropped, {"p": p}, grad=False, name=f"edges, p = {p}")
    yield Case("dropout_mask", (draw.uniform(3, 4),), not_dropped, grad=False, name="p as it is")


def bad(draw):
    x, some = draw(3, 4), mask(draw, 3, 4)
    for p in (-0.1, 1.1, float("nan")):
        yield Bad("dropout", (x, some), rf"p is {p}, expected in \[0, 1\]", {"p": p})
    yield Bad("dropout", (x, some[:, :2]), r"mask has shape \(3, 2\), expected .* as in x", {"p": 0.5})
    yield Bad("dropout", (x, some.astype("float64")), "mask has dtype float64, expected bool", {"p": 0.5})
    yield Bad("dropout", (np.arange(3), some[0, :3]), "x has dtype int64, expected float", {"p": 0.5})
    yield Bad("dropout_mask", (x,), r"p is 2, expected in \[0, 1\]", {"p": 2})


MUTANTS = [
    Mutant("mask * (scale * x)", "mask * x",
           "The paper's own form, unscaled in training: unless the weights shrink for evaluation, every unit then "
           "gets a larger sum than it was trained with."),
    Mutant("scale = 1 / (1 - p) if p < 1 else 0.0", "scale = 1 / p if p > 0 else 0.0",
           "p taken for the probability to keep, as the paper has it: a part of 1 - p is kept and scaled by 1 / p."),
    Mutant("scale = 1 / (1 - p) if p < 1 else 0.0", "scale = 1 - p",
           "What is kept shrinks instead of growing: scaled as the paper scales in evaluation."),
    Mutant("scale = 1 / (1 - p) if p < 1 else 0.0", "scale = 1 / (1 - x.dtype.type(p))",
           "At p = 1 the scale is infinite, and 0 · ∞ is not a number."),
    Mutant("mask * (scale * x)", "~mask * (scale * x)",
           "A mask that marks what is dropped, used as if it marked what is kept, or the other way round."),
    Mutant("mask * (scale * d_y)", "scale * d_y",
           "The gradient through units that were switched off: they learn from an output they had no part in."),
    Mutant("mask * (scale * d_y)", "mask * d_y",
           "The scale forgotten on the way back: gradients too small by 1 - p in every layer."),
    Mutant("mask = u < 1 - p", "mask = u <= 1 - p",
           "Not strictly less: at p = 1 a uniform of exactly 0, which does occur, is kept."),
    Mutant("mask = u < 1 - p", "mask = u < p", "p taken for the probability to keep."),
    Mutant("mask = u < 1 - p", "mask = u >= p",
           "ONNX's rule: as often as ours, but another mask from the same uniforms, so nothing can be replayed."),
    Mutant("mask * (scale * d_y)", "mask * (scale * d_y.sum())",
           "A sum where there is none: each unit's gradient is its own affair."),
]  # fmt: skip
