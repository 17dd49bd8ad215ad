"""The commands as a person uses them: what they print, and their exit status."""

import json
import re

import pytest

from shared import backends, catalogue
from shared.checking import measured
from shared.training import results


def one_line(status, out, err):
    assert status != 0
    assert out == ""
    assert err.count("\n") == 1, err
    return err


def test_list_shows_every_algorithm(run):
    status, out, _ = run("list")
    assert status == 0
    assert all(path in out for path in catalogue.paths())
    rows = json.loads(run("list", "--json")[1])
    assert [row["path"] for row in rows] == catalogue.paths()
    assert all(row["columns"] == list(backends.NAMES) and row["cases"] for row in rows)


def test_check_one_algorithm(run):
    status, out, _ = run("check", "softmax_regression", "--json")
    assert status == 0
    (report,) = json.loads(out)
    assert report["path"] == "intro/softmax_regression"
    assert report["ok"]
    assert not report["problems"]
    assert set(report["backends"]) == set(backends.installed())
    for errors in report["backends"].values():
        assert 0 <= errors["outputs"] <= 1e-12
        assert 0 <= errors["gradients"] <= 1e-12
    assert 0 < report["finite_differences"] <= 1e-6
    assert report["mutants"]["caught"] == report["mutants"]["planted"] >= 6
    status, out, _ = run("check", "sgd", "--backend", "numpy")
    assert status == 0
    assert out.startswith("optimizers/sgd is right\n")


def test_check_fails_when_something_is_wrong(run, monkeypatch):
    from numpy_impl.intro import softmax_regression as right

    def wrong(cache, d_logits, *, params_only=False):
        d_params, d_X = original(cache, d_logits, params_only=params_only)
        return d_params._replace(b=1.001 * d_params.b), d_X

    original = right.softmax_regression_backward
    monkeypatch.setattr(right, "softmax_regression_backward", wrong)
    status, out, _ = run("check", "softmax_regression", "--json")
    (report,) = json.loads(out)
    assert status == 1
    assert not report["ok"]
    assert any("d_params.b" in problem and "got" in problem and "wanted" in problem for problem in report["problems"])


def test_mistakes_shows_sentence_edit_and_numbers(run):
    status, out, _ = run("mistakes", "sgd")
    assert status == 0
    assert "Ascent: the loss grows." in out
    assert "right  p - lr * g" in out
    assert "wrong  p + lr * g" in out
    assert re.search(r"outputs.* is -?\d.* instead of", out)
    found = json.loads(run("mistakes", "sgd", "--json")[1])
    assert all(row["caught"] and row["why"] and row["how"] for row in found)


def test_a_surviving_mutant_is_shouted(run, monkeypatch):
    from shared.cases import Mutant
    from shared.cases.optimizers import sgd

    monkeypatch.setattr(sgd, "MUTANTS", [Mutant("p - lr * g", "-(lr * g) + p", "Not a mistake at all.")])
    status, out, _ = run("mistakes", "sgd")
    assert status == 1
    assert "NOT CAUGHT" in out


@pytest.mark.parametrize("old", ["nowhere to be found", "params"])
def test_a_mutant_must_apply_once(old):
    from shared.cases import Mutant
    from shared.checking.mistakes import plant

    with pytest.raises(ValueError, match="times in the file, not once"):
        plant("optimizers/sgd", Mutant(old, "x", ""))


def test_wrong_names_are_one_clear_line(run):
    assert "did you mean recurrent/lstm?" in one_line(*run("check", "lstmm"))
    assert "did you mean recurrent/lstm_adding, a recipe of recurrent/lstm" in one_line(*run("train", "lstmadding"))
    assert "it is a recipe of generative/gan" in one_line(*run("check", "gan_gaussians"))
    assert "did you mean recurrent/lstm?" in one_line(*run("check", "LSTM"))
    assert "did you mean intro/softmax_regression?" in one_line(*run("mistakes", "softmax_regresion"))
    assert "`triptych list` shows all" in one_line(*run("check", "zzzz"))
    assert "expected one of numpy, torch, tf" in one_line(*run("check", "lstm", "--backend", "mxnet"))
    assert "one algorithm, or --all" in one_line(*run("check"))


