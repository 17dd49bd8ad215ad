"""Training as a whole: every recipe on every installed backend, kills, Ctrl-C, wrong input, agreement."""

import gzip
import json
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest
from runs import same_bits, train
from sklearn.linear_model import LogisticRegression

from shared import backends, catalogue, files, pictures, recipes
from shared.cli import main
from shared.data import cmudict, diabetes
from shared.data.diabetes import load_diabetes
from shared.data.mnist import load_digits
from shared.differences import difference, flatten
from shared.recipes import Budget, Run
from shared.training import checkpoints, demo, loop
from shared.training.console import stopping
from shared.training.plan import CHECKPOINT, RESULT

BACKENDS = backends.installed()
full = pytest.mark.full  # thousands of steps are slow in the frameworks
long_run = pytest.mark.parametrize("backend", [pytest.param(b, marks=[full] * (b != "numpy")) for b in BACKENDS])


def write_idx(path, array):
    path.write_bytes(struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes())


@pytest.fixture(scope="session")
def small(tmp_path_factory):
    """A folder with the first 600 + 300 images of MNIST, every 50th word, and the diabetes data."""
    folder, digits = tmp_path_factory.mktemp("small"), load_digits()
    for part, images, labels in (("train", *digits[:2]), ("t10k", *digits[2:])):
        n = 600 if part == "train" else 300
        write_idx(folder / f"{part}-images-idx3-ubyte", images[:n])
        write_idx(folder / f"{part}-labels-idx1-ubyte", labels[:n])
    shutil.copy(diabetes.EMBEDDED, folder)
    lines = gzip.decompress(cmudict.EMBEDDED.read_bytes()).decode().splitlines()
    (folder / "cmudict.dict").write_text("\n".join(lines[::50]))
    return folder


def data_for(path, small):
    """The small folder, or None for a recipe that makes its own data and refuses a folder."""
    recipe = catalogue.companion("recipes", path)
    try:
        recipe.load(Run("numpy", recipe.BUDGETS["quick"], 0, "float32"), small)
    except ValueError:
        return None
    return small


# --- every recipe -----------------------------------------------------------------------------------------


RECIPES = catalogue.recipes()
COMPILED = {  # one of every chapter; compiling takes long
    "intro/mlp", "optimizers/adam", "regularization/l2", "normalization/batch_norm_mlp",
    "recurrent/lstm", "convolutional/cnn", "generative/gan",
}  # fmt: skip


def test_a_recipe_of_every_chapter_is_compiled():
    assert set(RECIPES) >= COMPILED
    assert {path.split("/")[0] for path in COMPILED} == {path.split("/")[0] for path in RECIPES}


@pytest.mark.parametrize("path", RECIPES)
def test_every_recipe_runs_on_every_backend(path, small, tmp_path, monkeypatch):
    budgets = catalogue.companion("recipes", path).BUDGETS
    if hasattr(budgets["quick"], "betas"):  # annealed importance sampling takes its time at each of them
        monkeypatch.setitem(budgets, "quick", budgets["quick"]._replace(betas=100))
    runs_on_every_backend(path, small, tmp_path, monkeypatch, compile=path in COMPILED)


@pytest.mark.full
@pytest.mark.parametrize("path", RECIPES)
def test_every_recipe_runs_compiled(path, small, tmp_path, monkeypatch):
    runs_on_every_backend(path, small, tmp_path, monkeypatch, compile=True)


def runs_on_every_backend(path, small, tmp_path, monkeypatch, compile):
    losses, data = {}, data_for(path, small)
    for backend in BACKENDS:
        if backend != BACKENDS[0]:  # pictures are drawn from NumPy arrays: once is enough
            monkeypatch.setattr(pictures, "save", lambda figure, file: files.write(file, b""))
        result = train(path, backend, steps=3, data=data, out=tmp_path / backend, compile=compile)
        assert {file.name for file in result.files} == {file.name for file in (tmp_path / backend).iterdir()}
        assert json.loads((tmp_path / backend / RESULT).read_text()) == result.record
        assert [len(values) for values in result.history.values()] == [3] * len(result.history)
        assert all(isinstance(x, int | float) and np.isfinite(x) for x in result.record["metrics"].values())
        assert all(x.dtype == "float32" for x in flatten(result.state, "state").values() if x.dtype.kind == "f")
        losses[backend] = result.history["loss"]
    for backend in BACKENDS:
        np.testing.assert_allclose(losses[backend], losses[BACKENDS[0]], rtol=2e-5)


