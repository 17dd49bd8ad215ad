"""Decoding: greedily, against the same loop over torch.nn's and Keras's parts."""

import numpy as np

from numpy_impl.recurrent.beam_search import Decoded
from shared import backends
from shared.benchmarks import FASTEST, Benchmark, compiled, size
from shared.benchmarks.recurrent import _speller, seq2seq

FULL = seq2seq.FULL
TINY = seq2seq.TINY | {"T": 5}
MODES = seq2seq.MODES


def benchmarks(draw, S, T, N, V, K, D, half, A):
    params = seq2seq.weights(draw, V, K, D, half, A)
    source, mask = draw.labels((S, N), V), np.arange(S)[:, None] < np.sort(draw.labels(N, S))[::-1] + 1
    return [
        Benchmark(
            "greedy",
            ours=lambda path, backend, mode: _ours(path, backend, mode, params, source, mask, T),
            torch=lambda torch: _torch(torch, params, source, mask, T),
            keras=lambda keras, mode: _keras(keras, mode, params, source, mask, T),
            modes=FASTEST | MODES,
            held=size((params, source, mask)),
            from_keras=_time_first,
        )
    ]


def _ours(path, backend, mode, params, source, mask, steps):
    adapter, greedy = backends.get(backend), backends.module(backend, path).beam_search_greedy
    args = backends.to_backend(backend, (params, source, mask))
    step = compiled(backend, lambda *args: adapter.call(greedy, args, {"steps": steps}), mode)
    return lambda: step(*args)


def _torch(torch, params, source, mask, steps):
    encode, _, _ = _speller.torch_encoder(torch, params.E, params.encoder)
    decoder = _speller.torch_decoder(torch, params.decoder)
    lengths, source, mask = torch.tensor(mask.sum(0)), torch.tensor(source), torch.tensor(mask)

    @torch.no_grad()
    def step():
        hs, s = encode(source, lengths)
        keys, y, log_p, done = decoder.keys_of(hs), torch.zeros_like(source[0]), 0, torch.zeros_like(mask[0])
        symbols, weights = [], []
        for _ in range(steps):
            s, read = decoder.step(decoder.embed(y), s, hs, keys, mask)
            best, y = torch.log_softmax(decoder.out(s), -1).max(-1)
            y, log_p = y.masked_fill(done, 1), log_p + best.masked_fill(done, 0)
            done = done | (y == 1)
            symbols.append(y)
            weights.append(read)
        return Decoded(torch.stack(symbols), log_p, torch.stack(weights))

    return step


def _keras(keras, mode, params, source, mask, steps):
    ops = keras.ops
    encode, _, _ = _speller.keras_encoder(keras, params.E, params.encoder)
    decoder = _speller.keras_decoder(keras, params.decoder)

    def step(source, mask):
        hs, s = encode(source, mask)
        keys, y, log_p, done = decoder.keys_of(hs), ops.zeros_like(source[:, 0]), 0.0, ops.zeros_like(mask[:, 0])
        symbols, weights = [], []
        for _ in range(steps):
            s, read = decoder.step(decoder.embed(y), s, hs, keys, mask)
            log_ps = ops.log_softmax(decoder.out(s))
            y = ops.where(done, ops.ones_like(y), ops.cast(ops.argmax(log_ps, -1), y.dtype))
            log_p = log_p + ops.where(done, 0.0, ops.max(log_ps, -1))
            done = ops.logical_or(done, y == 1)
            symbols.append(y)
            weights.append(read)
        return Decoded(ops.stack(symbols), log_p, ops.stack(weights))

    step, args = compiled("tf", step, mode), [ops.array(x.T) for x in (source, mask)]
    return lambda: step(*args)


def _time_first(result):
    return result._replace(weights=np.swapaxes(result.weights, 1, 2))
