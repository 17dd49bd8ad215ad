"""Wrong command lines: an exit status that is not 0, one clear line on stderr, nothing on stdout, no file touched."""

import json
import shlex
import sys
from importlib.util import find_spec
from itertools import pairwise

import numpy as np
import pytest
from safetensors.numpy import save_file

from shared import backends
from shared.cli import main

DRAW = np.random.default_rng(0)
HAVE = {"torch": "torch" in backends.installed(), "keras": "tf" in backends.installed(),
        "onnx": find_spec("onnx") is not None}  # fmt: skip


def weights(*sizes):
    return {
        f"[{i}].{name}": DRAW.standard_normal(shape)
        for i, (a, b) in enumerate(pairwise(sizes))
        for name, shape in (("W", (a, b)), ("b", (b,)))
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Weights, ports and records, right and wrong."""
    at = tmp_path_factory.mktemp("lines")
    right = {"W": DRAW.standard_normal((3, 4)), "b": DRAW.standard_normal(4)}
    save_file(right, at / "softmax.safetensors")
    save_file(right | {"b": np.array([1, np.nan, 2, 3])}, at / "nan.safetensors")
    save_file(right | {"b": np.array([1, -np.inf, 2, 3])}, at / "inf.safetensors")
    save_file(right | {"b": np.array([1, -1e300, 2, 3])}, at / "huge.safetensors")
    save_file({"W": np.zeros((3, 0)), "b": np.zeros(0)}, at / "empty.safetensors")
    save_file({name: x.astype("f2") for name, x in right.items()}, at / "half.safetensors")
    save_file({name: x.astype("i8") for name, x in right.items()}, at / "whole.safetensors")
    save_file({"weight": right["W"].T.copy(), "bias": np.array([1, np.nan, 2, 3])}, at / "torch.safetensors")
    apart = {"0.weight": np.ones((4, 3)), "0.bias": np.ones(4), "2.weight": np.ones((4, 9)), "2.bias": np.ones(4)}
    save_file(apart, at / "apart.safetensors")
    save_file(weights(3, 4, 2), at / "mlp.safetensors")
    save_file({**weights(3, 4), **{f"[1].{n}": x for n, x in right.items()}}, at / "unfit.safetensors")
    save_file({"gamma": np.ones(3), "beta": np.ones(3)}, at / "norm.safetensors")
    save_file({"W": np.ones((2, 2, 3, 4)), "b": np.ones(4)}, at / "conv.safetensors")
    header = json.dumps({"W": {"dtype": "F8_E4M3", "shape": [3, 4], "data_offsets": [0, 12]},
                         "b": {"dtype": "F8_E4M3", "shape": [4], "data_offsets": [12, 16]}}).encode()  # fmt: skip
    (at / "eight.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(16))
    (at / "cut.safetensors").write_bytes((at / "softmax.safetensors").read_bytes()[:-8])
    for name in ("text", "text.keras", "text.safetensors"):
        (at / name).write_text("not what it should be")
    for name, text in (
        ("broken", "{"), ("number", "5"), ("fields", '[{"algorithm": "optimizers/sgd"}]'), ("words", '["a"]'),
        ("types", json.dumps([{"algorithm": "optimizers/sgd", "benchmark": "a", "backend": "numpy", "ratio": 1,
                               "ours": {"how": "", "ms": 1}, "theirs": {"how": "", "ms": "x"},
                               "quartiles": [1, 2]}])),
    ):  # fmt: skip
        (at / name).mkdir()
        (at / name / "bench.json").write_text(text)
    run = {"path": "intro/mlp", "backend": "numpy", "budget": "quick", "seed": 0, "steps": 9, "seconds": 1.0,
           "dtype": "float32", "first_loss": 1.0, "last_loss": 1.0, "metrics": {}}  # fmt: skip
    for name, change in (("budget", {"budget": "huge"}), ("steps", {"steps": "x"}), ("backend", {"backend": 3}),
                         ("metrics", {"metrics": {"accuracy": "x"}}), ("seconds", {"seconds": None})):  # fmt: skip
        (at / f"run_{name}" / "train/intro/mlp/here").mkdir(parents=True)
        (at / f"run_{name}" / "train/intro/mlp/here/result.json").write_text(json.dumps(run | change))
    (at / "untrained").mkdir()
    (at / "port.py").write_text("def nothing(): pass\n")
    (at / "folder").mkdir()
    return at


EXPORT = "export softmax_regression {}.safetensors --to torch --out o.safetensors"
TO_ONNX = "export {} --to onnx --out o.onnx"
TO_KERAS = "export {} --to keras --out o.keras"
LINES = """
nonsense
lst
--nonsense
--version --nonsense
list lstm
list --jsn
list --json=5
check
check lstm --all
check lstm gru
check lstmm
check lstm_adding
check recurrent/
check recurrent
check ../lstm
check /
check ''
check lstm --backend mxnet
check lstm --backend ''
check lstm --backend numpy --backend jax
check lstm --backends numpy
check sgd --case nonsense
check sgd --case ''
check sgd --dtype float16
check sgd --dtype float32
check sgd --timeout 5
check sgd --timeout 0
check sgd --timeout x
check --all --impl port.py
check sgd --impl port.py --backend numpy
check sgd --impl nowhere.py
check sgd --impl folder
check sgd --impl ''
check sgd --impl port.py --case nonsense
check sgd --impl port.py --dtype float16
check sgd --impl port.py --timeout nan
check sgd --impl port.py --timeout -1
mistakes
mistakes sdg
mistakes adam sgd
mistakes gan_gaussians
mistakes ''
derive
derive lemma
derive beam_search
derive lstm gru
derive lstm --json
compare
compare numpy
compare lstmm
compare lstm gru
compare lstm --backends mxnet
compare lstm --backends ''
compare lstm --backends ,
compare lstm --width 5
trace
trace lstmm
trace lstm gru
trace lstm --backends mxnet
trace lstm --backends ''
trace lstm --case nonsense
trace lstm --case ''
trace lstm --timeout 5
trace lstm --timeout nan --impl port.py
trace lstm --impl nowhere.py
trace lstm --impl folder
trace lstm --impl ''
trace lstm --impl port.py --case nonsense
trace lstm --impl port.py --backward
port
port lstm
port lstmm --to jax
port lstm --to
port lstm --to ''
port lstm --to 'no such'
port lstm --to class
port lstm --to None
port lstm --to jax..numpy
port lstm --to .jax
port lstm --to jax.
port lstm --to 1jax
port lstm --to ja-x
port lstm --to jax.import
port lstm --to jax --out text
port lstm --to jax --out folder
port lstm --to jax --out nowhere/port.py
port lstm --to jax --out text/port.py
port lstm --to jax --out ''
bench lstmm
bench lstm gru
bench sgd --backend mxnet
bench sgd --backend ''
bench ''
bench sgd --repeats 2
bench sgd --repeats x
bench sgd --quick --repeats 5
bench gru --growth --memory
bench gru --growth --quick
bench gru --growth --repeats 5
bench sgd --growth
bench gru --growth --backend mxnet
results nowhere
results text
results untrained
results ''
results run_budget
results run_steps
results run_backend
results run_metrics
results run_seconds
results run_budget run_steps
fixtures lstmm
fixtures ''
fixtures lstm gru
measured lstm
site lstmm
site sgd --out text
site sgd --out text/site
site sgd --out ''
site sgd --recorded nowhere --out o
site sgd --recorded '' --out o
site sgd --recorded text --out o
site sgd --recorded broken --out o
site sgd --recorded number --out o
site sgd --recorded fields --out o/p
site sgd --recorded words --out o
site sgd --recorded types --out o
site mlp --recorded run_steps --out o
site mlp --recorded run_backend --out o
site mlp --recorded run_metrics --out o/p/q
site mlp --recorded run_seconds --out o
export
export softmax_regression
export softmax_regression softmax.safetensors --to torch
export softmax_regression softmax.safetensors --out o.safetensors
export softmax_regression softmax.safetensors --to jax --out o.safetensors
export softmax_regression softmax.safetensors --to torch --out o.txt
export softmax_regression softmax.safetensors --to torch --out ''
export softmax_regression softmax.safetensors --to torch --out nowhere/o.safetensors
export softmax_regression softmax.safetensors --to torch --out text/o.safetensors
export softmax_regression softmax.safetensors --to torch --out o.safetensors --set eps=1
export softmax_regression '' --to torch --out o.safetensors
export softmax_regression folder --to torch --out o.safetensors
export lstm softmax.safetensors --to torch --out o.safetensors
export adam softmax.safetensors --to torch --out o.safetensors
export dropout softmax.safetensors --to torch --out o.safetensors
export mlp unfit.safetensors --to torch --out o.safetensors
import
import softmax_regression torch.safetensors --from torch
import softmax_regression torch.safetensors --from torch --out o.safetensors
import softmax_regression nan.safetensors --from torch --out o.safetensors
import softmax_regression eight.safetensors --from torch --out o.safetensors
import softmax_regression cut.safetensors --from torch --out o.safetensors
import softmax_regression nowhere.safetensors --from torch --out o.safetensors
import softmax_regression softmax.safetensors --from onnx --out o.safetensors
import softmax_regression softmax.safetensors --from keras --out o.safetensors
import softmax_regression torch.safetensors --from torch --out o.keras
import softmax_regression torch.safetensors --from torch --out ''
import mlp apart.safetensors --from torch --out o.safetensors
""".strip().splitlines()
LINES += [EXPORT.format(name) for name in ("nan", "inf", "empty", "half", "whole", "eight", "cut", "text", "nowhere")]
NEED = {
    "onnx": [
        *(TO_ONNX.format(f"softmax_regression {name}.safetensors") for name in ("huge", "nan", "empty", "eight")),
        *(TO_ONNX.format(f"layer_norm norm.safetensors --set {value}")
          for value in ("eps=nan", "eps=-1", "eps=0", "eps=inf", "eps=1e400", "eps=", "eps", "eps=x", "a=1", "''",
                        "eps=1e-3 --set eps=1e-4")),
        *(TO_ONNX.format(f"mlp mlp.safetensors --set activation={value}") for value in ("nan", "''", "Relu")),
        TO_ONNX.format("mlp unfit.safetensors"),
        *(TO_ONNX.format(f"conv2d conv.safetensors --set {value}")
          for value in ("stride=0", "stride=1.5", "dilation=-1", "groups=3", "groups=0", "padding=full")),
    ],
    "keras": [
        *(TO_KERAS.format(f"layer_norm norm.safetensors --set eps={value}") for value in ("nan", "-1", "0", "inf")),
        TO_KERAS.format("mlp unfit.safetensors"),
        TO_KERAS.format("mlp mlp.safetensors --set activation=Relu"),
        TO_KERAS.format("conv2d conv.safetensors --set groups=3"),
        "import mlp text.keras --from keras --out o.safetensors",
        "import mlp nowhere.keras --from keras --out o.safetensors",
    ],
}  # fmt: skip
LINES += [line for library, lines in NEED.items() if HAVE[library] for line in lines]


def content(folder):
    return {file: file.read_bytes() if file.is_file() else None for file in folder.rglob("*")}


@pytest.mark.parametrize("line", LINES)
def test_a_wrong_line_gets_one_clear_answer(line, folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", ["triptych", *shlex.split(line)])
    before = content(folder)
    with pytest.raises(SystemExit) as stopped:
        main.main()
    out, err = capsys.readouterr()
    assert stopped.value.code in (1, 2)
    assert out == ""
    assert err.startswith("error: ")
    assert err.count("\n") == 1, err
    assert len(err) > len("error: ") + 10
    assert content(folder) == before


def test_there_are_many_of_them():
    commands = {line.split()[0] for line in LINES}
    assert commands >= {"list", "check", "mistakes", "derive", "compare", "trace", "port", "bench", "results",
                        "fixtures", "measured", "site", "export", "import"}  # fmt: skip
    assert len(set(LINES)) == len(LINES) >= 150
