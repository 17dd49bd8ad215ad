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

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray as Array

from numpy_impl import losses
from numpy_impl.recurrent.decoder import decoder_memory, decoder_step
from numpy_impl.recurrent.seq2seq import Seq2SeqParams, seq2seq_encode
from shared.support.shapes import Below, NonNegative, Range, checked


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
    (hs, s), _ = seq2seq_encode(params, source, mask)
    memory = decoder_memory(params.decoder, s, hs, mask)
    y = np.full(source.shape[1], bos)
    log_p, done = np.zeros_like(s[:, 0]), np.zeros_like(mask[0])
    symbols, all_weights = [], []
    for _ in range(steps):
        logits, s, weights = decoder_step(params.decoder, y, s, memory)
        log_ps, _ = losses.log_softmax(logits)
        y = np.where(done, eos, np.argmax(log_ps, axis=-1))  # (1)
        log_p = log_p + np.where(done, 0, np.take_along_axis(log_ps, y[:, None], axis=-1)[:, 0])
        done = done | (y == eos)
        symbols.append(y)
        all_weights.append(weights)
    return Decoded(np.stack(symbols), log_p, None if weights is None else np.stack(all_weights))


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
    (S, N), B, K = source.shape, width, params.decoder.b_o.shape[0]
    (hs, s), _ = seq2seq_encode(params, source, mask)
    hs, s, mask = np.repeat(hs, B, axis=1), np.repeat(s, B, axis=0), np.repeat(mask, B, axis=1)  # row n B + b
    memory = decoder_memory(params.decoder, s, hs, mask)
    y, first = np.full((N, B), bos), B * np.arange(N)[:, None]
    log_p = np.where(np.arange(B) == 0, 0, np.full((N, B), -np.inf, s.dtype))  # all begin alike: only one counts
    length, done = np.zeros_like(log_p), np.zeros((N, B), bool)
    end = np.where(np.arange(K) == eos, 0, np.full(K, -np.inf, s.dtype))
    symbols, all_weights = [], []
    for _ in range(steps):
        logits, s, weights = decoder_step(params.decoder, y.reshape(-1), s, memory)
        log_ps = losses.log_softmax(logits)[0].reshape(N, B, K)
        log_p = log_p[..., None] + np.where(done[..., None], end, log_ps)  # (2)
        length = np.where(done, length, length + 1)
        scores = (log_p / length[..., None] ** power).reshape(N, B * K)  # (3)
        best = np.argsort(-scores, axis=-1, kind="stable")[:, :B]  # (4)
        parent, y = best // K, best % K
        take = lambda x, at: np.take_along_axis(x, at, axis=-1)
        scores, log_p, length = take(scores, best), take(log_p.reshape(N, B * K), best), take(length, parent)
        done = take(done, parent) | (y == eos)
        rows = (first + parent).reshape(-1)
        s, symbols = s[rows], [*(x[rows] for x in symbols), y.reshape(-1)]
        all_weights = [] if weights is None else [x[:, rows] for x in (*all_weights, weights)]
    all_weights = np.stack(all_weights).reshape(steps, S, N, B) if all_weights else None
    return Beam(np.stack(symbols).reshape(steps, N, B), scores, all_weights)
