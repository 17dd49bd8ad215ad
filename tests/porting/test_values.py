"""Ports in other languages: golden vectors to take away, and a port's numbers judged as a port in Python is."""

import hashlib
import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

from shared import catalogue
from shared.checking import golden
from shared.porting import values, vectors

PORTS = Path(__file__).parent / "ports"
PATHS = {"lstm": "recurrent/lstm", "adam": "optimizers/adam"}
TOOLS = {"c": "gcc", "javascript": "node", "rust": "rustc"}
LANGUAGES = [pytest.param(x, marks=pytest.mark.skipif(not shutil.which(tool), reason=f"needs {tool}"))
             for x, tool in TOOLS.items()]  # fmt: skip
each_language = pytest.mark.parametrize("language", LANGUAGES)


def numbers_of(language, name, folder, *edits):
    """The file of numbers that a port writes; edits: (old, new) in its source, each of which must apply once."""
    source = folder / language
    shutil.copytree(PORTS / language, source)
    (file,) = source.glob(f"{name}.*")
    text = file.read_text()
    for old, new in edits:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    file.write_text(text)
    program = source / "port"
    build = {
        "c": ["gcc", "-std=c99", "-Wall", "-Werror", "-O1", str(file), "-o", str(program), "-lm"],
        "rust": ["rustc", "--edition", "2021", str(file), "-o", str(program)],
    }
    if language in build:
        subprocess.run(build[language], check=True, capture_output=True)
    run = ["node", str(file)] if language == "javascript" else [str(program)]
    out = folder / "numbers.safetensors"
    subprocess.run([*run, golden.file(PATHS[name]), out], check=True, capture_output=True)
    return out


@each_language
@pytest.mark.parametrize("name", PATHS)
def test_a_port_in_another_language_is_right(language, name, tmp_path):
    report = values.check(PATHS[name], numbers_of(language, name, tmp_path))
    assert report["ok"], report["finding"]["line"]
    assert len(report["cases"]) >= {"lstm": 9, "adam": 3}[name]
    assert report["gradients"] == {"lstm": "compared", "adam": "none to compare"}[name]


@pytest.mark.parametrize("file", [f for x in TOOLS for f in (PORTS / x).iterdir()], ids=lambda f: f.name)
def test_a_port_is_short(file):
    assert len(file.read_text().splitlines()) < 200


