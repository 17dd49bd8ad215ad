"""A short run of the machine that damages files; `python tests/fuzz/run.py --seconds 3600` is a long one."""

import subprocess
import sys
from pathlib import Path

import pytest

from shared import catalogue

RUN = Path(__file__).parent / "run.py"


@pytest.mark.full
def test_no_loader_is_upset_by_damaged_files(tmp_path):
    arguments = ["--seconds", "40", "--seed", "1", "--keep", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, str(RUN), *arguments], cwd=catalogue.ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 findings" in done.stdout


def test_a_loader_that_is_upset_is_found(tmp_path):
    """The machine is right about one loader that breaks, one that takes memory, and one that hangs."""
    text = (
        f"import sys; sys.path.insert(0, {str(RUN.parent)!r}); import run, pathlib\n"
        "from targets import TARGETS, Target\n"
        "run.ROUND, run.HANG = 3, 1\n"
        "def hang(path):\n    while True: pass\n"
        "TARGETS['breaks'] = Target([b'{\"a\": 1}'], 'x', lambda path: 1 / 0)\n"
        "TARGETS['eats'] = Target([b'{\"a\": 1}'], 'x', lambda path: bytearray(1 << 32))\n"
        "TARGETS['hangs'] = Target([b'{\"a\": 1}'], 'x', hang)\n"
        "TARGETS['dies'] = Target([b'{\"a\": 1}'], 'x', lambda path: run.os._exit(9))\n"
        f"assert not run.fuzz(0, ['breaks', 'eats', 'hangs', 'dies'], 0, pathlib.Path({str(tmp_path)!r}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", text], cwd=catalogue.ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = [line for line in done.stdout.splitlines() if line.startswith("FOUND")]
    words = (
        "breaks, seed 0: ZeroDivisionError",
        "eats, seed 0: MemoryError",
        "hangs for more than 1 s",
        "ends with 9",
    )
    assert len(found) == len(words)
    assert all(word in line for word, line in zip(words, found, strict=True))
    assert len(list(tmp_path.iterdir())) == len(words)
