"""Reading English aloud: from the letters of a word to its phonemes, learned from the CMU Pronouncing Dictionary.

Training pairs are all listed pronunciations of the words of the training part, in batches of words of like lengths.
The test is on words of which no pronunciation was seen, decoded by beam search; the listed pronunciation that comes
nearest counts.
"""

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from shared import backends
from shared.data.cmudict import (
    LETTERS,
    PARTS,
    PHONEMES,
    Pronunciations,
    encode,
    indices,
    load_cmudict,
    part_of,
    spoken,
)
from shared.recipes import SHUFFLE, Run, descent, falling, rng, start

BOS, EOS = 0, 1
SYMBOLS = ("<bos>", "<eos>", *PHONEMES)
MORE = 7  # steps of decoding beyond the number of letters: "w" has seven phonemes
EMBEDDING = 64
CHUNK = 500  # test words at once: bounds the memory that beams take
SHOWN = ("through", "chloroform", "telegraphed", "bureaucratic", "curiosity", "nighthorse")  # all in the test part
SHADES = "·░▒▓█"


class Budget(NamedTuple):
    steps: int
    batch: int
    lr: float
    jit: tuple[str, ...]
    hidden: int  # of the decoder; each direction of the encoder has half
    lengths: tuple[int, ...]  # to which sequences are padded; longer ones are not trained on
    tested: int  # so many test words, drawn once and for all
    width: int  # of the beam


class Task(NamedTuple):
    listed: Pronunciations
    words: np.ndarray  # (P,) of the training pairs, those to be padded to one length side by side
    sounds: np.ndarray  # (P,) as they are spoken
    counts: np.ndarray  # how many pairs there are for each of the lengths
    tested: np.ndarray  # test words


class Guess(NamedTuple):
    """What a model makes of a word."""

    word: str
    ways: list[tuple[str, float]]  # phonemes with blanks between them and their log p, best first
    weights: np.ndarray | None  # (phonemes, letters), of attention, as each phoneme of the best was written

    @property
    def sounds(self) -> str:
        return self.ways[0][0]


class Outcome(NamedTuple):
    tested: list[Guess]
    nearby: list[tuple[int, str]]  # edit distance to the nearest listed pronunciation, and that
    shown: list[Guess]
    metrics: dict[str, float]


def load(run: Run, directory: str | None) -> Task:
    listed = load_cmudict(directory)
    tested, _ = indices(listed, "test"), indices(listed, "train")
    of = np.repeat(np.arange(len(listed.words)), np.diff(listed.first))  # the word of each pronunciation
    pairs = np.flatnonzero(listed.part[of] == PARTS.index("train"))
    words, sounds = listed.words[of[pairs]], listed.sounds[pairs]
    needed = np.maximum(np.char.str_len(words), np.char.count(sounds, " ") + 2)  # letters; phonemes and <eos>
    bucket = np.searchsorted(run.budget.lengths, needed)
    order = np.argsort(bucket, kind="stable")
    counts = np.bincount(bucket, minlength=len(run.budget.lengths) + 1)[:-1]
    if not counts.any():
        raise ValueError(f"no training word has at most {run.budget.lengths[-1]} letters, expected at least one")
    order = order[: counts.sum()]
    tested = np.sort(np.random.default_rng(0).permutation(tested)[: run.budget.tested])
    return Task(listed, words[order], sounds[order], counts, listed.words[tested])


def init(run: Run, data: Task, context: str) -> Any:
    model, size = backends.module(run.backend, "recurrent/seq2seq"), (EMBEDDING, run.budget.hidden)
    params = model.seq2seq_init(rng(run), len(LETTERS), len(SYMBOLS), *size, context=context, dtype=run.dtype)
    return start(run, params, "optimizers/adam")


def step(run: Run):
    return descent(run, backends.module(run.backend, "recurrent/seq2seq").seq2seq_loss, "optimizers/adam")


def batch(run: Run, data: Task, i: int) -> tuple[np.ndarray, ...]:
    """Letters and phonemes, each with its mask, and the learning rate of step i."""
    counts = tuple(data.counts.tolist())
    epoch, at = divmod(i, len(_epoch(run, counts, 0)))
    length, pairs = _epoch(run, counts, epoch)[at]
    target = [[*sounds.split(), "<eos>"] for sounds in data.sounds[pairs]]
    return *encode(data.words[pairs], LETTERS, length), *encode(target, SYMBOLS, length), falling(run, i)


@lru_cache(maxsize=3)
def _epoch(run: Run, counts: tuple[int, ...], epoch: int) -> list[tuple[int, np.ndarray]]:
    """The batches of an epoch in their order: the length that they are padded to, and which pairs they are. Every
    length has a fresh shuffle, its incomplete last batch is left out."""
    generator, first, batches = rng(run, SHUFFLE, epoch), 0, []
    for length, count in zip(run.budget.lengths, counts, strict=True):
        size, pairs = min(run.budget.batch, count), first + generator.permutation(count)
        batches += [(length, pairs[at : at + size]) for at in range(0, count - size + 1, size or 1) if size]
        first += count
    return [batches[k] for k in generator.permutation(len(batches))]


