"""The diabetes data of Efron et al. (2004) as embedded here, or a CSV file of the same form."""

import csv
import gzip
import hashlib
import math
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64

EMBEDDED = Path(__file__).parent / "diabetes" / "diabetes.csv.gz"
SHA256 = "d4e1d3f131c04cad668b6fb44523907c2f991bea0673c7de0970a60d7e69f59d"


class Diabetes(NamedTuple):
    """One row per patient; what was measured, in the units of diabetes/README.md, and the disease a year later."""

    X: Float64[np.ndarray, "N D"]
    y: Float64[np.ndarray, "N"]
    names: tuple[str, ...]  # of the D columns


def load_diabetes(directory: str | Path | None = None) -> Diabetes:
    """Load the embedded data (442 patients, 10 features), or diabetes.csv[.gz] of a folder: a header, then numbers,
    the target last.

    Raises ValueError, naming the file and the line, when it is missing, altered (the embedded file only), damaged,
    ragged, or holds anything but finite numbers.
    """
    path = EMBEDDED if directory is None else _find(Path(directory))
    try:
        raw = path.read_bytes()
        if directory is None and (found := hashlib.sha256(raw).hexdigest()) != SHA256:
            raise ValueError(f"{path}: altered: found SHA-256 {found}, expected {SHA256}")
        text = (gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw).decode()
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: cannot be read ({error})") from error
    return _parse(text, path)


def _parse(text: str, path: Path) -> Diabetes:
    lines = [line for line in csv.reader(text.splitlines()) if line]
    if len(lines) < 2 or len(lines[0]) < 2:
        raise ValueError(f"{path}: found {len(lines)} lines, expected a header of at least two names, then numbers")
    names, *rows = lines
    for number, row in enumerate(rows, start=2):
        if len(row) != len(names):
            expected = f"{len(names)} as in the header"
            raise ValueError(f"{path}, line {number}: found {len(row)} values, expected {expected}")
        for name, value in zip(names, row, strict=True):
            if not _is_finite(value):
                raise ValueError(f"{path}, line {number}: {name} is {value!r}, expected a finite number")
    table = np.array(rows, np.float64)
    return Diabetes(table[:, :-1], table[:, -1], tuple(names[:-1]))


def _is_finite(value: str) -> bool:
    try:
        return math.isfinite(float(value))
    except ValueError:
        return False


def _find(directory: Path) -> Path:
    for name in ("diabetes.csv.gz", "diabetes.csv"):
        if (directory / name).is_file():
            return directory / name
    found = "no such file in" if directory.is_dir() else "no folder"
    raise ValueError(f"diabetes.csv[.gz]: {found} '{directory}', expected a header and rows of numbers")
