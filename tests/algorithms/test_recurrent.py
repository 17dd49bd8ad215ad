"""Recurrent networks beyond one call: two bidirectional layers, packed sequences, what padding may hold, forms of the
GRU over the border to Keras, and the words and rows of the recipes."""

import numpy as np
import optree
import pytest

from shared import backends, catalogue
from shared.cases import Draw
from shared.cases.recurrent import _oracles, gru, lstm, rnn, stacked
from shared.differences import RUN, difference, flatten
from shared.recipes import Run

COLUMNS = backends.installed()
CELLS = {"rnn": rnn, "gru": gru, "lstm": lstm}
each_cell = pytest.mark.parametrize("name", CELLS)
each_column = pytest.mark.parametrize("column", COLUMNS)


def agree(found, wanted):
    worst = difference(flatten(found, "x"), flatten(wanted, "x"))
    assert worst.error <= RUN, worst


def example(name, T=6, N=3, D=3, H=5):
    draw = Draw(11)
    params = CELLS[name].weights(draw, D, H)
    return params, draw(T, N, D), stacked.initial(draw, (params,), N)[0]


@each_cell
@each_column
def test_a_mask_of_lengths_is_a_packed_sequence(name, column):
    torch = pytest.importorskip("torch")
    from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

    params, xs, state = example(name)
    lengths = [4, 6, 1]
    mask = np.arange(6)[:, None] < lengths
    module = backends.module(column, f"recurrent/{name}")
    args = backends.to_backend(column, (params, xs, state, mask))
    hs, last = backends.to_numpy(column, backends.get(column).call(getattr(module, name), args, {}))
    layer = getattr(torch.nn, name.upper())(3, 5, dtype=torch.float64)
    tensors = optree.tree_map(torch.tensor, (params, xs, state))
    with torch.no_grad():
        own = [tensors[0].W_x.T, tensors[0].W_h.T, *_oracles._biases(tensors[0])]
        for weight, value in zip(layer.parameters(), own, strict=True):
            weight.copy_(value)
        packed = pack_padded_sequence(tensors[1], lengths, enforce_sorted=False)
        given = optree.tree_map(lambda s: s[None], _oracles._plain(tensors[2]))
        wanted, last_wanted = layer(packed, given)
        wanted, _ = pad_packed_sequence(wanted)
    agree(hs, wanted.numpy())
    agree(optree.tree_leaves(last), [x[0].numpy() for x in optree.tree_leaves(last_wanted)])


@each_cell
@each_column
@pytest.mark.parametrize("anything", [1e6, np.inf, np.nan])
def test_padding_may_hold_anything(name, column, anything):
    """Outputs, states and gradients do not depend on what stands in the padding; its own gradient is zero."""
    params, xs, state = example(name)
    mask = np.arange(6)[:, None] < [4, 6, 1]
    other = np.where(mask[..., None], xs, anything)
    module, answers = backends.module(column, f"recurrent/{name}"), []
    for rows in (xs, other):
        args = backends.to_backend(column, (params, rows, state, mask))

        def ones(outputs):
            along = optree.tree_map(np.ones_like, backends.to_numpy(column, outputs))
            return backends.to_backend(column, along)

        found = backends.get(column).vjp(getattr(module, name), args, {}, ones)
        answers.append(backends.to_numpy(column, found))
    agree(optree.tree_leaves(answers[1]), optree.tree_leaves(answers[0]))
    assert np.all(answers[1][1][1][~mask] == 0)
    assert np.all(answers[1][0][0][~mask] == 0)


@each_column
def test_the_two_zero_states_of_an_lstm_are_two_arrays(column):
    module = backends.module(column, "recurrent/lstm")
    h, c = module.lstm_zero_state(backends.to_backend(column, example("lstm")[0]), 3)
    assert h is not c
    if column != "tf":  # whose arrays never change
        h += 1
        assert not backends.to_numpy(column, c).any()


@pytest.mark.parametrize("name", ["lstm", "gru", "rnn"])
def test_two_bidirectional_layers_are_torchs(name):
    """One after the other; the gradients by hand, from the last to the first."""
    torch = pytest.importorskip("torch")

    from numpy_impl.recurrent.bidirectional import BidirectionalParams, bidirectional, bidirectional_backward

    draw, T, N, D, H = Draw(12), 5, 2, 3, 4
    layers = [
        BidirectionalParams(CELLS[name].weights(draw, size, H), CELLS[name].weights(draw, size, H))
        for size in (D, 2 * H)
    ]
    states = [stacked.initial(draw, tuple(layer), N) for layer in layers]
    xs, along = draw(T, N, D), draw(T, N, 2 * H)
    ys, caches = xs, []
    for layer, state in zip(layers, states, strict=True):
        (ys, lasts), cache = bidirectional(layer, ys, state)
        caches.append((cache, lasts))
    d_ys, d_layers, d_states = along, [], []
    for cache, lasts in reversed(caches):
        d_layer, d_ys, d_state, _ = bidirectional_backward(cache, (d_ys, optree.tree_map(np.zeros_like, lasts)))
        d_layers.insert(0, d_layer)
        d_states.insert(0, d_state)

    network = getattr(torch.nn, name.upper())(D, H, num_layers=2, bidirectional=True, dtype=torch.float64)
    tensors = optree.tree_map(lambda x: torch.tensor(x, requires_grad=True), (layers, xs, states))
    weights = {}
    for i, layer in enumerate(tensors[0]):
        for side, cell in zip(("", "_reverse"), layer, strict=True):
            weights |= _oracles._named(f"l{i}{side}", cell, _oracles._biases(cell))
    flat = [_oracles._plain(state) for layer in tensors[2] for state in layer]
    given = optree.tree_map(lambda *s: torch.stack(s), *flat)
    wanted, _ = torch.func.functional_call(network, weights, (tensors[1], given))
    agree(ys, wanted.detach().numpy())
    grads = torch.autograd.grad(wanted, optree.tree_leaves(tensors), torch.tensor(along))
    agree(optree.tree_leaves((d_layers, d_ys, d_states)), [g.numpy() for g in grads])