# --- reading aloud ----------------------------------------------------------------------------------------


def guesses(run: Run, params, words: list[str]) -> list[Guess]:
    """The best pronunciation of each word by beam search, words of like lengths together."""
    by_length, found = sorted(set(words), key=lambda word: (len(word), word)), {}
    for at in range(0, len(by_length), CHUNK):
        chunk = by_length[at : at + CHUNK]
        source, mask = encode(chunk, LETTERS)
        arrays = backends.to_backend(run.backend, (source, mask), run.device)
        search = backends.module(run.backend, "recurrent/beam_search").beam_search
        static = {"steps": len(source) + MORE, "width": run.budget.width, "bos": BOS, "eos": EOS}
        beam = backends.to_numpy(run.backend, backends.get(run.backend).call(search, (params, *arrays), static))
        for n, word in enumerate(chunk):
            ends = [_end(beam.symbols[:, n, b]) for b in range(run.budget.width)]
            ways = [" ".join(SYMBOLS[k] for k in beam.symbols[:end, n, b]) for b, end in enumerate(ends)]
            weights = None if beam.weights is None else beam.weights[: ends[0], : len(word), n, 0]
            found[word] = Guess(word, list(zip(ways, beam.scores[n].tolist(), strict=True)), weights)
    return [found[word] for word in words]


def _end(symbols: np.ndarray) -> int:
    """How many symbols there are before <eos>."""
    return int(np.argmax(symbols == EOS)) if EOS in symbols else len(symbols)


def distance(one: list, other: list) -> int:
    """Edit distance: the fewest symbols to put in, take out or exchange that make one the other."""
    row = list(range(len(other) + 1))
    for i, x in enumerate(one, start=1):
        before, row[0] = row[0], i
        for j, y in enumerate(other, start=1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (x != y))
    return row[-1]


def nearest(sounds: str, listed: list[str]) -> tuple[int, str]:
    """The edit distance, in phonemes, to the nearest of the listed pronunciations, and which it is."""
    return min((distance(sounds.split(), way.split()), i, way) for i, way in enumerate(listed))[::2]


def evaluate(run: Run, data: Task, state) -> tuple[dict[str, float], Outcome]:
    """Errors on the test words: phonemes to put in, take out or exchange, per phoneme of the nearest pronunciation;
    words that are not spoken in one of the listed ways."""
    found = guesses(run, state.params, data.tested.tolist())
    nearby = [nearest(guess.sounds, spoken(data.listed, guess.word)) for guess in found]
    errors = np.array([count for count, _ in nearby])
    phonemes = sum(len(way.split()) for _, way in nearby)
    metrics = {"phoneme_error": float(errors.sum() / phonemes), "word_error": float(np.mean(errors > 0))}
    shown = guesses(run, state.params, list(SHOWN))
    return metrics, Outcome(found, nearby, shown, metrics)


def say(run: Run, data: Task, state, text: str) -> str:
    """How the model would speak a word, which letters it attended to, and what the dictionary lists."""
    word = text.strip().lower()
    unknown = [letter for letter in word if letter not in LETTERS]
    if not word or unknown:
        found = f"{unknown[0]!r} in {text!r}" if unknown else "nothing"
        raise ValueError(f"found {found}, expected one word of the letters a to z and the apostrophe")
    (guess,) = guesses(run, state.params, [word])
    ways = [f"{sounds}   ({np.exp(log_p):.0%})" for sounds, log_p in guess.ways[:3]]
    listed, part = spoken(data.listed, word), part_of(word)
    seen = {"train": "trained on", "valid": "never seen", "test": "never seen, a test word"}[part]
    lines = [word, f"  says    {ways[0]}", *(f"  or      {way}" for way in ways[1:])]
    lines += [f"  listed  {' | '.join(listed)}   ({seen})" if listed else "  not in the dictionary"]
    return "\n".join([*lines, *_sketch(guess)])


def _sketch(guess: Guess) -> list[str]:
    """Attention in letters and blocks: a line for each phoneme, a column for each letter."""
    if guess.weights is None or not guess.sounds:
        return []
    shade = lambda weight: SHADES[min(int(weight * len(SHADES)), len(SHADES) - 1)]
    rows = zip(guess.sounds.split(), guess.weights, strict=True)
    lines = [f"    {sound:<3}" + "".join(f" {2 * shade(weight)}" for weight in row) for sound, row in rows]
    return ["", "       " + "".join(f" {letter} " for letter in guess.word), *lines]
