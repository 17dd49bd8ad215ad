"""What the commands print: nothing wider than the terminal, nothing cut, the verdict first, metrics in words."""

import functools
import json
import os
import re
import subprocess
import sys

import pytest
from rich.cells import cell_len
from rich.table import Table

from shared import catalogue
from shared.checking import mistakes
from shared.checking.report import report
from shared.cli import bench, checking, console, train
from shared.cli import trace as cli_trace
from shared.comparing import question_six
from shared.training import metrics

MEASURED = functools.cache(report)
FINDINGS = functools.cache(mistakes.all_findings)
TRACED = functools.cache(question_six.report)
WIDTHS = [60, 80, 130]


@pytest.fixture
def run(run, monkeypatch):
    """In a terminal; checks are made once for all widths."""
    monkeypatch.setattr("shared.checking.report.report", MEASURED)
    monkeypatch.setattr("shared.checking.mistakes.all_findings", FINDINGS)
    monkeypatch.setattr(
        question_six,
        "report",
        lambda path, case, names, backward: TRACED(path, _case(path), names, backward=backward),
    )

    return lambda *words, width=80: run(*words, width=width)


@functools.cache
def _case(path):
    from shared import cases

    return cases.find_case(path)


def fits(out, width):
    for line in out.splitlines():
        assert cell_len(line) <= width, f"{cell_len(line)} characters: {line}"
    assert "…" not in re.sub(r" …( |$)|\.\.\.", "", out, flags=re.M), "something is cut"


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(
    "line", ["list", "check lstm", "check adam", "mistakes lstm", "trace lstm", "trace lstm --backward",
             "trace adam", "compare adam", "derive lstm", "derive lemmas"]
)  # fmt: skip
def test_nothing_is_wider_than_the_terminal_or_cut(run, line, width):
    status, out, err = run(*line.split(), width=width)
    assert (status, err) == (0, "")
    fits(out, width)


@pytest.mark.parametrize("width", WIDTHS)
def test_tables_of_many_algorithms_and_of_ratios_fit(width, monkeypatch, capsys):
    from shared.benchmarking.measure import Result, Side

    monkeypatch.setenv("COLUMNS", str(width))
    checking.show([MEASURED("optimizers/sgd"), MEASURED("intro/softmax_regression")] * 2)
    out = capsys.readouterr().out
    assert out.startswith("4 of 4 algorithms are right\n")
    fits(out, width)
    side, path = Side("torch, torch.compile", 12.345, (11.0, 13.0), 12.3), "regularization/dropconnect_mlp"
    result = Result(path, "forward and backward", "torch", side, side, 1.0, (0.5, 1.5), 1.0)
    console.console().print(bench._table([result, result], memory=True))
    fits(capsys.readouterr().out, width)
    row = {"recipe": "softmax_regression", "first_loss": 2.3, "last_loss": 0.3, "accuracy": 0.9, "goal": 0.9}
    row |= {"seconds": 1.0, "difference": 1e-7, "picture": "build/demo/lstm.png"}
    rows = [row | {"backend": name} for name in ("numpy", "torch")]
    train._print_demo(rows)
    out = capsys.readouterr().out
    fits(out, width)
    assert out.count("softmax_regression") == 1
    assert out.count("90.00 %") == 4


@pytest.mark.parametrize("width", WIDTHS)
def test_list_never_cuts_a_name_and_shows_every_recipe(run, width):
    words = run("list", width=width)[1].split()
    assert set(catalogue.paths()) <= set(words)
    recipes = {path.split("/")[-1] for path in catalogue.recipes()}
    assert recipes <= {word.strip(",") for word in words}
    rows = {row["path"]: row["recipes"] for row in json.loads(run("list", "--json")[1])}
    assert rows["recurrent/lstm"] == ["recurrent/lstm", "recurrent/lstm_adding"]
    assert "generative/gan_gaussians" in rows["generative/gan"]
    assert "recurrent/gru_rows" in rows["recurrent/gru"]
    assert sorted(recipe for row in rows.values() for recipe in row) == sorted(catalogue.recipes())


def test_the_verdict_comes_first_with_what_is_wrong(run, monkeypatch):
    assert run("check", "lstm")[1].startswith("recurrent/lstm is right\n")
    wrong = MEASURED("optimizers/sgd") | {"ok": False, "problems": ["numpy outputs: one two three"]}
    monkeypatch.setattr("shared.checking.report.report", lambda path, columns: wrong)
    status, out, _ = run("check", "sgd")
    assert status == 1
    assert out.startswith("optimizers/sgd is NOT RIGHT\n  numpy outputs: one two three\n")


def test_a_table_that_does_not_fit_is_printed_row_by_row(capsys):
    table = Table("a name", "first value", "second", title="numbers")
    table.add_row("x" * 30, "[green]1[/green]", "y" * 20)
    console.console(width=40).print(table)
    told = "numbers\n" + "x" * 30 + "\n  first value  1\n  second       " + "y" * 20
    assert re.sub(r" +$", "", capsys.readouterr().out, flags=re.M) == told + "\n"
    console.console(width=90).print(table)
    assert "┃ a name" in capsys.readouterr().out


def test_mistakes_name_leaves_as_the_code_does(run):
    out = run("mistakes", "lstm", width=130)[1]
    assert re.search(r"d_state\.[hc]\[\d, \d\] is", out)
    assert re.search(r"(hs|state\.h)\[\d, \d", out)
    assert not re.search(r"\b(grads|outputs)\[", out)
    assert re.search(r"^   right  .*\n   wrong  ", out, flags=re.M)
    assert re.search(r"d_params\.W\[\d, \d\]", " ".join(f.how for f in FINDINGS("intro/softmax_regression")))


