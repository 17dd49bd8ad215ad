"""A recurrent net that learns English spelling letter by letter, from the words of the CMU Pronouncing Dictionary,
and then invents words of its own; by Adam.

It reads a word and says before every letter what it expects, the end included. `bits` is what a letter of the test
words costs it; `bigram_bits` and the others are what a letter costs where one, two or three letters in a row have
been counted. An invented word counts as new if it is not in the dictionary, in no part of it.
"""

from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

from shared import backends
from shared import pictures as draw
from shared.data.cmudict import LETTERS, encode, indices, load_cmudict
from shared.recipes import NOISE, Run, falling, outputs, rng, rows
from shared.recipes.recurrent import _curve

SYMBOLS = ("<end>", *LETTERS)  # <end> stands before and behind every word
CHUNK = 1000  # test words at once: bounds the memory that a forward pass takes
INVENTED, LONGEST, SHOWN, SAID = 500, 30, 42, 8
SMOOTHING = 0.1  # added to every count
GRAMS = {"unigram": 1, "bigram": 2, "trigram": 3}


class Budget(NamedTuple):
    steps: int
    batch: int
    lr: float
    jit: tuple[str, ...]
    hidden: int
    length: int  # of a sequence, <end> included: longer words are left out


class Task(NamedTuple):
    """Spellings as numbers of SYMBOLS; 0 is <end>, and what comes behind it."""

    train: np.ndarray  # (T, W)
    test: np.ndarray
    words: np.ndarray  # all words there are


class Outcome(NamedTuple):
    metrics: dict
    losses: np.ndarray
    steps: int
    invented: list[str]  # new words, in the order in which they came to its mind


BUDGETS = {
    "quick": Budget(steps=3000, batch=128, lr=4e-3, jit=(), hidden=128, length=16),
    "full": Budget(steps=40_000, batch=256, lr=2e-3, jit=("tf",), hidden=512, length=20),
}


def load(run: Run, directory: str | None) -> Task:
    listed = load_cmudict(directory)
    parts = []
    for part in ("train", "test"):
        words = listed.words[indices(listed, part)]
        numbers, mask = encode(words[np.char.str_len(words) < run.budget.length], LETTERS, run.budget.length)
        parts.append(np.where(mask, numbers + 1, 0).astype(np.uint8))
    return Task(*parts, listed.words)