@pytest.mark.parametrize("path", RECIPES)
def test_batches_depend_on_seed_and_step_alone(path, small):
    recipe = catalogue.companion("recipes", path)
    run = Run("numpy", recipe.BUDGETS["quick"], 7, "float32")
    data = recipe.load(run, data_for(path, small))
    steps = [0, 1, 2, 3, 4, 50]
    forward = [recipe.batch(run, data, i) for i in steps]
    recipes._shuffled.cache_clear()
    backward = [recipe.batch(run, data, i) for i in reversed(steps)][::-1]
    for one, two in zip(forward, backward, strict=True):
        for x, y in zip(one, two, strict=True):
            assert isinstance(x, np.ndarray | np.generic)
            np.testing.assert_array_equal(x, y)


def test_an_epoch_is_a_shuffle():
    run = Run("numpy", Budget(steps=1, batch=4, lr=1.0), 3, "float32")
    epochs = [np.concatenate([recipes.rows(run, 22, i) for i in range(5 * e, 5 * e + 5)]) for e in (0, 1)]
    assert all(len(set(epoch.tolist())) == 20 for epoch in epochs)  # 22 examples make 5 batches of 4
    assert epochs[0].tolist() != epochs[1].tolist()
    other = recipes.rows(run._replace(seed=4), 22, 0)
    assert other.tolist() != epochs[0][:4].tolist()
    assert sorted(recipes.rows(run, 3, 9).tolist()) == [0, 1, 2]  # fewer examples than a batch has


def test_the_learning_rate_falls_and_stays_positive():
    run = Run("numpy", Budget(steps=10, batch=1, lr=0.5), 0, "float32")
    rates = [recipes.falling(run, i) for i in range(10)]
    assert rates[0] == 0.5
    assert np.all(np.diff(rates) < 0)
    assert rates[-1] > 0
    assert all(rate.dtype == "float32" and rate.shape == () for rate in rates)


# --- the three columns agree, and so do others ------------------------------------------------------------


def agreement(tmp_path, monkeypatch, hidden, data=None):
    """The largest relative difference of any parameter after 200 steps of Adam in float64."""
    recipe = catalogue.companion("recipes", "intro/mlp")
    budget = recipe.BUDGETS["quick"]._replace(steps=200, hidden=hidden)
    monkeypatch.setitem(recipe.BUDGETS, "quick", budget)
    results = {b: train("mlp", b, dtype="float64", data=data, out=tmp_path / b) for b in BACKENDS}
    flat = {backend: flatten(result.state.params, "params") for backend, result in results.items()}
    assert np.max(np.abs(flat[BACKENDS[0]]["params[0].W"])) > 0.1
    return max(difference(flat[backend], flat[BACKENDS[0]], "float64").error for backend in BACKENDS)


def test_200_steps_of_adam_agree(small, tmp_path, monkeypatch):
    assert agreement(tmp_path, monkeypatch, 64, small) <= 1e-10


@pytest.mark.full
def test_200_steps_of_adam_agree_at_full_size(tmp_path, monkeypatch):
    assert agreement(tmp_path, monkeypatch, 512) <= 1e-10


@long_run
def test_linear_regression_meets_the_closed_form(backend, tmp_path):
    metrics = train("linear_regression", backend, dtype="float64", out=tmp_path).record["metrics"]
    assert metrics["distance"] < 1e-6
    assert metrics["r2"] == pytest.approx(0.51774842, abs=1e-7)  # scikit-learn's


@long_run
def test_logistic_regression_meets_scikit_learn(backend, small, tmp_path):
    recipe = catalogue.companion("recipes", "intro/logistic_regression")
    result = train("logistic_regression", backend, dtype="float64", data=small, out=tmp_path)
    X, y = result.data.X, result.data.y
    oracle = LogisticRegression(C=1 / (len(y) * recipe.PENALTY), tol=1e-10, max_iter=1000).fit(X, y)
    assert np.max(np.abs(result.state.params.w - oracle.coef_[0])) < 1e-4
    assert abs(result.state.params.b - oracle.intercept_[0]) < 1e-4
    assert result.record["metrics"]["gradient"] < 1e-4


