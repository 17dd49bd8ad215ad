"""Ports: the file to begin with, ports to JAX that pass, planted mistakes that are named, files that misbehave."""

import ast
import functools
import json
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from shared import backends, cases, catalogue
from shared.backends import libraries
from shared.checking import golden
from shared.porting import hints, runner, scaffold
from shared.porting.hints import Setting, hint

PORTS = Path(__file__).parent / "ports"
PATHS = catalogue.paths()
needs_jax = pytest.mark.skipif(find_spec("jax") is None, reason="needs JAX")


def check(path, file, *labels, dtype="float64", timeout=60):
    return runner.check(path, file, list(labels), dtype, timeout)


def edited(tmp_path, file, *edits, name=None):
    """A copy of a file with (old, new) edits, each of which must apply once."""
    text = file.read_text()
    for old, new in edits:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    copy = tmp_path / (name or file.name)
    copy.write_text(text)
    return copy


# --- the file to begin with ---------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("library", ["jax", "numpy", "some_library"])
def test_scaffold_has_everything_and_can_be_imported(path, library):
    text = scaffold.write(path, library)
    tree = ast.parse(text)
    ours = ast.parse(catalogue.source("torch", path).read_text())
    assert ast.get_docstring(tree, clean=False) == ast.get_docstring(ours, clean=False)
    public = lambda tree, kind: [n.name for n in tree.body if isinstance(n, kind) and not n.name.startswith("_")]
    assert public(tree, ast.FunctionDef) == public(ours, ast.FunctionDef)
    assert set(public(tree, ast.ClassDef)) >= set(public(ours, ast.ClassDef))
    code = text.split('"""', 2)[2]
    for number in re.findall(r"\((\d+)\)", "".join(re.findall(r"# (?:\(\d+\) ?)+$", code, flags=re.M))):
        assert f"# ({number})  " in code
    for node in tree.body:  # same names of arguments, same defaults
        if isinstance(node, ast.FunctionDef):
            (model,) = (n for n in ours.body if isinstance(n, ast.FunctionDef) and n.name == node.name)
            plain = lambda n: [
                [a.arg for a in [*n.args.args, *n.args.kwonlyargs]],
                [*map(ast.unparse, n.args.defaults)],
            ]
            assert plain(node) == plain(model)
    imported = re.sub(r"^(import|from) (jax|some_library).*$", "Array = object", text, flags=re.M)
    exec(compile(imported, "scaffold", "exec"), {"__name__": "scaffold"})


def test_port_never_writes_over_a_file(tmp_path):
    command = [sys.executable, "-m", "shared.cli", "port", "sgd", "--to", "jax"]
    run = functools.partial(subprocess.run, capture_output=True, text=True, cwd=tmp_path, env=environment())
    first = run(command)
    assert first.returncode == 0, first.stderr
    assert "sgd_jax.py: 2 functions to write" in first.stdout
    (tmp_path / "sgd_jax.py").write_text("mine")
    second = run(command)
    assert second.returncode == 1
    assert "is there already and stays as it is" in second.stderr
    assert (tmp_path / "sgd_jax.py").read_text() == "mine"


def test_port_refuses_what_is_no_library():
    command = [sys.executable, "-m", "shared.cli", "port", "sgd", "--to", "no such thing"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment())
    assert done.returncode == 1
    assert "expected the name of a Python library" in done.stderr


def environment():
    return {**os.environ, "PYTHONPATH": str(catalogue.ROOT)}


# --- ports that are right -----------------------------------------------------------------------------------

JAX_PORTS = {file.stem.removesuffix("_jax"): file for file in sorted(PORTS.glob("*_jax.py"))}
QUICK = {"lstm": ["lstm"], "mlp": ["mlp tanh", "mlp_loss"], "adam": [],
         "batch_norm": ["batch_norm images", "batch_norm_eval dense"]}  # fmt: skip


def right(report):
    assert report["ok"], report["finding"]["line"]
    assert report["cases"]
    return report


@needs_jax
@pytest.mark.parametrize("name", ["lstm", "adam"])
def test_jax_port_is_right(name):
    report = right(check(catalogue.find(name), JAX_PORTS[name], *QUICK[name], timeout=300))
    assert report["library"] == "jax"
    assert report["gradients"] == ("none to compare" if name == "adam" else "jax's autodiff")


@needs_jax
@pytest.mark.full
@pytest.mark.parametrize("name", JAX_PORTS)
def test_jax_port_is_right_in_all_cases(name):
    path = catalogue.find(name)
    report = right(check(path, JAX_PORTS[name], timeout=300))
    labels = {case["case"] for case in report["cases"]}
    assert labels >= {case.label for case in cases.main_cases(path) + cases.nasty_cases(path)}


