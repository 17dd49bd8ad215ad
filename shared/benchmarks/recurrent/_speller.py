"""The encoder and the decoder of recurrent/seq2seq, made of torch.nn's and Keras's parts, from our weights.

`here(...)` of each brings weights or gradients, in the order of `weights`, into the order of our leaves. The first
two thirds of torch's and Keras's second bias add up with the first one: they stay 0, without gradient.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np


class Decoder(NamedTuple):
    call: Callable  # (inputs, s_0, hs, mask) to logits
    embed: Callable  # symbols to vectors
    keys_of: Callable  # hs to keys
    step: Callable  # (x, s, hs, keys, mask) to the next s and the weights of attention
    out: Callable  # states to logits
    weights: list[Any]
    here: Callable


def torch_decoder(torch, p):
    nn, F = torch.nn, torch.nn.functional
    (K, D), (M, _), (H, A) = p.E.shape, p.W_c.shape, p.attention.W_q.shape
    embed, cell, out = nn.Embedding(K, D), nn.GRUCell(D + M, H), nn.Linear(H, K)
    query_of, keys_of, score = nn.Linear(H, A, bias=False), nn.Linear(M, A, bias=False), nn.Linear(A, 1, bias=False)
    weights = [embed.weight, cell.weight_ih, cell.weight_hh, cell.bias_ih, cell.bias_hh]
    weights += [query_of.weight, keys_of.weight, score.weight, out.weight, out.bias]
    values = [p.E, np.concatenate([p.W_x, p.W_c]).T, p.W_h.T, p.b, np.concatenate([0 * p.b[: 2 * H], p.b_n])]
    values += [p.attention.W_q.T, p.attention.W_k.T, p.attention.v[None], p.W_o.T, p.b_o]
    torch_load(torch, weights, values)
    last_third(torch, cell.bias_hh)

    def step(x, s, hs, keys, mask):
        scores = score(torch.tanh(query_of(s) + keys))[..., 0]
        weights = F.softmax(scores.masked_fill(~mask, -torch.inf), dim=0)
        c = torch.einsum("sn,snm->nm", weights, hs)
        return cell(torch.cat([x, c], 1), s), weights

    def call(inputs, s, hs, mask):
        keys, states = keys_of(hs), []
        for x in embed(inputs):
            s, _ = step(x, s, hs, keys, mask)
            states.append(s)
        return out(torch.stack(states))

    def here(tensors):
        E, W_i, W_h, b, b_h, W_q, W_k, v, W_o, b_o = tensors
        return [E, W_i.T[:D], W_i.T[D:], W_h.T, b, b_h[2 * H :], W_q.T, W_k.T, v[0], W_o.T, b_o]

    return Decoder(call, embed, keys_of, step, out, weights, here)


def torch_encoder(torch, W_e, encoder):
    """call(source, lengths), weights, here."""
    (V, D), H = W_e.shape, len(encoder[0].b_n)
    embed, gru = torch.nn.Embedding(V, D), torch.nn.GRU(D, H, bidirectional=True)
    weights, values = [embed.weight, *gru.parameters()], [W_e]
    for p in encoder:
        values += [p.W_x.T, p.W_h.T, p.b, np.concatenate([0 * p.b[: 2 * H], p.b_n])]
    torch_load(torch, weights, values)
    last_third(torch, gru.bias_hh_l0)
    last_third(torch, gru.bias_hh_l0_reverse)
    packing = torch.nn.utils.rnn

    def call(source, lengths):
        packed = packing.pack_padded_sequence(embed(source), lengths, enforce_sorted=False)
        hs, last = gru(packed)
        hs, _ = packing.pad_packed_sequence(hs, total_length=len(source))
        return hs, torch.cat([last[0], last[1]], -1)

    def here(tensors):
        W_e, *rest = tensors
        ours = [W_e]
        for W_x, W_h, b, b_h in (rest[:4], rest[4:]):
            ours += [W_x.T, W_h.T, b, b_h[2 * H :]]
        return ours

    return call, weights, here


def torch_load(torch, weights, values):
    with torch.no_grad():
        for weight, value in zip(weights, values, strict=True):
            weight.copy_(torch.tensor(np.ascontiguousarray(value)))


def last_third(torch, bias):
    """Of a second bias, the candidate's part alone has a gradient."""
    third = torch.arange(len(bias)) >= 2 * len(bias) // 3
    bias.register_hook(lambda gradient: gradient * third)