@pytest.mark.full
@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("path", demo.GOALS)
@pytest.mark.parametrize("backend", BACKENDS)
def test_quick_budgets_reach_their_goals(backend, path, seed, tmp_path):
    result = train(path, backend, seed=seed, out=tmp_path)
    assert result.record["metrics"]["accuracy"] >= demo.GOALS[path]


# --- stopping and going on --------------------------------------------------------------------------------


def child(*arguments):
    """Python in a process of its own; with a single thread, since several tests run at once."""
    threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    environment = os.environ | threads | {"PYTHONPATH": str(catalogue.ROOT)}
    return subprocess.Popen([sys.executable, *arguments], env=environment, stderr=subprocess.PIPE, text=True)


def wait_for(condition, process, seconds=240):
    """Waits until condition() holds; the process, which is to bring it about, must not end before."""
    end = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.stderr.read()
        if time.monotonic() > end:
            process.kill()
            raise TimeoutError(f"nothing came of {process.args} in {seconds} s")
        time.sleep(0.01)


def steps_done(folder):
    return checkpoints.read(folder / CHECKPOINT).step if (folder / CHECKPOINT).exists() else 0


def killed_and_resumed(backend, data, tmp_path, kills, before=""):
    """Kills a run of the MLP that writes a checkpoint after every step, so that kills fall into writing, too."""
    interrupted, whole, steps = tmp_path / "interrupted", tmp_path / "whole", 150
    run = (
        f"import sys; sys.path.append({str(catalogue.ROOT / 'tests')!r})\n"
        f"from runs import train; {before}\n"
        f"run = lambda out, **options: train('mlp', {backend!r}, steps={steps}, data={str(data)!r}, "
        "out=out, progress=False, **options)\n"
    )
    for kill in range(kills):
        done = steps_done(interrupted)
        process = child("-c", run + f"run({str(interrupted)!r}, resume={kill > 0}, checkpoint_seconds=0)")
        wait_for(lambda done=done: steps_done(interrupted) > done, process)
        time.sleep(random.Random(kill).uniform(0, 0.2))
        process.kill()
        process.communicate()
    assert 0 < steps_done(interrupted) < steps
    process = child("-c", run + f"run({str(interrupted)!r}, resume=True); run({str(whole)!r})")
    _, errors = process.communicate(timeout=200)
    assert process.returncode == 0, errors
    same_bits(interrupted, whole, steps)
    assert not list(interrupted.glob(".*"))  # what the killed writers left is swept up


def test_a_killed_run_resumes_to_the_same_bits(small, tmp_path):
    killed_and_resumed("numpy", small, tmp_path, kills=4)


@pytest.mark.full
@pytest.mark.parametrize("backend", [backend for backend in BACKENDS if backend != "numpy"])
def test_a_killed_run_of_a_framework_resumes_to_the_same_bits(backend, small, tmp_path):
    killed_and_resumed(backend, small, tmp_path, kills=1)


@pytest.mark.full
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_killed_run_resumes_to_the_same_bits_when_compiled(backend, small, tmp_path):
    jit = (
        "import shared.recipes.intro.mlp as r; r.BUDGETS['quick'] = r.BUDGETS['quick']._replace(jit=('torch', 'tf'))"
    )
    killed_and_resumed(backend, small, tmp_path, 1, jit)


@pytest.mark.parametrize(
    ("path", "backend"), [("recurrent/lstm", "numpy"), *(("optimizers/sgd", backend) for backend in BACKENDS)]
)
def test_a_failed_run_resumes_to_the_same_bits(backend, path, small, tmp_path, monkeypatch):
    recipe = catalogue.companion("recipes", path)
    batch = recipe.batch
    arguments = {"recipe": path, "backend": backend, "steps": 7, "data": small, "out": tmp_path / "parts"}
    with monkeypatch.context() as patch:
        patch.setattr(recipe, "batch", lambda run, data, i: fail() if i == 4 else batch(run, data, i))
        with pytest.raises(Stop):
            train(**arguments, checkpoint_seconds=0)
    assert steps_done(tmp_path / "parts") == 4
    parts = train(**arguments, resume=True)
    whole = train(**arguments | {"out": tmp_path / "whole"})
    assert difference(flatten(parts.state, ""), flatten(whole.state, "")).error == 0
    np.testing.assert_array_equal(parts.history["loss"], whole.history["loss"])


class Stop(Exception):
    pass


def fail():
    raise Stop


