"""Oracle: for each sequence by itself, a list of hypotheses in plain Python, each with a state of its own from the
oracles of recurrent/seq2seq and recurrent/decoder (torch.nn.GRU and GRUCell, attention over valid places alone)."""

import numpy as np

from numpy_impl.recurrent.beam_search import Beam, Decoded
from shared.cases import Bad, Case, Mutant
from shared.cases.recurrent import decoder, seq2seq
from shared.cases.recurrent.seq2seq import at_the_end
from shared.differences import RUN

SMALLEST = {"S": 1, "T": 1, "N": 1, "V": 1, "K": 3, "D": 1, "A": 1, "half": 1}


def in_torch(tree):
    import torch

    if tree is None:
        return None
    if isinstance(tree, tuple):
        return type(tree)(*map(in_torch, tree)) if hasattr(tree, "_fields") else tuple(map(in_torch, tree))
    return torch.tensor(tree)


def searched(params, source, mask, steps, width, power, bos, eos):
    """For each sequence the best hypotheses, as (score, log p, symbols, weights), best first."""
    import torch

    params, source, mask = in_torch(params), in_torch(np.array(source, int)), in_torch(np.array(mask))
    all_hs, all_s = seq2seq.torch_encode(params, source, mask)
    results = []
    for n in range(source.shape[1]):
        hs, s_0, valid = all_hs[:, n : n + 1], all_s[n : n + 1], mask[:, n : n + 1]
        beam = [(0.0, 0.0, [bos], s_0, [])]
        for _ in range(steps):
            candidates = []
            for _, log_p, symbols, s, weights in beam:
                y = torch.tensor([symbols[-1]])
                logits, after, read = decoder.torch_step(params.decoder, y, s, s_0, hs, valid)
                weights = [*weights, None if read is None else read[:, 0].numpy()]
                if eos in symbols[1:]:
                    options = {eos: 0.0}
                else:
                    options = dict(enumerate(torch.log_softmax(logits[0], 0).tolist()))
                for k, more in options.items():
                    path = [*symbols[1:], k]
                    length = path.index(eos) + 1 if eos in path else len(path)
                    total = log_p + more
                    candidates.append((total / length**power, total, [bos, *path], after, weights))
            beam = sorted(candidates, key=lambda c: -c[0])[:width]  # stable: of equal ones the first
        results.append([(score, log_p, symbols[1:], weights) for score, log_p, symbols, _, weights in beam])
    return results


def gathered(paths):
    """(N, B) lists of weights as (T, S, N, B), or None."""
    if paths[0][0][0] is None:
        return None
    return np.array(paths).transpose(2, 3, 0, 1)


def beam(params, source, mask, *, steps, width, power=0.0, bos=0, eos=1):
    found = searched(params, source, mask, steps, width, power, bos, eos)
    symbols = np.array([[path for _, _, path, _ in row] for row in found]).transpose(2, 0, 1)
    scores = np.array([[score for score, *_ in row] for row in found])
    return Beam(symbols, scores, gathered([[weights for *_, weights in row] for row in found]))


def greedy(params, source, mask, *, steps, bos=0, eos=1):
    found = beam(params, source, mask, steps=steps, width=1, bos=bos, eos=eos)
    weights = None if found.weights is None else found.weights[..., 0]
    return Decoded(found.symbols[..., 0], found.scores[:, 0], weights)


def nothing(params, source, mask, *, steps, width):
    symbols, weights = np.zeros((steps, 0, width), int), np.zeros((steps, len(source), 0, width))
    return Beam(symbols, np.zeros((0, width)), weights if params.decoder.attention else None)


def nothing_greedy(params, source, mask, *, steps):
    none = nothing(params, source, mask, steps=steps, width=1)
    return Decoded(none.symbols[..., 0], none.scores[:, 0], None if none.weights is None else none.weights[..., 0])


