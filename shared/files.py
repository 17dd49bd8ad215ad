"""Atomic writes: after a crash a file is either the old one or the new one. Tensor files: a damaged one is a
ValueError."""

import os
import re
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open

# What `write` calls a file that is not whole yet, with its process's number.
OWN = re.compile(r"\..+\.triptych-(\d+)\.tmp")


def write(path: str | Path, data: bytes) -> Path:
    """Writes a file and returns its path. A reader sees the old content or the new, never a part of it.

    Raises ValueError, naming the file, if it cannot be written; the old content stays.
    """
    path = Path(path)
    temporary = _temporary(path)  # in the same folder: a rename is atomic only there
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
        for file in folder.iterdir():
            own = OWN.fullmatch(file.name)
            if own and file.is_file() and not _lives(int(own[1])):
                file.unlink(missing_ok=True)
        probe = _temporary(folder / "probe")
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise ValueError(f"folder '{folder}' cannot be written to: {error.strerror}") from error
    return folder


def _temporary(path: Path) -> Path:
    return path.with_name(f".{path.name}.triptych-{os.getpid()}.tmp")


def _lives(process: int) -> bool:
    """Whether a process of this number is there; if that cannot be told, it is taken to be."""
    if os.name != "posix":  # elsewhere signal 0 is a signal like any other
        return True
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # another user's
        return True
    return True


def put(file: Path, begin: str, end: str, text: str):
    """Replaces what stands between two markers, atomically; ValueError if the file lacks one of them."""
    old = file.read_text()
    if old.count(begin) != 1 or old.count(end) != 1:
        raise ValueError(f"{file.name} must hold each of the lines {begin!r} and {end!r} once")
    before, _, rest = old.partition(begin)
    _, _, after = rest.partition(end)
    write(file, f"{before}{begin}\n{text}\n{end}{after}".encode())


def tensors(path: str | Path, what: str = "safetensors file") -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """The tensors of a safetensors file by name, and its metadata; ValueError, in one line, if it is not whole or
    holds numbers of a kind that NumPy lacks. what: the file, for the message."""
    path = Path(path)
    if not path.is_file():  # of a pipe the reader would wait for ever
        raise ValueError(f"'{path}' {'is no file' if path.exists() else 'does not exist'}, expected a {what}")
    try:
        with safe_open(path, framework="numpy") as stored:
            found = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118  not a dict
            return found, stored.metadata() or {}
    except (OSError, SafetensorError, TypeError, AttributeError) as error:  # the last two: bfloat16 and the like
        reason = " ".join(str(error).split())
        raise ValueError(f"'{path}' is not a whole {what}: {reason[:200]}") from None
