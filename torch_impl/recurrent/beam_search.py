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

import torch
from torch import Tensor as Array
from jaxtyping import Bool, Float, Int

from shared.support.shapes import Below, NonNegative, Range, checked
from torch_impl import losses
from torch_impl.recurrent.decoder import decoder_memory, decoder_step
from torch_impl.recurrent.seq2seq import Seq2SeqParams, seq2seq_encode


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
    y = torch.full_like(source[0], bos, dtype=torch.int64)
    log_p, done = torch.zeros_like(s[:, 0]), torch.zeros_like(mask[0])
    symbols, all_weights = [], []
    for _ in range(steps):
        logits, s, weights = decoder_step(params.decoder, y, s, memory)
        log_ps = losses.log_softmax(logits)
        y = torch.where(done, eos, torch.argmax(log_ps, dim=-1))  # (1)
        log_p = log_p + torch.where(done, 0, torch.gather(log_ps, -1, y[:, None])[:, 0])
        done = done | (y == eos)
        symbols.append(y)
        all_weights.append(weights)
    return Decoded(torch.stack(symbols), log_p, None if weights is None else torch.stack(all_weights))


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
    hs, s = seq2seq_encode(params, source, mask)
    repeat = torch.repeat_interleave
    hs, s, mask = repeat(hs, B, dim=1), repeat(s, B, dim=0), repeat(mask, B, dim=1)  # row n B + b
    memory = decoder_memory(params.decoder, s, hs, mask)
    count = lambda n: torch.arange(n, device=s.device)
    y, first = torch.full((N, B), bos, device=s.device), B * count(N)[:, None]
    log_p = torch.where(count(B) == 0, 0, s.new_full((N, B), -torch.inf))  # all begin alike: only one counts
    length, done = torch.zeros_like(log_p), torch.zeros((N, B), dtype=torch.bool, device=s.device)
    end = torch.where(count(K) == eos, 0, s.new_full((K,), -torch.inf))
    symbols, all_weights = [], []
    for _ in range(steps):
        logits, s, weights = decoder_step(params.decoder, y.reshape(-1), s, memory)
        log_ps = losses.log_softmax(logits).reshape(N, B, K)
        log_p = log_p[..., None] + torch.where(done[..., None], end, log_ps)  # (2)
        length = torch.where(done, length, length + 1)
        scores = (log_p / length[..., None] ** power).reshape(N, B * K)  # (3)
        best = torch.argsort(scores, dim=-1, descending=True, stable=True)[:, :B]  # (4)
        parent, y = best // K, best % K
        take = lambda x, at: torch.gather(x, -1, at)
        scores, log_p, length = take(scores, best), take(log_p.reshape(N, B * K), best), take(length, parent)
        done = take(done, parent) | (y == eos)
        rows = (first + parent).reshape(-1)
        s, symbols = s[rows], [*(x[rows] for x in symbols), y.reshape(-1)]
        all_weights = [] if weights is None else [x[:, rows] for x in (*all_weights, weights)]
    all_weights = torch.stack(all_weights).reshape(steps, S, N, B) if all_weights else None
    return Beam(torch.stack(symbols).reshape(steps, N, B), scores, all_weights)
