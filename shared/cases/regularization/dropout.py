"""Oracle: torch with the same mask, in float64; ONNX's reference evaluator, whose masks can be foretold, as a second
opinion."""

from itertools import pairwise

import numpy as np

from numpy_impl.intro.mlp import MLPLayer
from shared.cases import Bad, Case, Mutant

SMALLEST = {"N": 1, "D": 1, "H": 1, "K": 1}
ONNX_SEED = 7


def torch_dropout(x, mask, *, p):
    return x.masked_fill(~mask, 0) / (1 - p) if p < 1 else 0 * x


def torch_mlp(params, x, masks, *, p_input, p):
    import torch.nn.functional as F

    x = torch_dropout(x, masks[0], p=p_input)
    for layer, mask in zip(params, masks[1:], strict=False):
        x = torch_dropout(F.relu(F.linear(x, layer.W.T, layer.b)), mask, p=p)
    return F.linear(x, params[-1].W.T, params[-1].b)


def torch_loss(params, x, labels, masks, *, p_input, p):
    import torch.nn.functional as F

    return F.cross_entropy(torch_mlp(params, x, masks, p_input=p_input, p=p), labels)


def not_dropped(u, *, p):
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


def network(draw, N, D, H, K):
    sizes = (D, H, H + 1, K)
    params = tuple(MLPLayer(draw(a, b), draw(b)) for a, b in pairwise(sizes))
    return params, draw(N, D), draw.integers(K, N), tuple(mask(draw, N, size) for size in sizes[:-1])


def cases(draw, N=6, D=4, H=5, K=3):
    yield Case("dropout", (draw(N, D, H), mask(draw, N, D, H)), torch_dropout, {"p": 0.4})
    args = (draw(N, D), onnx_mask((N, D), 0.3))
    yield Case("dropout", args, torch_dropout, {"p": 0.3}, name="as ONNX", second={"onnx": onnx_dropout})
    yield Case("dropout_mask", (draw.uniform(N, D),), not_dropped, {"p": 0.3}, grad=False)
    params, x, labels, masks = network(draw, N, D, H, K)
    yield Case("dropout_mlp", (params, x, masks), torch_mlp, {"p_input": 0.1, "p": 0.4})
    yield Case("dropout_mlp_loss", (params, x, labels, masks), torch_loss, {"p_input": 0.1, "p": 0.4})


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
    params, x, labels, masks = network(draw, 5, 3, 4, 3)
    for name, p_input, p in (("every hidden unit dropped", 0.0, 1.0), ("no dropout", 0.0, 0.0)):
        keep = tuple(np.full(m.shape, True) for m in masks)
        static = {"p_input": p_input, "p": p}
        yield Case("dropout_mlp_loss", (params, x, labels, keep), torch_loss, static, name=name)
    one = (MLPLayer(draw(1, 1), draw(1)),)
    args = (one, draw(1, 1), np.array([0]), (np.array([[True]]),))
    yield Case("dropout_mlp_loss", args, torch_loss, {"p_input": 0.5, "p": 0.5}, name="no hidden layer, sizes one")


