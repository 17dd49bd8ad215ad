"""The IDX parser, the embedded MNIST, and what happens to damaged or foreign files."""

import gzip
import hashlib
import shutil
import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from shared.data.idx import CHUNK, DTYPES, read_idx
from shared.data.mnist import EMBEDDED, SHA256, as_rows, load_digits, verify

MD5 = {  # of the uncompressed files, as published
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}


def idx_bytes(array):
    """An IDX writer that shares nothing with the reader but the table of type codes."""
    code = {np.dtype(d).newbyteorder("="): code for code, d in DTYPES.items()}[array.dtype]
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, code, array.ndim, *array.shape)
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


def write(folder, arrays, zipped=False):
    for name, array in arrays.items():
        data = idx_bytes(array)
        (folder / (name + ".gz" * zipped)).write_bytes(gzip.compress(data) if zipped else data)


@pytest.fixture
def small():
    """Four valid arrays: 7 training and 3 test images of (4, 5)."""
    rng = np.random.default_rng(0)
    return {
        "train-images-idx3-ubyte": rng.integers(0, 256, (7, 4, 5), dtype=np.uint8),
        "train-labels-idx1-ubyte": rng.integers(0, 10, 7, dtype=np.uint8),
        "t10k-images-idx3-ubyte": rng.integers(0, 256, (3, 4, 5), dtype=np.uint8),
        "t10k-labels-idx1-ubyte": rng.integers(0, 10, 3, dtype=np.uint8),
    }


any_array = st.sampled_from(sorted(DTYPES.values())).flatmap(
    lambda dtype: hnp.arrays(
        np.dtype(dtype).newbyteorder("="),
        hnp.array_shapes(min_dims=1, max_dims=5, min_side=0, max_side=6),
    )
)


# --- the parser -------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=150)
@given(array=any_array, zipped=st.booleans())
def test_idx_round_trip(tmp_path_factory, array, zipped):
    path = tmp_path_factory.mktemp("idx") / "a.idx"  # no .gz: the content decides
    path.write_bytes(gzip.compress(idx_bytes(array)) if zipped else idx_bytes(array))
    got = read_idx(path)
    assert got.dtype == array.dtype
    assert got.dtype.isnative
    assert got.flags.writeable
    np.testing.assert_array_equal(got, array)