def cases(draw, S=4, T=5, N=3, V=7, K=6, D=2, A=8, half=5):
    ends = {"bos": K - 1, "eos": min(2, K - 1)} if K > 3 else {}
    for context in decoder.CONTEXTS:
        params = seq2seq.weights(draw, context, V, K, D, A, half)
        args = (params, draw.integers(V, S, N), at_the_end(S, N))
        options = {"grad": False, "tolerance": RUN}
        yield Case("beam_search_greedy", args, greedy, {"steps": T, **ends}, name=context, **options)
        static = {"steps": T, "width": min(3, K), **ends}
        yield Case("beam_search", args, beam, static, name=context, **options)
        yield Case("beam_search", args, beam, static | {"power": 0.7}, name=f"{context}, by length", **options)
    plain = {"steps": T, "width": 2}
    yield Case("beam_search", args, beam, plain, name="of bos 0 and eos 1", **options)
    yield Case("beam_search_greedy", args, greedy, {"steps": T}, name="of bos 0 and eos 1", **options)


def eager_to_end(params, eos):
    """The same network, likelier to end: hypotheses of several lengths compete."""
    b_o = params.decoder.b_o.copy()
    b_o[eos] += 2
    return params._replace(decoder=params.decoder._replace(b_o=b_o))


def nasty(draw):
    options = {"grad": False, "tolerance": RUN}
    for context in decoder.CONTEXTS:
        params = eager_to_end(seq2seq.weights(draw, context, 5, 6, 3, 4, 3), 1)
        source, mask = draw.integers(5, 7, 6), at_the_end(7, 6)
        for power in (0.0, 0.5, 1.0, 2.0):
            static = {"steps": 8, "width": 5, "power": power}
            yield Case(
                "beam_search", (params, source, mask), beam, static, name=f"{context}, power {power}", **options
            )
        yield Case(
            "beam_search_greedy", (params, source, mask), greedy, {"steps": 8}, name=f"{context}, ends", **options
        )
        empty, static, name = (
            (params, source[:, :0], mask[:, :0]),
            {"steps": 4, "width": 3},
            f"{context}, no sequences",
        )
        yield Case("beam_search", empty, nothing, static, name=name, **options)
        yield Case("beam_search_greedy", empty, nothing_greedy, {"steps": 4}, name=name, **options)
        short = (params, source.astype("int8"), mask)
        yield Case("beam_search", short, beam, static, name=f"{context}, symbols of one byte", **options)
        yield Case(
            "beam_search_greedy", short, greedy, {"steps": 4}, name=f"{context}, symbols of one byte", **options
        )
    args = (params, source, mask & ~mask)
    static = {"steps": 4, "width": 3}
    yield Case("beam_search", args, beam, static, name="of padding alone", **options)
    yield Case("beam_search", (params, source, mask), beam, {"steps": 1, "width": 6}, name="one step", **options)
    sure = params._replace(decoder=params.decoder._replace(W_o=30 * params.decoder.W_o))
    yield Case("beam_search", (sure, source, mask), beam, static, name="large logits", **options)


def bad(draw):
    params = seq2seq.weights(draw, "attention", 5, 6, 3, 4, 3)
    source, mask = draw.integers(5, 4, 3), at_the_end(4, 3)
    args = (params, source, mask)
    yield Bad("beam_search", args, r"steps is 0, expected in \[1, inf\)", {"steps": 0, "width": 2})
    yield Bad("beam_search", args, r"width is 0, expected in \[1, inf\)", {"steps": 2, "width": 0})
    yield Bad("beam_search", args, r"power is -1, expected in \[0, inf\)", {"steps": 2, "width": 2, "power": -1})
    yield Bad("beam_search_greedy", args, "steps is 0", {"steps": 0})
    for word in ("eos", "bos"):
        says = f"{word} is (6|-1), expected 0 <= value < 6"
        yield Bad("beam_search", args, says, {"steps": 2, "width": 2, word: 6})
        yield Bad("beam_search_greedy", args, says, {"steps": 2, word: -1})
    yield Bad("beam_search_greedy", (params, source + 5, mask), r"source holds \d at", {"steps": 2})
    yield Bad("beam_search", (params, source, mask.T), r"mask has shape \(3, 4\)", {"steps": 2, "width": 2})
    yield Bad("beam_search", (params, source[:0], mask[:0]), "S at least 1", {"steps": 2, "width": 2})


