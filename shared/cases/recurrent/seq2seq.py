"""Oracle: torch.nn.GRU in both directions on the valid symbols of one sequence after the other, the decoder's oracle
(torch.nn.GRUCell, attention over valid places alone) and F.cross_entropy with ignore_index, in float64; Keras's GRU,
GRUCell and AdditiveAttention as a second opinion."""

import numpy as np

from numpy_impl.recurrent.gru import GRUParams
from numpy_impl.recurrent.seq2seq import Seq2SeqParams
from shared.backends import Seed
from shared.cases import Bad, Case, Mutant
from shared.cases.recurrent import decoder
from shared.cases.recurrent._oracles import glorot
from shared.cases.recurrent.gru import both_biases, swapped
from shared.differences import RUN

SMALLEST = {"S": 1, "T": 1, "N": 0, "V": 1, "K": 1, "D": 1, "A": 1, "half": 1}


def torch_encode(params, source, mask):
    import torch
    import torch.nn.functional as F

    half, weights, hs, s = len(params.encoder[0].b_n), {}, [], []
    for end, (W_x, W_h, b, b_n) in zip(("", "_reverse"), params.encoder, strict=True):
        weights |= {f"weight_ih_l0{end}": W_x.T, f"weight_hh_l0{end}": W_h.T, f"bias_ih_l0{end}": b}
        weights[f"bias_hh_l0{end}"] = torch.cat([b.new_zeros(2 * half), b_n])
    layer = torch.nn.GRU(params.E.shape[1], half, bidirectional=True, dtype=params.E.dtype)
    for n in range(source.shape[1]):
        length = int(mask[:, n].sum())
        read, last = params.E.new_zeros(0, 2 * half), params.E.new_zeros(2 * half)
        if length:
            read, last = torch.func.functional_call(layer, weights, F.embedding(source[:length, n], params.E))
        hs.append(F.pad(read, (0, 0, 0, len(source) - length)))
        s.append(last.reshape(-1))
    if not s:
        nothing = 0 * params.E.sum()
        return nothing.expand(len(source), 0, 2 * half), nothing.expand(0, 2 * half)
    return torch.stack(hs, 1), torch.stack(s)


def torch_seq2seq(params, source, source_mask, target, *, bos=0):
    import torch

    hs, s = torch_encode(params, source.long(), source_mask)
    inputs = torch.roll(target.long(), 1, 0)
    inputs[0] = bos
    return decoder.torch_decoder(params.decoder, inputs, s, hs, source_mask)


def torch_loss(params, source, source_mask, target, target_mask, *, bos=0):
    import torch.nn.functional as F

    logits = torch_seq2seq(params, source, source_mask, target, bos=bos)
    labels = target.long().masked_fill(~target_mask, -100)
    total = F.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=-100, reduction="sum")
    return total / max(int(target_mask.sum()), 1)


def keras_seq2seq(params, source, source_mask, target, *, bos=0):
    import keras

    xs, mask, both, last = params.E[source].swapaxes(0, 1), source_mask.T, [], []
    for p, way in zip(params.encoder, (1, -1), strict=True):
        options = {"return_sequences": True, "return_state": True, "zero_output_for_mask": True, "dtype": "float64"}
        layer = keras.layers.GRU(len(p.b_n), **options)
        layer.build(xs.shape)
        layer.set_weights([swapped(p.W_x), swapped(p.W_h), np.stack(both_biases(p))])
        hs, s = layer(xs[:, ::way], mask=keras.ops.array(mask[:, ::way]))
        both.append(hs.numpy()[:, ::way].swapaxes(0, 1))
        last.append(s.numpy())
    inputs = np.concatenate([np.full_like(target[:1], bos), target[:-1]])
    hs, s = np.concatenate(both, axis=-1), np.concatenate(last, axis=-1)
    return decoder.keras_decoder(params.decoder, inputs, s, hs, source_mask)


