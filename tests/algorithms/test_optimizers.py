"""Every optimizer there is, found by its path: hundreds of steps on real digits are the same on every backend, steps
can be compiled, and nothing that is passed in is changed."""

import itertools
from functools import cache

import numpy as np
import optree
import pytest
from runs import train

from shared import backends, catalogue
from shared.data.mnist import as_rows, load_digits
from shared.differences import difference, flatten
from shared.recipes import INIT, SHUFFLE
from shared.training.race import race

PATHS = [path for path in catalogue.paths() if path.startswith("optimizers/")]
COLUMNS = backends.installed()
SMALL, WHOLE = (784, 16, 10), (784, 512, 10)
FEW, STEPS, BATCH, ALLOWED = 200, 1000, 32, 1e-9
each_path = pytest.mark.parametrize("path", PATHS)
each_column = pytest.mark.parametrize("column", COLUMNS)


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    """Arrays this small cost torch far more to share out among threads than to compute."""
    if "torch" not in COLUMNS:
        yield
        return
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@cache
def digits():
    return load_digits()


def batches(steps):
    """Images and labels of every step, the same for all."""
    order = np.random.default_rng(SHUFFLE).permutation(len(digits().train_labels))
    for chosen in order[: steps * BATCH].reshape(steps, BATCH):
        yield as_rows(digits().train_images[chosen], "float64"), digits().train_labels[chosen].astype(np.int64)


def functions(column, path):
    module, name = backends.module(column, path), path.split("/")[-1]
    return getattr(module, f"{name}_init"), getattr(module, f"{name}_update")


def params_of(column, sizes):
    mlp = backends.module("numpy", "intro/mlp")
    return backends.to_backend(column, mlp.mlp_init(np.random.default_rng(INIT), sizes, dtype="float64"))


def trained(column, path, sizes, steps):
    """The parameters after `steps` steps with the optimizer's default settings, as NumPy arrays."""
    adapter, (init, update) = backends.get(column), functions(column, path)
    value_and_grad = adapter.value_and_grad(backends.module(column, "intro/mlp").mlp_loss)

    def step(params, state, x, labels):
        _, grads = value_and_grad(params, x, labels)
        return update(grads, state, params)

    if column == "tf":  # a graph takes a second to build and saves ten; torch's compiler takes longer than the run
        step = adapter.compile(step, jit=False)
    params = params_of(column, sizes)
    state = init(params)
    for batch in batches(steps):
        params, state = step(params, state, *backends.to_backend(column, batch))
    return flatten(backends.to_numpy(column, params), "params")


def agree(path, sizes, steps):
    finals = {column: trained(column, path, sizes, steps) for column in COLUMNS}
    start = flatten(params_of("numpy", sizes), "params")
    for column, final in finals.items():
        assert difference(final, start).error > 1e-3, f"{column} has not moved"
    for one, other in itertools.combinations(COLUMNS, 2):
        found = difference(finals[one], finals[other], "float64")
        print(f"{path}, {one} against {other}: {found}")
        assert found.error <= ALLOWED, f"{one} against {other}: {found}"


@each_path
def test_two_hundred_steps_are_the_same_on_every_backend(path):
    agree(path, SMALL, FEW)


@pytest.mark.full
@each_path
def test_a_thousand_steps_are_the_same_on_every_backend(path):
    agree(path, SMALL, STEPS)


@pytest.mark.full
@each_path
def test_a_thousand_steps_of_a_whole_net_are_the_same_on_every_backend(path):
    agree(path, WHOLE, STEPS)


def first_steps(column, path, dtype="float64", compiled=False):
    """A few steps with a learning rate that is an array, as schedules give it; and what was passed in, and copies."""
    adapter, (init, update) = backends.get(column), functions(column, path)
    rng = np.random.default_rng(0)
    draw = lambda *shape: rng.standard_normal(shape).astype(dtype)
    params, *grads = ({"W": draw(3, 4), "b": (draw(4), draw())} for _ in range(4))
    rates = [np.asarray(rate, dtype) for rate in (0.1, 0.1, 0.02)]
    step = lambda params, state, grads, lr: update(grads, state, params, lr=lr)
    step = adapter.compile(step) if compiled else step
    current = backends.to_backend(column, params)
    state, passed = init(current), []
    for arguments in zip(grads, rates, strict=True):
        arguments = (current, state, *backends.to_backend(column, arguments))
        passed.append((arguments, optree.tree_map(lambda x: np.array(x), backends.to_numpy(column, arguments))))
        current, state = step(*arguments)
    return backends.to_numpy(column, (current, state)), passed