def test_bytes_written_by_hand(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(bytes.fromhex("0000 0b02 00000002 00000001 0102 fffe"))
    np.testing.assert_array_equal(read_idx(path), np.array([[0x0102], [-2]], np.int16))


@pytest.mark.parametrize("count", [CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK])
def test_files_around_the_chunk_size(tmp_path, count):
    array = np.arange(count, dtype=np.uint8)
    (tmp_path / "a").write_bytes(idx_bytes(array))
    np.testing.assert_array_equal(read_idx(tmp_path / "a"), array)


good = idx_bytes(np.arange(6, dtype=np.int16).reshape(2, 3))

DAMAGE = {
    "empty": (b"", "found 0 bytes, expected at least 4"),
    "cut in the magic": (good[:3], "found 3 bytes, expected at least 4"),
    "cut in the sizes": (good[:10], "found 10 bytes, expected 12"),
    "wrong magic": (b"\x00\x01" + good[2:], "starts with 0x0001, expected 0x0000"),
    "text": (b"<html>not found</html>", "not an IDX file"),
    "type code": (good[:2] + b"\x0a" + good[3:], "element type 0x0a, expected one of 0x08"),
    "no dimensions": (good[:3] + b"\x00" + good[4:], "announces 0 dimensions, expected 1 to 64"),
    "65 dimensions": (good[:3] + b"\x41" + b"\0\0\0\1" * 65 + b"\0\0", "announces 65 dimensions"),
    "cut by a byte": (good[:-1], r"\(2, 3\) int16, 12 bytes"),
    "no body": (good[:12], r"\(2, 3\) int16, 12 bytes"),
    "trailing byte": (good + b"\0", "trailing bytes"),
    "overflowing sizes": (b"\0\0\x08\x04" + b"\0\0\0\0" + b"\xff" * 12, r"\(0, 4294967295, "),
}


@pytest.mark.parametrize("zipped", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_idx(tmp_path, damage, zipped):
    data, message = DAMAGE[damage]
    path = tmp_path / "a.idx"
    path.write_bytes(gzip.compress(data) if zipped else data)
    with pytest.raises(ValueError, match=message) as caught:
        read_idx(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("keep", [2, 9, 12, -9, -8, -1])
def test_truncated_gzip(tmp_path, keep):
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(good)[:keep])
    with pytest.raises(ValueError, match=r"a\.gz: damaged gzip data"):
        read_idx(path)


@settings(deadline=None, max_examples=150)
@given(data=st.data())
def test_any_flipped_bit_is_an_error_or_harmless(tmp_path_factory, data):
    """A gzip file with one bit flipped is refused, or reads the same (header fields such as the date)."""
    array = np.arange(300, dtype=np.int32).reshape(20, 15)
    blob = bytearray(gzip.compress(idx_bytes(array)))
    blob[data.draw(st.integers(0, len(blob) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    path = tmp_path_factory.mktemp("idx") / "a.gz"
    path.write_bytes(blob)
    try:
        got = read_idx(path)
    except ValueError:
        return
    np.testing.assert_array_equal(got, array)


def peak_memory(path):
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="header announces"):
            read_idx(path)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("zipped", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("sizes", [b"\xff" * 4, b"\x7f" * 12, b"\xff" * 4 * 60])
def test_huge_announced_sizes_take_no_memory(tmp_path, sizes, zipped):
    data = bytes([0, 0, 0x0E, len(sizes) // 4]) + sizes + b"\0" * 100
    (tmp_path / "a").write_bytes(gzip.compress(data) if zipped else data)
    assert peak_memory(tmp_path / "a") < CHUNK


def test_a_gzip_bomb_takes_little_memory(tmp_path):
    bomb = gzip.compress(b"\0\0\x08\x01\0\0\0\x10" + bytes(64 * CHUNK), compresslevel=1)
    (tmp_path / "a.gz").write_bytes(bomb)
    assert peak_memory(tmp_path / "a.gz") < CHUNK


def test_missing_file_and_folder_in_its_place(tmp_path):
    with pytest.raises(ValueError, match=rf"a\.idx in '{tmp_path}' does not exist"):
        read_idx(tmp_path / "a.idx")
    with pytest.raises(ValueError, match="is a folder, expected a file"):
        read_idx(tmp_path)


# --- the embedded MNIST -----------------------------------------------------------------------------------


def test_embedded_mnist():
    digits = load_digits()
    assert [a.shape for a in digits] == [(60000, 28, 28), (60000,), (10000, 28, 28), (10000,)]
    assert all(a.dtype == np.uint8 for a in digits)
    np.testing.assert_array_equal(digits.train_labels[:8], [5, 0, 4, 1, 9, 2, 1, 3])
    np.testing.assert_array_equal(np.bincount(digits.test_labels)[:3], [980, 1135, 1032])
    # The data parts of the files have published MD5s; put the IDX headers back in front.
    for array, expected in zip(digits, MD5.values(), strict=True):
        assert hashlib.md5(idx_bytes(array)).hexdigest() == expected


def test_readme_names_the_digests():
    readme = (EMBEDDED.parent / "README.md").read_text(encoding="utf-8")
    assert all(digest in readme for digest in [*SHA256.values(), *MD5.values()])


@pytest.mark.parametrize("name", SHA256)
def test_altered_embedded_file(tmp_path, name):
    shutil.copytree(EMBEDDED, tmp_path, dirs_exist_ok=True)
    verify(tmp_path)
    data = bytearray((tmp_path / name).read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / name).write_bytes(data)
    found = hashlib.sha256(data).hexdigest()
    with pytest.raises(ValueError, match=f"{name}: altered: found SHA-256 {found}, expected {SHA256[name]}"):
        verify(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(ValueError, match=f"{name}: no such file"):
        verify(tmp_path)


def test_load_digits_verifies_what_it_embeds(tmp_path, monkeypatch):
    shutil.copytree(EMBEDDED, tmp_path, dirs_exist_ok=True)
    name = "t10k-labels-idx1-ubyte.gz"
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes() + b"\0")
    monkeypatch.setattr("shared.data.mnist.EMBEDDED", tmp_path)
    with pytest.raises(ValueError, match="altered"):
        load_digits()


# --- a folder of one's own --------------------------------------------------------------------------------


@pytest.mark.parametrize("zipped", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("dotted", [False, True], ids=["dash", "dot"])
def test_own_folder(tmp_path, small, zipped, dotted):
    named = {name.replace("-idx", ".idx") if dotted else name: array for name, array in small.items()}
    write(tmp_path, named, zipped)
    for got, want in zip(load_digits(str(tmp_path)), small.values(), strict=True):
        np.testing.assert_array_equal(got, want)


WRONG = {
    "label 10": (
        "train-labels-idx1-ubyte",
        np.array([1, 9, 0, 10, 2, 11, 3], np.uint8),
        "train-labels-idx1-ubyte: label 10 at index 3, expected 0 to 9",
    ),
    "one label less": (
        "t10k-labels-idx1-ubyte",
        np.array([1, 2], np.uint8),
        "t10k-labels-idx1-ubyte: found 2 labels, expected 3 as in t10k-images-idx3-ubyte",
    ),
    "other size of image": (
        "t10k-images-idx3-ubyte",
        np.ones((3, 5, 4), np.uint8),
        r"t10k-images-idx3-ubyte: images are \(5, 4\), expected \(4, 5\)",
    ),
    "flat images": (
        "train-images-idx3-ubyte",
        np.ones((7, 20), np.uint8),
        r"train-images-idx3-ubyte: found uint8 of shape \(7, 20\), expected images as uint8 with 3",
    ),
    "float images": (
        "train-images-idx3-ubyte",
        np.ones((7, 4, 5), np.float32),
        r"found float32 of shape \(7, 4, 5\), expected images as uint8",
    ),
    "labels as a column": (
        "train-labels-idx1-ubyte",
        np.ones((7, 1), np.uint8),
        r"found uint8 of shape \(7, 1\), expected labels as uint8 with 1",
    ),
    "no images": (
        "train-images-idx3-ubyte",
        np.ones((0, 4, 5), np.uint8),
        r"found shape \(0, 4, 5\), expected at least one",
    ),
    "images of no width": (
        "t10k-images-idx3-ubyte",
        np.ones((3, 4, 0), np.uint8),
        r"found shape \(3, 4, 0\), expected at least one",
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_files_that_do_not_fit(tmp_path, small, wrong):
    name, array, message = WRONG[wrong]
    write(tmp_path, small | {name: array})
    with pytest.raises(ValueError, match=message):
        load_digits(tmp_path)


def test_number_of_classes(tmp_path, small):
    small["train-labels-idx1-ubyte"][2] = 10
    write(tmp_path, small)
    assert load_digits(tmp_path, n_classes=11).train_labels[2] == 10
    with pytest.raises(ValueError, match="label 10 at index 2"):
        load_digits(tmp_path)


@pytest.mark.parametrize("name", MD5)
def test_missing_file_of_four(tmp_path, small, name):
    write(tmp_path, small)
    (tmp_path / name).unlink()
    with pytest.raises(ValueError, match=rf"{name}\[\.gz\]: no such file in '{tmp_path}'"):
        load_digits(tmp_path)


def test_missing_folder_and_file_in_its_place(tmp_path):
    with pytest.raises(ValueError, match=r"nowhere' does not exist, expected a folder"):
        load_digits(tmp_path / "nowhere")
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match=r"file' is a file, expected a folder"):
        load_digits(tmp_path / "file")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_as_rows(dtype):
    images = np.arange(256, dtype=np.uint8).reshape(16, 4, 4)
    rows = as_rows(images, dtype)
    assert (rows.shape, rows.dtype) == ((16, 16), np.dtype(dtype))
    assert (rows.min(), rows.max()) == (0, 1)
    np.testing.assert_array_equal(rows, images.reshape(16, 16).astype(dtype) / np.dtype(dtype).type(255))
    assert as_rows(images[:0], dtype).shape == (0, 16)


def test_as_rows_refuses_other_arrays():
    with pytest.raises(ValueError, match=r"images: found float64 of shape \(2, 3, 3\), expected uint8"):
        as_rows(np.zeros((2, 3, 3)))
    with pytest.raises(ValueError, match=r"images: found uint8 of shape \(2, 9\)"):
        as_rows(np.zeros((2, 9), np.uint8))
    with pytest.raises(ValueError, match="dtype: found int32"):
        as_rows(np.zeros((2, 3, 3), np.uint8), "int32")
