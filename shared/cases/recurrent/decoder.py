"""Oracle: torch.nn.GRUCell on symbol and context side by side, step by step, in float64, with the attention of
recurrent/attention's oracle; Keras's GRUCell with AdditiveAttention as a second opinion."""

import numpy as np

from numpy_impl.recurrent.attention import AttentionParams
from numpy_impl.recurrent.decoder import DecoderMemory, DecoderParams
from shared.backends import Seed
from shared.cases import Bad, Case, Mutant
from shared.cases.recurrent import attention
from shared.cases.recurrent._oracles import glorot
from shared.cases.recurrent.gru import swapped
from shared.differences import RUN

SMALLEST = {"T": 1, "S": 1, "N": 0, "K": 1, "D": 1, "H": 1, "E": 1, "A": 1}
CONTEXTS = ("init", "concat", "attention")


def torch_step(params, y, s, s_0, hs, mask=None):
    """Logits, the next state, the weights of attention."""
    import torch
    import torch.nn.functional as F

    x, alpha, W_x = F.embedding(y, params.W_y), None, params.W_x
    if params.W_c is not None:
        c = s_0
        if params.attention is not None:
            c, alpha = attention.torch_attention(params.attention, s, hs, mask)
        x, W_x = torch.cat([x, c], 1), torch.cat([W_x, params.W_c])
    b_h = torch.cat([params.b.new_zeros(2 * len(params.b_n)), params.b_n])
    weights = {"weight_ih": W_x.T, "weight_hh": params.W_h.T, "bias_ih": params.b, "bias_hh": b_h}
    cell = torch.nn.GRUCell(*weights["weight_ih"].T.shape[:1], len(params.b_n), dtype=s.dtype)
    s = torch.func.functional_call(cell, weights, (x, s))
    return F.linear(s, params.W_o.T, params.b_o), s, alpha


def torch_decoder(params, inputs, s_0, hs, mask=None):
    import torch

    s, logits = s_0, []
    for y in inputs:
        z, s, _ = torch_step(params, y, s, s_0, hs, mask)
        logits.append(z)
    return torch.stack(logits)


def torch_step_alone(params, y, s, memory):
    """As decoder_step is called: what s_0 or the keys have become must not matter."""
    import torch

    tensor = lambda tree: (
        None if tree is None else type(tree)(*map(tensor, tree)) if isinstance(tree, tuple) else torch.tensor(tree)
    )
    params, y, s, memory = tensor(params), tensor(y), tensor(s), tensor(memory)
    s_0 = None if memory.a is None else memory.a @ torch.linalg.pinv(params.W_c)
    return torch_step(params, y, s, s_0, memory.hs, memory.mask)


def keras_decoder(params, inputs, s_0, hs, mask=None):
    import keras

    cell = keras.layers.GRUCell(len(params.b_n), dtype="float64")
    blocks = [params.W_x] if params.W_c is None else [params.W_x, params.W_c]
    cell.build((len(s_0), sum(map(len, blocks))))
    b_h = np.concatenate([np.zeros(2 * len(params.b_n)), params.b_n])
    weights = swapped(np.concatenate(blocks)), swapped(params.W_h), swapped(np.stack([params.b, b_h]))
    cell.set_weights(weights)
    s, logits = s_0, []
    for y in inputs:
        c = [] if params.W_c is None else [s_0]
        if params.attention is not None:
            c = [attention.keras_attention(params.attention, s, hs, mask)[0]]
        s = cell(np.concatenate([params.W_y[y], *c], axis=1), [s])[0].numpy()
        logits.append(s @ params.W_o + params.b_o)
    return np.stack(logits)


def initial(rng, K, D, E, H, context, n_attention, dtype):
    generator = np.random.default_rng(rng.seed)
    W_y, W_x = 0.1 * generator.standard_normal((K, D)), glorot(generator, D, 3 * H)
    W_c, look = None if context == "init" else glorot(generator, E, 3 * H), None
    W_h = glorot(generator, H, 3 * H)
    if context == "attention":
        sizes = (H, n_attention), (E, n_attention), (n_attention, 1)
        W_s, W_a, w = (glorot(generator, *size) for size in sizes)
        look = AttentionParams(W_s, W_a, w[:, 0])
    return DecoderParams(W_y, W_x, W_c, W_h, np.zeros(3 * H), np.zeros(H), look, glorot(generator, H, K), np.zeros(K))


