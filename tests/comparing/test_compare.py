"""The columns side by side: every line is there once, lines of one equation share a row."""

import ast
import json
import re
import subprocess
import sys

import pytest

from shared import catalogue
from shared.comparing import sidebyside
from shared.comparing.sidebyside import parts

PATHS = catalogue.paths()


@pytest.fixture
def run(run):
    """In a terminal of a given width."""
    return lambda *words, width=80: run(*words, width=width)


def rows(path, columns=("numpy", "torch", "tf")):
    return [(part, row) for part in parts(path, columns) for row in part.rows]


def cells(path, part, columns=("numpy", "torch", "tf")):
    return [
        {c: line.text.strip() for c, line in row.cells.items()} for p, row in rows(path, columns) if p.name == part
    ]


@pytest.mark.parametrize("path", PATHS)
def test_every_line_of_every_column_is_there_once_and_in_order(path):
    for column in sidebyside.existing(path):
        source = catalogue.source(column, path).read_text()
        after = ast.parse(source).body[0].end_lineno
        wanted = [line for line in source.splitlines()[after:] if line.strip()]
        lines = [row.cells[column] for _, row in rows(path, sidebyside.existing(path)) if column in row.cells]
        lines.sort(key=lambda line: line.first)
        assert [text for line in lines for text in line.text.splitlines() if text.strip()] == wanted
        for part in parts(path, sidebyside.existing(path)):
            numbers = [row.cells[column].first for row in part.rows if column in row.cells]
            assert numbers == sorted(numbers)


@pytest.mark.parametrize("path", PATHS)
def test_lines_of_one_equation_share_a_row(path):
    """In a function that two columns tag equally often with an equation, they do so in the same rows."""
    for part in parts(path, sidebyside.existing(path)):
        tagged = {}
        for i, row in enumerate(part.rows):
            for column, line in row.cells.items():
                if line.equations:
                    tagged.setdefault((line.equations, line.through), {}).setdefault(column, []).append(i)
        for columns in tagged.values():
            assert (
                len({tuple(where) for where in columns.values() if len(where) == max(map(len, columns.values()))})
                == 1
            )


@pytest.mark.parametrize("path", PATHS)
def test_lines_of_different_equations_do_not(path):
    for _, row in rows(path, sidebyside.existing(path)):
        tags = [set(line.equations) for line in row.cells.values()]
        assert all(map(bool, tags)) or not any(tags)
        assert len({line.through for line in row.cells.values()}) == 1


def test_lstm_cell_is_aligned_as_a_reader_would():
    found = cells("recurrent/lstm", "_cell")
    assert {c: text.split(" = ")[1] for c, text in found[2].items()} == {
        "numpy": "np.split(z, 4, axis=-1)",
        "torch": "torch.chunk(z, 4, dim=-1)",
        "tf": "tf.split(z, 4, axis=-1)",
    }
    assert all("# (5)" in text for text in found[-2].values())
    assert all(len(row) == 3 for row in found)


def test_parts_are_found_by_name(tmp_path, monkeypatch):
    """A helper that one column has, another order, a tag in the middle of a statement, a comment of its own."""
    texts = {
        "numpy": '"""Doc."""\n\nimport numpy as np\n\n\ndef f(x):\n    # why\n    y = np.exp(x)  # (1)\n'
        "    return (\n        y + 1  # (2)\n    )\n\n\ndef f_backward(dy):\n    return dy  # through (1) (2)\n",
        "torch": '"""Doc."""\n\nimport torch\n\nTWO = 2\n\n\ndef _help(x):\n    return x\n\n\ndef f(x):\n'
        "    y = torch.exp(_help(x))  # (1)\n    return y + 1  # (2)\n",
    }
    for column, text in texts.items():
        (tmp_path / f"{column}_impl").mkdir()
        (tmp_path / f"{column}_impl" / "f.py").write_text(text)
    monkeypatch.setattr(catalogue, "ROOT", tmp_path)
    assert sidebyside.existing("f") == ("numpy", "torch")
    found = parts("f", ("numpy", "torch"))
    assert [(part.name, part.kind, part.columns) for part in found] == [
        ("imports", "code", ("numpy", "torch")),
        ("TWO", "code", ("torch",)),
        ("_help", "function", ("torch",)),
        ("f", "function", ("numpy", "torch")),
        ("f_backward", "function", ("numpy",)),
    ]
    assert [row.equations for row in found[3].rows] == [(), (1,), (2,)]
    assert found[3].rows[1].cells["numpy"].text == "    # why\n    y = np.exp(x)  # (1)"
    assert found[3].rows[2].cells["numpy"].text == "    return (\n        y + 1  # (2)\n    )"
    assert found[3].rows[0].is_same(("numpy", "torch"))
    assert found[4].rows[1].through