def initial(rng, V, K, D, H, dtype, context="attention", n_attention=0):
    generator = np.random.default_rng(rng.seed)
    E, half = 0.1 * generator.standard_normal((V, D)), H // 2
    encoder = []
    for _ in range(2):
        W_x, W_h = glorot(generator, D, 3 * half), glorot(generator, half, 3 * half)
        encoder.append(GRUParams(W_x, W_h, np.zeros(3 * half), np.zeros(half)))

    class Same:  # decoder.initial makes its generator from a seed; here it is the one that has drawn already
        seed = generator

    return Seq2SeqParams(E, tuple(encoder), decoder.initial(Same, K, D, H, H, context, dtype, n_attention or half))


def weights(draw, context, V, K, D, A, half):
    # W_h of trained size: with larger ones the gradients cancel, and float32 keeps fewer digits than it is asked for
    gru = lambda: GRUParams(draw(D, 3 * half), draw(half, 3 * half) / 2, draw(3 * half), draw(half))
    H = 2 * half
    return Seq2SeqParams(draw(V, D), (gru(), gru()), decoder.weights(draw, context, K, D, H, H, A))


def at_the_end(S, N):
    """A mask of unequal lengths, S first."""
    return np.arange(S)[:, None] < np.maximum(1, S - np.arange(N))


def cases(draw, S=5, T=4, N=3, V=9, K=7, D=2, A=8, half=3):
    second = {"keras": keras_seq2seq} if N else {}
    for context in decoder.CONTEXTS:
        params = weights(draw, context, V, K, D, A, half)
        source, mask, bos = draw.integers(V, S, N), at_the_end(S, N), {"bos": K - 1}
        target, target_mask = draw.integers(K, T, N), at_the_end(T, N)[:, ::-1].copy()
        args = (params, source, mask, target)
        yield Case("seq2seq", args, torch_seq2seq, bos, tolerance=RUN, second=second, name=context)
        yield Case("seq2seq_loss", (*args, target_mask), torch_loss, tolerance=RUN, name=context)
        static = {"context": context, "dtype": "float64", "n_attention": A}
        yield Case("seq2seq_init", (Seed(5), V, K, D, 2 * half), initial, static, grad=False, name=context)
    yield Case("seq2seq_encode", (params, source, mask), torch_encode, tolerance=RUN)


def nasty(draw):
    for name, (S, T, N, V, K, D, A, half) in (
        ("all sizes one", (1,) * 8),
        ("fifty symbols", (50, 50, 2, 5, 6, 3, 4, 2)),
        ("no sequences", (3, 4, 0, 5, 6, 3, 4, 2)),
    ):
        for context in decoder.CONTEXTS:
            args = (weights(draw, context, V, K, D, A, half), draw.integers(V, S, N), at_the_end(S, N))
            args = (*args, draw.integers(K, T, N), at_the_end(T, N))
            yield Case("seq2seq_loss", args, torch_loss, tolerance=RUN, name=f"{context}, {name}")
    params = weights(draw, "attention", 5, 6, 3, 4, 2)
    source, target, mask = draw.integers(5, 4, 3), draw.integers(6, 3, 3), at_the_end(4, 3)
    empty, valid = mask.copy(), at_the_end(3, 3)
    empty[:, 1] = False
    for name, given in (
        ("a source of padding alone", (source, empty, target, valid)),
        ("no valid symbol in any source", (source, mask & ~mask, target, valid)),
        ("no valid symbol in any target", (source, mask, target, valid & ~valid)),
        ("nothing is padding", (source, mask | ~mask, target, valid | ~valid)),
        ("a gap in the target", (source, mask, target, valid ^ np.array([[False], [True], [False]]))),
    ):
        yield Case("seq2seq_loss", (params, *given), torch_loss, tolerance=RUN, name=name)
    for dtype in ("int8", "int16", "int32"):
        args = (params, source.astype(dtype), mask, target.astype(dtype), valid)
        yield Case("seq2seq_loss", args, torch_loss, tolerance=RUN, name=f"symbols of {dtype}")
    loud = params._replace(E=1e4 * params.E)
    yield Case("seq2seq_loss", (loud, source, mask, target, valid), torch_loss, tolerance=RUN, name="huge embeddings")
    unread = np.where(mask, source % 4, 4)  # the last symbol is padding's alone
    E = np.concatenate([params.E[:4], [[np.nan, np.inf, -np.inf]]])
    for context in decoder.CONTEXTS:
        kind = weights(draw, context, 5, 6, 3, 4, 2)._replace(E=E)
        args, name = (kind, unread, mask, target, valid), f"{context}, padding that is not a number"
        yield Case("seq2seq_loss", args, torch_loss, tolerance=RUN, name=name)
    sure = params._replace(decoder=params.decoder._replace(W_o=1e4 * params.decoder.W_o))
    yield Case("seq2seq_loss", (sure, source, mask, target, valid), torch_loss, tolerance=RUN, name="huge logits")
    args = (params, source, mask, target)
    yield Case("seq2seq", args, torch_seq2seq, tolerance=RUN, name="bos as it is")
    yield Case("seq2seq_loss", (*args, valid), torch_loss, {"bos": 3}, tolerance=RUN, name="bos 3")
    static = {"dtype": "float64"}
    yield Case("seq2seq_init", (Seed(6), 5, 6, 3, 8), initial, static, grad=False, name="attention half as wide")


