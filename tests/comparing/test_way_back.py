"""Question six: planted errors of the way back are found and named, also where the total gradient hides them."""

import json

import numpy as np
import pytest

from shared import backends, cases, catalogue
from shared.checking import broken, mistakes
from shared.checking.answers import answer
from shared.comparing import question_six, reading, way_back
from shared.comparing.scopes import Auto, Value
from shared.comparing.walks import Implementation
from shared.differences import difference
from shared.support import blocks

COLUMNS = backends.installed()
pytestmark = pytest.mark.skipif(len(COLUMNS) < 2, reason="another column to compare NumPy with")

# path, case, edits; where the first wrong line is, its equation; whether the gradients in total stay as they are
PLANTED = [
    # Two errors that cancel: only the gradient between them is wrong.
    ("recurrent/gru", "gru",
     [("d_n, d_z = d_h * (1 - z)", "d_n, d_z = 2 * d_h * (1 - z)"),
      ("d_a_n = d_n * (1 - n * n)  # through (4)", "d_a_n = d_n * (1 - n * n) / 2  # through (4)")],
     "through (6), `d_n`, step 4", "d_n = d_h ⊙ (1 - z)", True),
    ("recurrent/attention", "attention",
     [("d_hidden = d_scores[..., None] * v", "d_hidden = d_scores[..., None] * np.ones_like(v)"),
      ("d_keys = d_hidden * (1", "d_keys = d_hidden * v * (1")],
     "through (4), `d_hidden`", "d_hidden", True),
    ("intro/mlp", "mlp relu",
     [("d_a = d_z @ layer.W.T", "d_a = -d_z @ layer.W.T"),
      ("d_activation(d_a, z, a)", "d_activation(-d_a, z, a)")],
     "through (1) (3), `d_a`, step 2", "d_a_{l-1} = ", True),
    ("generative/vae", "vae",
     [("d_sigma, d_eps = d_z * cache.eps", "d_sigma, d_eps = 0.5 * d_z * cache.eps"),
      ("0.5 * d_sigma * cache.sigma", "d_sigma * cache.sigma")],
     "through (3), `d_sigma`", "d_sigma = ", True),
    ("generative/rbm", "rbm_free_energy",
     [("d_z_h, d_b_v = -d_free_energy[:, None] * sigmoid", "d_z_h, d_b_v = d_free_energy[:, None] * sigmoid"),
      ("d_W, d_b_h = v.T @ d_z_h, np.sum(", "d_W, d_b_h = -v.T @ d_z_h, -np.sum("),
      ("d_v = d_z_h @ params.W.T - d_free", "d_v = -d_z_h @ params.W.T - d_free")],
     "through (3), `d_z_h`", "d_z_h = ", True),
    ("normalization/layer_norm", "layer_norm sequences",
     [("d_mean = -inv_std * _sum(d_x_hat)", "d_mean = inv_std * _sum(d_x_hat)"),
      ("d_x += d_mean / n", "d_x -= d_mean / n")],
     "through (3), `d_mean`", "d_mean = ", True),
    ("recurrent/lstm", "lstm",
     [("d_c * g, d_c * state.c, d_c * i  # through (4)", "d_c * g, d_c * state.c, -d_c * i  # through (4)"),
      ("d_g * (1 - g * g)", "-d_g * (1 - g * g)")],
     "through (4), `d_g`, step 4", "d_i, d_f, d_g = ", True),
    ("convolutional/conv2d", "conv2d valid",
     [("d_patches = d_y @ W.mT", "d_patches = 2 * d_y @ W.mT"),
      ("= _im2col_backward(d_patches, shape", "= _im2col_backward(d_patches / 2, shape")],
     "through (6), `d_patches`", "d_patches = ", True),
    ("convolutional/pooling", "pooling_average explicit",
     [("d_total = d_a / count  # through (3)", "d_total = -d_a / count  # through (3)"),
      ("d_x_pad[:, rows, columns] += d_total", "d_x_pad[:, rows, columns] += -d_total")],
     "through (3), `d_total`", "d_total = ", True),
    # A term that is dropped.
    ("normalization/batch_norm", "batch_norm dense",
     [("d_mean = momentum * d_new_mean - inv_std", "d_mean = -inv_std")],
     "through (3) (5), `d_mean`", "d_mean = ", False),
    ("convolutional/routing", "routing 3 rounds",
     [("axis=1, keepdims=True)) + d_b  # through (5) (8)", "axis=1, keepdims=True))  # through (5) (8)")],
     "through (5) (8), `d_b`, step 1", "", False),
    ("losses", "softmax_cross_entropy",
     [("(np.exp(log_p) - _onehot(labels, log_p))  # through (4) (5) (7) (8)", "np.exp(log_p)  # through (4) (8)")],
     "through (4) (8), `d_logits`", "d_logits = ", False),
    # A sum over the wrong axis.
    ("recurrent/attention", "attention",
     [("np.sum(weights * d_weights, axis=0)", "np.sum(weights * d_weights, axis=1, keepdims=True)")],
     "through (5), `d_scores`", "d_scores", False),
    ("losses", "log_softmax",
     [("np.sum(d_log_p, axis=-1, keepdims=True)", "np.sum(d_log_p, axis=0, keepdims=True)")],
     "through (4) (5) (7), `d_logits`", "d_logits = ", False),
    # Hardly anything: finite differences, which see 1e-6, do not see it.
    ("normalization/batch_norm", "batch_norm dense",
     [("d_x += d_mean / n", "d_x += d_mean / (n + 1e-8)")],
     "through (1) (2) (3), `d_x`", "d_x = ", False),
    ("recurrent/gru", "gru",
     [("d_r, d_u_n = d_a_n * u_n, d_a_n * r", "d_r, d_u_n = d_a_n * u_n, d_a_n * (r + 1e-9)")],
     "through (4), `d_u_n`, step 4", "d_u_n = d_a_n ⊙ r", False),
]  # fmt: skip


