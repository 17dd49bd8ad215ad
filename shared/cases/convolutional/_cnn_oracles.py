"""What a CNN is held against: a stack of torch.nn.functional's layers; Keras's layers on TensorFlow."""

import numpy as np

from numpy_impl.convolutional.cnn import CNNBlock, CNNParams
from numpy_impl.normalization.batch_norm import BatchNormParams, BatchNormState
from shared.cases.convolutional.conv2d import zeros
from shared.cases.intro.mlp import he_layers


def torch_blocks(params, x, states, padding, pools, training):
    import torch.nn.functional as F

    x, new = x.permute(0, 3, 1, 2), []
    for i, block in enumerate(params.blocks):
        pool = pools[i] if isinstance(pools, tuple) else pools
        vertical, horizontal = zeros(x.shape[2:], block.W.shape[:2], 1, padding, 1)
        x = F.conv2d(F.pad(x, (*horizontal, *vertical)), block.W.permute(3, 2, 0, 1).contiguous(), block.b)
        if block.norm is not None:
            mean, var = (
                0.9 * old + 0.1 * now((0, 2, 3)) for old, now in zip(states[i], (x.mean, x.var), strict=True)
            )
            running = (None, None) if training else states[i]
            x = F.batch_norm(x, *running, *block.norm, training=training)
        new.append(block.norm and BatchNormState(mean, var))
        x = F.max_pool2d(F.relu(x), pool)
    return x.permute(0, 2, 3, 1).flatten(1), new


def torch_dense(params, x, masks, p):
    import torch.nn.functional as F

    dropped = lambda x, i: x if masks is None else x * masks[i] / (1 - p)
    for i, layer in enumerate(params.dense[:-1]):
        x = F.relu(F.linear(dropped(x, i), layer.W.T, layer.b))
    last = len(params.dense) - 1
    return F.linear(dropped(x, last), params.dense[-1].W.T, params.dense[-1].b)


def torch_train(params, x, states, masks=None, *, padding="valid", pools=2, p=0.5):
    features, new = torch_blocks(params, x, states, padding, pools, training=True)
    return torch_dense(params, features, masks, p), tuple(new)


def torch_loss(params, x, labels, masks=None, *, padding="valid", pools=2, p=0.5):
    import torch
    import torch.nn.functional as F

    states = tuple(block.norm and BatchNormState(*map(torch.zeros_like, block.norm)) for block in params.blocks)
    logits, _ = torch_train(params, x, states, masks, padding=padding, pools=pools, p=p)
    return F.cross_entropy(logits, labels)


def torch_eval(params, x, states, *, padding="valid", pools=2):
    import torch
    import optree

    params, x, states = optree.tree_map(torch.tensor, (params, x, states))
    features, _ = torch_blocks(params, x, states, padding, pools, training=False)
    return torch_dense(params, features, None, 0)


def keras_eval(params, x, states, *, padding="valid", pools=2):
    import keras

    flat, options = [], {"dtype": "float64"}
    layers = [keras.Input(x.shape[1:], dtype="float64")]
    for i, (block, state) in enumerate(zip(params.blocks, states, strict=True)):
        kH, kW, _, n_out = block.W.shape
        layers.append(keras.layers.Conv2D(n_out, (kH, kW), padding=padding, use_bias=block.b is not None, **options))
        flat += [block.W] if block.b is None else [block.W, block.b]
        if block.norm is not None:
            layers.append(keras.layers.BatchNormalization(epsilon=1e-5, **options))
            flat += [*block.norm, *state]
        layers.append(keras.layers.ReLU(**options))
        layers.append(keras.layers.MaxPooling2D(pools[i] if isinstance(pools, tuple) else pools, **options))
    layers.append(keras.layers.Flatten(**options))
    for layer in params.dense:
        layers.append(keras.layers.Dense(len(layer.b), activation="relu", **options))
        flat += list(layer)
    layers[-1].activation = keras.activations.linear
    model = keras.Sequential(layers)
    model.set_weights(flat)
    return model(x).numpy()


def initial(rng, size, *, convs, dense, dtype, norm=False, padding="valid", pools=2):
    """The same draws in the same order, by the fans' formula."""
    generator = np.random.default_rng(rng.seed)
    height, width, c = size
    blocks, states = [], []
    for i, (k, n_out) in enumerate(convs):
        bound = (6 / (k * k * c)) ** 0.5
        W = generator.uniform(-bound, bound, (k, k, c, n_out))
        unit = (np.ones(n_out), np.zeros(n_out))
        blocks.append(CNNBlock(W, None if norm else unit[1], BatchNormParams(*unit) if norm else None))
        states.append(BatchNormState(*unit[::-1]) if norm else None)
        left = 0 if padding == "same" else k - 1
        pool = pools[i] if isinstance(pools, tuple) else pools
        height, width, c = (height - left) // pool, (width - left) // pool, n_out
    rest = type("Rest", (), {"seed": generator})
    return CNNParams(tuple(blocks), he_layers(rest, (height * width * c, *dense), dtype)), tuple(states)
