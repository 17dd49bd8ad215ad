"""Decoding against exhaustive search, padding that changes nothing, the spelling recipe, and `triptych say`."""

import itertools
import re

import numpy as np
import optree
import pytest
from runs import train

from numpy_impl.recurrent.seq2seq import seq2seq_init
from shared import backends, catalogue
from shared.cli import main
from shared.data.cmudict import spoken
from shared.recipes import Run
from shared.recipes.recurrent import _spelling, seq2seq
from shared.training.plan import CHECKPOINT, Settings
from shared.training.saying import speaker

BACKENDS = backends.installed()
each_backend = pytest.mark.parametrize("backend", BACKENDS)
each_context = pytest.mark.parametrize("context", ["init", "concat", "attention"])
V, K, BOS, EOS = 5, 4, 0, 1


def model(context, seed=0):
    """Small, and opinionated enough for hypotheses to differ."""
    rng = np.random.default_rng(seed)
    params = seq2seq_init(rng, V, K, 3, 6, context=context, dtype="float64")
    return optree.tree_map(lambda x: rng.standard_normal(x.shape), params)


def sources(n=3, length=4, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, V, (length, n)), np.arange(length)[:, None] < np.maximum(1, length - np.arange(n))


def decode(backend, name, params, source, mask, **static):
    search = getattr(backends.module(backend, "recurrent/beam_search"), name)
    args = backends.to_backend(backend, (params, source, mask))
    return backends.to_numpy(backend, backends.get(backend).call(search, args, static))


# --- decoding ---------------------------------------------------------------------------------------------


def every_sequence(steps):
    """All that can be written in so many steps: up to the first eos, or without one to the last step."""
    for length in range(1, steps + 1):
        for path in itertools.product(range(K), repeat=length):
            if EOS not in path[:-1] and (path[-1] == EOS or length == steps):
                yield path


def log_probabilities(params, source, mask, path):
    """log p of one sequence for every source, from the logits that training uses."""
    logits = backends.module("numpy", "recurrent/seq2seq").seq2seq
    target = np.repeat(np.array(path)[:, None], source.shape[1], axis=1)
    z, _ = logits(params, source, mask, target, bos=BOS)
    log_p = z - np.log(np.sum(np.exp(z), axis=-1, keepdims=True))
    return np.take_along_axis(log_p, target[..., None], axis=-1).sum(axis=(0, 2))


@each_backend
@each_context
@pytest.mark.parametrize("power", [0.0, 1.0])
def test_a_wide_beam_is_exhaustive_search(backend, context, power):
    params, (source, mask), steps = model(context), sources(), 4
    paths = list(every_sequence(steps))
    scores = np.array([log_probabilities(params, source, mask, path) / len(path) ** power for path in paths])
    beam = decode(backend, "beam_search", params, source, mask, steps=steps, width=len(paths), power=power)
    order = np.argsort(-scores, axis=0)
    np.testing.assert_allclose(beam.scores, np.take_along_axis(scores, order, axis=0).T, rtol=1e-10)
    for n in range(source.shape[1]):
        for b in range(len(paths)):
            wanted = paths[order[b, n]]
            assert tuple(beam.symbols[:, n, b]) == wanted + (EOS,) * (steps - len(wanted))


@each_backend
@each_context
def test_a_beam_of_one_is_greedy(backend, context):
    for seed in range(5):
        params, (source, mask) = model(context, seed), sources(seed=seed)
        one = decode(backend, "beam_search", params, source, mask, steps=6, width=1)
        greedy = decode(backend, "beam_search_greedy", params, source, mask, steps=6)
        np.testing.assert_array_equal(one.symbols[..., 0], greedy.symbols)
        np.testing.assert_allclose(one.scores[:, 0], greedy.log_p, rtol=1e-12)
        if context == "attention":
            np.testing.assert_allclose(one.looks[..., 0], greedy.looks, rtol=1e-12)


@each_context
def test_a_wider_beam_is_no_worse_here_and_its_scores_are_true(context):
    params, (source, mask) = model(context), sources()
    best = [
        decode("numpy", "beam_search", params, source, mask, steps=5, width=w).scores[:, 0] for w in (1, 2, 8, 64)
    ]
    assert all(np.all(wide >= best[0] - 1e-12) for wide in best)
    beam = decode("numpy", "beam_search", params, source, mask, steps=5, width=6)
    for n, b in itertools.product(range(3), range(6)):
        path = beam.symbols[:, n, b].tolist()
        path = path[: path.index(EOS) + 1] if EOS in path else path
        assert beam.scores[n, b] == pytest.approx(log_probabilities(params, source, mask, path)[n], rel=1e-10)