def test_ctrl_c_leaves_a_checkpoint_and_says_how_to_go_on(small, tmp_path):
    out = tmp_path / "a folder"
    arguments = ["mlp", "--steps", "100000", "--data", str(small), "--out", str(out), "--no-progress"]
    process = child("-m", "shared.cli", "train", *arguments)
    wait_for(lambda: (out / CHECKPOINT).exists(), process)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert f"Stopped after step {steps_done(out)} of 100000; everything so far is kept." in errors
    command = "triptych train intro/mlp --backend numpy --budget quick --seed 0 --steps 100000"
    assert f"\n  {command} --data {small} --out '{out}' --resume\n" in errors
    assert "Traceback" not in errors
    assert not (out / RESULT).exists()


def test_the_first_ctrl_c_waits_and_the_second_does_not():
    before = signal.getsignal(signal.SIGINT)  # a background job of a shell ignores the signal
    with stopping() as asked:
        signal.raise_signal(signal.SIGINT)
        assert asked.signal == signal.SIGINT
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_ctrl_c_during_a_step(small, tmp_path, monkeypatch):
    """The step is finished, and its checkpoint is what --resume goes on from."""
    recipe = catalogue.companion("recipes", "intro/softmax_regression")
    with monkeypatch.context() as patch:
        patch.setattr(recipe, "batch", interrupting(recipe.batch, 4))
        with pytest.raises(loop.Interrupted, match=r"(?s)Stopped after step 5 of 9; .* --resume"):
            train("softmax_regression", "numpy", steps=9, data=small, out=tmp_path)
    assert steps_done(tmp_path) == 5
    resumed = train("softmax_regression", "numpy", steps=9, data=small, out=tmp_path, resume=True)
    whole = train("softmax_regression", "numpy", steps=9, data=small, out=tmp_path / "whole")
    assert difference(flatten(resumed.state, ""), flatten(whole.state, "")).error == 0


def interrupting(batch, at):
    def interrupted(run, data, i):
        if i == at:
            signal.raise_signal(signal.SIGINT)
        return batch(run, data, i)

    return interrupted


# --- folders that already hold something ------------------------------------------------------------------


@pytest.fixture
def unfinished(small, tmp_path, monkeypatch):
    """A folder with a run of softmax regression that was stopped after step 2 of 5, and the arguments it had."""
    recipe = catalogue.companion("recipes", "intro/softmax_regression")
    arguments = {"recipe": "softmax_regression", "backend": "numpy", "steps": 5, "data": small, "out": tmp_path}
    with monkeypatch.context() as patch:
        patch.setattr(recipe, "batch", interrupting(recipe.batch, 1))
        with pytest.raises(loop.Interrupted):
            train(**arguments)
    return SimpleNamespace(file=tmp_path / CHECKPOINT, arguments=arguments)


def test_an_unfinished_run_is_not_written_over(unfinished):
    before = unfinished.file.read_bytes()
    with pytest.raises(ValueError, match=r"unfinished run, step 2 of 5: --resume goes on, --fresh starts over"):
        train(**unfinished.arguments)
    assert unfinished.file.read_bytes() == before
    assert train(**unfinished.arguments, fresh=True).record["steps"] == 5
    assert train(**unfinished.arguments).record["steps"] == 5  # a finished one may be repeated
    again = train(**unfinished.arguments, resume=True)  # and resuming it has nothing left to do
    assert steps_done(unfinished.file.parent) == 5
    assert again.record["first_loss"] == pytest.approx(np.log(10))


OTHER = {
    "path": ({"recipe": "mlp"}, "its path is intro/softmax_regression, expected intro/mlp"),
    "budget": ({"budget": "full"}, "its budget is quick, expected full"),
    "seed": ({"seed": 1}, "its seed is 0, expected 1"),
    "steps": ({"steps": 6}, "its steps is 5, expected 6"),
    "dtype": ({"dtype": "float64"}, "its dtype is float32, expected float64"),
    "compile": ({"compile": False}, "its compile is True, expected False"),
    "data": ({"data": None}, "its data is "),
}


@pytest.mark.parametrize("resume", [False, True])
@pytest.mark.parametrize("what", OTHER)
def test_another_run_in_the_folder(unfinished, what, resume):
    changed, message = OTHER[what]
    before = unfinished.file.read_bytes()
    with pytest.raises(ValueError, match="holds another run: " + message):
        train(**unfinished.arguments | changed, resume=resume)
    assert unfinished.file.read_bytes() == before


