"""Text files that anybody may have written: bounded memory, one line of error."""

import gzip
import os
import random
import tracemalloc

import pytest

from shared.data import cmudict, diabetes, reading

KB = 1 << 10


def peak(load, *args):
    """The most memory that a call takes which must end in a ValueError of one line, and that line."""
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=r".") as caught:
            load(*args)
        assert "\n" not in str(caught.value)
        return tracemalloc.get_traced_memory()[1], str(caught.value)
    finally:
        tracemalloc.stop()


@pytest.fixture
def small_limit(monkeypatch):
    """256 KiB of text instead of 32 MiB, so that the tests are quick; the bombs are 40 times as large."""
    monkeypatch.setattr(reading, "MAX_TEXT", 256 * KB)


BOMBS = {
    "comments": ("cmudict.dict.gz", cmudict.load_cmudict, b";;; nothing\n" * (10_000 * KB // 12)),
    "one line": ("cmudict.dict.gz", cmudict.load_cmudict, b"a" * (10_000 * KB)),
    "blank lines": ("cmudict.dict.gz", cmudict.load_cmudict, b"\n" * (10_000 * KB)),
    "blank rows": ("diabetes.csv.gz", diabetes.load_diabetes, b"a,y\n" + b"\n" * (10_000 * KB)),
    "a row": ("diabetes.csv.gz", diabetes.load_diabetes, b"1," * (5000 * KB)),
    "numbers": ("diabetes.csv.gz", diabetes.load_diabetes, b"a,y\n" + b"1,2\n" * (2500 * KB)),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_takes_little_memory(small_limit, tmp_path, bomb):
    name, load, text = BOMBS[bomb]
    (tmp_path / name).write_bytes(gzip.compress(text, compresslevel=1))
    taken, message = peak(load, tmp_path)
    assert f"{name}: longer than 256 KiB of text" in message or "field larger than field limit" in message
    assert taken < 3000 * KB


def test_a_plain_file_is_bounded_too(small_limit, tmp_path):
    (tmp_path / "cmudict.dict").write_bytes(b"\n" * (300 * KB))
    assert "longer than 256 KiB" in peak(cmudict.load_cmudict, tmp_path)[1]


def test_what_fits_is_read(small_limit, tmp_path):
    end = b"CAT K AE1 T\n"
    (tmp_path / "cmudict.dict").write_bytes(b"\n" * (256 * KB - len(end)) + end)
    assert cmudict.load_cmudict(tmp_path).words.tolist() == ["cat"]


@pytest.mark.parametrize("line", [b"a" * 65 + b" AH0\n", b"a " + b"AH0 " * 65 + b"\n"])
def test_one_long_word_would_widen_every_row(tmp_path, line):
    (tmp_path / "cmudict.dict").write_bytes(b"CAT K AE1 T\n" + line)
    assert "line 2: 'a" in peak(cmudict.load_cmudict, tmp_path)[1]


def test_a_long_phoneme_is_not_repeated_whole(tmp_path):
    (tmp_path / "cmudict.dict").write_bytes(b"CAT " + b"K" * 10_000 + b"\n")
    assert len(peak(cmudict.load_cmudict, tmp_path)[1]) < 500


def test_too_many_pronunciations(tmp_path, monkeypatch):
    monkeypatch.setattr(cmudict, "MOST", 3)
    (tmp_path / "cmudict.dict").write_bytes(b"A AH0\nB B\nC S\nD D\n")
    assert "line 4: more than 3 pronunciations" in peak(cmudict.load_cmudict, tmp_path)[1]


def test_a_field_that_is_too_long(tmp_path):
    (tmp_path / "diabetes.csv").write_bytes(b"a,y\n" + b"1" * 140_000 + b",2\n")
    assert "line 2: field larger than field limit" in peak(diabetes.load_diabetes, tmp_path)[1]


@pytest.mark.parametrize("value", ["1e200", "-1e16", "1e999", "nan", "0x1"])
def test_numbers_whose_squares_do_not_fit(tmp_path, value):
    (tmp_path / "diabetes.csv").write_text(f"a,y\n1,2\n{value},3\n")
    assert (
        f"line 3: a is '{value}', expected a finite number, at most 1e+15"
        in peak(diabetes.load_diabetes, tmp_path)[1]
    )


def test_numbers_are_kept_as_numbers(tmp_path):
    """A row of Python strings takes fifty bytes a number, an array eight."""
    rng = random.Random(0)
    rows = "".join(f"{rng.random()},{rng.random()}\n" for _ in range(20_000))
    (tmp_path / "diabetes.csv").write_text("a,y\n" + rows)
    tracemalloc.start()
    try:
        assert len(diabetes.load_diabetes(tmp_path).y) == 20_000
        assert tracemalloc.get_traced_memory()[1] < 2000 * KB
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("name", "load"), [("cmudict.dict", cmudict.load_cmudict), ("diabetes.csv", diabetes.load_diabetes)]
)
def test_a_pipe_is_not_waited_for(tmp_path, name, load):
    os.mkfifo(tmp_path / name)
    assert "no such file" in peak(load, tmp_path)[1]
