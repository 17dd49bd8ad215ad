"""Damaged records of training runs and benchmarks: one line of error each, nothing taken up."""

import json
import os

import pytest

from shared.training import records

RECORD = {
    "path": "optimizers/sgd", "backend": "numpy", "budget": "quick", "steps": 9, "seed": 0, "seconds": 1.5,
    "first_loss": 2.0, "last_loss": 1, "metrics": {"accuracy": 0.5},
}  # fmt: skip
SIDE = {"how": "NumPy", "ms": 1.0, "quartiles": [1, 1], "mb": None}
BENCH = {
    "algorithm": "optimizers/sgd", "benchmark": "sgd", "backend": "numpy", "ours": SIDE, "theirs": SIDE,
    "ratio": 1.0, "quartiles": [0.9, 1.1],
}  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "optimizers" / "sgd" / "run").mkdir(parents=True)
    return tmp_path


def result(folder):
    return folder / "optimizers" / "sgd" / "run" / "result.json"


def test_a_record_as_it_should_be(folder):
    result(folder).write_text(json.dumps(RECORD))
    assert [run.record for run in records.runs(folder, "optimizers/sgd")] == [RECORD]


NO_JSON = ["", "{", "[]", "null", '"text"', "[" * 100_000, "\ufffe", "9" * 5000]
WRONG = [
    {"budget": "huge"}, {"budget": ["quick"]}, {"backend": "jax"}, {"path": "intro/mlp"}, {"steps": "9"},
    {"steps": True}, {"steps": None}, {"seconds": float("nan")}, {"metrics": []}, {"metrics": {"accuracy": "high"}},
    {"metrics": {"accuracy": None}}, {"first_loss": None}, {"seed": {}},
]  # fmt: skip


@pytest.mark.parametrize("text", NO_JSON + [json.dumps(RECORD | wrong) for wrong in WRONG])
def test_a_damaged_record(folder, text):
    result(folder).write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=r"run/result\.json' is (not )?the record of a") as error:
        list(records.runs(folder, "optimizers/sgd"))
    assert "\n" not in str(error.value)
    assert result(folder).read_text(encoding="utf-8") == text


def test_bytes_and_a_pipe(folder):
    result(folder).write_bytes(b"\xff\xfe")
    with pytest.raises(ValueError, match=r"result\.json' is not the record"):
        list(records.runs(folder, "optimizers/sgd"))
    result(folder).unlink()
    os.mkfifo(result(folder))
    with pytest.raises(ValueError, match=r"result\.json' is not the record of a training run: no file"):
        list(records.runs(folder, "optimizers/sgd"))


def test_benchmarks_as_they_should_be(tmp_path):
    (tmp_path / "bench.json").write_text(json.dumps([BENCH]))
    assert records.benchmarks(tmp_path) == {"optimizers/sgd": [BENCH]}


WRONG_BENCH = [
    {"algorithm": []}, {"ratio": "1"}, {"ratio": float("inf")}, {"ours": {}}, {"theirs": None}, {"quartiles": [1]},
    {"quartiles": "11"}, {"quartiles": [None, 1]}, {"ours": SIDE | {"ms": "1"}}, {"backend": 3},
]  # fmt: skip


@pytest.mark.parametrize("text", NO_JSON[:2] + NO_JSON[3:] + [json.dumps([BENCH | wrong]) for wrong in WRONG_BENCH])
def test_a_damaged_benchmark(tmp_path, text):
    (tmp_path / "bench.json").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=r"bench\.json' is not what `triptych bench --json` prints") as error:
        records.benchmarks(tmp_path)
    assert "\n" not in str(error.value)
