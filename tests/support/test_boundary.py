"""What comes through the boundary check, and what it says of what does not."""

import numpy as np
import pytest

from numpy_impl.activations import elu, relu
from numpy_impl.convolutional.routing import routing_squash
from numpy_impl.optimizers.adam import adam_init, adam_update
from numpy_impl.regularization.dropout import dropout
from shared import backends, catalogue
from shared.support.shapes import NonNegative, Positive, checked

x = np.float32([[1.0, -2.0], [3.0, 4.0]])


@checked
def options(a: NonNegative, b: int | tuple[int, int] = 1, *rest, c: str | None = None, d=None):
    return a, b, rest, c, d


def test_options_come_as_pythons_own_numbers():
    given = np.float64(0.5), (np.int64(2), np.int32(3)), np.float32(1)
    a, b, rest, c, d = options(*given, c=np.str_("word"), d=np.float64(2))
    assert [type(v) for v in (a, *b, c)] == [float, int, int, str]
    assert (a, b, c) == (0.5, (2, 3), "word")
    assert [type(v) for v in (*rest, d)] == [np.float32, np.float64]  # no annotation says what these are
    assert type(options(np.array(0.5))[0]) is float


def test_too_many_arguments_are_still_too_many():
    with pytest.raises(TypeError, match="positional argument"):
        dropout(x, x > 0, 0.5)


@pytest.mark.parametrize("alpha", [np.float64(0.5), np.array(0.5), np.float32(0.5)])
def test_nothing_widens_float32(alpha):
    assert elu(x, alpha=alpha).dtype == np.float32
    assert dropout(x, x > 0, p=alpha)[0].dtype == np.float32


def test_masked_arrays_and_matrices_are_refused():
    """Their arithmetic is another one, and np.asarray would lose the mask without a word."""
    with pytest.raises(ValueError, match=r"relu: x is a numpy.MaskedArray, expected a plain numpy.ndarray"):
        relu(np.ma.masked_array(x, mask=x < 0))
    with pytest.warns(PendingDeprecationWarning):
        matrix = np.matrix(x)
    with pytest.raises(ValueError, match=r"relu: x is a numpy.matrix, expected a plain numpy.ndarray"):
        relu(matrix)


def test_arrays_on_disk_are_arrays(tmp_path):
    on_disk = np.memmap(tmp_path / "x", np.float32, "w+", shape=(2, 2))
    on_disk[:] = x
    np.testing.assert_array_equal(relu(on_disk), relu(x))


def test_the_way_to_an_array_is_told():
    with pytest.raises(ValueError, match=r"x is a builtins.list, expected a numpy.ndarray, as np.asarray makes it"):
        relu([0.5])


@pytest.mark.skipif("tf" not in backends.installed(), reason="needs TensorFlow")
def test_variables_and_slices_of_tensorflow_are_refused_with_the_way_out():
    backends.get("tf")
    import tensorflow as tf

    from tf_impl.optimizers import sgd

    W = tf.Variable([[1.0], [2.0]])
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.gather(W, [1]))
    slices = tape.gradient(loss, W)
    assert isinstance(slices, tf.IndexedSlices)
    expected = "expected a tensorflow.Tensor, as tf.convert_to_tensor makes it"
    with pytest.raises(ValueError, match=rf"params.W is a tensorflow.ResourceVariable, {expected}"):
        sgd.sgd_update({"W": tf.ones([2, 1])}, sgd.SGDState(), {"W": W})
    with pytest.raises(ValueError, match=rf"grads.W is a tensorflow.IndexedSlices, {expected}"):
        sgd.sgd_update({"W": slices}, sgd.SGDState(), {"W": tf.ones([2, 1])})
    made = sgd.sgd_update({"W": tf.convert_to_tensor(slices)}, sgd.SGDState(), {"W": tf.convert_to_tensor(W)}, lr=1.0)
    np.testing.assert_array_equal(made[0]["W"], [[1.0], [1.0]])


def test_an_epsilon_that_is_nothing_in_float16_is_refused():
    """1e-8 is 0 there: a division by it would give ∞ and NaN after the first gradient of 0."""
    params = {"W": x.astype("float16")}
    state = adam_init(params)
    says = r"adam_update: eps is 1e-08, which is 0 in float16, expected in \(0, inf\)"
    for eps in ({}, {"eps": 1e-8}, {"eps": np.float64(1e-8)}):  # the default, too
        with pytest.raises(ValueError, match=says):
            adam_update(params, state, params, **eps)
    for _ in range(2):  # the second call of a form is checked for its values as well
        new, state = adam_update(params, adam_init(params), params, eps=1e-4, lr=0.0)
        assert new["W"].dtype == np.float16
        with pytest.raises(ValueError, match=says):
            adam_update(params, state, params, eps=1e-8, lr=0.0)
    with pytest.raises(ValueError, match="eps is 1e-08, which is 0 in float16"):
        routing_squash(params["W"])
    assert routing_squash(x)[0].dtype == np.float32
    with pytest.raises(ValueError, match="eps is 1e-50, which is 0 in float32"):
        routing_squash(x, eps=1e-50)


def test_a_default_is_checked_once_the_dtype_is_known():
    @checked
    def f(a: NonNegative = 0.0, eps: Positive = 1e-8):
        return a + eps

    assert f() == 1e-8


def test_autograph_can_read_what_it_is_given():
    """TensorFlow's AutoGraph knows no `:=`, and would print a warning in every training run."""
    files = [*(catalogue.ROOT / "tf_impl").rglob("*.py"), *(catalogue.ROOT / "shared" / "support").glob("*.py")]
    assert not [file.name for file in files if ":=" in file.read_text()]