MISTAKES = [
    ("c", "lstm", [("+ i[at] * g[at];", "- i[at] * g[at];")], "equation (4), `c`, step 1"),
    ("c", "lstm", [("o[at] * (1 - u * u) +", "o[at] * (1 - u) +")], "through (5), `d_c`, step 4"),
    ("c", "lstm", [("row[3 * H] = d_o[at] * o[at] * (1 - o[at])", "row[3 * H] = d_o[at] * o[at]")],
     "through (2) (3), `d_z`, step 4"),
    ("c", "lstm", [("EACH(n, N) EACH(k, 4 * H) d_b[k] +=", "EACH(n, 1) EACH(k, 4 * H) d_b[k] +=")], "grads[0].b"),
    ("javascript", "lstm", [("const g = block(2, Math.tanh)", "const g = block(2, sigmoid)")],
     "equation (2) (3), `g`, step 1"),
    ("javascript", "adam", [("/ Math.sqrt(correction2))", "/ correction2)")],
     "equation (4), `p`, step 1, leaf W"),
    ("rust", "adam", [("(1.0 - o.beta2) * g * g;", "(1.0 - o.beta2) * g;")], "equation (2), `v`, step 1, leaf W"),
    ("rust", "lstm", [("= (0.0, d_c[at] * f[at]);", "= (0.0, d_c[at]);")],
     "through (5), `d_c`, step 3"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("language", "name", "edits", "place"),
    [pytest.param(*x, marks=[pytest.mark.full] * (x[0] == "rust")) for x in MISTAKES],  # its compiler takes its time
)
def test_a_mistake_is_named(language, name, edits, place, tmp_path):
    if not shutil.which(TOOLS[language]):
        pytest.skip(f"needs {TOOLS[language]}")
    report = values.check(PATHS[name], numbers_of(language, name, tmp_path, *edits), [])
    assert not report["ok"]
    assert report["finding"]["line"].startswith(f"case {'lstm' if name == 'lstm' else 'run'}")
    assert place in report["finding"]["line"]


# --- files that are not what they should be -------------------------------------------------------------------------


def stored(path, keep=lambda leaf: leaf.startswith(("outputs", "grads", "trace"))):
    return {name: x for name, x in golden.load(path).items() if keep(name.partition("/")[2])}


def judged(tmp_path, path, tensors, labels=()):
    save_file(tensors, tmp_path / "numbers.safetensors")
    return values.check(path, tmp_path / "numbers.safetensors", labels)


@pytest.mark.parametrize("path", ["recurrent/gru", "losses", "convolutional/conv2d", "optimizers/rmsprop"])
def test_the_golden_vectors_themselves_are_right(path, tmp_path):
    report = judged(tmp_path, path, stored(path))
    assert report["ok"], report["finding"]["line"]
    assert max(case["outputs"] for case in report["cases"]) == 0


def test_float32_is_held_to_what_float32_can(tmp_path):
    path = "recurrent/lstm"
    tensors = {n: x.astype(np.float32) if x.dtype == np.float64 else x for n, x in stored(path).items()}
    assert judged(tmp_path, path, {n: x for n, x in tensors.items() if n.startswith("lstm/")})["ok"]
    tensors["lstm/outputs[0]"][1, 1, 1] *= 1.001
    assert "outputs[0], [1, 1, 1]" in judged(tmp_path, path, tensors, ["lstm"])["finding"]["line"]


def test_an_ill_conditioned_case_has_its_own_tolerance(tmp_path):
    label = "layer_norm mean 1e6, float32"  # where float32 holds one digit
    tensors = {n: x for n, x in stored("normalization/layer_norm").items() if n.startswith(f"{label}/")}
    for share, right in ((1e-3, True), (0.5, False)):
        off = {n: (x * (1 + share)).astype("float32") for n, x in tensors.items()}
        assert judged(tmp_path, "normalization/layer_norm", off)["ok"] is right


def test_what_was_not_compared_is_told(tmp_path):
    path = "recurrent/lstm"
    only = {n: x for n, x in stored(path).items() if n.startswith("lstm/outputs")}
    assert judged(tmp_path, path, only)["gradients"] == "not compared: the file has none"
    wrong = {**only, "lstm/outputs[0]": -only["lstm/outputs[0]"]}
    line = judged(tmp_path, path, wrong)["finding"]["line"]
    assert "no traced value was given of equation (1) (2) (3) (4) (5) (6)" in line
    assert "the sign is the other one" in line
    wrong["lstm/trace/4/c/step 1"] = golden.load(path)["lstm/trace/4/c/step 1"]
    assert "the traced values in the file agree (1)" in judged(tmp_path, path, wrong)["finding"]["line"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda t: t.pop("lstm/outputs[0]"), "leaves differ: missing ['outputs[0]']"),
        (lambda t: t.update({"lstm/outputs[2]": np.ones(1)}), "not wanted ['outputs[2]']"),
        (lambda t: t.update({"lstm/outputs[0]": np.ones((2, 2))}), "outputs[0] has shape (2, 2), wanted (4, 3, 5)"),
        (lambda t: t.update({"lstm/outputs[0]": np.full((4, 3, 5), np.nan)}), "got nan"),
        (lambda t: t.update({"lstm/outputs[0]": np.ones((4, 3, 5), int)}), "has dtype int64, wanted float64"),
    ],
)
def test_wrong_leaves(change, says, tmp_path):
    tensors = {n: x for n, x in stored("recurrent/lstm").items() if n.startswith("lstm/")}
    change(tensors)
    assert says in judged(tmp_path, "recurrent/lstm", tensors)["finding"]["line"]