def test_a_wide_trace_stays_a_table_of_columns(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "200")
    told = TRACED("recurrent/lstm", _case("recurrent/lstm"), ("numpy",), backward=False)
    cli_trace.show(told, console.console())
    assert re.search(r"^ \(4\) +c +3×5 +-?\d", capsys.readouterr().out, flags=re.M)


# --- metrics ------------------------------------------------------------------------------------------------


def test_every_metric_that_a_run_reported_is_explained():
    text = (catalogue.ROOT / "RESULTS.md").read_text()
    cells = [line.strip("|").split("|")[-1] for line in text.splitlines() if line.startswith("| `")]
    names = {re.sub(r" [-\d.e+]+( %)?$", "", item.strip()) for cell in cells for item in cell.split(",")}
    assert len(names) > 40
    for name in names:
        assert any(metrics.about(name.replace(" ", "_"))) or name == "accuracy", name
    for name, (unit, what, direction) in metrics.KNOWN.items():
        assert name == "accuracy" or (what and not re.search(r"[a-z]_[a-z]", unit + what + direction)), name


def test_metrics_are_in_words():
    assert metrics.in_words("accuracy", 0.98123) == "98.12 %"
    assert metrics.in_words("elbo", -98.214).startswith("-98.21 nats per digit (evidence lower bound (ELBO)")
    assert metrics.in_words("elbo", -98.214).endswith("; higher is better)")
    assert metrics.in_words("plain_accuracy", 0.5) == "50.00 % (without the method; to compare with)"
    assert metrics.in_words("phoneme_error", 0.2).startswith("20.00 % (")
    assert metrics.in_words("somebody_s_own", 1.5) == "1.5"


# --- the command as a whole ---------------------------------------------------------------------------------

JSON = ["list", "check", "mistakes", "compare", "trace", "train", "race", "demo", "bench"]


def test_every_command_that_prints_a_table_takes_json(run):
    readme = (catalogue.ROOT / "README.md").read_text()
    said = re.search(r"those that print figures or a table,\s(.*?),\stake `--json`", readme, flags=re.S)[1]
    assert sorted(re.findall(r"`(\w+)`", said)) == sorted(JSON)
    for name in JSON:
        assert "--json" in run(name, "--help", width=130)[1]


def test_version_and_help(run):
    status, out, _ = run("--version")
    assert status == 0
    assert re.fullmatch(rf"triptych \d+\.\d+\.\d+ in {re.escape(str(catalogue.ROOT))}\n", out)
    status, out, _ = run()
    assert status == 0
    assert "Usage" in out


def command(*words, **options):
    environment = {**os.environ, "PYTHONPATH": str(catalogue.ROOT), **options.pop("env", {})}
    line = [sys.executable, "-m", "shared.cli", *words]
    return subprocess.Popen(
        line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, **options
    )


def test_a_reader_that_goes_away_is_no_error():
    process = command("list", "--json")
    process.stdout.close()
    assert process.stderr.read() == ""
    assert process.wait() == 0
    process = command("list")
    process.stdout.close()
    assert process.stderr.read() == ""
    assert process.wait() == 0


def test_the_shell_is_told_commands_and_algorithms():
    assert console.algorithms("ls") == ["lstm"]
    assert console.algorithms("recurrent/l") == ["recurrent/lstm"]
    script = "import sys; sys.argv = ['triptych']; from shared.cli.main import main; main()"
    complete = {"_TRIPTYCH_COMPLETE": "complete_bash", "COMP_WORDS": "triptych check ls", "COMP_CWORD": "2"}
    environment = {**os.environ, "PYTHONPATH": str(catalogue.ROOT), **complete}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment)
    assert done.stdout.split() == ["lstm"], done.stderr


# --- installed, and not a clone -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["fixtures", "measured", "results"])
def test_what_writes_into_a_clone_says_so_before_any_work(run, monkeypatch, tmp_path, name):
    monkeypatch.setattr(catalogue, "ROOT", tmp_path)
    monkeypatch.setattr("shared.checking.report.report", lambda path: pytest.fail("a check was run"))
    status, out, err = run(name)
    assert (status, out) == (1, "")
    assert err == f"error: `triptych {name}` writes into a clone of the repository, and {tmp_path} is none\n"


def test_no_message_names_a_distribution_that_is_not_published():
    told = [p for p in (catalogue.ROOT / "shared").rglob("*.py") if "pip install 'triptych" in p.read_text()]
    assert not told


@pytest.mark.full
def test_the_source_distribution_has_the_tests_and_what_they_read(tmp_path):
    import shutil
    import tarfile

    whole = shutil.ignore_patterns(".git", ".venv*", "build", "dist", "*.egg-info", "__pycache__", ".*_cache")
    shutil.copytree(catalogue.ROOT, tmp_path / "clone", ignore=whole)
    script = "from setuptools import build_meta; build_meta.build_sdist('dist')"
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path / "clone", check=True, capture_output=True)
    (file,) = (tmp_path / "clone" / "dist").glob("*.tar.gz")
    with tarfile.open(file) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    wanted = {p.relative_to(tmp_path / "clone").as_posix() for p in (tmp_path / "clone").rglob("*") if p.is_file()}
    assert not {name for name in wanted - names if not name.startswith((".", "dist/", "triptych.egg-info/"))}
