"""A multilayer perceptron (MLP) with dropout.

Idea: A wide network can learn its training examples by heart. With dropout before every layer, each example is seen
    by another thinned network in every step, and what is learned has to work in most of them.

    a_0 = dropout(x)                                       (1)   with a p of its own, p_input
    z_l = a_{l-1} W_l + b_l                                (2)   for the hidden layers l = 1 ... L-1
    h_l = relu(z_l)                                        (3)
    a_l = dropout(h_l)                                     (4)
    logits = a_{L-1} W_L + b_L                             (5)   = z_L
    loss = -1/N Σ_n log softmax(logits_n)_label(n)         (6)

Gradients:
    d_logits = 1/N d_loss (softmax(logits) - onehot)       through (6)   = d_z_L
    d_W_l = a_{l-1}ᵀ d_z_l, d_b_l = Σ_n d_z_l              through (2) (5)
    d_a_{l-1} = d_z_l W_lᵀ                                 through (2) (5)
    d_h_l = mask_l ⊙ d_a_l / (1 - p)                       through (4)
    d_z_l = d_h_l ⊙ (1 if z_l > 0 else 0)                  through (3)
    d_x = mask_0 ⊙ d_a_0 / (1 - p_input)                   through (1)

Shapes: x (N, D), labels (N,) integers from 0 to K-1; params is a tuple of L layers W_l (D_{l-1}, D_l), b_l (D_l,);
    masks a tuple of L boolean arrays, the first for x, the others for the hidden layers: masks[l] is (N, D_l);
    logits (N, K), loss ().

Units: the loss is in nats per example.

Variant: p is the probability to drop. Masks are arguments, drawn by dropout_mask. For evaluation there is no function
    of its own: with all units, the network is that of intro/mlp, with the same params.

Differs:
    torch: nn.Sequential of Linear, ReLU and Dropout; eval() switches dropout off.
    Keras: Sequential of Dense and Dropout; training=True switches dropout on.

Relation: mlp with p = 0; dropconnect_mlp switches off weights of one layer instead.

Raises: ValueError if shapes or dtypes disagree, if p or p_input is outside [0, 1], if there are no examples, or if a
    label is negative or at least K.

Reference: Srivastava, Hinton, Krizhevsky, Sutskever & Salakhutdinov, "Dropout: a simple way to prevent neural
    networks from overfitting", Journal of Machine Learning Research 15 (2014).
"""

from typing import Annotated

from jaxtyping import Bool, Float, Int
from tensorflow import Tensor as Array

from shared.support.shapes import Below, Chain, Rate, checked
from tf_impl import losses
from tf_impl.activations import relu
from tf_impl.intro.mlp import MLPParams
from tf_impl.regularization.dropout import dropout

Masks = tuple[Bool[Array, "N D"], ...]


@checked(N=1)
def dropout_mlp(
    params: Annotated[MLPParams, Chain("W", first="D", last="K")],
    x: Float[Array, "N D"],
    masks: Masks,
    *,
    p_input: Rate = 0.2,
    p: Rate = 0.5,
) -> Float[Array, "N K"]:
    _check(x.shape, params, masks)
    a = dropout(x, masks[0], p=p_input)  # (1)
    for layer, mask in zip(params[:-1], masks[1:], strict=True):
        z = a @ layer.W + layer.b  # (2)
        h = relu(z)  # (3)
        a = dropout(h, mask, p=p)  # (4)
    logits = a @ params[-1].W + params[-1].b  # (5)
    return logits


@checked(N=1)
def dropout_mlp_loss(
    params: Annotated[MLPParams, Chain("W", first="D", last="K")],
    x: Float[Array, "N D"],
    labels: Annotated[Int[Array, "N"], Below("K")],
    masks: Masks,
    *,
    p_input: Rate = 0.2,
    p: Rate = 0.5,
) -> Float[Array, ""]:
    logits = dropout_mlp(params, x, masks, p_input=p_input, p=p)
    loss = losses.softmax_cross_entropy(logits, labels)  # (6)
    return loss


def _check(shape, params, masks):
    if len(masks) != len(params):
        raise ValueError(f"dropout_mlp: masks is a tuple of {len(masks)}, expected {len(params)}, one for each layer")
    for i, mask in enumerate(masks):
        wanted = (shape[0], params[i].W.shape[0])
        if tuple(mask.shape) != wanted:
            found = f"masks[{i}] has shape {tuple(mask.shape)}"
            raise ValueError(f"dropout_mlp: {found}, expected {wanted}, as x and params[{i}].W give")