@pytest.mark.skipif(find_spec("mlx") is None, reason="needs MLX")
def test_mlx_port_is_right_in_float32_which_is_all_that_it_has():
    """MLX keeps no float64 of NumPy's: the check says so, and how to go on."""
    file = PORTS / "lstm_mlx.py"
    assert "check with --dtype float32" in check("recurrent/lstm", file, "lstm")["finding"]["hint"]
    assert right(check("recurrent/lstm", file, dtype="float32"))["gradients"] == "mlx's autodiff"


@pytest.mark.parametrize("name", JAX_PORTS)
def test_jax_port_is_written_from_the_scaffold(name):
    path = catalogue.find(name)
    port, begun = (ast.parse(text) for text in (JAX_PORTS[name].read_text(), scaffold.write(path, "jax")))
    specified = lambda tree: ast.get_docstring(tree).split("\nShapes:")[0]
    assert specified(port) == specified(begun)
    head = lambda node: (node.name, ast.unparse(node.args), ast.unparse(node.returns) if node.returns else "")
    functions = lambda tree: {head(node) for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert functions(port) >= functions(begun)


@pytest.mark.parametrize(
    "column", [pytest.param(c, marks=[pytest.mark.full] * (c == "tf")) for c in backends.installed()]
)
def test_a_column_passes_as_a_port(column):
    """NumPy with its own backward, PyTorch and TensorFlow with their autodiff."""
    report = right(check("recurrent/lstm", catalogue.source(column, "recurrent/lstm"), "lstm"))
    told = {"numpy": "its own _backward functions", "torch": "torch's autodiff", "tf": "tensorflow's autodiff"}
    assert report["gradients"] == told[column]
    assert [case["case"] for case in report["cases"]] == ["lstm", "lstm float32"]


LIBRARY = '''
"""An array library that nobody knows: one way in, and DLPack as the only way out."""
import numpy as np

class Arr:
    def __init__(self, a):
        self._a = np.array(a)
    shape = property(lambda self: self._a.shape)
    dtype = property(lambda self: self._a.dtype)
    def __sub__(self, other):
        return Arr(self._a - other._a)
    def __rmul__(self, other):
        return Arr(other * self._a)
    def __dlpack__(self, **options):
        return self._a.__dlpack__(**options)
    def __dlpack_device__(self):
        return self._a.__dlpack_device__()

def tensor(a):
    return Arr(a)
'''
SGD = '''
from typing import NamedTuple
import unheard_of

class SGDState(NamedTuple):
    """Nothing."""

def sgd_init(params):
    return SGDState()

def sgd_update(grads, state, params, *, lr=0.01):
    new = {}
    for name in params:
        p = params[name] - lr * grads[name]  # (1)
        new[name] = p
    return new, state
'''


def test_any_library_with_dlpack(tmp_path):
    (tmp_path / "unheard_of.py").write_text(LIBRARY)
    (tmp_path / "sgd.py").write_text(SGD)
    assert right(check("optimizers/sgd", tmp_path / "sgd.py"))["library"] == "unheard_of"
    wrong = edited(tmp_path, tmp_path / "sgd.py", ("lr * grads", "2 * lr * grads"), name="wrong.py")
    finding = check("optimizers/sgd", wrong)["finding"]
    assert finding["equations"] == [1]
    assert finding["name"] == "p"


def test_a_library_that_no_way_leads_to_is_a_finding(tmp_path):
    """Checked with NumPy's arrays, such a port would only seem to be right. It can say how arrays come and go."""
    (tmp_path / "unheard_of.py").write_text(LIBRARY.replace("def tensor(a)", "def secret(a)"))
    (tmp_path / "sgd.py").write_text(SGD)
    finding = check("optimizers/sgd", tmp_path / "sgd.py")["finding"]
    assert finding["kind"] == "import"
    assert "no function of unheard_of makes an array" in finding["line"]
    (tmp_path / "sgd.py").write_text(f"{SGD}\n_array = unheard_of.secret\n")
    right(check("optimizers/sgd", tmp_path / "sgd.py"))


def test_ways_to_numpy():
    class Array:
        def __array__(self, dtype=None, copy=None):
            return np.ones(2)

    class Method:
        def numpy(self):
            return np.ones(2)

    class Listed:
        def tolist(self):
            return [1.0, 1.0]

    for x in (Array(), Method(), Listed(), np.ones(2)):
        assert libraries.to_numpy(x).tolist() == [1, 1]
    with pytest.raises(TypeError, match="a object has neither"):
        libraries.to_numpy(object())


# --- ports with a mistake -----------------------------------------------------------------------------------

PLANTED = [
    ("lstm", "i, f, g, o = jnp.split", "i, g, f, o = jnp.split", (2, 3), "f", "Gate order"),
    ("lstm", "i, f, g, o = jnp.split", "f, g, i, o = jnp.split", (2, 3), "i", "blocks in another order"),
    ("lstm", "f * state.c + i * g", "f * state.c - i * g", (4,), "c", None),
    ("lstm", "h = o * tanh_c", "h = -o * tanh_c", (5,), "h", "the sign is the other one"),
    ("lstm", "params.W_x + params.b", "params.W_x", (1,), "zs", "`params.b` is left out|No bias at all"),
    ("adam", "m / correction1.astype(m.dtype)", "m", (3,), "m_hat", "No bias correction of the first moment"),
    ("adam", "beta2 * v + (1 - beta2) * g * g", "beta2 * v + g * g", (2,), "v", "1 - beta2"),
    ("adam", "(sqrt_v_hat + eps)", "jnp.sqrt(sqrt_v_hat**2 + eps)", (4,), "p", "inside the root"),
    ("adam", "beta1 * m + (1 - beta1) * g", "beta1 * m - (1 - beta1) * g", (1,), "m", "the sign"),
    ("batch_norm", "jnp.var(x, axis=batch)", "jnp.var(x, axis=batch, ddof=1)", (2,), "var", "unbiased"),
    ("batch_norm", "momentum * n / (n - 1) * var", "momentum * var", (6,), "new_var", None),
    ("mlp", "z = a @ layer.W + layer.b", "z = a @ layer.W", (1,), "z", "without bias"),
]  # fmt: skip


@needs_jax
@pytest.mark.parametrize(
    ("name", "old", "new", "equations", "variable", "why"),
    [pytest.param(*x, marks=[pytest.mark.full] * (k % 2)) for k, x in enumerate(PLANTED)],
)
def test_planted_mistake_is_named(tmp_path, name, old, new, equations, variable, why):
    path = catalogue.find(name)
    file = edited(tmp_path, JAX_PORTS[name], (old, new))
    finding = check(path, file, cases.main_cases(path)[0].label, timeout=300)["finding"]
    assert finding["kind"] == "outputs"
    assert tuple(finding["equations"]) == equations, finding["line"]
    assert finding["name"] in (variable, "zs[-1]")
    assert why is None or re.search(why, finding["hint"])
    assert re.search(r"got \S+, expected \S+ \(relative error .*\), line \d+", finding["line"])
    assert "\n" not in finding["line"]


@needs_jax
def test_wrong_gradient_of_right_values_is_found(tmp_path):
    edits = ("import jax.numpy as jnp", "import jax\nimport jax.numpy as jnp"), (
        "zs = x @", "x = jax.lax.stop_gradient(x)\n    zs = x @")  # fmt: skip
    finding = check("recurrent/lstm", edited(tmp_path, JAX_PORTS["lstm"], *edits), "lstm")["finding"]
    assert finding["kind"] == "gradients"
    assert finding["name"] == "x"
    assert "the values are right, but the gradient of `x`, equation (1)" in finding["line"]
    assert "(detached, rounded, or at a kink)" in finding["line"]


def test_own_backward_is_walked_as_well(tmp_path):
    edit = "d_g * (1 - g * g)", "d_g * g * (1 - g)"
    file = edited(tmp_path, catalogue.source("numpy", "recurrent/lstm"), edit)
    finding = check("recurrent/lstm", file, "lstm")["finding"]
    assert finding["kind"] == "gradients"
    assert finding["line"].startswith("case lstm: through (2) (3), `d_z`, step 1, [")
    assert "The candidate is a tanh" in finding["hint"]


# --- files that misbehave -----------------------------------------------------------------------------------

NUMPY_LSTM = catalogue.source("numpy", "recurrent/lstm")
CELL = "    c = f * state.c + i * g  # (4)"
MISBEHAVED = {
    "syntax error": ("def _cell(W_h, z_x, state):", "def _cell(W_h, z_x, state:", "syntax", r"line \d+: SyntaxError"),
    "no such import": ("import numpy as np", "import numpie as np", "import", "No module named 'numpie'"),
    "error at import": ("class LSTMState(", "1 / 0\n\n\nclass LSTMState(", "import", "ZeroDivisionError"),
    "missing function": ("def lstm(", "def lstm_layer(", "missing", "does not define lstm .it defines _?lstm_"),
    "not written yet": (CELL, "    raise NotImplementedError", "missing", r"line \d+, in _cell is not written yet"),
    "endless loop": (CELL, "    while True:\n        pass", "timeout", r"after 5 s, in line \d+, in _cell"),
    "wrong shape": ("return (hs, state), LSTM", "return (hs[0], state), LSTM", "structure",
                    r"outputs\[0\] has shape \(3, 5\), wanted \(4, 3, 5\)"),
    "other structure": ("return (hs, state), LSTM", "return (hs,), LSTM", "structure", "leaves differ: missing"),
    "wrong dtype": ("return (hs, state), LSTM", "return (hs.astype('f4'), state), LSTM", "structure", "float32"),
    "error half-way": (CELL, "    c = [][1]", "error", "IndexError.*the last equation before it is .2. .3., `o`"),
    "NaN": (CELL, "    c = np.sqrt(-f)  # (4)", "outputs", r"equation \(4\), `c`, step 1.* got nan.*Hint: NaN"),
    "leaves by the back door": (CELL, "    raise SystemExit(0)", "error", "SystemExit"),
    "ends its process": (CELL, "    __import__('os')._exit(3)", "died", "ended its process .exit status 3."),
    "segmentation fault": (CELL, "    __import__('ctypes').string_at(0)", "died", r"Segmentation fault.*line \d+"),
}  # fmt: skip


@pytest.mark.parametrize("what", MISBEHAVED)
def test_a_file_that_misbehaves_gets_one_clear_finding(tmp_path, what):
    old, new, kind, says = MISBEHAVED[what]
    file = edited(tmp_path, NUMPY_LSTM, (old, new), name="my_lstm.py")
    report = check("recurrent/lstm", file, "lstm", timeout=5 if kind == "timeout" else 60)
    assert not report["ok"]
    assert report["finding"]["kind"] == kind, report["finding"]
    line = report["finding"]["line"]
    assert re.search(says, line), line
    assert "\n" not in line
    assert "Traceback" not in line


def test_a_port_without_tags_still_gets_an_answer(tmp_path):
    text = re.sub(r"  # \(\d\).*", "", NUMPY_LSTM.read_text()).replace("c = f * state.c", "c = i * state.c")
    (tmp_path / "plain.py").write_text(text)
    line = check("recurrent/lstm", tmp_path / "plain.py", "lstm")["finding"]["line"]
    assert "no line carries an equation's tag" in line


def test_the_command_prints_one_line_and_fails(tmp_path):
    file = edited(tmp_path, NUMPY_LSTM, ("f * state.c + i * g", "f * state.c + i"), name="my_lstm.py")
    command = [sys.executable, "-m", "shared.cli", "check", "lstm", "--impl", str(file), "--case", "lstm"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment())
    assert done.returncode == 1
    assert done.stdout.count("\n") == 1
    assert "equation (4), `c`, step 1" in done.stdout
    assert done.stderr == ""
    traced = subprocess.run(["trace" if x == "check" else x for x in command], capture_output=True, text=True,
                            env=environment())  # fmt: skip
    assert traced.returncode == 1
    assert "the first difference is in equation (4), `c`, step 1" in traced.stdout.splitlines()[-1]
    assert "my_lstm" in traced.stdout.splitlines()[1]


def test_check_says_what_does_not_go_together():
    for extra, says in ((["--backend", "numpy"], "without --backend"), (["--case", "nonsense"], "has no case"),
                        (["--dtype", "int8"], "expected float64 or float32")):  # fmt: skip
        command = [sys.executable, "-m", "shared.cli", "check", "lstm", "--impl", str(NUMPY_LSTM), *extra]
        done = subprocess.run(command, capture_output=True, text=True, env=environment())
        assert done.returncode == 1
        assert says in done.stderr


# --- hints --------------------------------------------------------------------------------------------------

X = np.random.default_rng(3).standard_normal((4, 6))
HINTS = [
    (-X, X, {}, "the sign"),
    (X.T, X, {}, "transposed"),
    (X[:, None], X, {}, "an axis of size 1"),
    (X.reshape(6, 4), X, {}, "another shape"),
    (X.sum(0), X, {}, "summed over axis 0"),
    (2 * X, X, {}, "twice"),
    (X / 4, X, {"sizes": frozenset({4, 6})}, "divided by 4, the size of an axis"),
    (X * 7 / 6, X, {"sizes": frozenset({7}), "words": "var"}, "unbiased in place of biased"),
    (X * 6 / 7, X, {"sizes": frozenset({7}), "words": "σ²"}, "biased in place of unbiased"),
    (X * (1 - 0.9**3), X, {"numbers": {"beta1": 0.9}, "t": 3}, "bias correction is missing"),
    (X * 0.1, X, {"numbers": {"beta1": 0.9}, "t": 1}, "1 - beta1"),
    (X / np.log(2), X, {}, "ln 2"),
    (1.37 * X, X, {}, "constant factor 1.37"),
    (X[:, [2, 3, 0, 1, 4, 5]], X, {}, "blocks of 2 along axis 1 are in another order: [1, 0, 2]"),
    (X[::-1], X, {}, "blocks of 1 along axis 0|elements along axis 0"),
    (np.vstack([np.zeros((1, 6)), X[:-1]]), X, {}, "shifted by one along axis 0"),
    (X + 1, X, {}, "constant +1"),
    (np.sqrt(X**2 + 0.01), np.abs(X) + 0.01, {"numbers": {"eps": 0.01}}, "other side of the root"),
    (X + np.where(X > 0, np.nan, 0), X, {}, "NaN"),
    (X**2, X, {"others": {"q": X**2}}, "what `q` should be"),
    (X, X + X[0], {"arguments": {"params.b": X[0]}}, "`params.b` is left out"),
    (X**3, X, {}, None),
    (X[:0], X[:0], {}, None),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(HINTS)))
