"""A training run's progress bar, and its handling of Ctrl-C and SIGTERM."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


class Asked:
    """Which signal has asked for the end; None as long as none has."""

    signal: int | None = None


@contextmanager
def stopping() -> Iterator[Asked]:
    """Notes the first Ctrl-C or SIGTERM, which batch systems and containers send. A second Ctrl-C raises
    KeyboardInterrupt at once; a second SIGTERM, which some of them send as well, does nothing."""
    asked = Asked()
    if threading.current_thread() is not threading.main_thread():  # only the main thread can have a handler
        yield asked
        return

    def handler(number, frame):
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if asked.signal is None:
            asked.signal = number
            os.write(2, b"\nStopping after this step. Ctrl-C stops at once.\n")  # print is not safe in a handler

    before = {number: signal.signal(number, handler) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for number, old in before.items():
            signal.signal(number, old)


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
