"""One run at a time in a folder."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:  # no such locks on Windows: there nothing is locked
    fcntl = None

LOCK = ".lock"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """A folder for one process alone; ValueError, naming the other, if one is at work there. The system gives up the
    lock of a process that was killed; the file that it leaves stands in nobody's way."""
    if not fcntl:
        yield
        return
    path = folder / LOCK
    descriptor = _held(path)
    try:
        os.ftruncate(descriptor, 0)
        os.write(descriptor, str(os.getpid()).encode())  # for the message that another run gets
        yield
    finally:
        path.unlink(missing_ok=True)  # while it is held: who opens it from now on makes a new one
        os.close(descriptor)


def _held(path: Path) -> int:
    """The open file, locked; ValueError if another process holds it."""
    while True:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NONBLOCK, 0o666)
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            other = os.read(descriptor, 20).decode(errors="replace") or "unknown"
            os.close(descriptor)
            raise ValueError(
                f"another run (process {other}) is at work in '{path.parent}'; --out chooses another folder"
            ) from None
        except OSError as error:
            raise ValueError(f"folder '{path.parent}' cannot be locked: {error.strerror}") from error
        if _is(path, descriptor):
            return descriptor
        os.close(descriptor)  # the other process finished and took the file away in between


def _is(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False
