"""Oracle: a stack of torch.nn.functional's layers, relu before pooling; Keras on TensorFlow as second opinion."""

from itertools import pairwise

import numpy as np

from numpy_impl.convolutional.cnn import CNNBlock, CNNParams
from numpy_impl.intro.mlp import MLPLayer
from numpy_impl.normalization.batch_norm import BatchNormParams, BatchNormState
from shared.backends import Seed
from shared.cases import Bad, Case, Mutant
from shared.cases.convolutional._cnn_oracles import initial, keras_eval, torch_eval, torch_loss, torch_train
from shared.cases.convolutional.conv2d import weights
from shared.differences import RUN

SMALLEST = {"N": 2, "H": 4, "W": 6, "C": 1, "K": 1}


def network(draw, C, kernels, widths, features, dense, norms):
    blocks, states, c = [], [], C
    for kernel, n_out, norm in zip(kernels, widths, norms, strict=True):
        W, b = weights(draw, *kernel, c, n_out)
        W = W / W[..., 0].size ** 0.5  # or the loss would be near 0, and its gradient all rounding
        params = BatchNormParams(draw(n_out), draw(n_out)) if norm else None
        blocks.append(CNNBlock(W, None if norm else b, params))
        states.append(BatchNormState(draw(n_out), 0.5 + draw.uniform(n_out)) if norm else None)
        c = n_out
    sizes = (features * c, *dense)
    layers = [MLPLayer(draw(a, b) / a**0.5, draw(b)) for a, b in pairwise(sizes)]
    return CNNParams(tuple(blocks), tuple(layers)), tuple(states)


def masks(draw, N, params):
    return tuple(draw.uniform(N, len(layer.W)) < 0.6 for layer in params.dense)