@each_backend
def test_weights_of_attention_add_up_to_one_and_are_0_at_padding(backend):
    params, (source, mask) = model("attention"), sources()
    beam = decode(backend, "beam_search", params, source, mask, steps=5, width=4)
    np.testing.assert_allclose(beam.looks.sum(axis=1), 1, rtol=1e-12)
    assert not beam.looks[:, ~mask].any()


# --- padding ----------------------------------------------------------------------------------------------


@each_backend
@each_context
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_more_padding_changes_nothing(backend, context, dtype):
    """Loss and gradients of a batch, and of the same batch with padding of any symbols behind it."""
    params, (source, mask) = optree.tree_map(lambda x: x.astype(dtype), model(context)), sources()
    target, valid = np.random.default_rng(1).integers(0, K, (3, 3)), np.arange(3)[:, None] < np.array([3, 1, 2])
    loss = backends.module(backend, "recurrent/seq2seq").seq2seq_loss
    results = []
    for more in (0, 3):
        pad = lambda x, fill, more=more: np.concatenate([x, np.full((more, 3), fill, x.dtype)])
        batch = pad(source, V - 1), pad(mask, False), pad(target, K - 1), pad(valid, False)
        args = backends.to_backend(backend, (params, *batch))
        value, grads = backends.get(backend).value_and_grad(loss)(*args)
        results.append(optree.tree_leaves(backends.to_numpy(backend, (value, grads))))
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4 if dtype == "float32" else 1e-10, atol=1e-6)


# --- the recipe -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def task():
    run = Run("numpy", seq2seq.BUDGETS["quick"], 0, "float32")
    return run, seq2seq.load(run, None)


def test_training_and_test_words_are_apart(task):
    run, data = task
    assert not set(data.words) & set(data.tested.tolist())
    assert len(data.tested) == len(set(data.tested.tolist())) == run.budget.tested
    assert all(spoken(data.listed, word) for word in data.tested)