def bad(draw):
    params = weights(draw, "attention", 5, 6, 3, 4, 2)
    source, target, mask, valid = draw.integers(5, 4, 3), draw.integers(6, 3, 3), at_the_end(4, 3), at_the_end(3, 3)
    call = lambda says, *args: Bad("seq2seq_loss", (params, *args), says)
    yield call(r"source has shape \(0, 3\), expected .* S at least 1", source[:0], mask[:0], target, valid)
    yield call(r"target has shape \(0, 3\), expected .* T at least 1", source, mask, target[:0], valid[:0])
    yield call("source holds 5 at", source * 0 + 5, mask, target, valid)
    yield call("target holds 6 at", source, mask, target * 0 + 6, valid)
    yield call(r"source_mask has shape \(3, 4\), .* with S = 4", source, mask.T, target, valid)
    yield call(r"target has shape \(3, 2\), .* with N = 3", source, mask, target[:, :2], valid[:, :2])
    yield call("target_mask has dtype int64, expected bool", source, mask, target, valid.astype(int))
    other = params._replace(E=draw(5, 4))
    yield Bad("seq2seq", (other, source, mask, target), r"bidirectional: xs has shape \(4, 3, 4\), .* with D = 3")
    yield Bad("seq2seq_init", (Seed(0), 5, 6, 3, 7), "n_hidden is 7, expected an even number")
    yield Bad("seq2seq_init", (Seed(0), 5, 6, 3, 8), "context is 'luong'", {"context": "luong"})
    yield Bad("seq2seq", (params, source, mask, target), "bos is 6, expected 0 <= value < 6", {"bos": 6})
    yield Bad("seq2seq_loss", (params, source, mask, target, valid), "bos is -1, expected 0", {"bos": -1})