def bad(draw):
    x, some = draw(3, 4), mask(draw, 3, 4)
    for p in (-0.1, 1.1, float("nan")):
        yield Bad("dropout", (x, some), rf"p is {p}, expected in \[0, 1\]", {"p": p})
    yield Bad("dropout", (x, some[:, :2]), r"mask has shape \(3, 2\), expected .* as in x", {"p": 0.5})
    yield Bad("dropout", (x, some.astype("float64")), "mask has dtype float64, expected bool", {"p": 0.5})
    yield Bad("dropout", (np.arange(3), some[0, :3]), "x has dtype int64, expected float", {"p": 0.5})
    yield Bad("dropout_mask", (x,), r"p is 2, expected in \[0, 1\]", {"p": 2})
    params, x, labels, masks = network(draw, 5, 3, 4, 3)
    yield Bad("dropout_mlp", (params, x, masks[:2]), r"masks is a tuple of 2, expected 3")
    yield Bad("dropout_mlp", (params, x, masks), r"p_input is -1, expected in \[0, 1\]", {"p_input": -1})
    wrong = (masks[0], masks[1][:, :2], masks[2])
    yield Bad("dropout_mlp", (params, x, wrong), r"masks\[1\] has shape \(5, 2\), expected \(5, 4\), as params\[0\]")
    wrong = (masks[0][:4], *masks[1:])
    yield Bad("dropout_mlp", (params, x, wrong), r"masks\[0\] has shape \(4, 3\), expected \(5, 3\), as x has")
    yield Bad("dropout_mlp", (params, draw(5, 2), masks), r"params\[0\].W has shape \(3, 4\), expected 2 rows, as x")
    yield Bad("dropout_mlp_loss", (params, x, labels + 1, masks), r"labels holds 3 at")
    yield Bad("dropout_mlp_loss", (params, x, labels[:4], masks), r"labels has shape \(4,\), expected .* N = 5")
    nobody = tuple(m[:0] for m in masks)
    yield Bad("dropout_mlp_loss", (params, x[:0], labels[:0], nobody), "x has shape .* N at least 1")


MUTANTS = [
    Mutant("mask * (scale * x)", "mask * x",
           "The paper's own form, unscaled in training: unless the weights shrink for evaluation, every unit then "
           "gets a larger sum than it was trained with."),
    Mutant("scale = 1 / (1 - p) if p < 1 else 0.0", "scale = 1 / p if p > 0 else 0.0",
           "p taken for the probability to keep, as the paper has it: a part of 1 - p is kept and scaled by 1 / p."),
    Mutant("scale = 1 / (1 - p) if p < 1 else 0.0", "scale = 1 - p",
           "What is kept shrinks instead of growing: scaled as the paper scales in evaluation."),
    Mutant("scale = 1 / (1 - p) if p < 1 else 0.0", "scale = np.divide(1.0, 1 - p)",
           "At p = 1 the scale is infinite, and 0 · ∞ is not a number."),
    Mutant("mask * (scale * x)", "~mask * (scale * x)",
           "A mask that marks what is dropped, used as if it marked what is kept, or the other way round."),
    Mutant("mask * (scale * dy)", "scale * dy",
           "The gradient through units that were switched off: they learn from an output they had no part in."),
    Mutant("mask * (scale * dy)", "mask * dy",
           "The scale forgotten on the way back: gradients too small by 1 - p in every layer."),
    Mutant("return u < 1 - p", "return u <= 1 - p",
           "Not strictly less: at p = 1 a uniform of exactly 0, which does occur, is kept."),
    Mutant("return u < 1 - p", "return u < p", "p taken for the probability to keep."),
    Mutant("return u < 1 - p", "return u >= p",
           "ONNX's rule: as often as ours, but another mask from the same uniforms, so nothing can be replayed."),
    Mutant("a, drop_cache = dropout(h, mask, p=p)  # (4)",
           "a, drop_cache = dropout(h, mask, p=p_input)  # (4)",
           "The hidden units dropped as rarely as the inputs."),
    Mutant("a, drop_cache = dropout(h, mask, p=p)  # (4)",
           "a, drop_cache = dropout(h, np.broadcast_to(mask[:1], h.shape), p=p)  # (4)",
           "One mask for the whole batch: every example switches off the same units."),
    Mutant("d_z, drop_cache = relu_backward(d_h, z, h), before",
           "d_z, drop_cache = relu_backward(d_h, z, h), drop_cache",
           "The mask of the layer above used again on the way back."),
    Mutant("caches.append((a, z, h, drop_cache))", "caches.append((h, z, h, drop_cache))",
           "The weights' gradient from what the layer gave instead of from what it got."),
]  # fmt: skip