def test_an_epoch_takes_every_pair_once(task):
    run, data = task
    budget = run.budget._replace(lengths=(6, 8, 10), batch=500)
    run = run._replace(budget=budget)
    data = seq2seq.load(run, None)
    counts = tuple(data.counts.tolist())
    batches = _spelling._epoch(run, counts, 0)
    assert len(batches) == sum(count // 500 for count in counts)
    taken = np.concatenate([pairs for _, pairs in batches])
    assert len(set(taken.tolist())) == len(taken)
    assert {length for length, _ in batches} == {6, 8, 10}
    for length, pairs in batches:
        assert all(len(word) <= length and sounds.count(" ") + 2 <= length
                   for word, sounds in zip(data.words[pairs], data.sounds[pairs], strict=True))  # fmt: skip
    assert [pairs.tolist() for _, pairs in _spelling._epoch(run, counts, 1)] != [p.tolist() for _, p in batches]


def test_a_batch_spells_what_the_dictionary_lists(task):
    run, data = task
    source, source_mask, target, target_mask, _ = seq2seq.batch(run, data, 5)
    for n in range(source.shape[1]):
        word = "".join(_spelling.LETTERS[k] for k in source[source_mask[:, n], n])
        *sounds, end = (_spelling.SYMBOLS[k] for k in target[target_mask[:, n], n])
        assert end == "<eos>"
        assert " ".join(sounds) in spoken(data.listed, word)


def test_own_dictionary(task, tmp_path):
    _, data = task
    lines = [f"{word} {spoken(data.listed, word)[0]}" for word in data.listed.words[::400]]
    (tmp_path / "cmudict.dict").write_text("\n".join(lines))
    result = train("seq2seq_plain", "numpy", steps=2, data=tmp_path, out=tmp_path / "out", progress=False)
    assert len(result.data.listed.words) == len(lines)
    (tmp_path / "cmudict.dict").write_text("pneumonoultramicroscopic N UW M\naaberg AA\n")
    with pytest.raises(ValueError, match="no training word has at most 10 letters"):
        train("seq2seq_plain", "numpy", data=tmp_path, out=tmp_path / "other", progress=False)


@pytest.mark.parametrize(
    ("one", "other", "edits"),
    [
        ("kitten", "sitting", 3),
        ("", "abc", 3),
        ("abc", "", 3),
        ("same", "same", 0),
        ("ab", "ba", 2),
        ("flaw", "lawn", 2),
    ],
)
def test_edit_distance(one, other, edits):
    assert _spelling.distance(list(one), list(other)) == edits


def test_the_nearest_listed_pronunciation_counts():
    listed = ["T AH M EY T OW", "T AH M AA T OW"]
    assert _spelling.nearest("T AH M AA T OW", listed) == (0, listed[1])
    assert _spelling.nearest("T AH M EY T", listed) == (1, listed[0])


# --- triptych say -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A model of three steps."""
    patch = pytest.MonkeyPatch()
    small = seq2seq.BUDGETS["quick"]._replace(steps=3, batch=8, hidden=8, tested=5)
    patch.setitem(seq2seq.BUDGETS, "quick", small)
    out = tmp_path_factory.mktemp("trained")
    train("seq2seq", "numpy", out=out, progress=False)
    yield out
    patch.undo()


@each_backend
def test_say_answers_on_every_backend(trained, backend):
    answer, about = speaker(Settings("seq2seq", backend, out=trained))
    assert about == "recurrent/seq2seq, 3 of 3 steps on numpy"
    first, second = answer("Tomato"), answer("qwrtzy")
    assert first.startswith("tomato\n  says    ")
    assert "listed  T AH M EY T OW | T AH M AA T OW   (trained on)" in first
    assert "not in the dictionary" in second
    assert re.search(r"through\n(.|\n)*\(never seen, a test word\)", answer("through"))


def test_the_backends_say_the_same(trained):
    answers = [speaker(Settings("seq2seq", backend, out=trained))[0]("chloroform") for backend in BACKENDS]
    assert len(set(answers)) == 1


@pytest.mark.parametrize("word", ["café", "two words", "r2d2", " ", "naïve"])
def test_say_refuses_what_it_cannot_read(trained, word):
    answer, _ = speaker(Settings("seq2seq", "numpy", out=trained))
    with pytest.raises(ValueError, match="expected one word of the letters a to z and the apostrophe"):
        answer(word)


def test_say_without_a_model(trained, tmp_path):
    with pytest.raises(
        ValueError, match=r"there is no '.*checkpoint.safetensors'; to train the model:\n  triptych train"
    ):
        speaker(Settings("seq2seq", "numpy", out=tmp_path))
    with pytest.raises(ValueError, match=r"recurrent/lstm has nothing to say, expected one of .*recurrent/seq2seq"):
        speaker(Settings("lstm", "numpy", out=trained))
    with pytest.raises(ValueError, match="its path is recurrent/seq2seq, expected recurrent/seq2seq_plain"):
        speaker(Settings("seq2seq_plain", "numpy", out=trained))
    (tmp_path / CHECKPOINT).write_bytes(b"nothing")
    with pytest.raises(ValueError, match="is not a whole checkpoint"):
        speaker(Settings("seq2seq", "numpy", out=tmp_path))


def say(monkeypatch, capsys, *arguments, typed=None):
    monkeypatch.setattr("sys.argv", ["triptych", "say", *map(str, arguments)])
    if typed is not None:
        lines = iter(typed)
        monkeypatch.setattr("builtins.input", lambda prompt: next(lines))
    with pytest.raises(SystemExit) as stopped:
        main.main()
    printed = capsys.readouterr()
    return stopped.value.code, printed.out, printed.err


def test_the_command(trained, monkeypatch, capsys):
    code, out, _ = say(monkeypatch, capsys, "seq2seq", "tomato", "tree", "--out", trained)
    assert not code
    assert out.count("  says    ") == 2
    code, _, err = say(monkeypatch, capsys, "seq2seq", "café", "--out", trained)
    assert code
    assert "found 'é' in 'café'" in err


def test_the_prompt(trained, monkeypatch, capsys):
    code, out, _ = say(monkeypatch, capsys, "seq2seq", "--out", trained, typed=["tree", "r2d2", "cat", ""])
    assert not code
    assert out.count("  says    ") == 2
    assert "found '2' in 'r2d2'" in out


def test_sketches_show_where_attention_was():
    look = np.array([[0.95, 0.05], [0.5, 0.5]])
    guess = _spelling.Guess("at", [("AE T", -0.1)], look)
    assert _spelling._sketch(guess) == ["", "        a  t ", "    AE  ██ ··", "    T   ▒▒ ▒▒"]
    assert _spelling._sketch(guess._replace(look=None)) == []


def test_every_recipe_that_speaks_is_named(trained):
    speaking = [p for p in catalogue.recipes() if hasattr(catalogue.companion("recipes", p), "say")]
    assert {"recurrent/seq2seq", "recurrent/seq2seq_plain"} <= set(speaking)
