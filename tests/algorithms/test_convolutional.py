"""What convolutions and pooling promise for any geometry: a transposed convolution is the adjoint, shifts pass
through, and what others call by another name is the same thing here."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numpy_impl.convolutional.conv2d import Conv2DParams, conv2d, conv2d_backward, conv2d_geometry
from numpy_impl.convolutional.conv2d_transpose import (
    Conv2DTransposeParams,
    conv2d_transpose,
    conv2d_transpose_backward,
)
from numpy_impl.convolutional.pooling import pooling_average, pooling_global_average, pooling_global_max, pooling_max
from shared import backends, cases, catalogue, native
from shared.backends import to_backend, to_numpy
from shared.differences import difference, flatten

COLUMNS = backends.installed()
each_column = pytest.mark.parametrize("column", COLUMNS)
often = settings(max_examples=150, deadline=None, derandomize=True, database=None)
size = st.integers(1, 9)
few = st.integers(1, 4)


@st.composite
def geometries(draw):
    """(shape of x, kernel, channels out, options) that fit."""
    groups, c, n_out = draw(st.integers(1, 3)), draw(st.integers(1, 2)), draw(st.integers(1, 2))
    options = {"stride": (draw(few), draw(few)), "dilation": (draw(few), draw(few)), "groups": groups}
    kernel, image = (draw(few), draw(few)), (draw(size), draw(size))
    kind = draw(st.sampled_from(["valid", "same", "explicit"]))
    missing = [max(0, d * (k - 1) + 1 - n) for n, k, d in zip(image, kernel, options["dilation"], strict=True)]
    if kind == "explicit":
        before = [draw(st.integers(0, 3)) for _ in range(2)]
        kind = tuple((p, max(0, m - p) + draw(st.integers(0, 3))) for p, m in zip(before, missing, strict=True))
    if kind == "valid":
        image = tuple(n + m for n, m in zip(image, missing, strict=True))
    return (draw(st.integers(0, 2)), *image, groups * c), kernel, groups * n_out, options | {"padding": kind}


def drawn(shape, kernel, n_out, options):
    rng = np.random.default_rng(0)
    W = rng.standard_normal((*kernel, shape[3] // options["groups"], n_out))
    return rng, rng.standard_normal(shape), W


@often
@given(geometries())
def test_the_transposed_convolution_is_the_adjoint(geometry):
    """<conv2d(u), v> = <u, conv2d_transpose(v)>, and it is what conv2d_backward computes."""
    rng, u, W = drawn(*geometry)
    options = geometry[3]
    y, cache = conv2d(Conv2DParams(W, np.zeros(W.shape[3])), u, **options)
    v = rng.standard_normal(y.shape)
    params = Conv2DTransposeParams(W, np.zeros(u.shape[3]))
    back, _ = conv2d_transpose(params, v, size=u.shape[1:3], **options)
    assert back.shape == u.shape
    np.testing.assert_allclose(np.sum(y * v), np.sum(u * back), rtol=1e-11, atol=1e-10)
    np.testing.assert_allclose(back, conv2d_backward(cache, v)[1], rtol=0, atol=1e-12)


@often
@given(geometries())
def test_convolution_is_what_its_definition_says(geometry):
    """A loop over every output, every kernel element and every group, which knows no slices."""
    _, x, W = drawn(*geometry)
    shape, (kH, kW), n_out, options = geometry
    y, _ = conv2d(Conv2DParams(W, np.zeros(n_out)), x, **options)
    names = ("stride", "padding", "dilation")
    pads = conv2d_geometry(shape[1:3], (kH, kW), **{name: options[name] for name in names}).pads
    (s, t), (d, e), groups = options["stride"], options["dilation"], options["groups"]
    wanted = np.zeros_like(y)
    c, o = shape[3] // groups, n_out // groups
    for h, w in np.ndindex(*y.shape[1:3]):
        for i, j in np.ndindex(kH, kW):
            row, column = h * s + i * d - pads[0][0], w * t + j * e - pads[1][0]
            if 0 <= row < shape[1] and 0 <= column < shape[2]:
                for g in range(groups):
                    seen = x[:, row, column, g * c : (g + 1) * c]
                    wanted[:, h, w, g * o : (g + 1) * o] += seen @ W[i, j, :, g * o : (g + 1) * o]
    np.testing.assert_allclose(y, wanted, rtol=0, atol=1e-12)


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("block", [1, 40, 10**9])
def test_images_in_blocks_are_images_at_once(monkeypatch, block, groups):
    """NumPy goes through a few images at a time: results and gradients are those of each image by itself."""
    rng = np.random.default_rng(7)
    for forward, backward, n_bias in (
        (conv2d, conv2d_backward, 6),
        (conv2d_transpose, conv2d_transpose_backward, 8 // groups * groups),
    ):
        kind = Conv2DParams if forward is conv2d else Conv2DTransposeParams
        shape = (3, 2, 4 // groups, 6) if forward is conv2d else (3, 2, 8 // groups, 4)
        params = kind(rng.standard_normal(shape), rng.standard_normal(n_bias))
        x = rng.standard_normal((5, 6, 7, 4))
        options = {"stride": (2, 1), "padding": "same", "groups": groups}
        monkeypatch.setattr("shared.support.blocks.BLOCK", block)
        y, cache = forward(params, x, **options)
        d_y = rng.standard_normal(y.shape)
        d_params, d_x = backward(cache, d_y)
        ones = [forward(params, x[i : i + 1], **options) for i in range(len(x))]
        backs = [backward(ones[i][1], d_y[i : i + 1]) for i in range(len(x))]
        np.testing.assert_allclose(y, np.concatenate([one for one, _ in ones]), rtol=1e-13, atol=1e-13)
        np.testing.assert_allclose(d_x, np.concatenate([back for _, back in backs]), rtol=1e-13, atol=1e-13)
        for got, *wanted in zip(d_params, *(back for back, _ in backs), strict=True):
            np.testing.assert_allclose(got, sum(wanted), rtol=1e-12, atol=1e-12)
        if forward is conv2d:
            only, nothing = backward(cache, d_y, params_only=True)
            assert nothing is None
            for got, wanted in zip(only, d_params, strict=True):
                np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize("n", range(1, 12))
@pytest.mark.parametrize("k", range(1, 6))
@pytest.mark.parametrize("s", range(1, 5))
def test_same_gives_one_output_for_every_stride(n, k, s):
    geometry = conv2d_geometry((n, n), (k, k), stride=s, padding="same")
    (before, after), _ = geometry.pads
    assert geometry.out == (-(-n // s),) * 2
    assert after - before in (0, 1)


def test_a_shifted_image_has_shifted_maps():
    rng = np.random.default_rng(1)
    x = np.zeros((1, 12, 12, 2))
    x[:, 3:7, 2:8] = rng.standard_normal((1, 4, 6, 2))
    params = Conv2DParams(rng.standard_normal((3, 3, 2, 4)), rng.standard_normal(4))
    y, _ = conv2d(params, x, padding="same")
    moved, _ = conv2d(params, np.roll(x, (2, 1), (1, 2)), padding="same")
    np.testing.assert_array_equal(np.roll(y, (2, 1), (1, 2))[:, 3:-1, 3:-1], moved[:, 3:-1, 3:-1])


def test_a_1_x_1_convolution_is_a_dense_layer():
    rng = np.random.default_rng(2)
    x, params = rng.standard_normal((2, 3, 4, 5)), Conv2DParams(rng.standard_normal((1, 1, 5, 6)), np.ones(6))
    np.testing.assert_allclose(conv2d(params, x)[0], x @ params.W[0, 0] + 1, rtol=1e-13)


def test_groups_are_convolutions_side_by_side():
    rng = np.random.default_rng(3)
    x, params = rng.standard_normal((2, 5, 5, 6)), Conv2DParams(rng.standard_normal((3, 2, 2, 9)), np.zeros(9))
    whole, _ = conv2d(params, x, groups=3)
    for g in range(3):
        part = Conv2DParams(params.W[..., 3 * g : 3 * g + 3], np.zeros(3))
        one, _ = conv2d(part, np.ascontiguousarray(x[..., 2 * g : 2 * g + 2]))
        np.testing.assert_allclose(whole[..., 3 * g : 3 * g + 3], one, rtol=1e-12)


@often
@given(st.tuples(few, size, size, few), st.integers(0, 2**32 - 1))
def test_global_pooling_is_pooling_over_all(shape, seed):
    x = np.round(np.random.default_rng(seed).standard_normal(shape))  # many ties
    for pool, everything in ((pooling_max, pooling_global_max), (pooling_average, pooling_global_average)):
        y, _ = pool(x, window=shape[1:3])
        np.testing.assert_allclose(everything(x)[0], y[:, 0, 0], rtol=1e-13, atol=1e-15)


@each_column
def test_the_gradient_of_a_maximum_goes_to_one_element(column):
    """Of every window, whatever the ties: ones in, as many ones out."""
    x = np.round(np.random.default_rng(4).standard_normal((3, 9, 8, 2)))
    module, adapter = backends.module(column, "convolutional/pooling"), backends.get(column)
    for options in ({"window": 3}, {"window": 3, "stride": 2, "padding": "same"}, {"window": 2, "stride": 1}):
        args = to_backend(column, (x,))
        m, (d_x,) = adapter.vjp(module.pooling_max, args, options, lambda m: m * 0 + 1)
        d_x, m = to_numpy(column, (d_x, m))
        assert np.all(d_x == np.round(d_x))
        assert d_x.sum() == m.size
        first = np.zeros_like(x)
        pads = conv2d_geometry((9, 8), (options["window"],) * 2, stride=options.get("stride", options["window"]),
                               padding=options.get("padding", "valid")).pads  # fmt: skip
        step, k = options.get("stride", options["window"]), options["window"]
        for n, h, w, c in np.ndindex(m.shape):
            top, left = h * step - pads[0][0], w * step - pads[1][0]
            seen = x[n, max(top, 0) : top + k, max(left, 0) : left + k, c]
            i, j = np.unravel_index(np.argmax(seen), seen.shape)
            first[n, max(top, 0) + i, max(left, 0) + j, c] += 1
        np.testing.assert_array_equal(d_x, first)


@each_column
def test_nothing_that_was_passed_is_changed(column):
    for path in ("conv2d", "conv2d_transpose", "pooling", "cnn"):
        path = f"convolutional/{path}"
        for case in cases.main_cases(path):
            if case.grad:
                args = to_backend(column, case.args)
                before = flatten(to_numpy(column, args), "args")
                before = {name: array.copy() for name, array in before.items()}
                function = getattr(backends.module(column, path), case.function)
                backends.get(column).vjp(function, args, case.static, lambda y: y)
                assert difference(flatten(to_numpy(column, args), "args"), before).error == 0


@pytest.mark.full  # every day a recipe of a CNN is compiled
@pytest.mark.parametrize("compiler", [c for c in COLUMNS if c != "numpy"])
def test_a_compiler_computes_the_same(compiler):
    path, adapter = "convolutional/cnn", backends.get(compiler)
    case = next(c for c in cases.main_cases(path) if c.label == "cnn_loss normalized, dropout")
    value_and_grad = adapter.value_and_grad(backends.module(compiler, path).cnn_loss)
    step = lambda *args: value_and_grad(*args, **case.static)
    args = to_backend(compiler, case.args)
    eager, compiled = step(*args), adapter.compile(step)(*args)
    flat = [flatten(to_numpy(compiler, result), "result") for result in (eager, compiled)]
    assert difference(*flat).error < 1e-10


@pytest.mark.skipif("torch" not in COLUMNS, reason="needs torch")
def test_torchs_padding_by_half_the_kernel_is_not_same_at_stride_2():
    import torch

    rng = np.random.default_rng(5)
    x, W = rng.standard_normal((1, 6, 6, 1)), rng.standard_normal((3, 3, 1, 1))
    ours, _ = conv2d(Conv2DParams(W, np.zeros(1)), x, stride=2, padding="same")
    halves = torch.nn.functional.conv2d(
        torch.tensor(x.transpose(0, 3, 1, 2)), torch.tensor(W.transpose(3, 2, 0, 1).copy()), stride=2, padding=1
    ).numpy()
    explicit, _ = conv2d(Conv2DParams(W, np.zeros(1)), x, stride=2, padding=((1, 1), (1, 1)))
    assert ours.shape == explicit.shape
    assert np.max(np.abs(ours - explicit)) > 0.1
    np.testing.assert_allclose(explicit, halves.transpose(0, 2, 3, 1), rtol=1e-12)


@pytest.mark.skipif("torch" not in COLUMNS, reason="needs torch")
def test_weights_with_a_normalization_go_to_torch_and_evaluate_there():
    import torch

    module = catalogue.companion("native", "convolutional/cnn")
    case = next(c for c in cases.main_cases("convolutional/cnn") if c.label == "cnn normalized")
    weights = module.CNNWeights(case.args[0], case.args[2])
    model = module.to_torch(weights, **case.static)
    got = module.run_torch("cnn", model, torch.tensor(case.args[1])).detach().numpy()
    wanted = backends.module("numpy", "convolutional/cnn").cnn(*case.args, **case.static)
    assert difference({"logits": got}, {"logits": wanted}).error < 1e-12
    back = native.leaves(module.from_torch(model))
    assert difference(back, native.leaves(weights)).error == 0


@pytest.mark.skipif("torch" not in COLUMNS, reason="needs torch")
def test_what_torch_cannot_pad_is_refused():
    params = Conv2DParams(np.ones((2, 2, 1, 1)), np.zeros(1))
    module = catalogue.companion("native", "convolutional/conv2d")
    with pytest.raises(ValueError, match="as much on both sides"):
        module.to_torch(params, padding=((0, 1), (0, 1)))
    transpose = catalogue.companion("native", "convolutional/conv2d_transpose")
    with pytest.raises(ValueError, match="padding is 'same'"):
        transpose.to_torch(Conv2DTransposeParams(*params), padding="same")


@pytest.mark.skipif("tf" not in COLUMNS, reason="needs Keras")
def test_what_keras_cannot_pad_is_refused():
    params = Conv2DParams(np.ones((2, 2, 1, 1)), np.zeros(1))
    with pytest.raises(ValueError, match="expected valid or same"):
        catalogue.companion("native", "convolutional/conv2d").to_keras(params, padding=((1, 1), (1, 1)))
