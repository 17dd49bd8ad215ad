"""The diabetes data of Efron et al. (2004) as embedded here, or a CSV file of the same form."""

import csv
import math
from array import array
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64

from shared.data import reading

EMBEDDED = Path(__file__).parent / "diabetes" / "diabetes.csv.gz"
SHA256 = "d4e1d3f131c04cad668b6fb44523907c2f991bea0673c7de0970a60d7e69f59d"
LARGEST = 1e15  # in magnitude: the sum of its squares is still a float32


class Diabetes(NamedTuple):
    """One row per patient; what was measured, in the units of diabetes/README.md, and the disease a year later."""

    X: Float64[np.ndarray, "N D"]
    y: Float64[np.ndarray, "N"]
    names: tuple[str, ...]  # of the D columns


def load_diabetes(directory: str | Path | None = None) -> Diabetes:
    """Load the embedded data (442 patients, 10 features), or diabetes.csv[.gz] of a folder: a header, then numbers,
    the target last.

    Raises ValueError, naming the file and the line, when it is missing, altered (the embedded file only), damaged,
    ragged, or holds anything but finite numbers of at most LARGEST.
    """
    path = EMBEDDED if directory is None else _find(Path(directory))
    return _parse(path, SHA256 if directory is None else None)


def _parse(path: Path, sha256: str | None) -> Diabetes:
    names, count = None, 0
    values = array("d")  # numbers as soon as they are read: rows of strings take fifty times as much
    rows = csv.reader(reading.lines(path, sha256))
    try:
        for row in filter(None, rows):
            count += 1
            if names is None:
                names = row
                continue
            if len(row) != len(names):
                expected = f"{len(names)} as in the header"
                raise ValueError(f"{path}, line {rows.line_num}: found {len(row)} values, expected {expected}")
            values.extend(map(_number, row))
            for name, text, value in zip(names, row, values[-len(row) :], strict=True):
                if not abs(value) <= LARGEST:  # nan neither
                    found = f"{' '.join(name.split())[:40]} is {text[:40]!r}"
                    raise ValueError(
                        f"{path}, line {rows.line_num}: {found}, expected a finite number, at most {LARGEST:g}"
                    )
    except csv.Error as error:
        raise ValueError(f"{path}, line {rows.line_num}: {error}") from None
    if count < 2 or len(names) < 2:
        raise ValueError(f"{path}: found {count} lines, expected a header of at least two names, then numbers")
    table = np.array(values).reshape(-1, len(names))
    return Diabetes(table[:, :-1], table[:, -1], tuple(names[:-1]))


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _find(directory: Path) -> Path:
    for name in ("diabetes.csv.gz", "diabetes.csv"):
        if (directory / name).is_file():
            return directory / name
    found = "no such file in" if directory.is_dir() else "no folder"
    raise ValueError(f"diabetes.csv[.gz]: {found} '{directory}', expected a header and rows of numbers")