@pytest.mark.parametrize(
    "command", ["list", "check", "mistakes", "train", "bench", "demo", "fixtures", "measured", "derive"]
)
def test_every_command_has_help(run, command):
    status, out, _ = run(command, "--help")
    assert status == 0
    assert "Usage" in out


def test_a_derivation_is_read_with_its_formulas_as_they_are(run):
    status, out, _ = run("derive", "gru")
    assert status == 0
    assert "    d_a_n = d_n ⊙ (1 - n²)" in out
    assert "```" not in out
    assert "Lemmas" in run("derive", "lemmas")[1]


def test_what_has_no_derivation_says_why(run):
    assert "nothing in it is differentiated by hand" in one_line(*run("derive", "beam_search"))


def test_missing_backend_is_one_clear_line(run, monkeypatch):
    monkeypatch.setattr(backends, "installed", lambda: ("numpy",))
    message = one_line(*run("check", "lstm", "--backend", "tf"))
    assert "needs tensorflow, which is not installed" in message


def test_the_measured_table_lists_every_algorithm():
    text = (catalogue.ROOT / "MEASURED.md").read_text().partition("\n## ")[0]
    rows = re.findall(r"^\| `([^`]+)` \|", text, flags=re.M)
    assert rows == catalogue.paths(), "run `make measured`"
    assert "nan" not in text
    assert "inf" not in text


def test_the_measured_table_names_lines_that_are_not_compared(monkeypatch, tmp_path):
    left = {"line": 7, "function": "f_backward", "name": "s", "reason": "a partial sum", "text": "s = a | b"}
    way_back = {"worst": 2e-15, "where": "f: through (1), `d_x`", "lines": 3, "left": [left]}
    errors = {"outputs": 1e-16, "gradients": None, "float32": 0.0}
    report = {"path": "intro/f", "backends": {"numpy": errors}, "agreement": 0.0, "finite_differences": 1e-9}
    report |= {"way_back": way_back, "mutants": {"caught": 2, "planted": 2}}
    monkeypatch.setattr(catalogue, "ROOT", tmp_path)
    text = measured.write([report]).read_text()
    assert "| `intro/f` | 1e-16 / – | 0 | 1e-09 | 2e-15, 3 of 4 | 2 of 2 |" in text
    assert "| `intro/f` | `s = a \\| b` | a partial sum |" in text


def test_results_are_taken_up_and_stay(run, monkeypatch, tmp_path):
    monkeypatch.setattr(results, "_file", lambda: tmp_path / "RESULTS.md")
    (tmp_path / "RESULTS.md").write_text(f"before\n{results.BEGIN}\n{results.END}\nafter\n")
    record = {"path": "intro/mlp", "backend": "tf", "budget": "quick", "seed": 3, "dtype": "float32"}
    record |= {"first_loss": 2.3, "last_loss": 0.06}
    record |= {"seconds": 150.0, "steps": catalogue.companion("recipes", "intro/mlp").BUDGETS["quick"].steps}
    folder = tmp_path / "train/intro/mlp/tf"
    folder.mkdir(parents=True)
    for accuracy in (0.5, 0.9801):
        text = json.dumps(record | {"metrics": {"accuracy": accuracy, "test_loss": 0.125}})
        (folder / "result.json").write_text(text)
        status, out, _ = run("results", str(tmp_path))
        assert status == 0
        assert "1 runs added, 1 rows" in out
    not_the_budget = record | {"seed": 4, "steps": 1, "metrics": {}}
    (folder / "result.json").write_text(json.dumps(not_the_budget))
    assert "0 runs added, 1 rows" in run("results", str(tmp_path))[1]
    row = "`intro/mlp`", "quick", "tf", "3", f"{record['steps']:,}", "2.5 min", "accuracy 98.01 %, test loss 0.125"
    assert results.recorded() == [row]
    assert (tmp_path / "RESULTS.md").read_text().endswith(f"{results.END}\nafter\n")
