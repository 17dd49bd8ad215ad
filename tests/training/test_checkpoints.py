"""Atomic files and checkpoints."""

import json
import os
import subprocess
import sys
from typing import NamedTuple

import numpy as np
import pytest
from safetensors.numpy import save_file

from shared import files
from shared.training import checkpoints
from shared.training.checkpoints import Checkpoint


class Layer(NamedTuple):
    W: np.ndarray
    b: np.ndarray


class State(NamedTuple):
    params: tuple
    step: np.ndarray


def state():
    rng = np.random.default_rng(0)
    layers = tuple(Layer(rng.normal(size=(2, 3)).T, rng.normal(size=3).astype("float32")) for _ in range(2))
    return State(layers, np.asarray(7))


def checkpoint():
    return Checkpoint({"path": "a/b", "steps": 9}, 3, 1.5, {"loss": np.array([3, 2, 1], "float32")}, state())


# --- atomic files -----------------------------------------------------------------------------------------


def test_write_replaces_the_whole_file(tmp_path):
    path = tmp_path / "file"
    assert files.write(path, b"a" * 100) == path
    files.write(str(path), b"b")
    assert path.read_bytes() == b"b"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("culprit", ["fsync", "replace"])
@pytest.mark.parametrize("failure", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_write_that_fails_leaves_the_old_file_and_no_other(tmp_path, monkeypatch, culprit, failure):
    path = tmp_path / "file"
    files.write(path, b"old")

    def fail(*_):
        raise failure

    monkeypatch.setattr(os, culprit, fail)
    expected = ValueError if isinstance(failure, OSError) else KeyboardInterrupt
    with pytest.raises(expected) as error:
        files.write(path, b"new")
    if expected is ValueError:
        assert str(error.value) == f"'{path}' cannot be written: No space left on device"
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_open_folder_sweeps_up_what_killed_writers_left_and_nothing_else(tmp_path):
    folder = tmp_path / "a" / "b"
    files.open_folder(folder)
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    own = [f".file.triptych-{dead.pid}.tmp", f".loss.png.triptych-{dead.pid}.tmp"]
    others = [f".file.triptych-{os.getpid()}.tmp", ".file.123.tmp", ".notes.tmp", "mine.tmp", f".x.{dead.pid}.tmp"]
    for name in (*own, *others):
        (folder / name).touch()
    (folder / f".folder.triptych-{dead.pid}.tmp").mkdir()
    left = {file.name for file in files.open_folder(folder).iterdir()}
    assert left == {*others, f".folder.triptych-{dead.pid}.tmp"}


def test_what_a_killed_writer_leaves_is_swept_up(tmp_path):
    text = "import os; from shared import files; os.fsync = lambda _: os.kill(os.getpid(), 9); "
    subprocess.run([sys.executable, "-c", text + f"files.write({str(tmp_path / 'file')!r}, b'x')"], check=False)
    assert len(list(tmp_path.iterdir())) == 1
    assert list(files.open_folder(tmp_path).iterdir()) == []


def test_open_folder_where_a_file_is(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match=r"folder '.*file' cannot be written to: File exists"):
        files.open_folder(tmp_path / "file")


# --- checkpoints ------------------------------------------------------------------------------------------


def test_there_and_back(tmp_path):
    path = checkpoints.write(tmp_path / "file", checkpoint())
    found = checkpoints.read(path)
    assert (found.about, found.step, found.seconds) == ({"path": "a/b", "steps": 9}, 3, 1.5)
    np.testing.assert_array_equal(found.history["loss"], checkpoint().history["loss"])
    assert set(found.state) == {f"state.params[{i}].{field}" for i in (0, 1) for field in "Wb"} | {"state.step"}
    restored = checkpoints.restore(found, state(), path)
    assert type(restored.params[1]) is Layer
    for got, wanted in zip((*restored.params[0], restored.step), (*state().params[0], state().step), strict=True):
        assert got.dtype == wanted.dtype
        np.testing.assert_array_equal(got, wanted, strict=True)


def test_every_cut_is_noticed(tmp_path):
    path = checkpoints.write(tmp_path / "file", checkpoint())
    whole = path.read_bytes()
    for length in range(0, len(whole), 17):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match="file' is not a whole checkpoint"):
            checkpoints.read(path)


