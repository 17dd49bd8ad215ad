"""The IDX file format, in which MNIST and its relatives are published.

Layout:
    bytes 0-1           two zeros
    byte 2              element type, see DTYPES
    byte 3              number of dimensions, n
    next 4n bytes       sizes, big-endian uint32
    the rest            elements, big-endian, last dimension fastest
"""

import math
from pathlib import Path
from typing import BinaryIO

import numpy as np

from shared.data.reading import opened

DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}

MAX_DIMS = 64  # NumPy's own limit
CHUNK = 1 << 20


def read_idx(path: str | Path) -> np.ndarray:
    """Read one IDX file, gzip or plain (the first two bytes decide, not the name).

    Returns an array of the file's shape in native byte order. Memory is bounded by what the file really
    holds and by what its header announces, whichever is smaller.

    Raises ValueError, with the file's name, when it is missing, damaged, too short or too long.
    """
    path = Path(path)
    with opened(path) as (file, at_most):
        return _parse(file, path, at_most)


def _parse(file: BinaryIO, path: Path, at_most: int) -> np.ndarray:
    start = file.read(4)
    if len(start) < 4:
        raise ValueError(f"{path}: the IDX header is cut off: found {len(start)} bytes, expected at least 4")
    if start[:2] != b"\0\0":
        raise ValueError(f"{path}: not an IDX file: it starts with 0x{start[:2].hex()}, expected 0x0000")
    code, ndim = start[2], start[3]
    if code not in DTYPES:
        known = ", ".join(f"0x{known:02x}" for known in DTYPES)
        raise ValueError(f"{path}: unknown IDX element type 0x{code:02x}, expected one of {known}")
    if not 1 <= ndim <= MAX_DIMS:
        raise ValueError(f"{path}: IDX header announces {ndim} dimensions, expected 1 to {MAX_DIMS}")

    sizes = file.read(4 * ndim)
    if len(sizes) < 4 * ndim:
        raise ValueError(f"{path}: the IDX header is cut off: found {4 + len(sizes)} bytes, expected {4 + 4 * ndim}")
    shape = tuple(int(n) for n in np.frombuffer(sizes, ">u4"))
    dtype = np.dtype(DTYPES[code])
    announced = math.prod(shape) * dtype.itemsize  # Python integers: cannot overflow
    header = f"the header announces {shape} {dtype.newbyteorder('=').name}, {announced} bytes of data"
    # Refuse what cannot be true before reading. Zero sizes must not hide the others: NumPy counts them too.
    if announced > at_most or math.prod(n for n in shape if n) * dtype.itemsize > 2**63 - 1:
        raise ValueError(f"{path}: {header}, expected at most {at_most} in a file of this length")

    body = bytearray()
    while chunk := file.read(min(CHUNK, announced + 1 - len(body))):  # one more: are there trailing bytes?
        body += chunk
    if len(body) < announced:
        raise ValueError(f"{path}: cut off: found {len(body)} bytes of data, but {header}")
    if len(body) > announced:
        raise ValueError(f"{path}: trailing bytes: found more data than expected, {header}")
    return np.ndarray(shape, dtype, buffer=body).astype(dtype.newbyteorder("="), copy=False)