def test_a_run_of_another_backend_in_the_folder(unfinished):
    found = checkpoints.read(unfinished.file)
    checkpoints.write(
        unfinished.file, found._replace(about=found.about | {"backend": "jax"}, state={"x": np.zeros(1)})
    )
    with pytest.raises(ValueError, match="holds another run: its backend is jax, expected numpy"):
        train(**unfinished.arguments, resume=True)


@pytest.mark.parametrize("resume", [False, True])
def test_a_damaged_checkpoint(unfinished, resume):
    whole = unfinished.file.read_bytes()
    for damaged in (b"", whole[:-1], whole[:100], b"\0" * 100, whole + b"\0"):
        unfinished.file.write_bytes(damaged)
        with pytest.raises(ValueError, match=rf"{CHECKPOINT}' is not a whole checkpoint: .*; --fresh starts over"):
            train(**unfinished.arguments, resume=resume)
        assert unfinished.file.read_bytes() == damaged
    assert train(**unfinished.arguments, fresh=True).record["steps"] == 5


# --- wrong input ------------------------------------------------------------------------------------------


WRONG = {
    "algorithm": ({"recipe": "softmax_regresion"}, "did you mean intro/softmax_regression"),
    "no recipe": (
        {"recipe": "losses"},
        "losses has no recipe to train by, expected one of intro/linear_regression, ",
    ),
    "backend": ({"backend": "jax"}, "backend 'jax' is unknown, expected one of numpy, torch, tf"),
    "budget": ({"budget": "huge"}, "budget 'huge' is unknown, expected one of quick, full"),
    "steps": ({"steps": 0}, "steps is 0, expected 1 to 100000000"),
    "seed": ({"seed": -1}, "seed is -1, expected 0 to "),
    "dtype": ({"dtype": "float16"}, "dtype 'float16' is unknown, expected one of float32, float64"),
    "resume and fresh": ({"resume": True, "fresh": True}, "resume and fresh exclude each other"),
    "data": ({"data": "no/such/folder"}, "data folder 'no/such/folder' does not exist"),
}


@pytest.mark.parametrize("what", WRONG)
def test_wrong_input_is_refused_before_any_work(what, small, tmp_path):
    wrong, message = WRONG[what]
    arguments = {"recipe": "softmax_regression", "backend": "numpy", "data": small, "out": tmp_path / "out"} | wrong
    with pytest.raises(ValueError, match=message) as error:
        train(**arguments)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("backend", BACKENDS)
