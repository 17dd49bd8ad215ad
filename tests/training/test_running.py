"""Runs among others: one in a folder at a time, signals, devices, threads, folders that hold nothing."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from runs import train
from test_training import child, small, steps_done, wait_for  # noqa: F401  a fixture

from shared import backends, catalogue
from shared.training import checkpoints, loop, plan
from shared.training.console import stopping
from shared.training.lock import LOCK, locked
from shared.training.plan import CHECKPOINT, RESULT, Settings, prepare

BACKENDS = backends.installed()
QUICK = {"recipe": "softmax_regression", "steps": 2}


# --- one run at a time ------------------------------------------------------------------------------------


def test_a_second_run_is_refused(small, tmp_path):  # noqa: F811
    with (
        locked(tmp_path),
        pytest.raises(ValueError, match=rf"another run \(process {os.getpid()}\) is at work in '.*'"),
    ):
        train(**QUICK, data=small, out=tmp_path, fresh=True)
    assert list(tmp_path.iterdir()) == []
    assert train(**QUICK, data=small, out=tmp_path).record["steps"] == 2
    assert not (tmp_path / LOCK).exists()


def test_the_lock_of_a_dead_process_stands_in_nobodys_way(tmp_path):
    text = "import os, pathlib; from shared.training.lock import locked\n"
    text += f"with locked(pathlib.Path({str(tmp_path)!r})): os.kill(os.getpid(), 9)"
    assert subprocess.run([sys.executable, "-c", text], cwd=catalogue.ROOT, check=False).returncode == -signal.SIGKILL
    assert (tmp_path / LOCK).exists()
    with locked(tmp_path):
        assert (tmp_path / LOCK).read_text() == str(os.getpid())
    assert list(tmp_path.iterdir()) == []


def test_a_lock_that_was_taken_away_is_taken_anew(tmp_path, monkeypatch):
    """Another process may end, and take its file away, between our opening of the file and our lock on it."""
    flock, calls = plan_flock(), []

    def late(descriptor, how):
        if not calls:
            (tmp_path / LOCK).unlink()
        calls.append(descriptor)
        flock(descriptor, how)

    monkeypatch.setattr("shared.training.lock.fcntl.flock", late)
    with locked(tmp_path):
        assert len(calls) == 2
        with pytest.raises(ValueError, match="another run"), locked(tmp_path):
            pass


def plan_flock():
    import fcntl

    return fcntl.flock


# --- signals ----------------------------------------------------------------------------------------------


def test_sigterm_leaves_a_checkpoint_and_says_how_to_go_on(small, tmp_path):  # noqa: F811
    arguments = ["mlp", "--steps", "100000", "--data", str(small), "--out", str(tmp_path), "--no-progress"]
    process = child("-m", "shared.cli", "train", *arguments)
    wait_for(lambda: (tmp_path / CHECKPOINT).exists(), process)
    time.sleep(0.3)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 143
    assert f"Stopped after step {steps_done(tmp_path)} of 100000; everything so far is kept." in errors
    assert f"--out {tmp_path} --resume\n" in errors
    assert "Traceback" not in errors
    assert [file.name for file in tmp_path.iterdir()] == [CHECKPOINT]


def test_a_second_sigterm_does_no_more_than_the_first():
    before = signal.getsignal(signal.SIGTERM)
    with stopping() as asked:
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)
        assert asked.signal == signal.SIGTERM
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_status_of_an_interrupted_run(small, tmp_path, monkeypatch, number):  # noqa: F811
    recipe = catalogue.companion("recipes", "intro/softmax_regression")
    batch = recipe.batch
    monkeypatch.setattr(recipe, "batch", lambda *args: signal.raise_signal(number) or batch(*args))
    with pytest.raises(loop.Interrupted) as stopped:
        train(**QUICK, data=small, out=tmp_path)
    assert stopped.value.status == 128 + number


@pytest.mark.parametrize("module", ["numpy", "optree", "typer", "shared.catalogue"])
def test_ctrl_c_during_the_imports_is_one_line(module):
    """The signal comes while some module that the command needs is being imported."""
    text = (
        "import signal, sys\n"
        "class Finder:\n"
        "    def find_spec(self, name, *_):\n"
        f"        if name == {module!r}: signal.raise_signal(signal.SIGINT)\n"
        "sys.meta_path.insert(0, Finder())\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from shared.cli.__main__ import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", text], cwd=catalogue.ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "interrupted\n")


# --- devices ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("device", ["", "cpu:7", "meta", "abacus", "gpu:99", "cuda:99", "/gpu", ":", "cpu:x"])
def test_a_device_that_there_is_not(backend, device, tmp_path):
    if device == "/gpu" and backend == "tf" and has_gpu():
        pytest.skip("there is one")
    with pytest.raises(ValueError, match=f"device '{device}' ") as error:
        train("lstm_adding", backend, device=device, out=tmp_path / "out")
    assert "\n" not in str(error.value)
    assert not (tmp_path / "out").exists()


def has_gpu() -> bool:
    import tensorflow as tf

    return bool(tf.config.list_logical_devices("GPU"))


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_device_that_is_recorded_is_the_one_that_is_used(backend, small):  # noqa: F811
    for device in (None, "cpu", *(["cpu:0"] if backend != "numpy" else [])):
        made = prepare(Settings("softmax_regression", backend, data=small, device=device))
        assert made.about["device"] in ("cpu", "cpu:0")
        assert made.run.device == made.about["device"]


@pytest.mark.skipif("tf" not in BACKENDS, reason="TensorFlow is not installed")
def test_tensorflow_without_a_gpu_does_not_take_the_cpu_for_one():
    if not has_gpu():
        with pytest.raises(ValueError, match="device 'gpu' is unknown to tf, expected one of cpu:0"):
            backends.get("tf").device("gpu")


# --- threads ----------------------------------------------------------------------------------------------


def in_a_process(backend, threads):
    """What `prepare` says of the threads, and how many the libraries then have, in a process of its own."""
    text = (
        "import json, threadpoolctl; from shared.training.plan import Settings, prepare\n"
        f"made = prepare(Settings('lstm_adding', {backend!r}, threads={threads}))\n"
        "import numpy as np; pools = [p['num_threads'] for p in threadpoolctl.threadpool_info()]\n"
        "used = {'torch': 'import torch; n = torch.get_num_threads()', 'numpy': 'n = max(pools)',\n"
        "    'tf': 'import tensorflow as tf; n = tf.config.threading.get_intra_op_parallelism_threads()'}\n"
        f"exec(used[{backend!r}]); print(json.dumps([made.about['threads'], n, max(pools)]))"
    )
    environment = {name: value for name, value in os.environ.items() if not name.endswith("NUM_THREADS")}
    done = subprocess.run(
        [sys.executable, "-c", text], cwd=catalogue.ROOT, env=environment, capture_output=True, check=True
    )
    return json.loads(done.stdout)


@pytest.mark.parametrize("backend", [pytest.param(b, marks=[pytest.mark.full] * (b == "tf")) for b in BACKENDS])
def test_one_thread_unless_told_otherwise(backend):
    assert in_a_process(backend, None) == [1, 1, 1]


@pytest.mark.full
@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="one core")
@pytest.mark.parametrize("backend", BACKENDS)
def test_two_threads(backend):
    assert in_a_process(backend, 2) == [2, 2, 2]


@pytest.mark.parametrize("threads", [0, -1, 10**6])
def test_threads_that_cannot_be(threads, tmp_path):
    with pytest.raises(ValueError, match=rf"threads is {threads}, expected 1 to \d+, the cores of this machine"):
        train(**QUICK, threads=threads, out=tmp_path / "out")


def test_a_run_goes_on_with_as_many_threads(small, tmp_path, monkeypatch):  # noqa: F811
    train(**QUICK, data=small, out=tmp_path)
    assert json.loads((tmp_path / RESULT).read_text())["threads"] == 1
    monkeypatch.setattr(plan.os, "cpu_count", lambda: 2)
    with pytest.raises(ValueError, match="holds another run: its threads is 1, expected 2"):
        train(**QUICK, data=small, out=tmp_path, threads=2, resume=True)
    assert Settings("mlp", threads=2).command.endswith(" --threads 2")
    backends.get("numpy").threads(1)


# --- folders and names ------------------------------------------------------------------------------------


def test_nothing_to_resume(small, tmp_path):  # noqa: F811
    message = rf"there is no '{re.escape(str(tmp_path / 'out' / CHECKPOINT))}' to go on from: leave out --resume"
    with pytest.raises(ValueError, match=message):
        train(**QUICK, data=small, out=tmp_path / "out", resume=True)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("what", ["out", "data"])
def test_an_empty_name(what, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=f"{what} is empty, expected a folder"):
        train(**QUICK, **{what: ""})
    assert list(tmp_path.iterdir()) == []


def test_data_that_the_network_refuses_leave_no_folder(small, tmp_path, monkeypatch):  # noqa: F811
    recipe = catalogue.companion("recipes", "intro/softmax_regression")

    def refuse(run, data):
        raise ValueError("images are too small")

    monkeypatch.setattr(recipe, "init", refuse)
    with pytest.raises(ValueError, match="too small"):
        train(**QUICK, data=small, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_checkpoint_with_another_history_is_left_as_it_is(small, tmp_path):  # noqa: F811
    train(**QUICK, data=small, out=tmp_path)
    found = checkpoints.read(tmp_path / CHECKPOINT)
    half = {"loss": found.history["loss"][:1], "accuracy": np.ones(1)}
    state = checkpoints.restore(found, loop_state(small), "")
    checkpoints.write(tmp_path / CHECKPOINT, found._replace(step=1, history=half, state=state))
    before = (tmp_path / CHECKPOINT).read_bytes()
    with pytest.raises(ValueError, match="has a history of accuracy, loss, expected loss"):
        train(**QUICK, data=small, out=tmp_path, resume=True)
    assert (tmp_path / CHECKPOINT).read_bytes() == before


def loop_state(data):
    made = prepare(Settings(**QUICK, data=data))
    return made.recipe.init(made.run, made.data)


@pytest.mark.parametrize(
    ("typed", "meant"), [("lstmadding", "recurrent/lstm_adding"), ("gan_gausians", "generative/gan_gaussians")]
)
def test_a_misspelt_recipe(typed, meant):
    with pytest.raises(ValueError, match=f"no recipe is called '{typed}': did you mean {meant}?"):
        prepare(Settings(typed))
