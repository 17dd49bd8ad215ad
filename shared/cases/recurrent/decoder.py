"""Oracle: torch.nn.GRUCell on symbol and context side by side, step by step, in float64, with the attention of
recurrent/attention's oracle; Keras's GRUCell with AdditiveAttention as a second opinion."""

import numpy as np

from numpy_impl.recurrent.attention import AttentionParams
from numpy_impl.recurrent.decoder import DecoderMemory, DecoderParams
from shared.backends import Seed
from shared.cases import Bad, Case, Mutant
from shared.cases.recurrent import attention
from shared.cases.recurrent._oracles import glorot, spoilt
from shared.cases.recurrent.gru import swapped
from shared.differences import RUN

SMALLEST = {"T": 1, "S": 1, "N": 0, "K": 1, "D": 1, "H": 1, "M": 1, "A": 1}
CONTEXTS = ("init", "concat", "attention")


def torch_step(params, y, s, s_0, hs, mask=None):
    """Logits, the next state, the weights of attention."""
    import torch
    import torch.nn.functional as F

    x, weights, W_x = F.embedding(y, params.E), None, params.W_x
    if params.W_c is not None:
        c = s_0
        if params.attention is not None:
            c, weights = attention.torch_attention(params.attention, s, hs, mask)
        x, W_x = torch.cat([x, c], 1), torch.cat([W_x, params.W_c])
    b_h = torch.cat([params.b.new_zeros(2 * len(params.b_n)), params.b_n])
    named = {"weight_ih": W_x.T, "weight_hh": params.W_h.T, "bias_ih": params.b, "bias_hh": b_h}
    cell = torch.nn.GRUCell(len(W_x), len(params.b_n), dtype=s.dtype)
    s = torch.func.functional_call(cell, named, (x, s))
    return F.linear(s, params.W_o.T, params.b_o), s, weights


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
    s_0 = None if memory.shared.ndim == 1 else (memory.shared - params.b) @ torch.linalg.pinv(params.W_c)
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
        s = cell(np.concatenate([params.E[y], *c], axis=1), [s])[0].numpy()
        logits.append(s @ params.W_o + params.b_o)
    return np.stack(logits)


def initial(rng, K, D, M, H, context, dtype, n_attention=0):
    generator = np.random.default_rng(rng.seed)
    E, W_x = 0.1 * generator.standard_normal((K, D)), glorot(generator, D, 3 * H)
    W_c, reads = None if context == "init" else glorot(generator, M, 3 * H), None
    W_h = glorot(generator, H, 3 * H)
    if context == "attention":
        sizes = (H, n_attention), (M, n_attention), (n_attention, 1)
        W_q, W_k, v = (glorot(generator, *size) for size in sizes)
        reads = AttentionParams(W_q, W_k, v[:, 0])
    return DecoderParams(E, W_x, W_c, W_h, np.zeros(3 * H), np.zeros(H), reads, glorot(generator, H, K), np.zeros(K))


def weights(draw, context, K, D, M, H, A):
    M = H if context == "concat" else M
    return DecoderParams(
        E=draw(K, D),
        W_x=draw(D, 3 * H),
        W_c=None if context == "init" else draw(M, 3 * H),
        W_h=draw(H, 3 * H),
        b=draw(3 * H),
        b_n=draw(H),
        attention=attention.weights(draw, H, M, A) if context == "attention" else None,
        W_o=draw(H, K),
        b_o=draw(K),
    )


def cases(draw, T=4, S=5, N=3, K=7, D=2, H=6, M=8, A=9):
    static, second = {"n_attention": A, "dtype": "float64"}, {"keras": keras_decoder} if N else {}
    for context in CONTEXTS:
        params = weights(draw, context, K, D, M, H, A)
        hs = draw(S, N, H if context == "concat" else M)
        args = (params, draw.integers(K, T, N), draw(N, H), hs, attention.unequal(S, N))
        yield Case("decoder", args, torch_decoder, tolerance=RUN, second=second, name=context)
        memory = DecoderMemory(params.b, None, hs, args[-1])
        if context == "concat":
            memory = memory._replace(shared=draw(N, H) @ params.W_c + params.b)
        if context == "attention":
            memory = memory._replace(keys=hs @ params.attention.W_k)
        args = (params, draw.integers(K, N), draw(N, H), memory)
        yield Case("decoder_step", args, torch_step_alone, grad=False, tolerance=RUN, name=context)
        if context == "attention":
            args = (params, draw.integers(K, T, N), draw(N, H), draw(S, N, M))
            yield Case("decoder", args, torch_decoder, tolerance=RUN, second=second, name="attention, no mask")
        args = (Seed(5), K, D, M, H)
        yield Case("decoder_init", args, initial, {"context": context, **static}, grad=False, name=context)


