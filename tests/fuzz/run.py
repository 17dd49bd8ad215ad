"""`python tests/fuzz/run.py --seconds 3600`: damaged files for every loader, for so long; the counts are printed.

A loader may return a value or raise ValueError with a message of one line. Anything else is a finding: another
exception, more than MEMORY, more than HANG seconds, or the end of the process. The file is kept in --keep.
"""

import argparse
import collections
import multiprocessing
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
import warnings
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

from hypothesis import HealthCheck, Phase, given, seed, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from mutations import damaged  # noqa: E402
from targets import TARGETS  # noqa: E402

MEMORY = 1 << 30  # bytes of addresses beyond those that are in use at the start
HANG = 20  # seconds of the processor for one file
ROUND = 200  # files of one seed


class Hang(Exception):
    pass


def one(target, data: bytes, path: Path) -> str:
    """Writes a file and reads it; "value", "refused", or what went wrong."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    signal.setitimer(signal.ITIMER_PROF, HANG)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            target.load(path)
        return "value"
    except ValueError as error:
        return (
            "refused"
            if "\n" not in str(error) and len(str(error)) < 2000
            else f"message of many lines: {error!r:.200}"
        )
    except Hang:
        return f"hangs for more than {HANG} s"
    except BaseException as error:
        return f"{type(error).__name__}: {str(error)[:200]}"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def rounds(name: str, number: int, folder: Path, pipe):
    """In a process of its own: one seed's files for one target, their outcomes into the pipe."""

    def hang(*_):
        raise Hang

    signal.signal(signal.SIGPROF, hang)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
    target, outcomes, findings = TARGETS[name], collections.Counter(), {}

    @seed(number)
    @settings(
        max_examples=ROUND,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(data=st.sampled_from(target.valid).flatmap(damaged))
    def draw(data):
        outcome = one(target, data, folder / target.name)
        outcomes[outcome if outcome in ("value", "refused") else "wrong"] += 1
        if outcome not in ("value", "refused"):
            findings.setdefault(outcome, data)

    draw()
    pipe.send((outcomes, findings))


def fuzz(seconds: float, names: list[str], first: int, keep: Path) -> bool:
    """Round after round over the targets; whether nothing was found."""
    outcomes, wrong, number = {name: collections.Counter() for name in names}, set(), first
    processes, end = multiprocessing.get_context("fork"), time.monotonic() + seconds
    while time.monotonic() < end or number == first:
        for name in names:
            folder, (mine, its) = Path(tempfile.mkdtemp()), processes.Pipe(duplex=False)
            child = processes.Process(target=rounds, args=(name, number, folder, its))
            child.start()
            its.close()
            try:
                counts, found = mine.recv()
                outcomes[name] += counts
            except EOFError:  # it has ended without a word
                child.join()
                last = folder / TARGETS[name].name
                found = {f"the process ends with {child.exitcode}": last.read_bytes() if last.exists() else b""}
            child.join()
            for what, data in found.items():
                report(name, number, what, data, wrong, keep)
            shutil.rmtree(folder)
            if time.monotonic() > end and number > first:
                break
        number += 1
    for name, counts in outcomes.items():
        print(f"{name}: {counts.total():,} files: {counts['value']:,} values, {counts['refused']:,} refused", end="")
        print(f", {counts['wrong']:,} wrong")
    print(f"seeds {first} to {number - 1}, {len(wrong)} findings", flush=True)
    return not wrong


def report(name, number, what, data, wrong, keep):
    kind = name, what.partition(":")[0]  # of every kind of finding the first
    if kind in wrong:
        return
    wrong.add(kind)
    keep.mkdir(parents=True, exist_ok=True)
    file = keep / f"{name}-{number}-{len(wrong)}"
    file.write_bytes(data)
    print(f"FOUND {name}, seed {number}: {what}; the file is {file}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=int(time.time()) % 10**6)
    parser.add_argument("--target", choices=TARGETS, action="append")
    parser.add_argument("--keep", type=Path, default=ROOT / "build" / "fuzz")
    given = parser.parse_args()
    sys.exit(0 if fuzz(given.seconds, given.target or list(TARGETS), given.seed, given.keep) else 1)


if __name__ == "__main__":
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    main()
