"""What the oracles of recurrent networks have in common."""

import numpy as np
import optree


def by_sequence(run, params, xs, state, mask, **static):
    """Every sequence by itself, of its valid steps alone: what a mask means, said without one. In torch."""
    import torch

    N, hs, lasts = xs.shape[1], None, []
    for n in range(N):
        valid = torch.nonzero(mask[:, n])[:, 0]
        last = optree.tree_map(lambda s: s[n : n + 1], state)  # noqa: B023
        if len(valid):
            h, last = run(params, xs[valid, n : n + 1], last, **static)
            hs = xs.new_zeros(*xs.shape[:2], h.shape[-1]) if hs is None else hs
            hs = hs.index_put((valid, torch.tensor(n)), h[:, 0])
        lasts.append(last)
    if hs is None:  # nothing is valid anywhere: the shape is that of a step
        hs = 0 * run(params, xs[:1], state, **static)[0].expand(len(xs), -1, -1)
    return hs, optree.tree_map(lambda *s: torch.cat(s), *lasts)


def torch_layer(name, params, biases, xs, state, **options):
    """torch.nn.RNN, GRU or LSTM with these two biases; a state is a tuple of arrays with one layer in front."""
    import torch

    layer = getattr(torch.nn, name)(params.W_x.shape[0], params.W_h.shape[0], dtype=xs.dtype, **options)
    return torch.func.functional_call(layer, _named("l0", params, biases), (xs, state))


def torch_network(cells, xs, states, *, bidirectional=False):
    """torch.nn.RNN, GRU or LSTM of several layers, or bidirectional. cells: parameters of one kind, in the order of
    torch; states: one for each. Outputs, and states in the same form."""
    import torch

    kind, count = type(cells[0]).__name__.removesuffix("Params"), 1 if bidirectional else len(cells)
    options = {"bidirectional": bidirectional, "num_layers": count, "dtype": xs.dtype}
    network = getattr(torch.nn, kind)(cells[0].W_x.shape[0], cells[0].W_h.shape[0], **options)
    names = ["l0", "l0_reverse"] if bidirectional else [f"l{i}" for i in range(count)]
    weights = {}
    for name, cell in zip(names, cells, strict=True):
        weights |= _named(name, cell, _biases(cell))
    gathered = optree.tree_map(lambda *s: torch.stack(s), *map(_plain, states))
    hs, last = torch.func.functional_call(network, weights, (xs, gathered))
    lasts = [optree.tree_map(lambda s: s[i], last) for i in range(len(cells))]  # noqa: B023
    return hs, tuple(type(state)(*x) if kind == "LSTM" else x for state, x in zip(states, lasts, strict=True))


def _named(name, params, biases):
    weights = {f"weight_ih_{name}": params.W_x.T, f"weight_hh_{name}": params.W_h.T}
    return weights | dict(zip((f"bias_ih_{name}", f"bias_hh_{name}"), biases, strict=True))


def _biases(params):
    """Ours as torch's two."""
    import torch

    zeros = torch.zeros_like(params.b)
    if hasattr(params, "b_n"):
        zeros = torch.cat([zeros[: -len(params.b_n)], params.b_n])
    return params.b, zeros


def _plain(state):
    return tuple(state) if isinstance(state, tuple) else state


def keras_layer(layer, weights, xs, *state):
    """(hs, *state) of a Keras layer made with return_sequences and return_state; it has the batch first."""
    layer.build((xs.shape[1], xs.shape[0], xs.shape[2]))
    layer.set_weights(weights)
    hs, *state = layer(xs.transpose(1, 0, 2), initial_state=list(state))
    return hs.numpy().transpose(1, 0, 2), *(s.numpy() for s in state)


def onnx_layer(op, W, R, B, xs, h, **attributes):
    """(hs, h) of ONNX's RNN or GRU by the reference evaluator, from our layouts; B: both biases in a row."""
    import onnx
    from onnx.reference import ReferenceEvaluator

    node = onnx.helper.make_node(op, ["X", "W", "R", "B", "", "h"], ["Y", "Y_h"], hidden_size=len(R), **attributes)
    double = onnx.TensorProto.DOUBLE
    inputs = [onnx.helper.make_tensor_value_info(name, double, None) for name in ("X", "W", "R", "B", "h")]
    outputs = [onnx.helper.make_tensor_value_info(name, double, None) for name in ("Y", "Y_h")]
    model = onnx.helper.make_model(onnx.helper.make_graph([node], op, inputs, outputs))
    feed = {"X": xs, "W": W.T[None], "R": R.T[None], "B": B[None], "h": h[None]}
    hs, h = ReferenceEvaluator(model).run(None, feed)
    return hs[:, 0], h[0]


def glorot(generator, n_in, n_out):
    bound = (6 / (n_in + n_out)) ** 0.5
    return generator.uniform(-bound, bound, (n_in, n_out))


def some_mask(T, N):
    """Unequal lengths with padding at the end, and a gap in the first sequence: every other way round of steps."""
    lengths = np.maximum(1, T - np.arange(N))
    mask = np.arange(T)[:, None] < lengths
    if T > 2:
        mask[1, 0] = False
    return mask


def spoilt(mask, xs):
    """xs, with NaN and both infinities at the steps that the mask (T, N) hides: nobody may read them."""
    return np.where(mask[..., None], xs, np.resize([np.nan, np.inf, -np.inf], xs.shape))


def split(module, function, params, xs, state):
    """The sequence in two parts, the state carried over: must equal the whole."""
    hs = []
    for part in (xs[:3], xs[3:]):
        outputs = getattr(module, function)(params, part, state)
        (h, state) = outputs[0] if isinstance(outputs[0], tuple) else outputs  # NumPy returns a cache as well
        hs.append(h)
    return hs, state
