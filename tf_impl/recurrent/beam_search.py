"""Decoding with a sequence-to-sequence model: greedily, and by beam search.

Idea: A model gives every next symbol a probability, and there are too many sequences to try them all. Greedy decoding
    keeps the likeliest symbol at each step; a beam keeps several beginnings, since the one that looks best at first
    may end badly.

    y_t       = argmax_k p(k | y_1 ... y_{t-1})         (1)   greedy: the likeliest symbol, then the next
    log_p_bk  = log_p_b + log p(k | b)                  (2)   every hypothesis b with every next symbol k;
                                                              a finished one goes on with eos alone, at no cost
    scores_bk = log_p_bk / length_bk^power              (3)   length: symbols so far, eos included
    best      = the `width` best (b, k) by score        (4)   the hypotheses of the next step

Shapes: source and mask (S, N), as in recurrent/seq2seq; greedy: symbols (T, N), log_p (N,), weights (T, S, N); beam:
    symbols (T, N, B), scores (N, B), best first, weights (T, S, N, B); T = steps, B = width. Behind its first eos a
    sequence has nothing but eos.

Units: log_p is in nats.

Variant: power = 0, if not given, ranks by probability, which favours short sequences; power = 1 by the mean per
    symbol. Finished hypotheses keep their place in the beam and compete there. What has not met eos after `steps`
    symbols is returned unfinished. Of equal scores the first wins: the better hypothesis, then the smaller symbol. A
    beam of width 1 is greedy; one with room for every hypothesis is exhaustive search. weights are those of
    attention, None without it.

Differs:
    Wu et al. 2016: arXiv:1609.08144, divide by ((5 + length) / 6)^power.
    Transformers (Hugging Face): length_penalty is power, 1 if not given; finished hypotheses leave the beam.
    torch, Keras: no such function.

Relation: recurrent/seq2seq scores a target that is given; here the target is what is searched for.

Raises: ValueError if steps or width is not at least 1, if bos or eos is not a symbol, or as recurrent/seq2seq.

Reference: Graves 2012, arXiv:1211.3711; Sutskever, Vinyals & Le 2014, arXiv:1409.3215.
"""

from typing import Annotated, NamedTuple

import tensorflow as tf
from jaxtyping import Bool, Float, Int
from tensorflow import Tensor as Array

from shared.support.shapes import Below, NonNegative, Range, checked
from shared.support.sizes import sizes
from tf_impl import losses
from tf_impl.recurrent.decoder import decoder_memory, decoder_step
from tf_impl.recurrent.seq2seq import Seq2SeqParams, seq2seq_encode


class Decoded(NamedTuple):
    symbols: Int[Array, "T N"]
    log_p: Float[Array, "N"]
    weights: Float[Array, "T S N"] | None


class Beam(NamedTuple):
    symbols: Int[Array, "T N B"]
    scores: Float[Array, "N B"]
    weights: Float[Array, "T S N B"] | None


@checked(S=1)
def beam_search_greedy(
    params: Seq2SeqParams,
    source: Annotated[Int[Array, "S N"], Below("V")],
    mask: Bool[Array, "S N"],
    *,
    steps: Annotated[int, Range("[1, inf)")],
    bos: Annotated[int, Below("K")] = 0,
    eos: Annotated[int, Below("K")] = 1,
) -> Decoded:
    hs, s = seq2seq_encode(params, source, mask)
    memory = decoder_memory(params.decoder, s, hs, mask)
    y = bos * tf.ones_like(source[0], tf.int64)
    log_p, done = tf.zeros_like(s[:, 0]), tf.zeros_like(mask[0])
    symbols, all_weights = [], []
    for _ in range(steps):
        logits, s, weights = decoder_step(params.decoder, y, s, memory)
        log_ps = losses.log_softmax(logits)
        y = tf.where(done, tf.constant(eos, y.dtype), tf.argmax(log_ps, axis=-1, output_type=y.dtype))  # (1)
        picked = tf.gather(log_ps, y, batch_dims=1)
        log_p = log_p + tf.where(done, tf.zeros_like(picked), picked)
        done = done | (y == eos)
        symbols.append(y)
        all_weights.append(weights)
    return Decoded(tf.stack(symbols), log_p, None if weights is None else tf.stack(all_weights))


@checked(S=1)
def beam_search(
    params: Seq2SeqParams,
    source: Annotated[Int[Array, "S N"], Below("V")],
    mask: Bool[Array, "S N"],
    *,
    steps: Annotated[int, Range("[1, inf)")],
    width: Annotated[int, Range("[1, inf)")],
    power: NonNegative = 0.0,
    bos: Annotated[int, Below("K")] = 0,
    eos: Annotated[int, Below("K")] = 1,
) -> Beam:
    (S, N), B, K = sizes(source), width, params.decoder.b_o.shape[0]
    hs, s = seq2seq_encode(params, source, mask)
    hs, s, mask = tf.repeat(hs, B, axis=1), tf.repeat(s, B, axis=0), tf.repeat(mask, B, axis=1)  # row n B + b
    memory = decoder_memory(params.decoder, s, hs, mask)
    y, first = tf.fill([N, B], tf.constant(bos, tf.int64)), B * tf.cast(tf.range(N), tf.int64)[:, None]
    nothing, never = tf.zeros([], s.dtype), tf.constant(-float("inf"), s.dtype)
    log_p = tf.where(tf.range(B) == 0, nothing, tf.fill([N, B], never))  # all begin alike: only one counts
    length, done = tf.zeros_like(log_p), tf.zeros([N, B], tf.bool)
    end = tf.where(tf.range(K) == eos, nothing, never)
    symbols, all_weights = [], []
    for _ in range(steps):
        logits, s, weights = decoder_step(params.decoder, tf.reshape(y, [-1]), s, memory)
        log_ps = tf.reshape(losses.log_softmax(logits), [N, B, K])
        log_p = log_p[..., None] + tf.where(done[..., None], end, log_ps)  # (2)
        length = tf.where(done, length, length + 1)
        scores = tf.reshape(log_p / length[..., None] ** power, [N, B * K])  # (3)
        best = tf.argsort(scores, axis=-1, direction="DESCENDING", stable=True)[:, :B]  # (4)
        best = tf.cast(best, tf.int64)
        parent, y = best // K, best % K
        take = lambda x, at: tf.gather(x, at, batch_dims=1)
        scores, log_p, length = take(scores, best), take(tf.reshape(log_p, [N, B * K]), best), take(length, parent)
        done = take(done, parent) | (y == eos)
        rows = tf.reshape(first + parent, [-1])
        s, symbols = tf.gather(s, rows), [*(tf.gather(x, rows) for x in symbols), tf.reshape(y, [-1])]
        all_weights = [] if weights is None else [tf.gather(x, rows, axis=1) for x in (*all_weights, weights)]
    all_weights = tf.reshape(tf.stack(all_weights), [steps, S, N, B]) if all_weights else None
    return Beam(tf.reshape(tf.stack(symbols), [steps, N, B]), scores, all_weights)
