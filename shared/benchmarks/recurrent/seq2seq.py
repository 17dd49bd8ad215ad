"""Sequence to sequence with attention: a training step with Adam against torch.nn's GRU, on packed sequences, and
GRUCell, and against Keras's GRU, GRUCell and AdditiveAttention."""

import numpy as np

from numpy_impl.recurrent.gru import GRUParams
from numpy_impl.recurrent.seq2seq import Seq2SeqParams
from shared.benchmarks import LR, compiled, training
from shared.benchmarks.recurrent import _speller
from shared.benchmarks.recurrent.decoder import MODES
from shared.benchmarks.recurrent.decoder import weights as decoder_weights

FULL = {"S": 10, "T": 10, "N": 64, "V": 27, "K": 41, "D": 64, "half": 128, "A": 128}
TINY = {"S": 4, "T": 3, "N": 3, "V": 5, "K": 7, "D": 4, "half": 3, "A": 5}


def weights(draw, V, K, D, half, A):
    gru = lambda: GRUParams(
        draw(D, 3 * half, scale=D**-0.5), draw(half, 3 * half, scale=half**-0.5), draw(3 * half), draw(half)
    )
    return Seq2SeqParams(draw(V, D), (gru(), gru()), decoder_weights(draw, K, D, 2 * half, 2 * half, A))


def benchmarks(draw, S, T, N, V, K, D, half, A):
    params = weights(draw, V, K, D, half, A)
    lengths = [np.sort(draw.labels(N, size))[::-1] + 1 for size in (S, T)]
    source_mask, target_mask = (np.arange(size)[:, None] < n for size, n in zip((S, T), lengths, strict=True))
    batch = draw.labels((S, N), V), source_mask, draw.labels((T, N), K), target_mask
    benchmark = training("seq2seq", "seq2seq_loss", params, batch, "optimizers/adam", None, None, MODES)
    return [
        benchmark._replace(
            torch=lambda torch: _torch(torch, params, *batch),
            keras=lambda keras, mode: _keras(keras, mode, params, *batch),
            from_keras=lambda result: _here(result, params),
        )
    ]


def _torch(torch, params, source, source_mask, target, target_mask):
    encode, of_encoder, here = _speller.torch_encoder(torch, params.E, params.encoder)
    decoder = _speller.torch_decoder(torch, params.decoder)
    optimizer = torch.optim.Adam([*of_encoder, *decoder.weights], lr=LR)
    lengths = torch.tensor(source_mask.sum(0))
    source, source_mask, target, target_mask = map(torch.tensor, (source, source_mask, target, target_mask))
    labels = target.masked_fill(~target_mask, -100).flatten()

    def step():
        hs, s_0 = encode(source, lengths)
        inputs = torch.cat([torch.zeros_like(target[:1]), target[:-1]])
        logits = decoder.call(inputs, s_0, hs, source_mask)
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels, ignore_index=-100)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return loss, here(of_encoder), decoder.here(decoder.weights)

    return step


def _keras(keras, mode, params, *batch):
    import tensorflow as tf

    encode, of_encoder, _ = _speller.keras_encoder(keras, params.E, params.encoder)
    decoder = _speller.keras_decoder(keras, params.decoder)
    variables = [*of_encoder, *decoder.weights]
    optimizer = keras.optimizers.Adam(LR, epsilon=4e-10)  # its ε is not corrected: 1e-8 √(1 - β₂ᵗ) at first
    optimizer.build(variables)
    loss_function = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="sum")

    def step(source, source_mask, target, target_mask):
        inputs = keras.ops.concatenate([keras.ops.zeros_like(target[:, :1]), target[:, :-1]], 1)
        valid = keras.ops.cast(target_mask, "float32")
        with tf.GradientTape() as tape:
            hs, s_0 = encode(source, source_mask)
            logits = decoder.call(inputs, s_0, hs, source_mask)
            loss = loss_function(target, logits, sample_weight=valid) / keras.ops.sum(valid)
        grads = tape.gradient(loss, [variable.value for variable in variables])
        grads = map(_candidate_alone, map(tf.convert_to_tensor, grads))  # those of lookups are lists of rows
        optimizer.apply(list(grads), variables)
        return loss

    step = compiled("tf", step, mode)
    batch = [keras.ops.array(x.T) for x in batch]  # Keras has the batch first
    return lambda: (step(*batch), of_encoder, decoder.weights)


def _candidate_alone(gradient):
    """A gradient, that of two biases, (2, 3H), without the part of the second one that the gates z and r have."""
    if gradient.shape.rank != 2 or gradient.shape[0] != 2:
        return gradient
    H = gradient.shape[1] // 3
    return gradient * np.stack([np.ones(3 * H), np.arange(3 * H) >= 2 * H]).astype("float32")


def _here(result, params):
    import keras

    loss, of_encoder, of_decoder = result
    _, _, here = _speller.keras_encoder(keras, params.E, params.encoder)
    return loss, here(of_encoder), _speller.keras_decoder(keras, params.decoder).here(of_decoder)