def test_only_text_is_read():
    """No framework, not even NumPy's column, is imported to compare."""
    script = (
        "import sys; from shared.comparing import sidebyside; sidebyside.parts('recurrent/lstm')\n"
        "loaded = {name.split('.')[0] for name in sys.modules}\n"
        "assert not loaded & {'torch', 'tensorflow', 'numpy_impl', 'torch_impl', 'tf_impl'}, loaded"
    )
    subprocess.run([sys.executable, "-c", script], cwd=catalogue.ROOT, check=True)


@pytest.mark.parametrize("width", [40, 200, *(pytest.param(w, marks=pytest.mark.full) for w in (80, 120))])
@pytest.mark.parametrize("path", PATHS)
def test_nothing_is_wider_than_the_terminal(run, path, width):
    status, out, _ = run("compare", path, "--code-only", width=width)
    assert status == 0
    assert max(map(len, out.splitlines())) <= width
    # all of the code is there, whatever the folding: no word of NumPy's column is missing
    squeezed = re.sub(r"\s", "", out)
    if width == 200:
        code = catalogue.source("numpy", path).read_text()
        assert all(word in squeezed for word in re.findall(r"\bnp\.\w+", code))


def test_wide_terminal_has_three_columns(run):
    _, out, _ = run("compare", "lstm", width=200)
    line = next(line for line in out.splitlines() if "np.split(z, 4" in line)
    assert line.index("np.split") < 66 < line.index("torch.chunk") < 133 < line.index("tf.split")
    assert re.search(r"^ +c\S* += f ⊙ .* \+ i ⊙ g +\(4\)", out, re.M)
    assert "_cell_backward, numpy only" in out


def test_narrow_terminal_lays_them_over_each_other(run):
    _, out, _ = run("compare", "lstm", "--code-only", width=80)
    assert "cell state" not in out
    assert len(re.findall(r"^ +c = f \* state\.c \+ i \* g  # \(4\)$", out, flags=re.M)) == 1
    assert re.search(
        r"^numpy +i, f, g, o = np.split.*\ntorch +i, f, g, o = torch.chunk.*\ntf +i, f, g, o = tf.split", out, re.M
    )
    assert re.search(r"^torch tf +return LSTMState\(h, c\)$", out, flags=re.M)


@pytest.mark.parametrize(
    "words",
    [
        ("lstm", "--backends", "numpy", "torch"),
        ("lstm", "--backends", "torch,numpy"),
        ("--backends", "numpy torch", "lstm"),
        ("--backends", "numpy", "torch", "lstm"),
    ],
)
def test_two_columns(run, words):
    status, out, _ = run("compare", *words, "--json")
    assert status == 0
    told = json.loads(out)
    assert told["columns"] == ["numpy", "torch"]
    assert told["path"] == "recurrent/lstm"
    assert told["specification"].startswith("Long short-term memory")
    row = next(
        row for part in told["parts"] if part["name"] == "_cell" for row in part["rows"] if row["equations"] == [4]
    )
    source = catalogue.source("torch", "recurrent/lstm").read_text().splitlines()
    assert row["columns"]["torch"]["text"] == source[row["columns"]["torch"]["line"] - 1]


def test_wrong_words_are_one_clear_line(run):
    for words, says in (
        (("lstmm",), "did you mean recurrent/lstm?"),
        (("lstm", "gru_"), "one algorithm"),
        (("numpy",), "one algorithm, got none"),
        (("lstm", "--backends", "mxnet"), "expected one of numpy, torch, tf"),
    ):
        status, _, err = run("compare", *words)
        assert status == 1
        assert says in err
        assert len(err.splitlines()) == 1


def test_long_output_goes_through_a_pager(run, monkeypatch):
    from rich.console import Console

    paged = []
    monkeypatch.setattr(Console, "is_terminal", True)
    monkeypatch.setattr("pydoc.pager", lambda text, title="": paged.append(text))
    run("compare", "lstm")
    assert "LSTMParams" in paged[0]
    assert "\x1b[" in paged[0]
    _, out, _ = run("compare", "lstm", "--no-pager")
    assert "LSTMParams" in out
    assert len(paged) == 1
