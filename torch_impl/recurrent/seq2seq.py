"""Sequence to sequence: an encoder reads one sequence, a decoder writes another one.

Idea: All of the source is read before the first symbol is written, so the two may differ in length and in order. Both
    networks are trained as one, to make the target likely: every symbol given the source and the symbols before it.

    xs_j   = row source_j of E                                      (1)   embedded symbols
    hs, (s_forward, s_backward) = bidirectional(encoder; xs)        (2)   two GRUs, hs_j side by side; padding masked
    s_0    = [s_forward, s_backward]                                (3)   where each of them has read everything
    logits = decoder([bos, target_1, ..., target_{T-1}]; s_0, hs)   (4)   teacher forcing: the true symbol before
    loss   = -1/M Σ_t Σ_n mask_tn (log softmax(logits_tn))_target   (5)   target_tn, mask_tn; M = Σ mask, at least 1

Gradients:
    d_logits = d_loss / M mask ⊙ (softmax(logits) - onehot(target))                 through (5)
    d_decoder, d_s_0, d_hs = decoder_backward(d_logits)                             through (4)
    d_encoder, d_xs = bidirectional_backward(d_hs, left and right half of d_s_0)    through (2) (3)
    d_E_k = Σ_j Σ_n [source_jn = k] d_xs_jn                                         through (1)

Shapes: source (S, N) and target (T, N), time first, integers from 0 to V-1 and 0 to K-1; their masks, True at the
    symbols that count, which come first; E (V, L); encoder: a forward and a backward GRU of L inputs and H/2 units;
    hs (S, N, H), s_0 (N, H); logits (T, N, K). seq2seq_encode is (1) to (3), seq2seq (1) to (4).

Units: the loss is in nats per valid target symbol, the end symbol included if the target has it.

Variant: the encoder reads in both directions, as in Bahdanau et al.; its last states are the decoder's first, as in
    Sutskever et al., so the decoder has as many units as both directions together. Padding, at the end, is not
    read: it carries the encoder's states, has weight 0 in attention, and has no part in the loss or in any gradient.
    The loss is a mean over valid symbols, not over sequences; if there is none it is 0, with gradient 0. context is
    "attention" if not given; see recurrent/decoder.

Differs:
    Sutskever et al. 2014: read backwards only, with an LSTM of four layers.
    Bahdanau et al. 2015: a dense layer with tanh makes s_0 of s_backward.
    torch.nn.functional.cross_entropy: ignore_index in place of a mask; NaN if no symbol is valid.
    Keras: sample weights leave the divisor at the number of all symbols, padding included.

Relation: recurrent/decoder without an encoder would be a language model; recurrent/beam_search decodes without a
    target.

Raises: ValueError if sizes or dtypes disagree, if S or T is 0, if a symbol is out of range, or if the number of
    hidden units is odd.

Reference: Sutskever, Vinyals & Le 2014, arXiv:1409.3215; Cho et al. 2014, arXiv:1406.1078; Bahdanau, Cho & Bengio
    2015, arXiv:1409.0473; Williams & Zipser, Neural Computation 1 (1989), for teacher forcing.
"""

from typing import Annotated, NamedTuple

import torch
from torch import Tensor as Array
from jaxtyping import Bool, Float, Int
from numpy.random import Generator

from shared.support.shapes import Below, Dtype, checked
from torch_impl import losses
from torch_impl.recurrent.bidirectional import BidirectionalParams, bidirectional, bidirectional_zero_state
from torch_impl.recurrent.decoder import DecoderParams, decoder, decoder_init
from torch_impl.recurrent.embedding import embedding, embedding_init
from torch_impl.recurrent.gru import GRUParams, gru_init


class Seq2SeqParams(NamedTuple):
    E: Float[Array, "V L"]
    encoder: tuple[GRUParams, ...]
    decoder: DecoderParams


@checked
def seq2seq_init(
    rng: Generator,
    n_source: int,
    n_target: int,
    n_embedding: int,
    n_hidden: int,
    *,
    context: str = "attention",
    n_attention: int = 0,
    dtype: Dtype = "float32",
) -> Seq2SeqParams:
    if n_hidden % 2:
        raise ValueError(
            f"seq2seq_init: n_hidden is {n_hidden}, expected an even number, one half for each direction"
        )
    size = {"context": context, "n_attention": n_attention or n_hidden // 2}
    return Seq2SeqParams(
        E=embedding_init(rng, n_source, n_embedding, dtype=dtype),
        encoder=tuple(gru_init(rng, n_embedding, n_hidden // 2, dtype=dtype) for _ in range(2)),
        decoder=decoder_init(rng, n_target, n_embedding, n_hidden, n_hidden, dtype=dtype, **size),
    )


@checked(S=1)
def seq2seq_encode(
    params: Seq2SeqParams, source: Annotated[Int[Array, "S N"], Below("V")], mask: Bool[Array, "S N"]
) -> tuple[Float[Array, "S N H"], Float[Array, "N H"]]:
    """What was read at each place, and the decoder's first state."""
    xs = embedding(params.E, source)  # (1)
    encoder = BidirectionalParams(*params.encoder)
    zeros = bidirectional_zero_state(encoder, source.shape[1])
    hs, (s_forward, s_backward) = bidirectional(encoder, xs, zeros, mask)  # (2)
    s_0 = torch.cat([s_forward, s_backward], dim=-1)  # (3)
    return hs, s_0


@checked(S=1, T=1)
def seq2seq(
    params: Seq2SeqParams,
    source: Annotated[Int[Array, "S N"], Below("V")],
    source_mask: Bool[Array, "S N"],
    target: Annotated[Int[Array, "T N"], Below("K")],
    *,
    bos: Annotated[int, Below("K")] = 0,
) -> Float[Array, "T N K"]:
    hs, s_0 = seq2seq_encode(params, source, source_mask)
    inputs = torch.cat([torch.full_like(target[:1], bos, dtype=torch.int64), target[:-1]])
    logits = decoder(params.decoder, inputs, s_0, hs, source_mask)  # (4)
    return logits


@checked(S=1, T=1)
def seq2seq_loss(
    params: Seq2SeqParams,
    source: Annotated[Int[Array, "S N"], Below("V")],
    source_mask: Bool[Array, "S N"],
    target: Annotated[Int[Array, "T N"], Below("K")],
    target_mask: Bool[Array, "T N"],
    *,
    bos: Annotated[int, Below("K")] = 0,
) -> Float[Array, ""]:
    logits = seq2seq(params, source, source_mask, target, bos=bos)
    loss = losses.masked_cross_entropy(logits, target, target_mask)  # (5)
    return loss
