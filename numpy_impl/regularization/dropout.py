"""Dropout: in every training step, a random part of the units is switched off.

Idea: Units that can rely on each other learn the training examples by heart together. If any of them may be missing,
    each has to be of use by itself; it is as if very many thinned networks, which share their weights, were trained
    at once and averaged.

    mask = 1 where u < 1 - p, else 0                       (1)   u ~ U[0, 1): a unit is dropped with probability p
    y = mask ⊙ x / (1 - p)                                 (2)   0 if p = 1

Gradients:
    d_x = mask ⊙ d_y / (1 - p)                             through (2)   0 if p = 1

Shapes: x, u and mask have one shape, whatever it is; mask is boolean, True where a unit is kept.

Units: y has the unit of x.

Variant: "inverted" dropout, as everywhere today: what is kept grows by 1 / (1 - p) in training, so that the mean over
    all masks is x and nothing at all is done in evaluation.

Differs:
    the paper: p is the probability to keep, training scales nothing, and weights shrink by p after training.
    torch.nn.Dropout: the same; it draws its mask itself.
    Keras: Dropout is the same with rate = p, which has to be below 1; it draws its mask itself.
    ONNX: a unit is kept where u >= p, which happens as often as u < 1 - p, but for other u.

Relation: dropconnect switches off weights instead of units; dropout_mlp is a network with dropout.

Raises: ValueError if shapes or dtypes disagree, or if p is outside [0, 1].

Reference: Srivastava, Hinton, Krizhevsky, Sutskever & Salakhutdinov, "Dropout: a simple way to prevent neural
    networks from overfitting", Journal of Machine Learning Research 15 (2014).
"""

from jaxtyping import Bool, Float
from numpy import ndarray as Array

from shared.support.shapes import Rate, checked


@checked
def dropout_mask(u: Float[Array, "*shape"], *, p: Rate = 0.5) -> Bool[Array, "*shape"]:
    mask = u < 1 - p  # (1)
    return mask


@checked
def dropout(x: Float[Array, "*shape"], mask: Bool[Array, "*shape"], *, p: Rate = 0.5) -> Float[Array, "*shape"]:
    scale = 1 / (1 - p) if p < 1 else 0.0
    y = mask * (scale * x)  # (2)
    return y, (mask, scale)


def dropout_backward(cache, d_y):
    mask, scale = cache
    d_x = mask * (scale * d_y)  # through (2)
    return d_x, None
