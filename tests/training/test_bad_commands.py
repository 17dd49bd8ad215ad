"""Command lines of `triptych train` that are wrong: each ends at once with status 1 or 2 and a clear word."""

import gzip
import os

import pytest
from test_training import command

HUGE = str(10**30)
COMMANDS = [
    "", "nonsense", "lstmadding", "losses", "intro", "recurrent/", "../mlp", "mlp lstm", "''", "mlp --nonsense",
    "mlp --backend jax", "mlp --backend ''", "mlp --backend NumPy", "mlp --backend numpy,torch", "mlp --backend",
    "mlp --budget huge", "mlp --budget ''", "mlp --budget Quick", "mlp --budget 10", "mlp --budget",
    "mlp --seed -1", "mlp --seed x", "mlp --seed 1.5", f"mlp --seed {HUGE}", "mlp --seed ''", "mlp --seed nan",
    "mlp --steps 0", "mlp --steps -5", "mlp --steps x", "mlp --steps 2.5", f"mlp --steps {HUGE}", "mlp --steps ''",
    "mlp --steps 1e3", "mlp --steps 100000001", f"gan_gaussians --steps {HUGE}",
    "mlp --device ''", "mlp --device cuda", "mlp --device cpu:0", "mlp --device cpu:7", "mlp --device meta",
    "mlp --device gpu", "mlp --device /tmp",
    "mlp --data ''", "mlp --data nowhere", "mlp --data a_file", "mlp --data empty", "mlp --data pipes",
    "mlp --data damaged", "lstm_adding --data empty", "gan_gaussians --data empty", "boltzmann_machine --data empty",
    "linear_regression --data empty", "linear_regression --data damaged", "linear_regression --data large",
    "linear_regression --data constant", "seq2seq --data empty", "seq2seq --data damaged", "seq2seq --data tiny",
    "rnn --data pipes", "linear_regression --data pipes", "rnn --data ''",
    "mlp --out ''", "mlp --out a_file", "mlp --out a_file/x", "mlp --out /proc/nothing", f"mlp --out {'x' * 300}",
    "mlp --dtype float16", "mlp --dtype ''", "mlp --dtype int32", "mlp --dtype Float32", "mlp --dtype",
    "mlp --threads 0", "mlp --threads -1", "mlp --threads x", "mlp --threads 1.5", f"mlp --threads {HUGE}",
    "mlp --threads ''", "mlp --threads 100000",
    "mlp --resume", "mlp --resume --fresh", "mlp --resume --out empty", "mlp --resume --out nowhere",
    "mlp --resume --out damaged", "mlp --out damaged", "mlp --resume --out a_pipe", "mlp --out a_pipe",
    "mlp --resume yes", "mlp --steps 1 --steps", "mlp --json yes", "mlp --lr 0.1",
]  # fmt: skip


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder, with what the command lines name."""
    monkeypatch.chdir(tmp_path)
    for name in ("empty", "pipes", "damaged", "large", "constant", "tiny", "a_pipe"):
        (tmp_path / name).mkdir()
    (tmp_path / "a_file").write_text("x")
    names = [f"{part}-{kind}-ubyte" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1")]
    for name in (*names, "cmudict.dict", "diabetes.csv"):
        os.mkfifo(tmp_path / "pipes" / name)
        (tmp_path / "damaged" / name).write_bytes(gzip.compress(b"\0\0\x08\x03" * 50)[:-9])
    os.mkfifo(tmp_path / "a_pipe" / "checkpoint.safetensors")
    (tmp_path / "damaged" / "checkpoint.safetensors").write_bytes(b"\xff" * 64)
    (tmp_path / "large" / "diabetes.csv").write_text("a,b,y\n1e200,2,3\n3,1,4\n1,5,9\n")
    (tmp_path / "constant" / "diabetes.csv").write_text("a,b,y\n1,2,3\n1,1,4\n1,5,9\n")
    (tmp_path / "tiny" / "cmudict.dict").write_text("CAT K AE1 T\n")
    return tmp_path


@pytest.mark.parametrize("line", COMMANDS)
def test_a_wrong_command_line_is_refused(line, folder, monkeypatch, capfd):
    before = sorted(map(str, folder.rglob("*")))
    words = ["" if word == "''" else word for word in line.split()]
    status, out, errors = command(monkeypatch, capfd, "train", *words)
    assert status in (1, 2)
    assert out == ""
    assert "Traceback" not in errors
    assert "Warning" not in errors
    if status == 1:
        assert errors.startswith("error: ")
        assert errors.count("\n") == 1
    assert sorted(map(str, folder.rglob("*"))) == before


def test_there_are_enough_of_them():
    assert len(COMMANDS) == len(set(COMMANDS)) >= 60