def test_other_files(tmp_path):
    path = tmp_path / "file"
    with pytest.raises(ValueError, match="does not exist, expected a checkpoint"):
        checkpoints.read(path)
    odd = ("no JSON", "[]", '{"format": 1}', "[" * 100_000, "9" * 5000)
    for metadata in (None, {}, *({"triptych": text} for text in odd)):
        save_file({"x": np.zeros(2)}, path, metadata)
        with pytest.raises(ValueError, match="is not a checkpoint of a training run"):
            checkpoints.read(path)
    save_file({"x": np.zeros(2)}, path, {"triptych": '{"format": 2, "about": 0, "step": 0, "seconds": 0}'})
    with pytest.raises(ValueError, match="has checkpoint format 2, expected 1"):
        checkpoints.read(path)


def test_another_state(tmp_path):
    found = checkpoints.read(checkpoints.write(tmp_path / "file", checkpoint()))
    layers = state().params
    others = {
        r"params\[2\].W is absent, expected float64 of shape \(3, 2\)": state()._replace(params=(*layers, layers[0])),
        r"state.params\[1\].W is float64 of shape \(3, 2\), expected absent": state()._replace(params=layers[:1]),
        r"step is int64 of shape \(\), expected int32 of shape \(\)": state()._replace(step=np.asarray(7, "int32")),
        r"b is float32 of shape \(3,\), expected float32 of shape \(4,\)": state()._replace(
            params=(layers[0]._replace(b=np.zeros(4, "float32")), layers[1])
        ),
    }
    for message, other in others.items():
        with pytest.raises(ValueError, match=message):
            checkpoints.restore(found, other, tmp_path / "file")


DAMAGE = {
    "about is a list": ({"about": []}, {}, "does not say of what run"),
    "no steps": ({"about": {"path": "a/b"}}, {}, "does not say of what run"),
    "step is a word": ({"step": "x"}, {}, "its step is 'x', expected 0 to 9"),
    "step is null": ({"step": None}, {}, "its step is None, expected 0 to 9"),
    "step is 1.5": ({"step": 1.5}, {}, "its step is 1.5, expected 0 to 9"),
    "step is true": ({"step": True}, {}, "its step is True, expected 0 to 9"),
    "step is 10⁹": ({"step": 10**9}, {}, "its step is 1000000000, expected 0 to 9"),
    "step is -1": ({"step": -1}, {}, "its step is -1, expected 0 to 9"),
    "seconds are a word": ({"seconds": "x"}, {}, "its seconds are 'x', expected a number from 0"),
    "seconds are nan": ({"seconds": float("nan")}, {}, "its seconds are nan, expected a number from 0"),
    "seconds are infinite": ({"seconds": float("inf")}, {}, "its seconds are inf"),
    "no history": ({}, {"history.loss": None}, "it has no history of the loss"),
    "a short history": (
        {},
        {"history.loss": np.ones(2, "f4")},
        r"'loss' is float32 of shape \(2,\), expected 3 numbers",
    ),
    "a history of two dimensions": ({}, {"history.loss": np.ones((3, 1))}, "expected 3 numbers"),
    "another short history": ({}, {"history.accuracy": np.ones(2)}, "its history 'accuracy' is float64"),
    "a nan in the history": ({}, {"history.loss": np.array([1, np.nan, 1])}, "its losses are not all finite"),
    "a foreign tensor": ({}, {"x": np.ones(2)}, "there is a tensor 'x', expected state and history"),
    "nearly a state": ({}, {"states": np.ones(2)}, "there is a tensor 'states'"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_what_cannot_be_so_in_any_run(tmp_path, damage):
    changed, other, message = DAMAGE[damage]
    path = checkpoints.write(tmp_path / "file", checkpoint())
    tensors, metadata = files.tensors(path)
    tensors = {name: x for name, x in (tensors | other).items() if x is not None}
    save_file(tensors, path, {"triptych": json.dumps(json.loads(metadata["triptych"]) | changed)})
    before = path.read_bytes()
    with pytest.raises(ValueError, match=message) as error:
        checkpoints.read(path)
    assert str(error.value).startswith(f"'{path}' is a damaged checkpoint: ")
    assert "\n" not in str(error.value)
    assert path.read_bytes() == before


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "file")
    with pytest.raises(ValueError, match="is no file, expected a checkpoint"):
        checkpoints.read(tmp_path / "file")