def test_files_that_cannot_be_judged(tmp_path):
    with pytest.raises(ValueError, match="does not exist, expected a safetensors file"):
        values.check("recurrent/lstm", tmp_path / "nothing")
    (tmp_path / "text").write_text("hello")
    with pytest.raises(ValueError, match="is not a whole safetensors file"):
        values.check("recurrent/lstm", tmp_path / "text")
    with pytest.raises(ValueError, match="recurrent/lstm has no case 'lstmm'"):
        judged(tmp_path, "recurrent/lstm", {"lstmm/outputs": np.ones(1)})
    with pytest.raises(ValueError, match="holds no outputs, expected tensors such as 'lstm/outputs'"):
        judged(tmp_path, "recurrent/lstm", {"x": np.ones(1)})


# --- golden vectors to take away ------------------------------------------------------------------------------------


def test_golden_writes_both_forms_and_a_manifest(tmp_path):
    for path in ("optimizers/adam", "losses"):
        vectors.write(path, tmp_path)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert manifest["format"] == golden.FORMAT
    assert list(manifest["files"]) == sorted(
        f"{p}.{kind}" for p in ("optimizers/adam", "losses") for kind in ("json", "safetensors")
    )
    for name, digest in manifest["files"].items():
        assert hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() == digest
    for path in ("optimizers/adam", "losses"):
        text = json.loads((tmp_path / f"{path}.json").read_text(), parse_constant=pytest.fail)
        assert text["format"] == str(golden.FORMAT)
        with safe_open(tmp_path / f"{path}.safetensors", framework="numpy") as file:
            assert set(text["tensors"]) == set(file.keys())
            for name, tensor in text["tensors"].items():
                array = np.array([float(x) for x in tensor["data"]]).reshape(tensor["shape"])
                np.testing.assert_array_equal(array, file.get_tensor(name))
    (tmp_path / "manifest.json").write_text("[]")
    with pytest.raises(ValueError, match=r"is no manifest of format 1: --out names another folder"):
        vectors.write("losses", tmp_path)


@pytest.mark.parametrize("path", catalogue.paths())
def test_every_case_is_described(path):
    for label, case in golden.about(path).items():
        assert case["about"].endswith("."), label
        assert isinstance(case["arguments"], list)
        assert case["arguments"] or case["function"] in ("split", "overflowing"), f"{path}, {label}: no names"
        assert isinstance(case["static"], dict)
        assert 0 < case["tolerance"] <= 0.1
        assert case["dtype"] in ("float64", "float32")


def test_files_of_the_first_format_are_read():
    """A file as it was written when the format had its first number: readers of that time, and ours, agree on it."""
    file = Path(__file__).parent / "format_1" / "sgd.safetensors"
    with safe_open(file, framework="numpy") as old:
        about = json.loads(old.metadata()["cases"])
        assert old.metadata()["format"] == "1"
        names = set(old.keys())
        for label, case in about.items():
            assert {"about", "function", "arguments", "static", "gradients", "tolerance", "dtype"} <= set(case)
            assert all(f"{label}/trace/{name}" in names for name in case.get("trace", []))
            assert any(name.startswith(f"{label}/outputs") for name in names)
    report = values.check("optimizers/sgd", file)
    assert report["ok"], report["finding"]["line"]


def test_the_commands(tmp_path, run):
    status, out, _ = run("golden", "lstm", "--out", tmp_path)
    assert status == 0
    assert "lstm.json" in out
    status, out, _ = run("check", "lstm", "--values", tmp_path / "recurrent" / "lstm.safetensors")
    assert status == 0
    assert "recurrent/lstm is right in" in out
    status, _, err = run("check", "lstm", "--values", tmp_path / "manifest.json")
    assert (status, err.count("\n")) == (1, 1)
    status, _, err = run("check", "--all", "--values", tmp_path / "manifest.json")
    assert status == 1