@pytest.mark.skipif("tf" not in COLUMNS, reason="needs Keras")
def test_a_gru_with_the_reset_gate_first_goes_to_keras():
    from numpy_impl.recurrent.gru import gru as column

    native = catalogue.companion("native", "recurrent/gru")
    params, xs, state = example("gru")
    (hs, last), _ = column(params, xs, state, reset_after=False)
    model = native.to_keras(params, reset_after=False)
    found = native.run_keras("gru", model, *backends.to_backend("tf", (xs, state)))
    agree([x.numpy() for x in found], [hs, last])
    back = native.from_keras(native.to_keras_weights(params, reset_after=False))
    assert not back.b_n.any()
    agree(column(back, xs, state, reset_after=False)[0][0], hs)


# --- recipes ------------------------------------------------------------------------------------------------


def recipe(name):
    module = catalogue.companion("recipes", f"recurrent/{name}")
    run = Run("numpy", module.BUDGETS["quick"]._replace(steps=7), 0, "float32")
    return module, run, module.load(run, None)


@pytest.mark.parametrize("name", ["gru", "lstm_adding"])
def test_rows_of_the_adding_problem(name):
    module, run, data = recipe(name)
    xs, target, *_ = module.batch(run, data, 3)
    marks = xs[..., 1]
    half = len(xs) // 2
    assert np.all(marks[:half].sum(axis=0) == 1)
    assert np.all(marks[half:].sum(axis=0) == 1)
    np.testing.assert_allclose(np.sum(xs[..., 0] * marks, axis=0), target[:, 0], rtol=1e-6)
    assert np.mean((data.target - 1) ** 2) == pytest.approx(1 / 6, rel=0.1)


def test_the_parts_of_the_curve_are_means():
    module, run, data = recipe("gru")
    run = run._replace(budget=run.budget._replace(steps=1234))
    from shared.recipes.recurrent import _curve

    marks = np.stack([_curve.mark(run, i) for i in range(1234)])
    np.testing.assert_allclose(marks.sum(axis=0), 1, rtol=1e-5)
    assert np.all((marks > 0).sum(axis=1) == 1)


def test_what_the_speller_reads_and_should_say():
    module, run, data = recipe("rnn")
    words = np.array([[3, 1], [2, 0], [21, 0], [0, 0]], np.uint8)  # b a t, and a word of one letter
    xs, labels, mask = module.examples(run, words)
    assert np.argmax(xs, axis=-1)[:, 0].tolist() == [0, 3, 2, 21]
    assert labels[:, 0].tolist() == [3, 2, 21, 0]
    assert mask.T.tolist() == [[True, True, True, True], [True, True, False, False]]
    assert not set(map(tuple, data.train.T.tolist())) & set(map(tuple, data.test.T.tolist()))


def test_counted_letters():
    """Bits per letter from counts, against a count by hand of two words."""
    module, run, _ = recipe("rnn")
    K, a = len(module.SYMBOLS), module.SMOOTHING
    word = np.array([[3], [2], [0]], np.uint8)  # "ba" and its end
    data = module.Task(word, word, np.array(["ba"]))
    assert module.counted(data, 1) == pytest.approx(-np.log2((1 + a) / (3 + K * a)))
    assert module.counted(data, 2) == pytest.approx(-np.log2((1 + a) / (1 + K * a)))
    assert module.counted(data, 3) == pytest.approx(-np.log2((1 + a) / (1 + K * a)))


def test_invented_words_depend_on_the_seed_alone():
    module, run, data = recipe("rnn")
    state = module.init(run, data)
    words = module.invent(run, state.params, 20)
    assert module.invent(run, state.params, 20) == words
    assert len({*words}) > 5
    assert all(word.startswith("qu") for word in module.invent(run, state.params, 20, "qu") if word)
    assert module.invent(run._replace(seed=1), state.params, 20) != words
    with pytest.raises(ValueError, match="holds '!'"):
        module.invent(run, state.params, 2, "a!")