def nasty(draw):
    for context in CONTEXTS:
        for name, (T, S, N, K, D, H, M, A), scale in (
            ("all sizes one", (1,) * 8, 1),
            ("fifty steps", (50, 50, 2, 4, 3, 4, 4, 3), 1),
            ("huge input", (3, 4, 2, 4, 3, 5, 5, 3), 1e4),
            ("no examples", (3, 4, 0, 4, 3, 5, 5, 3), 1),
        ):
            params = weights(draw, context, K, D, M, H, A)
            args = (params, draw.integers(K, T, N), draw(N, H), scale * draw(S, N, M), attention.unequal(S, N))
            yield Case("decoder", args, torch_decoder, tolerance=RUN, name=f"{context}, {name}")
        mask, hs = attention.unequal(4, 3), draw(4, 3, 5)
        params = weights(draw, context, 4, 3, 5, 5, 3)
        args = (params, draw.integers(4, 3, 3), draw(3, 5), spoilt(mask, hs), mask)
        yield Case("decoder", args, torch_decoder, tolerance=RUN, name=f"{context}, padding that is not a number")
    mask = np.array([[True, False], [True, False], [False, False]])
    args = (weights(draw, "attention", 4, 3, 6, 5, 3), draw.integers(4, 3, 2), draw(2, 5), draw(3, 2, 6))
    yield Case("decoder", (*args, mask), torch_decoder, tolerance=RUN, name="an example of padding alone")
    args = (args[0], np.full((5, 2), 3), *args[2:])
    yield Case("decoder", args, torch_decoder, tolerance=RUN, name="one symbol again and again")
    args = (weights(draw, "attention", 4, 3, 6, 5, 3), draw.integers(4, 200, 1), draw(1, 5), draw(3, 1, 6))
    args[0].W_h[:] /= 4  # or the gradients of two hundred steps explode
    yield Case("decoder", args, torch_decoder, tolerance=RUN, name="two hundred steps")
    static = {"context": "concat", "dtype": "float64"}
    yield Case("decoder_init", (Seed(6), 4, 3, 6, 5), initial, static, grad=False, name="n_attention as it is")


def bad(draw):
    params = weights(draw, "attention", 7, 3, 6, 5, 4)
    inputs, s_0, hs = draw.integers(7, 3, 2), draw(2, 5), draw(4, 2, 6)
    yield Bad("decoder", (params, inputs[:0], s_0, hs), r"inputs has shape \(0, 2\), expected .* T at least 1")
    yield Bad("decoder", (params, inputs, s_0, hs[:0]), r"hs has shape \(0, 2, 6\), expected .* S at least 1")
    yield Bad("decoder", (params, inputs + 7, s_0, hs), r"inputs holds \d+ at \[0, 0\], expected 0 <= value < 7")
    yield Bad("decoder", (params, inputs, s_0, draw(4, 2, 5)), r"hs has shape \(4, 2, 5\), .* with M = 6")
    yield Bad("decoder", (params, inputs, draw(2, 6), hs), r"s_0 has shape \(2, 6\), .* with H = 5")
    yield Bad("decoder", (params, inputs, s_0, hs, np.ones((2, 4), bool)), r"mask has shape \(2, 4\), .* with S = 4")
    concat = weights(draw, "concat", 7, 3, 6, 5, 4)._replace(W_c=draw(6, 15))
    yield Bad("decoder", (concat, inputs, s_0, hs), "W_c has 6 rows, expected 5, the size of s_0")
    missing = params._replace(W_c=None)
    yield Bad("decoder", (missing, inputs, s_0, hs), "attention without W_c")
    yield Bad("decoder_init", (Seed(0), 7, 3, 6, 5), "context is 'luong', expected 'init'", {"context": "luong"})
    yield Bad("decoder_init", (Seed(0), 7, 3, 6, 5), r"shape is \(5, 0\), expected", {"context": "attention"})