MUTANTS = [
    Mutant("np.where(done[..., None], end, log_ps)", "log_ps",
           "Finished hypotheses go on: what comes after eos is paid for, and every end loses."),
    Mutant("np.where(np.arange(K) == eos, 0, np.full", "np.where(np.arange(K) == eos, -1, np.full",
           "A finished hypothesis pays for every step that it waits."),
    Mutant("length = np.where(done, length, length + 1)", "length = length + 1",
           "Waiting counts as length: short hypotheses are made to look better the longer they wait."),
    Mutant("(log_p / length[..., None] ** power)", "log_p",
           "The power ignored: short sequences always win."),
    Mutant("(log_p / length[..., None] ** power)", "(log_p / ((5 + length[..., None]) / 6) ** power)",
           "The length penalty of Wu et al. 2016 under the name of a plain power."),
    Mutant("np.argsort(-scores, axis=-1", "np.argsort(scores, axis=-1", "The worst hypotheses live on."),
    Mutant("np.argsort(-scores, axis=-1", "np.argsort(-log_p.reshape(N, B * K), axis=-1",
           "Pruned by probability and ranked by score: long hypotheses are gone before they are compared."),
    Mutant("np.where(np.arange(B) == 0, 0, np.full((N, B), -np.inf, s.dtype))", "np.zeros((N, B), s.dtype)",
           "All hypotheses count from the start: they are equal, and the beam holds the same one several times."),
    Mutant("s, symbols = s[rows], [", "s, symbols = s, [",
           "The states stay where they were while the hypotheses move: each goes on from another one's state."),
    Mutant("[*(x[rows] for x in symbols), y.reshape(-1)]", "[*symbols, y.reshape(-1)]",
           "The past is not moved with its hypothesis: sequences are patched together from several."),
    Mutant("[x[:, rows] for x in (*all_weights, weights)]", "[*(x[:, rows] for x in all_weights), weights]",
           "The newest weights of attention are the parent's, and have to be moved to its children."),
    Mutant("done = take(done, parent) | (y == eos)", "done = done | (y == eos)",
           "Whether a hypothesis has ended is not moved with it."),
    Mutant("take(length, parent)", "length", "Lengths are not moved with their hypotheses."),
    Mutant("parent, y = best // K, best % K", "parent, y = best // B, best % K",
           "The flat index divided by the width of the beam, not by the number of symbols."),
    Mutant("rows = (first + parent).reshape(-1)", "rows = parent.reshape(-1)",
           "Row numbers without the sequence's offset: all hypotheses come from the first sequence."),
    Mutant("y = np.full(source.shape[1], bos)", "y = np.full(source.shape[1], eos)",
           "Decoding begun with eos: training never showed it in first place."),
    Mutant("y = np.where(done, eos, np.argmax(log_ps, axis=-1))", "y = np.argmax(log_ps, axis=-1)",
           "Greedy decoding that does not stop at eos."),
    Mutant("log_p = log_p + np.where(done, 0,", "log_p = log_p + np.where(done & False, 0,",
           "What follows eos is certain; its log p is 0 and not that of the network."),
    Mutant("hs, s, mask = np.repeat(hs, B, axis=1), np.repeat(s, B, axis=0), np.repeat(mask, B, axis=1)",
           "hs, s, mask = np.tile(hs, (1, B, 1)), np.tile(s, (B, 1)), np.tile(mask, (1, B))",
           "Repeated as blocks where the rows are counted one sequence after the other."),
]  # fmt: skip
