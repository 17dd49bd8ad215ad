"""Sequence to sequence: an encoder reads one sequence, a decoder writes another one.

    x_j      = row source_j of W_e                              (1)   embedded symbols
    →h_j     = GRU(x_j, →h_{j-1}), ←h_j = GRU(x_j, ←h_{j+1})    (2)   read forwards and backwards
    h_j      = →h_j | ←h_j                                      (3)   side by side
    s_0      = →h_S | ←h_1                                      (4)   where each direction has read everything
    inputs   = bos, y_1, ..., y_{T-1}                           (5)   teacher forcing: the true symbol before
    logits   = decoder(inputs; s_0, h)                          (6)
    loss     = -1/M Σ_valid log softmax(logits_t)_y_t           (7)   M: how many target symbols are valid

Shapes: source (S, N) and target (T, N), time first, integers from 0 to V-1 and 0 to K-1; their masks, True at the
    symbols that count, which come first; W_e (V, L); two encoders of L inputs and H/2 units; hs (S, N, H), s_0 (N,
    H); logits (T, N, K).

Units: the loss is in nats per valid target symbol, the end symbol included if the target has it.

Variant: the encoder reads in both directions, as in Bahdanau et al.; its last states are the decoder's first, as in
    Sutskever et al. (who read backwards only, with a deep LSTM; Bahdanau et al. put a dense layer between). So the
    decoder has as many units as both directions together. Padding, at the end, carries the encoders' states, has
    weight 0 in attention, and has no part in the loss or any gradient. The loss is a mean over valid symbols, not
    over sequences, as PyTorch's with ignore_index; if no symbol is valid it is 0, with gradient 0 (PyTorch: NaN).
    context is "attention" if not given; see recurrent/decoder.

Raises: ValueError if sizes or dtypes disagree, if S or T is 0, if a symbol is out of range, or if the number of
    hidden units is odd.

Reference: Sutskever, Vinyals & Le 2014, arXiv:1409.3215; Cho et al. 2014, arXiv:1406.1078; Bahdanau, Cho & Bengio
    2015, arXiv:1409.0473; Williams & Zipser, Neural Computation 1 (1989), for teacher forcing.
"""

from typing import Annotated, NamedTuple

import tensorflow as tf
from jaxtyping import Bool, Float, Int
from numpy.random import Generator
from tensorflow import Tensor as Array

from shared.support.shapes import Below, checked
from tf_impl import losses
from tf_impl.recurrent.decoder import DecoderParams, decoder, decoder_init
from tf_impl.recurrent.embedding import embedding, embedding_init
from tf_impl.recurrent.gru import GRUParams, gru, gru_init, gru_zero_state


class Seq2SeqParams(NamedTuple):
    W_e: Float[Array, "V L"]
    encoder: tuple[GRUParams, ...]
    decoder: DecoderParams


def seq2seq_init(
    rng: Generator,
    n_source: int,
    n_target: int,
    n_embedding: int,
    n_hidden: int,
    *,
    context: str = "attention",
    n_attention: int = 0,
    dtype: str = "float32",
) -> Seq2SeqParams:
    if n_hidden % 2:
        raise ValueError(
            f"seq2seq_init: n_hidden is {n_hidden}, expected an even number, one half for each direction"
        )
    size = {"context": context, "n_attention": n_attention or n_hidden // 2}
    return Seq2SeqParams(
        W_e=embedding_init(rng, n_source, n_embedding, dtype=dtype),
        encoder=tuple(gru_init(rng, n_embedding, n_hidden // 2, dtype=dtype) for _ in range(2)),
        decoder=decoder_init(rng, n_target, n_embedding, n_hidden, n_hidden, dtype=dtype, **size),
    )


@checked(S=1)
def seq2seq_encode(
    params: Seq2SeqParams, source: Annotated[Int[Array, "S N"], Below("V")], mask: Bool[Array, "S N"]
) -> tuple[Float[Array, "S N H"], Float[Array, "N H"]]:
    """What was read at each place, and the decoder's first state."""
    xs = embedding(params.W_e, source)  # (1)
    forwards, backwards = params.encoder
    zeros = gru_zero_state(forwards, source.shape[1])
    hs, s = gru(forwards, xs, zeros, mask)  # (2)
    hs_back, s_back = gru(backwards, tf.reverse(xs, [0]), zeros, tf.reverse(mask, [0]))  # (2)
    hs = tf.concat([hs, tf.reverse(hs_back, [0])], -1)  # (3)
    return hs, tf.concat([s, s_back], -1)  # (4)


@checked(S=1, T=1)
def seq2seq(
    params: Seq2SeqParams,
    source: Annotated[Int[Array, "S N"], Below("V")],
    source_mask: Bool[Array, "S N"],
    target: Annotated[Int[Array, "T N"], Below("K")],
    *,
    bos: int = 0,
) -> Float[Array, "T N K"]:
    hs, s_0 = seq2seq_encode(params, source, source_mask)
    inputs = tf.concat([tf.fill(target[:1].shape, tf.constant(bos, target.dtype)), target[:-1]], 0)  # (5)
    return decoder(params.decoder, inputs, s_0, hs, source_mask)  # (6)


@checked(S=1, T=1)
def seq2seq_loss(
    params: Seq2SeqParams,
    source: Annotated[Int[Array, "S N"], Below("V")],
    source_mask: Bool[Array, "S N"],
    target: Annotated[Int[Array, "T N"], Below("K")],
    target_mask: Bool[Array, "T N"],
    *,
    bos: int = 0,
) -> Float[Array, ""]:
    logits = seq2seq(params, source, source_mask, target, bos=bos)
    log_p = losses.log_softmax(tf.reshape(logits, [-1, logits.shape[-1]]))
    picked = tf.gather(log_p, tf.reshape(target, [-1]), batch_dims=1)
    valid = tf.reshape(target_mask, [-1])
    count = tf.maximum(tf.reduce_sum(tf.cast(valid, logits.dtype)), 1)
    return -tf.reduce_sum(tf.where(valid, picked, tf.zeros_like(picked))) / count  # (7)
