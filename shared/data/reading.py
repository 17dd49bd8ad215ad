"""Reading files that anybody may have written: plain or gzip, in bounded memory, every fault a ValueError that names
the file."""

import gzip
import hashlib
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

GZIP_MAGIC = b"\x1f\x8b"
MAX_RATIO = 1032  # deflate spends at least 2 bits on a run, and a run is at most 258 bytes
MAX_TEXT = 32 << 20  # bytes; nine times CMUdict


@contextmanager
def opened(path: Path) -> Iterator[tuple[BinaryIO, int]]:
    """The content of a file, unzipped if it is zipped (the first two bytes decide, not the name), and how many bytes
    it can be at most. ValueError, here or while it is read, if it is missing or damaged."""
    try:
        if not path.is_file():  # of a pipe we would wait for ever
            found = "is a folder" if path.is_dir() else "is no file" if path.exists() else "does not exist"
            raise ValueError(f"{path.name} in '{path.parent}' {found}, expected a file")
        size = path.stat().st_size
        with path.open("rb") as raw:
            zipped = raw.read(2) == GZIP_MAGIC
            raw.seek(0)
            if not zipped:
                yield raw, size
            else:
                with gzip.GzipFile(fileobj=raw, mode="rb") as unzipped:
                    yield unzipped, size * MAX_RATIO
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(f"{path}: damaged gzip data ({error}), expected a whole gzip file") from error
    except OSError as error:
        raise ValueError(f"{path}: cannot be read ({error.strerror})") from error


def lines(path: Path, sha256: str | None = None) -> Iterator[str]:
    """The lines of a text file, one at a time and without their ends. ValueError if it is missing, damaged, not
    UTF-8, longer than MAX_TEXT, or, where a digest is given, altered."""
    if sha256:
        verify(path, sha256)
    with opened(path) as (file, _):
        try:
            for line in io.TextIOWrapper(io.BufferedReader(_AtMost(file, path)), encoding="utf-8"):
                yield line.rstrip("\n")
        except UnicodeDecodeError as error:
            raise ValueError(f"{path}: cannot be read ({error.reason}), expected text in UTF-8") from None


def verify(path: Path, sha256: str) -> None:
    """ValueError if a file is not there or not, to the bit, the one that was embedded."""
    if not path.is_file():
        raise ValueError(f"{path.name}: no such file in '{path.parent}', expected an embedded file")
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        raise ValueError(f"{path}: altered: found SHA-256 {found}, expected {sha256}")


class _AtMost(io.RawIOBase):
    """A stream that refuses to go on after MAX_TEXT bytes: a few zipped megabytes can be gigabytes of text."""

    def __init__(self, file: BinaryIO, path: Path):
        self.file, self.path, self.left = file, path, MAX_TEXT

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        data = self.file.read(min(len(buffer), self.left + 1))
        self.left -= len(data)
        if self.left < 0:
            raise ValueError(f"{self.path}: longer than {MAX_TEXT >> 10} KiB of text, expected at most that")
        buffer[: len(data)] = data
        return len(data)