def cases(draw, N=3, H=6, W=7, C=2, K=4):
    kernels, widths = ((3, 3), (1, 2)), (3, 5)
    plain = network(draw, C, kernels, widths, ((H - 2) // 2) * ((W - 2) // 2 - 1), (6, K), (False, False))
    pools, same = {"pools": (2, 1)}, {"padding": "same", "pools": 2}
    mixed = network(draw, C, kernels, widths, (H // 4) * (W // 4), (6, K), (True, False))
    normed = network(draw, C, ((2, 2),), (3,), (H // 2) * (W // 2), (K,), (True,))
    x, labels = lambda: draw(N, H, W, C), draw.integers(K, N)
    yield Case("cnn", (plain[0], x(), plain[1]), torch_eval, pools, grad=False, second={"keras": keras_eval})
    yield Case(
        "cnn",
        (mixed[0], x(), mixed[1]),
        torch_eval,
        same,
        grad=False,
        second={"keras": keras_eval},
        name="normalized",
    )
    yield Case("cnn_train", (mixed[0], x(), mixed[1]), torch_train, same, name="normalized", tolerance=RUN)
    args = plain[0], x(), plain[1], masks(draw, N, plain[0])
    yield Case("cnn_train", args, torch_train, pools | {"p": 0.4}, name="dropout")
    yield Case("cnn_loss", (plain[0], x(), labels), torch_loss, pools)
    args = plain[0], x(), labels, masks(draw, N, plain[0])
    yield Case("cnn_loss", args, torch_loss, pools | {"p": 0.3}, name="dropout")
    args = normed[0], x(), labels, masks(draw, N, normed[0])
    yield Case("cnn_loss", args, torch_loss, same | {"p": 0.5}, name="normalized, dropout", tolerance=RUN)
    usual = {"convs": ((3, 4), (2, 5)), "dense": (6, K), "padding": "same", "pools": 2, "dtype": "float64"}
    for name, norm in (("plain", False), ("normalized", True)):
        yield Case("cnn_init", (Seed(5), (H, W, C)), initial, usual | {"norm": norm}, grad=False, name=name)


def nasty(draw):
    one = network(draw, 1, ((1, 1),), (1,), 1, (1,), (False,))
    args = one[0], draw(1, 1, 1, 1), np.array([0])
    yield Case("cnn_loss", args, torch_loss, {"pools": 1}, name="all sizes one")
    deep = network(draw, 2, ((3, 3),) * 5, (3, 4, 3, 2, 3), 4, (3,), (False,) * 5)
    args = deep[0], draw(2, 8, 8, 2), np.array([2, 0])
    options = {"padding": "same", "pools": (1, 2, 1, 2, 1)}
    yield Case("cnn_loss", args, torch_loss, options, name="five blocks", tolerance=RUN)
    args = deep[0], draw(0, 8, 8, 2), deep[1]
    yield Case("cnn", args, torch_eval, options, grad=False, name="no images")
    whole = network(draw, 2, ((4, 5),), (3,), 1, (4, 3), (False,))
    args = whole[0], draw(2, 4, 5, 2), np.array([2, 0])
    yield Case("cnn_loss", args, torch_loss, {"pools": 1}, name="kernel as large as the image")
    block = whole[0].blocks[0]  # with whole numbers, whose sums are exact: the ties are ties for everyone
    exact = whole[0]._replace(blocks=(block._replace(W=np.round(9 * block.W), b=np.round(block.b)),))
    args = exact, np.ones((2, 6, 7, 2)), np.array([2, 0])
    yield Case("cnn_loss", args, torch_loss, {"pools": 3}, name="nothing but ties")
    args = whole[0], 0 * draw(2, 6, 7, 2), np.array([2, 0])
    yield Case("cnn_loss", args, torch_loss, {"pools": 3}, name="empty images")
    args = whole[0], draw(2, 4, 5, 2), np.array([2, 0]), tuple(np.zeros((2, n), bool) for n in (3, 4))
    yield Case("cnn_loss", args, torch_loss, {"pools": 1, "p": 0.5}, name="everything dropped")
    few = {"convs": ((3, 4), (2, 5)), "dense": (3,), "pools": (2, 1), "dtype": "float64"}
    yield Case("cnn_init", (Seed(6), (7, 8, 2)), initial, few, grad=False, name="one pool for each block")
    flat = network(draw, 2, ((1, 1),), (3,), 1, (3,), (True,))
    args = flat[0], draw(4, 1, 1, 2), flat[1]
    yield Case("cnn_train", args, torch_train, {"pools": 1}, name="one pixel, normalized", tolerance=RUN)
    yield Case("cnn", args, torch_eval, {"pools": 1}, grad=False, name="one pixel, normalized")


def bad(draw):
    params, states = network(draw, 2, ((3, 3), (2, 2)), (3, 4), 1, (5, 3), (True, False))
    x, labels = draw(2, 9, 9, 2), np.array([2, 0])
    yield Bad("cnn", (params, x, states[:1]), "states is a tuple of 1, expected 2, one for each block")
    yield Bad("cnn", (params, x, (None, None)), r"states\[0\] is None, expected a state, as params.blocks\[0\]")
    says = r"states\[1\] is a state, expected None, as params.blocks\[1\]"
    yield Bad("cnn_train", (params, x, (states[0], states[0])), says)
    yield Bad(
        "cnn", (params, x, states), "pools is .*, expected an integer or one for each of 2 blocks", {"pools": (2,)}
    )
    yield Bad(
        "cnn",
        (params, draw(2, 3, 6, 2), states),
        r"an image has 1 rows and padding \(0, 0\), expected at least 2",
        {"pools": (1, 1)},
    )
    yield Bad("cnn", (params, draw(2, 9, 9, 3), states), "x has 3 channels, expected 2")
    says = r"params.dense\[0\].W has shape \(4, 5\), expected 16 rows"
    yield Bad("cnn", (params, draw(2, 12, 12, 2), states), says)
    odd = params._replace(dense=(params.dense[0], MLPLayer(draw(6, 3), draw(3))))
    yield Bad("cnn", (odd, x, states), r"params.dense\[1\].W has shape \(6, 3\), expected 5 rows")
    yield Bad("cnn_train", (params, draw(2, 12, 12, 2), states), r"params.dense\[0\].W .*, expected 16 rows")
    both = params._replace(blocks=(params.blocks[0]._replace(b=draw(3)), params.blocks[1]))
    yield Bad("cnn", (both, x, states), r"params.blocks\[0\] has both or none of b and norm, expected one of them")
    yield Bad("cnn_loss", (params, x, np.array([0, 3])), r"labels holds 3 at \[1\]")
    yield Bad("cnn_loss", (params, x[:0], labels[:0]), "x has shape .* N at least 1")
    yield Bad("cnn_loss", (params, x, labels[:1]), r"labels has shape \(1,\), expected .* N = 2")
    few = (np.ones((2, 4), bool),)
    yield Bad("cnn_loss", (params, x, labels, few), "masks is a tuple of 1, expected 2, one for each layer")
    yield Bad("cnn_loss", (params, x, labels), r"p is 2, expected in \[0, 1\]", {"p": 2})
    yield Bad("cnn_init", (Seed(1), (8, 8, 1)), "an image has 2 rows .* expected at least 5")
    yield Bad("cnn_init", (Seed(1), (28, 28, 1)), "pools is .* for each of 2 blocks", {"pools": (2, 2, 2)})


MUTANTS = [
    Mutant("f, shape = a.reshape(", "f, shape = a.transpose(0, 3, 1, 2).reshape(",
           "Features with the channels first, as torch flattens them: its weights load, and mean nothing here."),
    Mutant("m, pool_cache = pooling_max(u, window=pool)", "m, pool_cache = pooling_max(u, window=pool, stride=1)",
           "Pooling without its stride."),
    Mutant("(u, new_state), norm_cache = bn.batch_norm(block.norm, z, state)",
           "(u, _), norm_cache = bn.batch_norm(block.norm, z, state)",
           "The running statistics stay as they began: evaluation normalizes by them."),
    Mutant("z, conv_cache = conv2d(conv, a, padding=padding)", "z, conv_cache = conv2d(conv, a)",
           "The padding forgotten in training, where \"same\" was asked for."),
    Mutant("bn.batch_norm_eval(block.norm, z, state)[0]", "bn.batch_norm(block.norm, z, state)[0][0]",
           "The batch's statistics in evaluation: what is said of an image depends on the others."),
    Mutant("dropout_mlp(params.dense, f, masks, p_input=p, p=p)", "dropout_mlp(params.dense, f, masks, p=p)",
           "The features dropped with another probability than the one that their mask was drawn with."),
    Mutant("if masks is None:\n        logits, dense_cache = mlp(params.dense, f)  # (6)\n    else:",
           "if True:\n        logits, dense_cache = mlp(params.dense, f)\n        masks = None\n    else:",
           "The masks never used."),
    Mutant("d_a = d_f.reshape(caches[-1].a.shape)",
           "d_a = np.moveaxis(d_f.reshape(np.moveaxis(caches[-1].a, 3, 1).shape), 1, 3)",
           "The features read back in another order of axes than they were laid out in."),
    Mutant("d_m = relu_backward(d_a, m, a)", "d_m = d_a", "The relu left out on the way back: dead units learn."),
    Mutant("d_m = relu_backward(d_a, m, a)", "d_m = relu_backward(d_a, -m, a)",
           "The gradient through the units that were switched off."),
    Mutant("(d_u, d_new_states[i]))  # through (2)",
           "(d_u, bn.BatchNormState(*(0 * d for d in d_new_states[i]))))  # through (2)",
           "A term dropped: the running statistics depend on the kernel too."),
    Mutant("d_norm, d_z, d_state = bn.batch_norm_backward(", "d_norm, _, d_state = bn.batch_norm_backward(",
           "The normalization skipped on the way to the kernel."),
    Mutant("CNNBlock(d_conv.W, d_conv.b if norm_cache",
           "CNNBlock(d_conv.W, np.sum(d_z, axis=(0, 1))[0] if norm_cache",
           "The wrong sum axes: a bias acts at every column, too."),
    Mutant("tuple(d_blocks[::-1])", "tuple(d_blocks)",
           "The blocks' gradients in the order in which they were found, last to first."),
    Mutant("(d_u,) = pooling_max_backward(pool_cache, d_m)", "(d_u,) = pooling_max_backward(caches[0].pool, d_m)",
           "The first block's windows used for every block."),
    Mutant("CNNBlock(W, None if norm else b, params)", "CNNBlock(W, b, params)",
           "A bias before a normalization, which takes it away: a parameter without a gradient."),
    Mutant("blocks.append(CNNBlock(W, None if norm else b, params))\n        states.append(state)",
           "blocks.append(CNNBlock(W, None if norm else b, params))\n        states.insert(0, state)",
           "The running statistics in the wrong order: they fit only where all blocks are as wide."),
    Mutant("a = relu(m)  # (4)\n    f", "a = m  # (4)\n    f",
           "No relu in evaluation: another network than the one trained."),
    Mutant("losses.softmax_cross_entropy(logits, labels)", "losses.softmax_cross_entropy(relu(logits), labels)",
           "A relu on the logits: no class can be ruled out."),
]  # fmt: skip
