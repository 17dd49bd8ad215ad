"""The embedded pronouncing dictionary, its split, its encoding, and what happens to damaged or foreign files."""

import gzip

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.data import cmudict
from shared.data.cmudict import LETTERS, PARTS, PHONEMES, encode, indices, load_cmudict, part_of, spoken


@pytest.fixture(scope="module")
def data():
    return load_cmudict()


def test_embedded_dictionary(data):
    assert len(data.words) == 124_926
    assert len(data.sounds) == data.first[-1] == 133_667
    assert np.all(np.diff(data.first) > 0)  # every word has a pronunciation
    assert np.all(data.words[:-1] < data.words[1:])  # in order, none twice
    assert set("".join(data.words)) == set(LETTERS)
    assert {sound for way in data.sounds for sound in way.split()} == set(PHONEMES)
    assert len(PHONEMES) == 39


def test_pronunciations_of_a_word(data):
    assert spoken(data, "tomato") == ["T AH M EY T OW", "T AH M AA T OW"]
    assert spoken(data, "zywicki") == ["Z IH W IH K IY"]  # the last line of the file
    assert spoken(data, "aalborg") == ["AO L B AO R G", "AA L B AO R G"]  # the first line ends in a remark
    for word in ("", "'", "a.m.", "ad-lib", "zzzz", "Tomato"):
        assert spoken(data, word) == []


def test_no_pronunciation_twice(data):
    for i in np.flatnonzero(np.diff(data.first) > 1):
        ways = data.sounds[data.first[i] : data.first[i + 1]].tolist()
        assert len(ways) == len(set(ways)), data.words[i]


def test_the_split_is_fixed(data):
    sizes = {part: len(indices(data, part)) for part in PARTS}
    assert sizes == {"train": 112_435, "valid": 6232, "test": 6259}
    assert [part_of(word) for word in ("tomato", "abbot", "speech", "aardvark")] == [
        PARTS[data.part[np.searchsorted(data.words, word)]] for word in ("tomato", "abbot", "speech", "aardvark")
    ]
    assert data.words[indices(data, "test")][:4].tolist() == FIRST_TEST_WORDS
    together = np.concatenate([indices(data, part) for part in PARTS])
    assert sorted(together.tolist()) == list(range(len(data.words)))


FIRST_TEST_WORDS = ["aaberg", "abanto", "abarca", "abare"]


# --- arrays -----------------------------------------------------------------------------------------------


def test_encode_by_hand():
    ids, mask = encode(["cab", "a", ""], LETTERS)
    np.testing.assert_array_equal(ids, [[3, 1, 0], [1, 0, 0], [2, 0, 0]])
    np.testing.assert_array_equal(mask, [[True, True, False], [True, False, False], [True, False, False]])
    assert (ids.dtype, mask.dtype) == (np.int64, np.bool_)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.lists(st.sampled_from(PHONEMES), max_size=9), max_size=6), st.integers(9, 12))
def test_encode_loses_nothing(sequences, length):
    ids, mask = encode(sequences, PHONEMES, length)
    assert ids.shape == mask.shape == (length, len(sequences))
    for n, sequence in enumerate(sequences):
        assert [PHONEMES[i] for i in ids[mask[:, n], n]] == sequence
        assert mask[: len(sequence), n].all()
        assert not ids[~mask[:, n], n].any()


def test_encode_refuses():
    with pytest.raises(ValueError, match=r"sequences\[1\] holds 'é', expected one of ' a b"):
        encode(["tea", "café"], LETTERS)
    with pytest.raises(ValueError, match="found one of 5 symbols, expected at most 4"):
        encode(["tea", "latte"], LETTERS, 4)


# --- other files ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["cmudict.dict", "cmudict.dict.gz"])
def test_own_dictionary(tmp_path, name):
    text = b";;; an older release\nTWO  T UW1\n\nat AE1 T # remark\nAT(1)  AH0 T\nat(2) AE0 T\na.m. EY1 EH1 M\n"
    (tmp_path / name).write_bytes(gzip.compress(text) if name.endswith("gz") else text)
    data = load_cmudict(tmp_path)
    assert data.words.tolist() == ["at", "two"]
    assert (spoken(data, "at"), spoken(data, "two")) == (["AE T", "AH T"], ["T UW"])
    assert [PARTS[part] for part in data.part] == [part_of("at"), part_of("two")]
    empty = next(part for part in PARTS if part not in (part_of("at"), part_of("two")))
    with pytest.raises(ValueError, match=f"none of the 2 words belongs to the part '{empty}'"):
        indices(data, empty)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "found no word"),
        (b"a.m. EY1 EH1 M\n", "found no word"),
        (b"at AE1 T\ncat\n", "line 2: found 'cat', expected a word and its phonemes"),
        (b"at AE1 T\ncat(2)\n", r"line 2: found 'cat\(2\)', expected a word"),
        (b"at AE1 T\n\ncat K Q T\n", "line 3: phoneme 'Q', expected one of AA AE"),
        (b"\xff\xfe", "cannot be read"),
        (b"\x1f\x8b\x08\x00", "damaged gzip data"),
    ],
)
def test_damaged_dictionary(tmp_path, text, message):
    (tmp_path / "cmudict.dict").write_bytes(text)
    with pytest.raises(ValueError, match=message) as caught:
        load_cmudict(tmp_path)
    assert str(tmp_path / "cmudict.dict") in str(caught.value)


def test_altered_embedded_dictionary(tmp_path, monkeypatch):
    raw = cmudict.EMBEDDED.read_bytes()
    (tmp_path / "cmudict.dict.gz").write_bytes(raw + b"\0")
    monkeypatch.setattr(cmudict, "EMBEDDED", tmp_path / "cmudict.dict.gz")
    with pytest.raises(ValueError, match=r"cmudict.dict.gz: altered: found SHA-256 [0-9a-f]{64}, expected"):
        load_cmudict()


def test_missing_dictionary(tmp_path):
    with pytest.raises(ValueError, match=r"cmudict.dict\[.gz\]: no such file in"):
        load_cmudict(tmp_path)
    with pytest.raises(ValueError, match=r"cmudict.dict\[.gz\]: no folder"):
        load_cmudict(tmp_path / "nowhere")