def test_unknown_device(backend, small, tmp_path):
    with pytest.raises(ValueError, match="device 'abacus' "):
        train("softmax_regression", backend, device="abacus", data=small, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_written_to(small, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match=r"folder '.*file/out' cannot be written to: Not a directory"):
        train("softmax_regression", "numpy", data=small, out=tmp_path / "file" / "out")


def test_data_without_the_two_digits(small, tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    for file in small.iterdir():
        content = bytearray(file.read_bytes())
        if "labels" in file.name:
            content[8:] = bytes(len(content) - 8)
        (folder / file.name).write_bytes(content)
    with pytest.raises(ValueError, match="no labels 3 and 5"):
        train("logistic_regression", "numpy", data=folder, out=tmp_path / "out")


def test_a_loss_that_is_not_finite_stops_the_run(small, tmp_path, monkeypatch):
    recipe = catalogue.companion("recipes", "intro/softmax_regression")
    batch = recipe.batch

    def broken(run, data, i):
        x, labels, lr = batch(run, data, i)
        return x * np.float32(np.nan if i == 3 else 1), labels, lr

    monkeypatch.setattr(recipe, "batch", broken)
    with pytest.raises(ValueError, match="the loss is nan at step 4: training has diverged"):
        train("softmax_regression", "numpy", steps=6, data=small, out=tmp_path)
    assert steps_done(tmp_path) == 0
    assert not (tmp_path / RESULT).exists()


# --- the command line -------------------------------------------------------------------------------------


def command(monkeypatch, capfd, *arguments):
    monkeypatch.setattr(sys, "argv", ["triptych", *map(str, arguments)])
    try:
        main.main()
        status = 0
    except SystemExit as stop:
        status = stop.code or 0
    out, errors = capfd.readouterr()
    return status, out, errors


def test_train_command(small, tmp_path, monkeypatch, capfd):
    arguments = ("train", "mlp", "--steps", 3, "--data", small, "--out", tmp_path)
    status, out, _ = command(monkeypatch, capfd, *arguments)
    assert status == 0
    assert "intro/mlp on numpy: 3 steps in " in out
    assert str(tmp_path / "mistakes.png") in out
    status, out, errors = command(monkeypatch, capfd, *arguments, "--json")
    assert status == 0
    assert json.loads(out)["metrics"]["accuracy"] > 0.05
    status, out, errors = command(monkeypatch, capfd, *arguments, "--budget", "huge")
    assert (status, out, errors) == (1, "", "error: budget 'huge' is unknown, expected one of quick, full\n")


def test_demo_command(tmp_path, monkeypatch, capfd):
    path = "intro/softmax_regression"
    recipe = catalogue.companion("recipes", path)
    monkeypatch.setitem(recipe.BUDGETS, "quick", recipe.BUDGETS["quick"]._replace(steps=20))
    monkeypatch.setattr(demo, "GOALS", {path: 0.5})
    status, out, _ = command(monkeypatch, capfd, "demo", "--out", tmp_path, "--no-progress")
    assert status == 0
    assert str(tmp_path / "softmax_regression.png") in out
    assert (tmp_path / "softmax_regression.png").read_bytes().startswith(b"\x89PNG")
    monkeypatch.setattr(demo, "GOALS", {path: 0.99})
    status, out, _ = command(monkeypatch, capfd, "demo", "--out", tmp_path, "--json")
    rows = json.loads(out)
    assert status == 1  # a goal was missed
    assert [row["backend"] for row in rows] == list(BACKENDS)
    assert rows[0]["difference"] == 0
    assert all(row["difference"] < 1e-5 for row in rows)


# --- data -------------------------------------------------------------------------------------------------


def test_diabetes_is_scikit_learns():
    from sklearn.datasets import load_diabetes as theirs

    ours, bunch = load_diabetes(), theirs(scaled=False)
    np.testing.assert_array_equal(ours.X, bunch.data)
    np.testing.assert_array_equal(ours.y, bunch.target)
    assert list(ours.names) == bunch.feature_names


def test_altered_diabetes_data(tmp_path, monkeypatch):
    (tmp_path / "diabetes.csv.gz").write_bytes(diabetes.EMBEDDED.read_bytes() + b"\0")
    monkeypatch.setattr(diabetes, "EMBEDDED", tmp_path / "diabetes.csv.gz")
    with pytest.raises(ValueError, match=r"diabetes.csv.gz: altered: found SHA-256 [0-9a-f]{64}, expected"):
        load_diabetes()


def test_own_regression_data(tmp_path):
    (tmp_path / "diabetes.csv").write_text("height,weight,y\n1,2,3\n4,5.5,-6e1\n\n")
    X, y, names = load_diabetes(tmp_path)
    assert (X.tolist(), y.tolist(), names) == ([[1, 2], [4, 5.5]], [3, -60], ("height", "weight"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "found 0 lines, expected a header"),
        (b"a,y\n", "found 1 lines, expected a header"),
        (b"a,y\n1,2\n1\n", "line 3: found 1 values, expected 2 as in the header"),
        (b"a,y\n1,2\n1,2,3\n", "line 3: found 3 values, expected 2"),
        (b"a,y\nnan,2\n", "line 2: a is 'nan', expected a finite number"),
        (b"a,y\n1,inf\n", "line 2: y is 'inf', expected a finite number"),
        (b"a,y\n1,\n", "line 2: y is '', expected a finite number"),
        (b"\xff\xfe", "cannot be read"),
        (b"\x1f\x8b\x08\x00", "damaged gzip data"),
    ],
)
def test_wrong_regression_data(tmp_path, text, message):
    (tmp_path / "diabetes.csv").write_bytes(text)
    with pytest.raises(ValueError, match=message):
        load_diabetes(tmp_path)


def test_missing_regression_data(tmp_path):
    with pytest.raises(ValueError, match=r"diabetes.csv\[.gz\]: no such file in"):
        load_diabetes(tmp_path)
    with pytest.raises(ValueError, match=r"diabetes.csv\[.gz\]: no folder"):
        load_diabetes(tmp_path / "nowhere")
    (tmp_path / "diabetes.csv").write_text("a,b,y\n1,2,3\n1,3,4\n")
    with pytest.raises(ValueError, match="column 0 of the data is constant"):
        train("linear_regression", "numpy", data=tmp_path, out=tmp_path / "out")