def test_hint(number):
    got, wanted, setting, says = HINTS[number]
    found = hint(got, wanted, Setting(**setting))
    assert (found is None) if says is None else re.search("|".join(map(re.escape, says.split("|"))), found)


def test_hints_are_silent_about_equal_arrays_of_any_kind():
    for wanted in (np.float64(3), np.zeros((2, 2)), np.array([np.inf, 1.0])):
        assert hint(wanted + 0.5, wanted, hints.NOWHERE) in (None, "off by the constant +0.5")


# --- golden vectors and the walk-through --------------------------------------------------------------------


@pytest.mark.parametrize("path", PATHS)
def test_golden_vectors_as_a_reader_in_another_language_sees_them(path):
    """Byte by byte, as shared/fixtures/README.md describes the file."""
    data = golden.file(path).read_bytes()
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    about = json.loads(header.pop("__metadata__")["cases"])
    for name, tensor in header.items():
        begin, end = tensor["data_offsets"]
        assert tensor["dtype"] in ("F64", "F32", "I64", "I32", "I16", "I8", "BOOL"), name
        bytes_each = {"F64": 8, "F32": 4, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "BOOL": 1}[tensor["dtype"]]
        assert end - begin == np.prod(tensor["shape"], dtype=int) * bytes_each
    for case, facts in about.items():
        leaves = [name.removeprefix(f"{case}/") for name in header if name.startswith(f"{case}/")]
        assert any(leaf.startswith("outputs") for leaf in leaves)
        assert facts["gradients"] == any(leaf.startswith("cotangents") for leaf in leaves)
        assert set(facts.get("trace", [])) == {x.removeprefix("trace/") for x in leaves if x.startswith("trace/")}