def examples(run: Run, words: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Words (T, N) as what the net reads, one-hot, what it should say, and where it should say something."""
    before = np.concatenate([np.zeros_like(words[:1]), words[:-1]])
    xs = np.eye(len(SYMBOLS), dtype=run.dtype)[before]
    mask = (before > 0) | (np.arange(len(words)) == 0)[:, None]
    return xs, words.astype(np.int64), mask


def init(run: Run, data: Task) -> _curve.State:
    generator, n = rng(run), len(SYMBOLS)
    layers = (
        backends.module(run.backend, "recurrent/rnn").rnn_init(generator, n, run.budget.hidden, dtype=run.dtype),
    )
    params = backends.module(run.backend, "recurrent/readout").readout_init(generator, layers, n, dtype=run.dtype)
    return _curve.begin(run, params)


def batch(run: Run, data: Task, i: int) -> tuple[np.ndarray, ...]:
    words = data.train[:, rows(run, data.train.shape[1], i)]
    return *examples(run, words), _curve.mark(run, i), falling(run, i)


def step(run: Run):
    return _curve.step(run, backends.module(run.backend, "recurrent/readout").readout_next_loss)


# --- what it has learned --------------------------------------------------------------------------------------


def evaluate(run: Run, data: Task, state: _curve.State) -> tuple[dict, Outcome]:
    loss = backends.module(run.backend, "recurrent/readout").readout_next_loss
    nats = count = 0
    for at in range(0, data.test.shape[1], CHUNK):
        xs, labels, mask = examples(run, data.test[:, at : at + CHUNK])
        nats += float(outputs(run, loss, state.params, xs, labels, mask)) * mask.sum()
        count += mask.sum()
    metrics = {"bits": float(nats / count / np.log(2))}
    metrics |= {f"{name}_bits": counted(data, n) for name, n in GRAMS.items()}
    found = [word for word in invent(run, state.params, INVENTED) if word]
    known = set(data.words.tolist())
    new = [word for word in dict.fromkeys(found) if word not in known]
    metrics |= {"invented": len(found), "new": len(new), "real": sum(word in known for word in found)}
    return metrics, Outcome(metrics, backends.to_numpy(run.backend, state.losses), run.budget.steps, new)


def counted(data: Task, n: int) -> float:
    """Bits per letter of the test words where the next letter is foretold from counts of n letters in a row."""
    K = len(SYMBOLS)
    counts = np.full((K,) * n, SMOOTHING)
    np.add.at(counts, grams(data.train, n), 1)
    p = counts / counts.sum(axis=-1, keepdims=True)
    return float(-np.mean(np.log2(p[grams(data.test, n)])))


def grams(words: np.ndarray, n: int) -> tuple[np.ndarray, ...]:
    """Every letter, and the <end> of every word, behind the n - 1 symbols that stand before it."""
    padded = np.concatenate([np.zeros((n, words.shape[1]), words.dtype), words])
    T = len(words)
    said = (padded[n - 1 : n - 1 + T] > 0) | (np.arange(T) == 0)[:, None]
    return tuple(padded[n - back : n - back + T][said] for back in range(n - 1, -1, -1))


def invent(run: Run, params, n: int, beginning: str = "") -> list[str]:
    """n words by drawing letter after letter from what the net expects; one that finds no end is empty. The draws
    depend on the seed alone."""
    adapter, readout = backends.get(run.backend), backends.module(run.backend, "recurrent/readout").readout
    zero_state = backends.module(run.backend, "recurrent/stacked").stacked_zero_state
    u = rng(run, NOISE, len(beginning)).random((LONGEST, n))
    states, symbol = zero_state(params.layers, n), np.zeros(n, np.int64)
    given, _ = encode([beginning], LETTERS)
    words, open_ = [""] * n, np.ones(n, bool)
    for t in range(LONGEST):
        xs = backends.to_backend(run.backend, np.eye(len(SYMBOLS), dtype=run.dtype)[symbol][None], run.device)
        ys, states = adapter.call(readout, (params, xs, states), {})
        y = backends.to_numpy(run.backend, ys)[0].astype(np.float64)
        p = np.exp(y - y.max(axis=1, keepdims=True))
        cumulated = np.cumsum(p / p.sum(axis=1, keepdims=True), axis=1)
        symbol = np.minimum((cumulated <= u[t, :, None]).sum(axis=1), len(SYMBOLS) - 1)
        if t < len(given):
            symbol[:] = given[t] + 1
        open_ &= symbol > 0
        words = [word + SYMBOLS[s] if go else word for word, s, go in zip(words, symbol, open_, strict=True)]
    return ["" if unfinished else word for word, unfinished in zip(words, open_, strict=True)]


def say(run: Run, data: Task, state: _curve.State, text: str) -> str:
    """New words that begin with the text."""
    if len(text) >= LONGEST:
        raise ValueError(f"the beginning has {len(text)} letters, expected fewer than {LONGEST}")
    known = set(data.words.tolist())
    found = dict.fromkeys(invent(run, state.params, 10 * SAID, text.lower()))
    return "  ".join([word for word in found if word and word not in known][:SAID])


# --- pictures -------------------------------------------------------------------------------------------------


def pictures(data: Task, outcome: Outcome, folder) -> list:
    figure = Figure(figsize=(11, 5), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.15))
    metrics, (color, wrong, quiet) = outcome.metrics, (style[0] for style in draw.STYLES)
    left.plot(_curve.steps(outcome.losses, outcome.steps), outcome.losses / np.log(2), color=color, linewidth=1.6)
    for name in GRAMS:
        bits = metrics[f"{name}_bits"]
        left.axhline(bits, color=wrong, linewidth=1, linestyle="--")
        left.text(
            outcome.steps, bits, f"{name}s counted: {bits:.2f} ", color=wrong, ha="right", va="bottom", fontsize=9
        )
    left.axhline(metrics["bits"], color=quiet, linewidth=1, linestyle=":")
    left.text(0, metrics["bits"], f" test words: {metrics['bits']:.2f}", color=quiet, va="top", fontsize=9)
    left.set(xlabel="step", ylabel="bits per letter", title="What a letter costs", xlim=(0, outcome.steps))
    low = min(metrics["bits"], outcome.losses.min() / np.log(2))
    left.set_ylim(low - 0.25, max(metrics["unigram_bits"], low) + 0.5)
    right.set_axis_off()
    right.set_title(
        f"New words: {metrics['new']} of {metrics['invented']} invented are not in the dictionary", fontsize=11
    )
    columns = 3
    for i, word in enumerate(outcome.invented[:SHOWN]):
        place = i % columns / columns + 0.02, 0.96 - i // columns * columns / SHOWN
        right.text(*place, word, family="serif", fontsize=13, va="top", transform=right.transAxes)
    return [draw.save(figure, folder / "words.png")]