def weights(draw, context, K, D, E, H, A):
    E = H if context == "concat" else E
    return DecoderParams(
        W_y=draw(K, D),
        W_x=draw(D, 3 * H),
        W_c=None if context == "init" else draw(E, 3 * H),
        W_h=draw(H, 3 * H),
        b=draw(3 * H),
        b_n=draw(H),
        attention=attention.weights(draw, H, E, A) if context == "attention" else None,
        W_o=draw(H, K),
        b_o=draw(K),
    )


def cases(draw, T=3, S=4, N=2, K=7, D=3, H=5, E=6, A=4):
    static, second = {"n_attention": A, "dtype": "float64"}, {"keras": keras_decoder} if N else {}
    for context in CONTEXTS:
        params = weights(draw, context, K, D, E, H, A)
        hs = draw(S, N, H if context == "concat" else E)
        args = (params, draw.integers(K, T, N), draw(N, H), hs, attention.unequal(S, N))
        yield Case("decoder", args, torch_decoder, tolerance=RUN, second=second, name=context)
        memory = DecoderMemory(None, None, hs, args[-1])
        if context == "concat":
            memory = memory._replace(a=draw(N, H) @ params.W_c)
        if context == "attention":
            memory = memory._replace(keys=hs @ params.attention.W_h)
        args = (params, draw.integers(K, N), draw(N, H), memory)
        yield Case("decoder_step", args, torch_step_alone, grad=False, tolerance=RUN, name=context)
        if context == "attention":
            args = (params, draw.integers(K, T, N), draw(N, H), draw(S, N, E))
            yield Case("decoder", args, torch_decoder, tolerance=RUN, second=second, name="attention, no mask")
        args = (Seed(5), K, D, E, H)
        yield Case("decoder_init", args, initial, {"context": context, **static}, grad=False, name=context)


def nasty(draw):
    for context in CONTEXTS:
        for name, (T, S, N, K, D, H, E, A), scale in (
            ("all sizes one", (1,) * 8, 1),
            ("fifty steps", (50, 50, 2, 4, 3, 4, 4, 3), 1),
            ("huge input", (3, 4, 2, 4, 3, 5, 5, 3), 1e4),
            ("no examples", (3, 4, 0, 4, 3, 5, 5, 3), 1),
        ):
            params = weights(draw, context, K, D, E, H, A)
            args = (params, draw.integers(K, T, N), draw(N, H), scale * draw(S, N, E), attention.unequal(S, N))
            yield Case("decoder", args, torch_decoder, tolerance=RUN, name=f"{context}, {name}")
    mask = np.array([[True, False], [True, False], [False, False]])
    args = (weights(draw, "attention", 4, 3, 6, 5, 3), draw.integers(4, 3, 2), draw(2, 5), draw(3, 2, 6))
    yield Case("decoder", (*args, mask), torch_decoder, tolerance=RUN, name="an example of padding alone")
    args = (args[0], np.full((5, 2), 3), *args[2:])
    yield Case("decoder", args, torch_decoder, tolerance=RUN, name="one symbol again and again")
    args = (weights(draw, "attention", 4, 3, 6, 5, 3), draw.integers(4, 200, 1), draw(1, 5), draw(3, 1, 6))
    args[0].W_h[:] /= 4  # or the gradients of two hundred steps explode
    yield Case("decoder", args, torch_decoder, tolerance=RUN, name="two hundred steps")


def bad(draw):
    params = weights(draw, "attention", 7, 3, 6, 5, 4)
    inputs, s_0, hs = draw.integers(7, 3, 2), draw(2, 5), draw(4, 2, 6)
    yield Bad("decoder", (params, inputs[:0], s_0, hs), r"inputs has shape \(0, 2\), expected .* T at least 1")
    yield Bad("decoder", (params, inputs, s_0, hs[:0]), r"hs has shape \(0, 2, 6\), expected .* S at least 1")
    yield Bad("decoder", (params, inputs + 7, s_0, hs), r"inputs holds \d+ at \[0, 0\], expected 0 <= value < 7")
    yield Bad("decoder", (params, inputs, s_0, draw(4, 2, 5)), r"hs has shape \(4, 2, 5\), .* with E = 6")
    yield Bad("decoder", (params, inputs, draw(2, 6), hs), r"s_0 has shape \(2, 6\), .* with H = 5")
    yield Bad("decoder", (params, inputs, s_0, hs, np.ones((2, 4), bool)), r"mask has shape \(2, 4\), .* with S = 4")
    concat = weights(draw, "concat", 7, 3, 6, 5, 4)._replace(W_c=draw(6, 15))
    yield Bad("decoder", (concat, inputs, s_0, hs), "W_c has 6 rows, expected 5, the size of s_0")
    missing = params._replace(W_c=None)
    yield Bad("decoder", (missing, inputs, s_0, hs), "attention without W_c")
    yield Bad("decoder_init", (Seed(0), 7, 3, 6, 5), "context is 'luong', expected 'init'", {"context": "luong"})
    yield Bad("decoder_init", (Seed(0), 7, 3, 6, 5), r"shape is \(5, 0\), expected", {"context": "attention"})


