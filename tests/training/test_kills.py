"""Thirty kills and ten SIGTERMs at any time of two runs, which go on to the bits of runs that were left alone."""

import random
import signal
import time

import pytest
from runs import same_bits
from test_training import child, small, steps_done, wait_for  # noqa: F401  a fixture

from shared import catalogue
from shared.training.plan import CHECKPOINT, RESULT

STEPS = 600
SIGNALS = [signal.SIGKILL] * 15 + [signal.SIGTERM] * 5  # to each of the two


def command(path, data, out, resume):
    """Python that runs as the command does, but with a checkpoint after every step."""
    return (
        f"import sys; sys.path.append({str(catalogue.ROOT / 'tests')!r})\n"
        "from runs import train; from shared.training import loop\n"
        f"try: train({path!r}, steps={STEPS}, data={str(data)!r}, out={str(out)!r}, resume={resume},\n"
        "    checkpoint_seconds=0)\n"
        "except loop.Interrupted as stopped: print(stopped, file=sys.stderr); sys.exit(stopped.status)"
    )


@pytest.mark.full
@pytest.mark.parametrize("path", ["intro/mlp", "recurrent/lstm"])
def test_every_one_goes_on_to_the_same_bits(path, small, tmp_path):  # noqa: F811
    stopped, whole = tmp_path / "stopped", tmp_path / "whole"
    rng, counts, inside = random.Random(0), {signal.SIGKILL: 0, signal.SIGTERM: 0}, 0
    signals = rng.sample(SIGNALS, len(SIGNALS))
    for number in signals:
        before = steps_done(stopped)
        process = child("-c", command(path, small, stopped, (stopped / CHECKPOINT).exists()))
        wait_for(lambda before=before: steps_done(stopped) > before, process)
        time.sleep(rng.uniform(0, 0.1))
        process.send_signal(number)
        _, errors = process.communicate(timeout=200)
        assert "Traceback" not in errors
        assert process.returncode == (-number if number == signal.SIGKILL else 128 + number), errors
        counts[number] += 1
        inside += any(".tmp" in file.name for file in stopped.iterdir())
    assert steps_done(stopped) < STEPS
    for out in (stopped, whole):
        process = child("-c", command(path, small, out, out == stopped))
        _, errors = process.communicate(timeout=500)
        assert process.returncode == 0, errors
    same_bits(stopped, whole, STEPS)
    assert {file.name for file in stopped.iterdir()} == {file.name for file in whole.iterdir()}
    assert (stopped / RESULT).exists()
    kills, terms = counts.values()
    print(f"{path}: {kills} kills, {inside} of them while a checkpoint was written, and {terms} SIGTERMs")
