"""What a training run shows and hears while it goes on: a progress bar, Ctrl-C."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


@contextmanager
def ctrl_c() -> Iterator[threading.Event]:
    """An event that the first Ctrl-C sets; the second raises KeyboardInterrupt at once."""
    pressed = threading.Event()
    if threading.current_thread() is not threading.main_thread():  # only the main thread can have a handler
        yield pressed
        return

    def handler(number, frame):
        pressed.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.write(2, b"\nStopping after this step. Ctrl-C again stops at once.\n")  # print is not safe in a handler

    before = signal.signal(signal.SIGINT, handler)
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def bar(title: str, total: int, visible: bool) -> Iterator[Callable[[int, float], None]]:
    """A progress bar on stderr; yields show(steps done, loss)."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[speed]}"),
        TextColumn("{task.fields[loss]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), disable=not visible) as progress:
        task = progress.add_task(title, total=total, speed="", loss="")

        def show(done: int, loss: float):
            speed = progress.tasks[0].speed
            progress.update(task, completed=done, loss=f"loss {loss:.4f}", speed=f"{speed:.0f}/s" if speed else "")

        yield show
