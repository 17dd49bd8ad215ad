"""Atomic writes: after a crash a file is either the old one or the new one."""

import os
from pathlib import Path


def write(path: str | Path, data: bytes) -> Path:
    """Writes a file and returns its path. A reader sees the old content or the new, never a part of it.

    Raises ValueError, naming the file, if it cannot be written; the old content stays.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")  # the same folder: a rename is atomic only there
    try:
        try:
            with temporary.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())  # else a power cut could leave the new name on an empty file
            os.replace(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise ValueError(f"'{path}' cannot be written: {error.strerror}") from error
    return path


def open_folder(folder: str | Path) -> Path:
    """Makes sure that files can be written to a folder, which is created if need be, and sweeps up what killed
    writers left behind. ValueError, naming the folder, if it cannot be written to."""
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for left in folder.glob(".*.tmp"):
            left.unlink(missing_ok=True)
        probe = folder / f".probe.{os.getpid()}.tmp"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise ValueError(f"folder '{folder}' cannot be written to: {error.strerror}") from error
    return folder


def put(file: Path, begin: str, end: str, text: str):
    """Replaces what stands between two markers, atomically; ValueError if the file lacks one of them."""
    old = file.read_text()
    if old.count(begin) != 1 or old.count(end) != 1:
        raise ValueError(f"{file.name} must hold each of the lines {begin!r} and {end!r} once")
    before, _, rest = old.partition(begin)
    _, _, after = rest.partition(end)
    write(file, f"{before}{begin}\n{text}\n{end}{after}".encode())