@needs_jax
def test_walk_through(tmp_path):
    """Adam goes to JAX with `triptych port` and `triptych check` alone, as README.md tells it."""
    text, readme = (PORTS / "walkthrough.md").read_text(), (catalogue.ROOT / "README.md").read_text()
    if "\n## Port an algorithm\n" in readme:
        assert text.strip() in readme, "README.md and tests/ports/walkthrough.md tell two stories"
    file, printed = tmp_path / "my_adam.py", ""
    for kind, block in re.findall(r"^```(\w+)\n(.*?)^```$", text, flags=re.M | re.S):
        if kind == "sh":
            command = [sys.executable, "-m", "shared.cli", *block.split()[1:]]
            done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment())
            printed = done.stdout
        elif kind == "python":
            file.write_text(filled(file.read_text(), block))
        elif kind == "diff":
            old, new = (line[1:] for line in block.splitlines())
            file = edited(tmp_path, file, (old, new))
        elif kind == "text":
            assert block.strip() in printed
            assert done.returncode == (0 if "is right" in block else 1)
    assert "is right" in printed


def filled(text, block):
    """The scaffold with the functions of a block in their places, and its imports above."""
    for node in ast.parse(block).body:
        code = ast.get_source_segment(block, node)
        if isinstance(node, ast.FunctionDef):
            (old,) = (n for n in ast.parse(text).body if isinstance(n, ast.FunctionDef) and n.name == node.name)
            text = text.replace(ast.get_source_segment(text, old), code)
        else:
            text = text.replace("from jax import Array", f"from jax import Array\n{code}")
    return text