MUTANTS = [
    Mutant("query = s @ attention.W_q",
           "query = gru_cell(params.W_h, params.b_n, from_x, s)[0] @ attention.W_q",
           "Luong's order: the query is made of the state after the step, not of the one before it."),
    Mutant("a = from_x if c is None else from_x + c @ params.W_c", "a = from_x",
           "The context is computed and never used; the network trains all the same, only worse."),
    Mutant("shared = s_0 @ params.W_c + params.b", "shared = params.b",
           "Without the context at every step, \"concat\" is \"init\"."),
    Mutant("np.tensordot(xs, params.W_x, 1) + memory.shared",
           "np.tensordot(xs, params.W_x, 1) + np.where(np.arange(len(xs))[:, None, None], params.b, memory.shared)",
           "The context at the first step alone."),
    Mutant("gru_cell(params.W_h, params.b_n, a, s)  # (6)",
           "gru_cell(params.W_h, 0 * params.b_n, a + np.pad(params.b_n, (2 * s.shape[1], 0)), s)  # (6)",
           "The candidate's second bias outside the reset gate: in PyTorch the gate multiplies it."),
    Mutant("gru_cell(params.W_h, params.b_n, a, s)  # (6)",
           "gru_cell(params.W_h, params.b_n, np.roll(a, s.shape[1], axis=1), s)  # (6)",
           "Blocks in another order than the cell's: what was meant for n goes to r, r's to z, z's to n."),
    Mutant("ss = np.stack(states)", "ss = np.stack([s_0, *states[:-1]])",
           "Logits from the state before the step: each symbol is guessed without its predecessor."),
    Mutant("s, _, cache = _step(params, from_x, s, memory)", "s, _, cache = _step(params, from_x, s_0, memory)",
           "The state is never carried on: every step starts from the encoder's."),
    Mutant("            carried += d_query @ params.attention.W_q.T  # through (3)\n", "",
           "No gradient through the query: the state cannot learn where to look."),
    Mutant("        d_hs += np.tensordot(d_keys, params.attention.W_k.T, 1)  # through (2)\n", "",
           "The encoder's outputs get a gradient as what is read alone, none through the keys."),
    Mutant("d_hs += np.tensordot(d_keys", "d_hs = np.tensordot(d_keys",
           "The encoder's outputs get a gradient through the keys alone, none as what is read."),
    Mutant("(steps[t].read, (d_c, unused), later)", "(steps[t].read, (d_c, unused))",
           "All steps use the same keys: their gradients add up, this is that of the first step."),
    Mutant("np.stack(d_queries[::-1])", "np.stack(d_queries)",
           "The loop ran backwards; its gradients are paired with the steps in the wrong order."),
    Mutant("d_s = from_logits[t] + carried", "d_s = from_logits[t] + 0 * carried",
           "Backpropagation through time cut: each step learns from its own logits alone."),
    Mutant("np.stack([step.cell.state for step in steps])", "np.concatenate([ss[:1], ss[:-1]])",
           "W_h's gradient leaves out the first state: s_1 stands where s_0 belongs."),
    Mutant("d_W_h, d_b_n = outer_sum(previous, d_all_u)", "d_W_h, d_b_n = outer_sum(ss, d_all_u)",
           "W_h's gradient paired with s_t in place of s_{t-1}: off by one step."),
    Mutant("d_shared = np.sum(d_all_a, axis=0)", "d_shared = d_all_a[0]",
           "A context that is an input of every step has the gradient of every step."),
    Mutant("d_shared = np.sum(d_all_a, axis=0)", "d_shared = np.sum(d_all_a, axis=(0, 1)) + 0 * d_all_a[0]",
           "The sum over steps taken over the examples, too: each gets the gradient of all."),
    Mutant("        d_s_0 += d_shared @ params.W_c.T  # through (5)\n", "",
           "With \"concat\" the encoder's state is the context as well: it gets a gradient that way, too."),
    Mutant("row_sum(d_all_u)[-ss.shape[-1] :]", "row_sum(d_all_a)[-ss.shape[-1] :]",
           "b_n's gradient is that of u_n, behind the reset gate; a_n's is b's."),
]  # fmt: skip