def keras_decoder(keras, p):
    """As torch_decoder, with the batch first."""
    layers, (K, D), (M, _), (H, A) = keras.layers, p.E.shape, p.W_c.shape, p.attention.W_q.shape
    embed, cell, out = layers.Embedding(K, D), layers.GRUCell(H), layers.Dense(K)
    query_of, keys_of = layers.Dense(A, use_bias=False), layers.Dense(A, use_bias=False)
    attention = layers.AdditiveAttention()
    shapes = [None, (None, D + M), (None, 1, H), (None, None, M), [(None, 1, A), (None, None, M), (None, None, A)]]
    parts = [embed, cell, query_of, keys_of, attention, out]
    for part, shape in zip(parts, [*shapes, (None, None, H)], strict=True):
        part.build(shape)
    embed.set_weights([p.E])
    bias = np.stack([p.b, np.concatenate([0 * p.b[: 2 * H], p.b_n])])
    cell.set_weights([swapped(np.concatenate([p.W_x, p.W_c])), swapped(p.W_h), swapped(bias)])
    query_of.set_weights([p.attention.W_q])
    keys_of.set_weights([p.attention.W_k])
    attention.set_weights([p.attention.v])
    out.set_weights([p.W_o, p.b_o])

    def step(x, s, hs, keys, mask):
        c, weights = attention([query_of(s[:, None]), hs, keys], mask=[None, mask], return_attention_scores=True)
        return cell(keras.ops.concatenate([x, c[:, 0]], 1), [s])[0], weights[:, 0]

    def call(inputs, s, hs, mask):
        xs, keys, states = embed(inputs), keys_of(hs), []
        for t in range(inputs.shape[1]):
            s, _ = step(xs[:, t], s, hs, keys, mask)
            states.append(s)
        return out(keras.ops.stack(states, 1))

    def here(arrays):
        E, W_i, W_h, b, W_q, W_k, v, W_o, b_o = map(dense, arrays)
        W_i, W_h, b = swapped(W_i), swapped(W_h), swapped(b)
        return [E, W_i[:D], W_i[D:], W_h, b[0], b[1, 2 * H :], W_q, W_k, v, W_o, b_o]

    variables = [weight for part in parts for weight in part.trainable_variables]
    return Decoder(call, embed, keys_of, step, out, variables, here)


def keras_encoder(keras, W_e, encoder):
    """call(source, mask) with the batch first, weights, here."""
    H, embed, layers = len(encoder[0].b_n), keras.layers.Embedding(*W_e.shape), []
    embed.build()
    embed.set_weights([W_e])
    options = {"return_sequences": True, "return_state": True, "zero_output_for_mask": True, "unroll": True}
    for p in encoder:
        layers.append(keras.layers.GRU(H, **options))
        layers[-1].build((None, None, W_e.shape[1]))
        bias = np.stack([p.b, np.concatenate([0 * p.b[: 2 * H], p.b_n])])
        layers[-1].set_weights([swapped(p.W_x), swapped(p.W_h), swapped(bias)])
    flip = lambda x: keras.ops.flip(x, 1)

    def call(source, mask):
        xs = embed(source)
        hs, s = layers[0](xs, mask=mask)
        hs_back, s_back = layers[1](flip(xs), mask=flip(mask))
        return keras.ops.concatenate([hs, flip(hs_back)], -1), keras.ops.concatenate([s, s_back], -1)

    def here(arrays):
        W_e, *rest = map(dense, arrays)
        ours = [W_e]
        for W_x, W_h, b in (rest[:3], rest[3:]):
            ours += [swapped(W_x), swapped(W_h), swapped(b)[0], swapped(b)[1, 2 * H :]]
        return ours

    return call, [weight for part in (embed, *layers) for weight in part.trainable_variables], here


def dense(x):
    """An array; the gradient of a lookup is a list of rows in TensorFlow."""
    import tensorflow as tf

    return np.asarray(tf.convert_to_tensor(x))


def swapped(W):
    """Blocks r, z, n as Keras's z, r, n, and back."""
    r, z, n = np.split(np.asarray(W), 3, axis=-1)
    return np.concatenate([z, r, n], axis=-1)