def planted(path, edits):
    """The NumPy column with the edits; each text must stand there."""
    text = catalogue.source("numpy", path).read_text()
    for old, new in edits:
        assert old in text, f"{path} no longer has {old!r}: plant the error anew"
        text = text.replace(old, new, 1)
    right = way_back.numpy_column(path)
    source = reading.read(right.source.file, text, every=True)
    return Implementation(mistakes.load(text, path), source, right.library)


@pytest.mark.parametrize(("path", "label", "edits", "where", "equation", "hidden"), PLANTED)
def test_a_planted_error_is_found_and_named(path, label, edits, where, equation, hidden):
    case, wrong = cases.find_case(path, label), planted(path, edits)
    found = way_back.compare(path, case, COLUMNS, wrong)
    first = next(row for row in found.rows if not row.error <= way_back.BOUND)
    assert first.row.place == where
    assert equation in question_six.in_words(path, first)
    if hidden:
        gradients = [answer("numpy", path, case, module).grads for module in (wrong.module, None)]
        assert difference(*gradients).error <= 1e-12, "the errors cancel in the gradients of the arguments"
        wrong_names = {row.row.name for row in found.rows if not row.error <= way_back.BOUND}
        assert len(wrong_names) == 1, "the lines after it are right"


def test_nothing_is_found_where_nothing_is_planted():
    for path, label in dict.fromkeys((path, label) for path, label, *_ in PLANTED):
        found = way_back.compare(path, cases.find_case(path, label), COLUMNS)
        assert not found.error
        assert found.worst.error <= way_back.BOUND, question_six.in_words(path, found.worst)


def test_rows_come_in_the_order_of_the_way_back():
    found = way_back.compare("recurrent/gru", cases.find_case("recurrent/gru", "gru"), COLUMNS)
    steps = [row.row.call for row in found.rows if row.row.name == "d_a_n"]
    assert steps == [4, 3, 2, 1]
    assert all(set(row.row.cells) == set(COLUMNS) for row in found.rows)


def test_a_mutant_says_which_gradient_equation_it_breaks():
    path = "recurrent/gru"
    told = {m.new: broken.by(path, m) for m in cases.mutants(path)}
    there = [x for x in told.values() if x is None]
    back = [x for x in told.values() if x is not None]
    assert there
    assert len(back) >= 3
    [one] = [x for new, x in told.items() if new == "d_r, d_u_n = d_a_n * u_n, d_a_n"]
    assert (one.function, [g.names for g in one.gradients]) == ("gru_cell_backward", [("d_u_n",)])


def value(array, order=0, sums=False):
    return Value("d_x", np.asarray(array, float), (order,), order, (1,), "f_backward", sums)


def auto(*tagged, **arguments):
    series = {"x": [value(x, i) for i, x in enumerate(tagged)]} if tagged else {}
    return Auto({name: [value(x)] for name, x in arguments.items()}, series, {})


