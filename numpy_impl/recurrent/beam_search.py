"""Decoding with a sequence-to-sequence model: greedily, and by beam search.

    y_t      = argmax_k p(k | y_1 ... y_{t-1})          (1)   greedy: the likeliest symbol, then the next
    ℓ(b, k)  = ℓ(b) + log p(k | b)                      (2)   every hypothesis b with every next symbol k;
                                                              a finished one goes on with eos alone, at no cost
    score    = ℓ / length^power                         (3)   length: symbols so far, eos included
    beam     = the `width` best by score                (4)   the hypotheses of the next step

Shapes: source and mask (S, N), as in recurrent/seq2seq; greedy: symbols (T, N), log p (N,), looks (T, S, N); beam:
    symbols (T, N, B), scores (N, B), best first, looks (T, S, N, B); T = steps, B = width. Behind its first eos a
    sequence has nothing but eos.

Units: ℓ and log p are nats.

Variant: power = 0, if not given, ranks by probability, which favours short sequences; power = 1 by the mean per
    symbol. (Wu et al. 2016, arXiv:1609.08144, divide by ((5 + length) / 6)^power.) Finished hypotheses keep their
    place in the beam and compete there. What has not met eos after `steps` symbols is returned unfinished. Of equal
    scores the first wins: the better hypothesis, then the smaller symbol. A beam of width 1 is greedy; one that has
    room for every hypothesis is exhaustive search. looks are the weights of attention, None without it.

Raises: ValueError if steps or width is not at least 1, or as recurrent/seq2seq.

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
    looks: Float[Array, "T S N"] | None


class Beam(NamedTuple):
    symbols: Int[Array, "T N B"]
    scores: Float[Array, "N B"]
    looks: Float[Array, "T S N B"] | None


@checked(S=1)
def beam_search_greedy(
    params: Seq2SeqParams,
    source: Annotated[Int[Array, "S N"], Below("V")],
    mask: Bool[Array, "S N"],
    *,
    steps: Annotated[int, Range("[1, inf)")],
    bos: int = 0,
    eos: int = 1,
) -> Decoded:
    (hs, s), _ = seq2seq_encode(params, source, mask)
    memory = decoder_memory(params.decoder, s, hs, mask)
    y, log_p, done = np.full_like(source[0], bos), np.zeros_like(s[:, 0]), np.zeros_like(mask[0])
    symbols, looks = [], []
    for _ in range(steps):
        logits, s, look = decoder_step(params.decoder, y, s, memory)
        log_ps, _ = losses.log_softmax(logits)
        y = np.where(done, eos, np.argmax(log_ps, axis=-1))  # (1)
        log_p = log_p + np.where(done, 0, np.take_along_axis(log_ps, y[:, None], axis=-1)[:, 0])
        done = done | (y == eos)
        symbols.append(y)
        looks.append(look)
    return Decoded(np.stack(symbols), log_p, None if look is None else np.stack(looks))


@checked(S=1)
def beam_search(
    params: Seq2SeqParams,
    source: Annotated[Int[Array, "S N"], Below("V")],
    mask: Bool[Array, "S N"],
    *,
    steps: Annotated[int, Range("[1, inf)")],
    width: Annotated[int, Range("[1, inf)")],
    power: NonNegative = 0.0,
    bos: int = 0,
    eos: int = 1,
) -> Beam:
    N, B, K = source.shape[1], width, params.decoder.b_o.shape[0]
    (hs, s), _ = seq2seq_encode(params, source, mask)
    hs, s, mask = np.repeat(hs, B, axis=1), np.repeat(s, B, axis=0), np.repeat(mask, B, axis=1)  # row n B + b
    memory = decoder_memory(params.decoder, s, hs, mask)
    y, first = np.full((N, B), bos), B * np.arange(N)[:, None]
    log_p = np.where(np.arange(B) == 0, 0, np.full((N, B), -np.inf, s.dtype))  # all begin alike: only one counts
    length, done = np.zeros_like(log_p), np.zeros((N, B), bool)
    end = np.where(np.arange(K) == eos, 0, np.full(K, -np.inf, s.dtype))
    symbols, looks = [], []
    for _ in range(steps):
        logits, s, look = decoder_step(params.decoder, y.reshape(-1), s, memory)
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
        looks = [] if look is None else [x[:, rows] for x in (*looks, look)]
    looks = np.stack(looks).reshape(steps, -1, N, B) if looks else None
    return Beam(np.stack(symbols).reshape(steps, N, B), scores, looks)