@each_path
@each_column
def test_nothing_that_is_passed_in_is_changed(path, column):
    _, passed = first_steps(column, path)
    for arguments, copies in passed:
        after = flatten(backends.to_numpy(column, arguments), "passed")
        assert difference(after, flatten(copies, "passed")).error == 0


@each_path
@each_column
def test_float32_stays_float32(path, column):
    result, _ = first_steps(column, path, "float32")
    assert {leaf.dtype.name for leaf in optree.tree_leaves(result)} <= {"float32", "int64"}


@each_path
@each_column
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.full
def test_a_compiled_step_is_the_step(path, column, dtype):
    compiled, plain = (first_steps(column, path, dtype, compiled=c)[0] for c in (True, False))
    allowed = 1e-12 if dtype == "float64" else 1e-5
    assert difference(flatten(compiled, "result"), flatten(plain, "result"), dtype).error <= allowed


# --- gradients of a step ------------------------------------------------------------------------------------------


needs_torch = pytest.mark.skipif("torch" not in COLUMNS, reason="needs PyTorch")


def a_step(path, requires_grad, create_graph=False):
    """Parameters, state and learned scale after two steps along the gradients of a small loss."""
    import torch

    init, update = functions("torch", path)
    scale = torch.tensor(1.5, dtype=torch.float64, requires_grad=create_graph)
    params = {"W": torch.arange(1.0, 4.0, dtype=torch.float64).requires_grad_(), "b": torch.ones(2).double()}
    params["b"].requires_grad_()
    state = init(params)
    for _ in range(2):
        loss = scale * sum((p**3).sum() for p in params.values())
        grads = torch.autograd.grad(loss, list(params.values()), create_graph=create_graph)
        grads = dict(zip(params, grads, strict=True))
        if not requires_grad:
            params = {name: p.detach() for name, p in params.items()}
        params, state = update(grads, state, params)
        if not requires_grad:
            params = {name: p.requires_grad_() for name, p in params.items()}
    return params, state, scale


@needs_torch
@each_path
def test_parameters_of_torch_stay_parameters_and_build_no_graph(path):
    """As with torch.optim: after a thousand steps there would be a graph of a thousand steps."""
    params, state, _ = a_step(path, requires_grad=True)
    plain, plain_state, _ = a_step(path, requires_grad=False)
    assert all(p.requires_grad and p.is_leaf and p.grad_fn is None for p in params.values())
    assert not any(leaf.requires_grad for leaf in optree.tree_leaves(state))
    found = [flatten(backends.to_numpy("torch", tree), "result") for tree in ((params, state), (plain, plain_state))]
    assert difference(*found).error == 0


@needs_torch
@each_path
def test_gradients_with_a_graph_are_followed_through_the_step(path):
    """Who asked for create_graph=True learns something by way of the steps."""
    import torch

    params, _, scale = a_step(path, requires_grad=True, create_graph=True)
    (slope,) = torch.autograd.grad(params["W"].sum() + params["b"].sum(), scale)
    assert torch.isfinite(slope)
    assert slope != 0


# --- the counter-example, and all of them in one picture ---------------------------------------------------------


def counter_example(steps, tmp_path):
    metrics = train("amsgrad", "numpy", dtype="float64", steps=steps, out=tmp_path, progress=False).record["metrics"]
    return [round(metrics[name], 5) for name in ("adam", "amsgrad", "late_maximum")]


def test_adam_goes_the_wrong_way_and_amsgrad_does_not(tmp_path):
    assert counter_example(300, tmp_path) == [0.10798, -0.00857, -0.0032]


@pytest.mark.full
def test_adam_arrives_at_the_worst_point(tmp_path):
    assert counter_example(5000, tmp_path) == [0.99547, -0.08169, -0.01239]


def test_the_counter_example_takes_no_data(tmp_path):
    with pytest.raises(ValueError, match="this recipe makes its own, expected none"):
        train("amsgrad", "numpy", data=tmp_path, out=tmp_path / "out", progress=False)


def test_every_optimizer_is_in_the_race(tmp_path):
    entries, picture = race(tmp_path, steps=2, progress=False)
    assert {entry.path for entry in entries} == set(PATHS)
    assert len({float(entry.losses[0]) for entry in entries}) == 1  # one start, one first batch
    assert picture.read_bytes().startswith(b"\x89PNG")