def partners(values, column):
    return way_back._partners("d_x", [value(v, i) for i, v in enumerate(values)], column)


def test_several_values_are_met_in_reverse():
    assert [n for n, _ in partners([3, 2, 1], auto(1, 2, 3))] == [3, 2, 1]
    assert [n for n, _ in partners([1, 2, 3], auto(1, 2, 3))] == [1, 2, 3], "a loop over things that is no reverse"
    assert [n for n, _ in partners([3, 9, 1], auto(1, 2, 3))] == [3, 2, 1], "one wrong value does not turn the order"


def test_fewer_values_are_a_run_of_those_there():
    assert [n for n, _ in partners([3, 2], auto(1, 2, 3))] == [3, 2]
    assert [n for n, _ in partners([2, 1], auto(1, 2, 3))] == [2, 1]
    assert partners([4, 3, 2, 1], auto(1, 2, 3)) == "x is computed 4 times here, 3 times there"


def test_one_array_of_all_steps_is_met_by_the_steps():
    [(_, stacked)] = partners([[[1, 2], [3, 4]]], auto([1, 2], [3, 4]))
    assert stacked.array.tolist() == [[1, 2], [3, 4]]
    assert [x.array.tolist() for _, x in partners([[3, 4], [1, 2]], auto([[1, 2], [3, 4]]))] == [[3, 4], [1, 2]]


def test_what_has_no_name_there_says_so():
    assert partners([1], auto()) == "no value is called x"
    assert partners([1], None) == "this function is not called so often"


def test_a_sum_that_goes_on_is_one_value():
    values = [value(1, 1), value(3, 2, sums=True)]
    merged, found = way_back._read("d_x", values, {"torch": auto(3)})
    assert [(v.array, v.lines) for v in merged] == [(3, (1, 2))]
    assert [x.array for _, x in found["torch"]] == [3]
    apart, _ = way_back._read("d_x", values, {"torch": auto(3, 1)})
    assert [v.array for v in apart] == [1, 3], "where both fit, both are compared"


def test_nothing_is_compared_with_what_is_large_beside_it():
    assert way_back.gap(np.array([1e-17]), np.array([-1e-17]), peak=1.0) < 1e-15
    assert way_back.gap(np.array([1e-9]), np.array([-1e-9]), peak=1.0) == 2
    assert way_back.gap(np.zeros((2, 1)), np.zeros(3), peak=1.0) == np.inf
    assert way_back.gap(np.ones((2, 1)), np.ones(2), peak=1.0) == 0


def test_the_columns_are_left_as_they_were():
    module = backends.module("torch" if "torch" in COLUMNS else "tf", "recurrent/gru")
    before, block = dict(vars(module)), blocks.BLOCK
    way_back.compare("recurrent/gru", cases.find_case("recurrent/gru", "gru_step"), COLUMNS)
    assert vars(module) == before
    assert block == blocks.BLOCK


def test_trace_shows_the_way_back_in_every_column(run):
    status, out, _ = run("trace", "gru", "--backward")
    assert status == 0
    assert "gru_cell_backward (gradients: NumPy by hand, the others by autodiff), step 4" in out
    assert "d_u_n = d_a_n ⊙ r   through (4)" in out
    assert "–" not in out.partition("not compared")[0]
    assert "values agree, largest difference" in out


def test_trace_as_json_has_the_numbers_of_every_column(run):
    status, out, _ = run("trace", "gru", "--json")
    report = json.loads(out)
    back = [row for row in report["rows"] if row["through"]]
    assert status == 0
    assert all(set(row["columns"]) == set(COLUMNS) for row in back)
    assert any(not row["through"] for row in report["rows"])
    assert report["gradients"]["d_n"] == "d_n = d_h ⊙ (1 - z)   through (6)"


def test_gradients_of_arguments_are_those_of_the_case():
    """What question six takes for the gradient of an argument is what the whole case says of it."""
    path = "recurrent/gru"
    case = cases.find_case(path, "gru")
    found = way_back.compare(path, case, COLUMNS)
    by_name = {row.row.name: row.row.cells["numpy"].array for row in found.rows if row.row.function == "gru_backward"}
    grads = answer("numpy", path, case).grads
    assert difference({"": by_name["d_xs"]}, {"": grads["grads[1]"]}).error == 0
