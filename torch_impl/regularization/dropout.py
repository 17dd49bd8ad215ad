"""Dropout: in every training step, a random part of the units is switched off; and a network (MLP) trained so.

    m = 1 where u < 1 - p, else 0                          (1)   u ~ U[0, 1): a unit is dropped with probability p
    y = m ⊙ x / (1 - p)                                    (2)   0 if p = 1
    a_0 = dropout(x)                                       (3)   with its own p, p_input
    a_l = dropout(relu(a_{l-1} W_l + b_l))                 (4)   for the hidden layers l = 1 ... L-1
    z_L = a_{L-1} W_L + b_L                                (5)   logits
    loss = -1/N Σ_n log softmax(z_L)_label(n)              (6)

Shapes: dropout takes two arrays of one shape, whatever it is, mask m being boolean. The network: x (N, D), labels
    (N,) integers from 0 to K-1; params is a tuple of L layers W_l (D_{l-1}, D_l), b_l (D_l,); masks a tuple of L
    arrays, the first for x, the others for the hidden layers: masks[l] is (N, D_l).

Units: the loss is in nats per example.

Variant: "inverted" dropout, as everywhere today: what is kept grows by 1 / (1 - p) in training, so that the mean over
    all masks is x and nothing at all is done in evaluation. There, the network is that of intro/mlp. p is the
    probability to drop; in the paper it is the probability to keep, and weights shrink by it after training.

Raises: ValueError if shapes or dtypes disagree, if p is outside [0, 1], if a loss has no examples, or if a label is
    negative or at least K.

Reference: Srivastava, Hinton, Krizhevsky, Sutskever & Salakhutdinov, "Dropout: a simple way to prevent neural
    networks from overfitting", Journal of Machine Learning Research 15 (2014).
"""

from torch import Tensor as Array
from jaxtyping import Bool, Float, Int

from shared.support.shapes import Rate, checked
from torch_impl import losses
from torch_impl.activations import relu
from torch_impl.intro.mlp import MLPParams

Masks = tuple[Bool[Array, "N D"], ...]


@checked
def dropout_mask(u: Float[Array, "*shape"], *, p: Rate = 0.5) -> Bool[Array, "*shape"]:
    return u < 1 - p  # (1)


@checked
def dropout(x: Float[Array, "*shape"], mask: Bool[Array, "*shape"], *, p: Rate = 0.5) -> Float[Array, "*shape"]:
    scale = 1 / (1 - p) if p < 1 else 0.0
    return mask * (scale * x)  # (2)


@checked(N=1)
def dropout_mlp(
    params: MLPParams, x: Float[Array, "N D"], masks: Masks, *, p_input: Rate = 0.2, p: Rate = 0.5
) -> Float[Array, "N K"]:
    _check(params, x, masks)
    a = dropout(x, masks[0], p=p_input)  # (3)
    for layer, mask in zip(params[:-1], masks[1:], strict=True):
        a = dropout(relu(a @ layer.W + layer.b), mask, p=p)  # (4)
    return a @ params[-1].W + params[-1].b  # (5)


@checked(N=1)
def dropout_mlp_loss(
    params: MLPParams,
    x: Float[Array, "N D"],
    labels: Int[Array, "N"],
    masks: Masks,
    *,
    p_input: Rate = 0.2,
    p: Rate = 0.5,
) -> Float[Array, ""]:
    logits = dropout_mlp(params, x, masks, p_input=p_input, p=p)
    return losses.softmax_cross_entropy(logits, labels)  # (6)


def _check(params, x, masks):
    if len(masks) != len(params):
        raise ValueError(f"dropout_mlp: masks is a tuple of {len(masks)}, expected {len(params)}, one for each layer")
    widths = [x.shape[1], *(layer.W.shape[1] for layer in params)]
    for i, (layer, mask, width) in enumerate(zip(params, masks, widths, strict=False)):
        came = "x has" if i == 0 else f"params[{i - 1}] gives"
        if layer.W.shape[0] != width:
            found = f"params[{i}].W has shape {tuple(layer.W.shape)}"
            raise ValueError(f"dropout_mlp: {found}, expected {width} rows, as {came}")
        if tuple(mask.shape) != (x.shape[0], width):
            found = f"masks[{i}] has shape {tuple(mask.shape)}"
            raise ValueError(f"dropout_mlp: {found}, expected {(x.shape[0], width)}, as {came}")
