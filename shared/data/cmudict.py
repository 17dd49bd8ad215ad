"""The CMU Pronouncing Dictionary as embedded here, or a file of the same form: spellings and how they are spoken."""

import functools
import hashlib
import itertools
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int64, UInt8

from shared.data import reading

EMBEDDED = Path(__file__).parent / "cmudict" / "cmudict.dict.gz"
SHA256 = "1ee4489c70758b8c4f65c2b63aa294c7b20da7ffc7b91027d52913ba343dfc95"

LETTERS = tuple("'abcdefghijklmnopqrstuvwxyz")
_NAMES = "AA AE AH AO AW AY B CH D DH EH ER EY F G HH IH IY JH K L M N NG OW OY P R S SH T TH UH UW V W Y Z ZH"
PHONEMES = tuple(_NAMES.split())
PARTS = ("train", "valid", "test")
PERCENT = (90, 5, 5)  # of the words in each part
_ENDS = tuple(itertools.accumulate(PERCENT))
LONGEST = 64  # letters, and phonemes; 34 and 32 in the embedded file. Every row of an array is as long as the longest
MOST = 500_000  # pronunciations

_ENTRY = re.compile(r"(?P<word>[^\s(]+)(?:\(\d+\))?\s+(?P<sounds>\S.*)")


class Pronunciations(NamedTuple):
    """Words in alphabetical order. Word i is spoken in one of the ways sounds[first[i]:first[i + 1]]."""

    words: np.ndarray  # (W,) strings over LETTERS
    sounds: np.ndarray  # (P,) strings, PHONEMES with blanks between them: "K AE T"
    first: Int64[np.ndarray, "W+1"]
    part: UInt8[np.ndarray, "W"]  # index into PARTS


def load_cmudict(directory: str | Path | None = None) -> Pronunciations:
    """Load the embedded dictionary (124,926 words, 133,667 pronunciations), or cmudict.dict[.gz] of a folder.

    Stress digits are dropped, which leaves 39 phonemes; pronunciations that differ in stress alone become one. Words
    with other characters than a to z and the apostrophe, such as `a.m.` and `ad-lib`, are left out: 1,126 of the
    embedded file. The part that a word belongs to follows from a hash of its spelling: all its pronunciations are
    in one part, and the parts are the same everywhere and for ever.

    Raises ValueError, naming the file and the line, when it is missing, altered (the embedded file only), damaged,
    not of the form `word K AE1 T`, too long, or holds no word.
    """
    if directory is None:
        return _embedded(EMBEDDED)
    return _arrays(_parse(_find(Path(directory)), None))


@functools.cache
def _embedded(path: Path) -> Pronunciations:
    """Read once in a process, which takes a second; the arrays are everybody's, so nobody may change them."""
    found = _arrays(_parse(path, SHA256))
    for array in found:
        array.flags.writeable = False
    return found


def spoken(data: Pronunciations, word: str) -> list[str]:
    """The listed pronunciations of a word, the most usual one first; none if it is not in the dictionary."""
    i = int(np.searchsorted(data.words, word))
    if i == len(data.words) or data.words[i] != word:
        return []
    return data.sounds[data.first[i] : data.first[i + 1]].tolist()


def part_of(word: str) -> str:
    """The part that a word belongs to, be it in the dictionary or not."""
    number = int.from_bytes(hashlib.sha256(word.encode()).digest()[:4], "big") % 100
    return next(part for part, end in zip(PARTS, _ENDS, strict=True) if number < end)


def indices(data: Pronunciations, part: str) -> Int64[np.ndarray, "n"]:
    """Which words make up a part; ValueError if there is none."""
    found = np.flatnonzero(data.part == PARTS.index(part))
    if not found.size:
        raise ValueError(f"none of the {len(data.words)} words belongs to the part '{part}', expected at least one")
    return found


def encode(
    sequences: Iterable[Sequence[str]], symbols: Sequence[str], length: int | None = None
) -> tuple[Int64[np.ndarray, "T N"], Bool[np.ndarray, "T N"]]:
    """Sequences of symbols as their numbers, time first, and a mask that is False where a sequence has ended.

    encode(["cat", "at"], LETTERS) and encode(["K AE T".split()], PHONEMES) are the two usual calls. T is length, or
    that of the longest sequence; numbers behind the end are 0.

    Raises ValueError if a symbol is unknown or a sequence is longer than length.
    """
    sequences, number = list(sequences), {symbol: i for i, symbol in enumerate(symbols)}
    longest = max(map(len, sequences), default=0)
    length = longest if length is None else length
    if longest > length:
        raise ValueError(f"sequences: found one of {longest} symbols, expected at most {length}")
    ids = np.zeros((length, len(sequences)), np.int64)
    mask = np.zeros(ids.shape, bool)
    for n, sequence in enumerate(sequences):
        unknown = [symbol for symbol in sequence if symbol not in number]
        if unknown:
            raise ValueError(f"sequences[{n}] holds {unknown[0]!r}, expected one of {' '.join(symbols)}")
        ids[: len(sequence), n] = [number[symbol] for symbol in sequence]
        mask[: len(sequence), n] = True
    return ids, mask


def _parse(path: Path, sha256: str | None) -> dict[str, list[str]]:
    """The pronunciations of every word, in the order of the file."""
    known, letters, words, count = set(PHONEMES), set(LETTERS), {}, 0
    for number, line in enumerate(reading.lines(path, sha256), start=1):
        entry = line.partition("#")[0].strip()  # behind # stands where a word comes from
        if not entry or entry.startswith(";;;"):  # older releases have comments of this kind
            continue
        match = _ENTRY.fullmatch(entry)
        if not match:
            raise ValueError(f"{path}, line {number}: found {entry[:40]!r}, expected a word and its phonemes")
        sounds = [sound.rstrip("012") for sound in match["sounds"].split()]
        unknown = [sound for sound in sounds if sound not in known]
        if unknown:
            found = f"phoneme {unknown[0][:40]!r}"
            raise ValueError(f"{path}, line {number}: {found}, expected one of {' '.join(PHONEMES)}")
        word, spoken = match["word"].lower(), " ".join(sounds)
        if max(len(word), len(sounds)) > LONGEST:
            raise ValueError(f"{path}, line {number}: {word[:40]!r} is longer than {LONGEST}, expected at most that")
        if letters.issuperset(word) and spoken not in (ways := words.setdefault(word, [])):
            ways.append(spoken)
            count += 1
            if count > MOST:
                raise ValueError(f"{path}, line {number}: more than {MOST:,} pronunciations, expected at most that")
    if not words:
        raise ValueError(f"{path}: found no word of the letters a to z, expected at least one")
    return words


def _arrays(words: dict[str, list[str]]) -> Pronunciations:
    spellings = sorted(words)
    return Pronunciations(
        words=np.array(spellings),
        sounds=np.array([sounds for word in spellings for sounds in words[word]]),
        first=np.cumsum([0, *(len(words[word]) for word in spellings)]),
        part=np.array([PARTS.index(part_of(word)) for word in spellings], np.uint8),
    )


def _find(directory: Path) -> Path:
    for name in ("cmudict.dict.gz", "cmudict.dict"):
        if (directory / name).is_file():
            return directory / name
    found = "no such file in" if directory.is_dir() else "no folder"
    raise ValueError(f"cmudict.dict[.gz]: {found} '{directory}', expected lines such as `cat K AE1 T`")
