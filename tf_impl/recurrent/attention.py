"""Additive attention (Bahdanau): a small network decides which places of a sequence to read.

Idea: An encoder that hands over one vector has to squeeze every sentence into it, however long. Attention keeps one
    vector for each place, and lets every step of the decoder take its own weighted mean of them.

    query     = s W_q                               (1)   what the decoder looks for, made of its state
    keys_j    = hs_j W_k                            (2)   what place j of the encoder answers to
    hidden_j  = tanh(query + keys_j)                (3)
    scores_j  = v · hidden_j                        (4)   how well place j fits the query
    weights_j = e^(scores_j) / Σ_i e^(scores_i)     (5)   softmax over the valid places; 0 at the others
    c         = Σ_j weights_j hs_j                  (6)   context: the weighted mean of the places

Gradients:
    d_weights_j ← d_weights_j + d_c · hs_j                              through (6)   ← adds to its own as output
    d_scores_j = weights_j (d_weights_j - Σ_i weights_i d_weights_i)    through (5)
    d_v = Σ_n Σ_j d_scores_j hidden_j                                   through (4)
    d_hidden_j = d_scores_j v                                           through (4)
    d_keys_j = d_hidden_j ⊙ (1 - hidden_j²)                             through (3)
    d_query = Σ_j d_keys_j                                              through (3)
    d_W_k = Σ_j hs_jᵀ d_keys_j                                          through (2)
    d_hs_j = weights_j d_c + d_keys_j W_kᵀ                              through (2) (6)
    d_W_q, d_s = sᵀ d_query, d_query W_qᵀ                               through (1)

Shapes: s (N, Q); hs (S, N, M), place first; mask (S, N), True at valid places; W_q (Q, A), W_k (M, A), v (A,);
    query (N, A), keys and hidden (S, N, A), scores and weights (S, N), c (N, M). attention_read is (3) to (6), for a
    decoder whose queries come one after the other while the keys stay.

Units: the weights of an example add up to 1.

Variant: Bahdanau's, without biases. A place that is not valid is not read, whatever it holds, NaN and ∞ as well: it
    gets weight 0 and no gradient, exactly, in every dtype; where no place is valid, the weights and c are 0.
    attention_init draws Glorot-uniform weights.

Differs:
    Keras: AdditiveAttention is (3) to (6), v its `scale`; W_q and W_k are Dense layers without bias in front of it.
        It has the batch first, and takes 1e9 from masked scores: in float64 a row without a valid place keeps its
        scores, as if nothing were masked.
    torch.nn: no such layer; a softmax over scores that are all -∞ gives NaN.
    ONNX: no such operator; its Attention is that of Transformers.
    Luong et al. 2015: arXiv:1508.04025, ask with the state after the step, and score by products.

Relation: recurrent/decoder reads by attention_read at every step. It is the oldest sibling of the attention of
    Transformers, which scores by products of queries and keys.

Raises: ValueError if sizes or dtypes disagree, or if there is no place at all (S = 0).

Reference: Bahdanau, Cho & Bengio 2015, arXiv:1409.0473.
"""

from typing import NamedTuple

import tensorflow as tf
from jaxtyping import Bool, Float
from numpy.random import Generator
from tensorflow import Tensor as Array

from shared.support.shapes import Dtype, checked
from tf_impl.activations import tanh
from tf_impl.initializers import glorot_uniform
from tf_impl.recurrent._steps import only_valid


class AttentionParams(NamedTuple):
    W_q: Float[Array, "Q A"]
    W_k: Float[Array, "M A"]
    v: Float[Array, "A"]


@checked
def attention_init(
    rng: Generator, n_query: int, n_encoder: int, n_hidden: int, *, dtype: Dtype = "float32"
) -> AttentionParams:
    return AttentionParams(
        W_q=glorot_uniform(rng, (n_query, n_hidden), dtype=dtype),
        W_k=glorot_uniform(rng, (n_encoder, n_hidden), dtype=dtype),
        v=glorot_uniform(rng, (n_hidden, 1), dtype=dtype)[:, 0],
    )


@checked(S=1)
def attention_read(
    v: Float[Array, "A"],
    query: Float[Array, "N A"],
    keys: Float[Array, "S N A"],
    hs: Float[Array, "S N M"],
    mask: Bool[Array, "S N"] | None = None,
) -> tuple[Float[Array, "N M"], Float[Array, "S N"]]:
    keys, hs = only_valid(mask, keys), only_valid(mask, hs)  # other places are not read, be they NaN
    hidden = tanh(query + keys)  # (3)
    scores = tf.tensordot(hidden, v, 1)  # (4)
    masked = scores if mask is None else tf.where(mask, scores, tf.constant(-float("inf"), scores.dtype))
    top = tf.reduce_max(tf.stop_gradient(masked), axis=0)  # against overflow; it drops out
    exps = tf.exp(masked - tf.where(tf.math.is_finite(top), top, tf.zeros_like(top)))
    total = tf.reduce_sum(exps, axis=0)
    weights = exps / tf.where(total > 0, total, tf.ones_like(total))  # (5)
    c = tf.reduce_sum(weights[..., None] * hs, axis=0)  # (6), faster than einsum with the place in front
    return c, weights


@checked(S=1)
def attention(
    params: AttentionParams,
    s: Float[Array, "N Q"],
    hs: Float[Array, "S N M"],
    mask: Bool[Array, "S N"] | None = None,
) -> tuple[Float[Array, "N M"], Float[Array, "S N"]]:
    query, hs = s @ params.W_q, only_valid(mask, hs)  # (1)
    keys = tf.tensordot(hs, params.W_k, 1)  # (2)
    return attention_read(params.v, query, keys, hs, mask)
