"""MNIST as embedded here, or four IDX files of the same layout (Fashion-MNIST, KMNIST, your own)."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, UInt8

from shared.data import reading
from shared.data.idx import read_idx

EMBEDDED = Path(__file__).parent / "mnist"

SHA256 = {  # of the files as they lie here, compressed
    "train-images-idx3-ubyte.gz": "0b367032e93c5d0cea0925647cfdb18614af8ee15f83e6f2fc2ad904a6835971",
    "train-labels-idx1-ubyte.gz": "1787548bbe0bff1ec2ecdc0ef292b02df999e2d1a6002d27500982c652b17203",
    "t10k-images-idx3-ubyte.gz": "1a1a05eab793c14bb050b398624a11b0ffd1a2953baed553b1b9bd079e2a20be",
    "t10k-labels-idx1-ubyte.gz": "b91679a0acfe4ba0e50a2437a903084cba1f5f92592b016a25a7dfd00455798b",
}


class Digits(NamedTuple):
    """Grey images, 0 (paper) to 255 (ink), and their class numbers."""

    train_images: UInt8[np.ndarray, "train H W"]
    train_labels: UInt8[np.ndarray, "train"]
    test_images: UInt8[np.ndarray, "test H W"]
    test_labels: UInt8[np.ndarray, "test"]


def load_digits(directory: str | Path | None = None, n_classes: int = 10) -> Digits:
    """Load the embedded MNIST (directory=None), or the four IDX files of a folder.

    Shapes: MNIST has 60000 training and 10000 test images of (28, 28), uint8; other files may have any
    count and any (H, W), as long as train and test agree. Labels are in 0 .. n_classes - 1.

    Raises ValueError, naming the file, when one is missing, altered (embedded files only), damaged, or
    does not fit the others.
    """
    if directory is None:
        directory = EMBEDDED
        verify(directory)
    directory = Path(directory)
    if not directory.is_dir():
        found = "is a file" if directory.exists() else "does not exist"
        raise ValueError(f"data folder '{directory}' {found}, expected a folder with four IDX files")

    # Find all four before reading one: a missing file is told at once.
    parts = [(part, *kind) for part in ("train", "t10k") for kind in (("images", 3), ("labels", 1))]
    paths = [_find(directory, part, kind, rank) for part, kind, rank in parts]
    arrays = []
    for path, (_, kind, rank) in zip(paths, parts, strict=True):
        array = read_idx(path)
        if array.dtype != np.uint8 or array.ndim != rank:
            found = f"{array.dtype} of shape {array.shape}"
            raise ValueError(f"{path}: found {found}, expected {kind} as uint8 with {rank} dimension(s)")
        if array.size == 0:
            raise ValueError(f"{path}: found shape {array.shape}, expected at least one element")
        arrays.append(array)

    digits = Digits(*arrays)
    _check_pair(digits.train_images, digits.train_labels, paths[0], paths[1], n_classes)
    _check_pair(digits.test_images, digits.test_labels, paths[2], paths[3], n_classes)
    if digits.train_images.shape[1:] != digits.test_images.shape[1:]:
        found, expected = digits.test_images.shape[1:], digits.train_images.shape[1:]
        raise ValueError(f"{paths[2]}: images are {found}, expected {expected} as in {paths[0].name}")
    return digits


def as_rows(images: UInt8[np.ndarray, "N H W"], dtype: str = "float32") -> Float[np.ndarray, "N H*W"]:
    """Flatten images to one row each: (N, H, W) uint8 in 0 .. 255 -> (N, H*W) floats in [0, 1]."""
    if images.dtype != np.uint8 or images.ndim != 3:
        found = f"{images.dtype} of shape {images.shape}"
        raise ValueError(f"images: found {found}, expected uint8 of shape (N, H, W)")
    if not np.issubdtype(dtype, np.floating):
        raise ValueError(f"dtype: found {dtype}, expected a floating type such as float32")
    n, height, width = images.shape
    return np.divide(images.reshape(n, height * width), 255, dtype=dtype)


def verify(directory: str | Path) -> None:
    """Compare the four embedded files with their SHA-256; raises ValueError at the first that differs."""
    for name, expected in SHA256.items():
        reading.verify(Path(directory) / name, expected)


def _find(directory: Path, part: str, kind: str, rank: int) -> Path:
    names = [f"{part}-{kind}{mark}idx{rank}-ubyte{end}" for mark in "-." for end in (".gz", "")]
    for name in names:
        if (directory / name).is_file():
            return directory / name
    raise ValueError(f"{names[1]}[.gz]: no such file in '{directory}', expected four IDX files")


def _check_pair(images: np.ndarray, labels: np.ndarray, images_at: Path, labels_at: Path, n: int) -> None:
    if len(labels) != len(images):
        expected = f"{len(images)} as in {images_at.name}"
        raise ValueError(f"{labels_at}: found {len(labels)} labels, expected {expected}")
    if labels.max() >= n:
        index = int(np.argmax(labels >= n))
        raise ValueError(f"{labels_at}: label {labels[index]} at index {index}, expected 0 to {n - 1}")
