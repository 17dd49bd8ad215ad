"""Damaged files, drawn by Hypothesis from whole ones."""

import gzip
import json
import struct
import zlib

from hypothesis import strategies as st

from shared.data.reading import GZIP_MAGIC

SIZES = [0, 1, 2, 255, 256, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**40, 2**63 - 1, 2**63, 2**64 - 1]
ODD = [
    None,
    True,
    False,
    0,
    -1,
    1.5,
    10**9,
    10**30,
    1e308,
    float("nan"),
    float("inf"),
    "",
    "x",
    [],
    {},
    [[]],
    "F8_E4M3",
]
ODD += ["BF16", "\0", "é" * 100, {"a": {"a": {}}}, [2**31, 2**31, 2**31]]


@st.composite
def damaged(draw, whole: bytes):
    """A whole file after one to three strokes, often one; into what is zipped as often as not."""
    data = whole
    for _ in range(draw(st.sampled_from([1, 1, 2, 3]))):
        if data[:2] == GZIP_MAGIC and draw(st.booleans()):
            try:
                inside = gzip.decompress(data)
            except (OSError, EOFError, zlib.error):
                continue
            data = gzip.compress(draw(strokes(inside)), compresslevel=1)
        else:
            data = draw(strokes(data))
    return data


def strokes(data: bytes):
    binary = st.one_of(flipped(data), cut(data), inserted(data), repeated(data), sized(data))
    return st.one_of(binary, header(data) if b"{" in data[:9] else text(data))


@st.composite
def flipped(draw, data: bytes):
    changed = bytearray(data)
    for _ in range(draw(st.integers(1, 8)) if data else 0):
        changed[draw(st.integers(0, len(data) - 1))] = draw(st.integers(0, 255))
    return bytes(changed)


@st.composite
def cut(draw, data: bytes):
    first, last = sorted((draw(st.integers(0, len(data))), draw(st.integers(0, len(data)))))
    return draw(st.sampled_from([data[:first], data[first:], data[:first] + data[last:]]))


@st.composite
def inserted(draw, data: bytes):
    at = draw(st.integers(0, len(data)))
    return data[:at] + draw(st.binary(max_size=64)) + data[at:]


@st.composite
def repeated(draw, data: bytes):
    """A piece many times over: long lines, long files, bombs."""
    first, last = sorted((draw(st.integers(0, len(data))), draw(st.integers(0, len(data)))))
    piece = data[first:last]
    most = max(1, (1 << 22) // max(len(piece), 1))
    return data[:last] + piece * draw(st.sampled_from([1, 2, 1000, most]).map(lambda n: min(n, most))) + data[last:]


@st.composite
def sized(draw, data: bytes):
    """A number of 2, 4 or 8 bytes somewhere, of either byte order, that announces a size."""
    form = draw(st.sampled_from(["<H", ">H", "<I", ">I", "<Q", ">Q"]))
    number = struct.pack(form, draw(st.sampled_from(SIZES)) % (1 << 8 * struct.calcsize(form)))
    at = draw(st.sampled_from([0, 4, 8, 12]) | st.integers(0, len(data)))
    return data[:at] + number + data[at + len(number) :]


@st.composite
def text(draw, data: bytes):
    """A word of a text file exchanged for an odd one."""
    words = data.split(b",") if b"," in data else data.split(b" ")
    odd = st.sampled_from(
        [b"", b"nan", b"1e200", b"-0", b'"', b"\n", b"\r", b"#", b"(", b"\xff", b"[" * 10_000, b"{}"]
    )
    words[draw(st.integers(0, len(words) - 1))] = draw(odd | st.binary(max_size=8))
    return (b"," if b"," in data else b" ").join(words)


@st.composite
def header(draw, data: bytes):
    """The JSON in front of safetensors, or the whole of a JSON file, with some values exchanged; and so the JSON text
    that is a value of it."""
    length = int.from_bytes(data[:8], "little")
    has_header = 8 + length <= len(data) and data[8:9] == b"{"
    try:
        tree = json.loads(data[8 : 8 + length] if has_header else data)
    except (ValueError, RecursionError):
        return data
    made = json.dumps(exchanged(draw, tree)).encode()
    return struct.pack("<Q", len(made)) + made + data[8 + length :] if has_header else made


def exchanged(draw, tree, deep: int = 0):
    """A tree of JSON with one value exchanged, left out, added or nested too deep."""
    if isinstance(tree, str) and tree.startswith("{") and draw(st.booleans()):
        try:
            return json.dumps(exchanged(draw, json.loads(tree)))
        except (ValueError, RecursionError):
            return tree
    if not isinstance(tree, dict | list) or not tree or deep > 8 or not draw(st.integers(0, 3 + deep)):
        return draw(st.sampled_from(ODD) | st.integers() | st.floats() | st.text(max_size=8) | deep_lists())
    if isinstance(tree, list):
        at = draw(st.integers(0, len(tree) - 1))
        return [*tree[:at], exchanged(draw, tree[at], deep + 1), *tree[at + 1 :]]
    key = draw(st.sampled_from(sorted(tree)))
    how = draw(st.sampled_from(["value", "value", "value", "leave out", "rename"]))
    changed = {name: value for name, value in tree.items() if name != key}
    if how == "value":
        changed[key] = exchanged(draw, tree[key], deep + 1)
    elif how == "rename":
        changed[draw(st.sampled_from(["history.loss", "history.x", "state", "x", ""]) | st.text(max_size=8))] = tree[
            key
        ]
    return changed


def deep_lists():
    return st.sampled_from([40, 300]).map(lambda n: json.loads("[" * n + "]" * n)) | st.just("[" * 100_000)