MUTANTS = [
    Mutant("inputs = np.concatenate([np.full_like(target[:1], bos, int), target[:-1]])", "inputs = target",
           "Teacher forcing without the shift: the decoder is shown the symbol that it is to guess, and copies it."),
    Mutant("np.concatenate([np.full_like(target[:1], bos, int), target[:-1]])",
           "np.concatenate([np.full_like(target[:2], bos), target[:-1], target[:1]])[: len(target)]",
           "Shifted by two: the symbol before is never seen."),
    Mutant("np.concatenate([np.full_like(target[:1], bos, int), target[:-1]])", "np.roll(target, 1, axis=0)",
           "Rolled in place of shifted: the first input is the last symbol, which tells how the sequence ends."),
    Mutant("np.full_like(target[:1], bos, int)", "np.full_like(target[:1], 0)",
           "A begin symbol of one's own instead of the caller's."),
    Mutant("masked_cross_entropy(logits, target, target_mask)",
           "masked_cross_entropy(logits, target, target_mask | True)",
           "Padding counted in the loss: the network is praised for writing padding."),
    Mutant("    return loss, Seq2SeqLossCache",
           "    loss = loss * np.maximum(np.sum(target_mask), 1) / max(target_mask.size, 1)\n"
           "    return loss, Seq2SeqLossCache",
           "The sum over valid symbols divided by all of them: batches with much padding hardly count."),
    Mutant("    return loss, Seq2SeqLossCache",
           "    loss = loss * np.maximum(np.sum(target_mask), 1) / max(target_mask.shape[1], 1)\n"
           "    return loss, Seq2SeqLossCache",
           "A mean over sequences, not over symbols: long words weigh more."),
    Mutant("masked_cross_entropy(logits, target, target_mask)",
           "masked_cross_entropy(logits, target, target_mask.T.reshape(target_mask.shape))",
           "The mask on the wrong axis: sequence first, where everything else has time first."),
    Mutant("bidirectional(encoder, xs, zeros, mask)", "bidirectional(encoder, xs, zeros)",
           "The encoder reads on through the padding: its last state depends on the longest word of the batch."),
    Mutant("encoder = BidirectionalParams(*params.encoder)", "encoder = BidirectionalParams(*params.encoder[::-1])",
           "Forward and backward network changed over: each reads with the weights of the other."),
    Mutant("s_0 = np.concatenate([s_forward, s_backward], axis=-1)",
           "s_0 = np.concatenate([hs[-1, :, : s_forward.shape[1]], hs[-1, :, s_forward.shape[1] :]], axis=-1)",
           "out[-1] in place of the last states: 0 behind the end of a word, and backwards one symbol alone."),
    Mutant("s_0 = np.concatenate([s_forward, s_backward], axis=-1)",
           "s_0 = np.concatenate([s_backward, s_forward], axis=-1)",
           "The halves of the state in another order than those of hs."),
    Mutant("decoder(params.decoder, inputs, s_0, hs, source_mask)", "decoder(params.decoder, inputs, s_0, hs)",
           "Attention without the mask reads the padding."),
    Mutant("decoder(params.decoder, inputs, s_0, hs, source_mask)",
           "decoder(params.decoder, inputs, 0 * s_0, hs, source_mask)",
           "The decoder starts from zero; with attention that goes unnoticed, without it nothing is handed over."),
    Mutant("embedding_backward(lookup_cache, d_xs)", "embedding_backward(lookup_cache, np.flip(d_xs, 0))",
           "The gradient of a sequence that was read backwards has to be turned round, and just once."),
    Mutant("halves = tuple(np.split(d_s_0, 2, axis=-1))", "halves = tuple(np.split(d_s_0, 2, axis=-1))[::-1]",
           "Each direction gets the gradient of the other one's last state."),
    Mutant("halves = tuple(np.split(d_s_0, 2, axis=-1))",
           "halves = tuple(x.mean(0) + 0 * x for x in np.split(d_s_0, 2, axis=-1))",
           "A mean over the axis of the examples, whose states are their own."),
    Mutant("seq2seq_encode_backward(cache.encode, (d_hs, d_s_0))",
           "seq2seq_encode_backward(cache.encode, (0 * d_hs, d_s_0))",
           "The encoder learns through its last state alone, as if there were no attention."),
    Mutant("seq2seq_encode_backward(cache.encode, (d_hs, d_s_0))",
           "seq2seq_encode_backward(cache.encode, (d_hs, 0 * d_s_0))",
           "The encoder learns through attention alone; the decoder's first state comes from it, too."),
    Mutant("masked_cross_entropy_backward(cache.loss, d_loss)",
           "masked_cross_entropy_backward(cache.loss._replace(mask=True), d_loss)",
           "The padding is left out of the loss, but not of its gradient."),
    Mutant("d_params = from_encoder._replace(decoder=d_decoder)", "d_params = from_encoder",
           "The encoder learns and the decoder does not."),
]  # fmt: skip