MUTANTS = [
    Mutant("s @ look.W_s, memory.keys",
           "_step(params._replace(attention=None), a, s, memory)[0] @ look.W_s, memory.keys",
           "Luong's order: attention asks with the state after the step, not with the one before it."),
    Mutant("a = a + c @ params.W_c  # (3)", "a = a + 0 * c @ params.W_c  # (3)",
           "The context is computed and never used; the network trains all the same, only worse."),
    Mutant("steps = steps if memory.a is None else steps + memory.a", "steps = steps",
           "Without the context at every step, \"concat\" is \"init\"."),
    Mutant("steps = steps if memory.a is None else steps + memory.a",
           "steps = steps if memory.a is None else np.concatenate([steps[:1] + memory.a, steps[1:]])",
           "The context at the first step alone."),
    Mutant("return (1 - z) * n + z * s, alpha", "return z * n + (1 - z) * s, alpha",
           "The update gate the other way round, as in Chung et al. 2014."),
    Mutant("n = tanh(a[:, 2 * H :] + r * u_n)", "n = tanh(a[:, 2 * H :] + r * u[:, 2 * H :] + params.b_n)",
           "The candidate's second bias outside the reset gate: in PyTorch the gate multiplies it."),
    Mutant("r, z = rz[:, :H], rz[:, H:]  # (5)\n    u_n", "z, r = rz[:, :H], rz[:, H:]  # (5)\n    u_n",
           "The gate order z, r, n of Keras and ONNX on weights stored as r, z, n."),
    Mutant("ss = np.stack(states)", "ss = np.stack([s_0, *states[:-1]])",
           "Logits from the state before the step: each symbol is guessed without its predecessor."),
    Mutant("s, _, cache = _step(params, a, s, memory)", "s, _, cache = _step(params, a, s_0, memory)",
           "The state is never carried on: every step starts from the encoder's."),
    Mutant("d_s += d_q @ look.W_s.T", "d_s += 0 * d_q @ look.W_s.T",
           "No gradient through the question: the state cannot learn where to look."),
    Mutant("_weighted(alphas, np.stack(d_cs)) + np.tensordot", "np.tensordot",
           "What was read gets a gradient through the keys alone, none as what is seen."),
    Mutant("_weighted(alphas, np.stack(d_cs)) + np.tensordot(d_keys, look.W_h.T, 1)",
           "_weighted(alphas, np.stack(d_cs))",
           "What was read gets a gradient as what is seen alone, none through the keys."),
    Mutant("d_keys = sum(d_keys)", "d_keys = d_keys[-1]",
           "All steps ask the same keys: their gradients add up, this is that of the last step."),
    Mutant("zip(*looks[::-1], strict=True)", "zip(*looks, strict=True)",
           "The loop ran backwards; its gradients are paired with the steps in the wrong order."),
    Mutant("_cell_backward(params.W_h, caches[t], d_ss[t] + d_s)", "_cell_backward(params.W_h, caches[t], d_ss[t])",
           "Backpropagation through time cut: each step learns from its own logits alone."),
    Mutant("before = np.concatenate([s_0[None], ss[:-1]])", "before = ss",
           "W_h's gradient paired with s_t in place of s_{t-1}: off by one step."),
    Mutant("d_c = np.sum(d_as, axis=0)", "d_c = d_as[0]",
           "A context that is an input of every step has the gradient of every step."),
    Mutant("d_W_c, d_s = s_0.T @ d_c, d_s + d_c @ params.W_c.T", "d_W_c = s_0.T @ d_c",
           "The encoder's state is the context as well: it gets a gradient that way, too."),
    Mutant("d_n * u_n, d_s * (s - n), d_n * r", "d_n * u_n, d_s * (n - s), d_n * r",
           "The derivative of (1 - z) n + z s by z is s - n."),
]  # fmt: skip
