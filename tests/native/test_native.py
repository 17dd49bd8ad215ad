"""Weights to torch.nn, Keras and ONNX and back: outputs and gradients after the trip, and the trip itself."""

import inspect
import re

import numpy as np
import optree
import pytest
from safetensors.numpy import load_file, save_file

from shared import backends, catalogue, native
from shared.cases import Draw
from shared.cli import native as cli_native
from shared.differences import difference, flatten

MODELS = [
    (path, function)
    for path in catalogue.paths()
    if (module := catalogue.companion("native", path))
    for function in getattr(module, "KINDS", {})
]
LIBRARIES = [{"torch": "torch", "tf": "keras"}[name] for name in backends.installed() if name != "numpy"]
OPTIONS = {"activation": "tanh", "eps": 1e-2, "momentum": 0.3}


def example(path, function):
    """(native module, weights, inputs, options that shape the model, a case's arguments in order)"""
    module, cases = catalogue.companion("native", path), catalogue.companion("cases", path)
    case = next(c for c in cases.cases(Draw(3)) if c.function == function)
    ours = getattr(backends.module("numpy", path), function)
    arguments = dict(zip(inspect.signature(ours).parameters, case.args, strict=False))
    kind = module.KINDS[function]
    fields = kind._fields if "params" in getattr(kind, "_fields", ()) else ("params",)
    weights = kind(*(arguments[f] for f in fields)) if fields != ("params",) else arguments["params"]
    weights = optree.tree_map(np.asarray, weights)
    inputs = [x for name, x in arguments.items() if name not in fields]
    return module, weights, inputs, case


def options(fn, case):
    return {name: value for name, value in case.static.items() if name in inspect.signature(fn).parameters}


def ours(path, case, cotangents):
    """Outputs and, where the case has any, gradients of the NumPy column, by argument."""
    adapter, module = backends.get("numpy"), backends.module("numpy", path)
    fn = getattr(module, case.function)
    if case.grad:
        return adapter.vjp(fn, case.args, case.static, cotangents)
    return adapter.call(fn, case.args, case.static), None


def along(outputs):
    """Numbers to go back along, the same for both sides."""
    draw = Draw(7)
    return optree.tree_map(lambda y: draw(*y.shape), outputs)


def first(outputs, theirs):
    """The outputs that both have: the running statistics of a normalization are no output elsewhere."""
    return outputs[0] if isinstance(outputs, tuple) and not isinstance(theirs, tuple) else outputs


def run_torch(module, function, weights, inputs, options):
    """(outputs, gradients along `along` as a tree of ours, the weights back from the model before it ran)"""
    import torch

    model = module.to_torch(weights, **options)
    back = module.from_torch({name: x.clone() for name, x in model.state_dict().items()})
    run = getattr(module, "run_torch", lambda function, model, *xs: model(*xs))
    outputs = run(function, model, *backends.to_backend("torch", inputs))
    leaves = optree.tree_leaves(outputs)
    cotangents = [torch.tensor(dy) for dy in optree.tree_leaves(along(backends.to_numpy("torch", outputs)))]
    grads = torch.autograd.grad(leaves, list(model.parameters()), cotangents)
    named = {name: 0 * x for name, x in model.state_dict().items()}
    named |= dict(zip((name for name, _ in model.named_parameters()), grads, strict=True))
    grads = getattr(module, "gradients_from_torch", module.from_torch)(named)
    return backends.to_numpy("torch", outputs), grads, back


def run_keras(module, function, weights, inputs, options):
    import tensorflow as tf

    model = module.to_keras(weights, **options)
    back = module.from_keras(model)
    run = getattr(module, "run_keras", lambda function, model, *xs: model(*xs))
    with tf.GradientTape() as tape:
        outputs = run(function, model, *backends.to_backend("tf", inputs))
        as_numpy = optree.tree_map(lambda y: y.numpy(), outputs)
        cotangents = zip(optree.tree_leaves(outputs), optree.tree_leaves(along(as_numpy)), strict=True)
        total = sum(tf.reduce_sum(y * dy) for y, dy in cotangents)
    variables = [v.value for v in model.weights]
    grads = tape.gradient(total, variables, unconnected_gradients="zero")
    trained = {id(v) for v in model.trainable_weights}
    grads = [g.numpy() if id(v) in trained else 0 * v.numpy() for v, g in zip(model.weights, grads, strict=True)]
    return as_numpy, getattr(module, "gradients_from_keras", module.from_keras)(grads), back


RUN = {"torch": run_torch, "keras": run_keras}


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize(("path", "function"), MODELS)
def test_outputs_and_gradients_after_the_trip(path, function, library):
    module, weights, inputs, case = example(path, function)
    given = options(getattr(module, f"to_{library}"), case)
    theirs, grads, back = RUN[library](module, function, weights, inputs, given)
    assert difference(flatten(back, "weights"), flatten(weights, "weights")).error == 0  # to the bit

    def cotangents(outputs):
        zeros = optree.tree_map(np.zeros_like, outputs)
        common = along(first(outputs, theirs))
        return common if isinstance(theirs, tuple) or not isinstance(outputs, tuple) else (common, *zeros[1:])

    outputs, d_args = ours(path, case, cotangents)
    wanted = flatten(first(outputs, theirs), "outputs")
    worst = difference(flatten(theirs, "outputs"), wanted, "float64")
    assert worst.error <= 1e-12, worst
    if d_args is not None:
        fields = list(inspect.signature(getattr(backends.module("numpy", path), function)).parameters)
        params = grads.params if hasattr(grads, "params") else grads
        worst = difference(flatten(params, "d_params"), flatten(d_args[fields.index("params")], "d_params"))
        assert worst.error <= 1e-12, worst


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize(("path", "function"), MODELS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_round_trip_keeps_every_bit(path, function, library, dtype):
    module, weights, _, _ = example(path, function)
    weights = optree.tree_map(lambda x: np.asarray(x, dtype), weights)
    model = getattr(module, f"to_{library}")(weights)
    back = getattr(module, f"from_{library}")(model)
    assert difference(flatten(back, "weights"), flatten(weights, "weights"), dtype).error == 0
    plain = getattr(module, f"to_{library}_weights")(weights)
    back = getattr(module, f"from_{library}")(plain)
    assert difference(flatten(back, "weights"), flatten(weights, "weights"), dtype).error == 0


TRAINING = ("batch_norm", "batch_norm_mlp", "cnn_train")  # an ONNX model evaluates


@pytest.mark.parametrize(("path", "function"), [m for m in MODELS if m[1] not in TRAINING])
def test_onnx_agrees_in_float32(path, function):
    import onnxruntime

    module, weights, inputs, case = example(path, function)
    single = lambda tree: optree.tree_map(lambda x: np.asarray(x, "float32"), tree)
    model = module.to_onnx(single(weights), **options(module.to_onnx, case))
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    run = getattr(module, "run_onnx", lambda function, session, x: session.run(None, {name: x})[0])
    theirs = run(function, session, *single(inputs))
    column = getattr(backends.module("numpy", path), function)
    outputs = backends.get("numpy").call(column, single(case.args), case.static)
    worst = difference(flatten(theirs, "outputs"), flatten(outputs, "outputs"), "float32")
    assert worst.error <= 1e-6, worst


@pytest.mark.parametrize(("path", "function"), MODELS)
def test_names_lead_back_to_the_tree(path, function):
    module, weights, _, _ = example(path, function)
    leaves = native.leaves(weights)
    back = native.build(module.KINDS[function], dict(leaves))
    assert difference(flatten(back, "w"), flatten(weights, "w")).error == 0
    missing = sorted(leaves)[-1]
    del leaves[missing]
    with pytest.raises(ValueError, match=r"missing|expected"):
        native.check(native.build(module.KINDS[function], leaves), module.KINDS[function])


@pytest.mark.parametrize(("path", "function"), MODELS)
def test_what_does_not_fit_is_refused(path, function):
    module, weights, _, _ = example(path, function)
    named = module.to_torch_weights(weights)
    with pytest.raises(ValueError, match="'extra' has no counterpart"):
        module.from_torch(named | {"extra": np.zeros(3)})
    name = next(iter(named))
    with pytest.raises(ValueError, match=name):
        module.from_torch({key: x for key, x in named.items() if key != name})
    with pytest.raises(ValueError, match="arrays of weights"):
        module.from_keras([*module.to_keras_weights(weights), np.zeros(3)])


@pytest.mark.parametrize("backend", [name for name in backends.installed() if name == "torch"])
def test_torch_keeps_the_same_running_statistics(backend):
    module, weights, inputs, case = example("normalization/batch_norm", "batch_norm")
    model = module.to_torch(weights, **case.static)
    module.run_torch("batch_norm", model, *backends.to_backend(backend, inputs))
    _, wanted = ours("normalization/batch_norm", case, along)[0]
    worst = difference(flatten(module.from_torch(model).state, "state"), flatten(wanted, "state"))
    assert worst.error <= 1e-12, worst


# --- optimizers -----------------------------------------------------------------------------------------------

DESCENTS = [
    (path, i)
    for path in catalogue.paths()
    if path.startswith("optimizers/") and "torch" in LIBRARIES and catalogue.companion("native", path)
    for i in range(len(list(catalogue.companion("cases", path).cases(Draw(3)))))
]


def go_on(path, params, state, grads, lrs, options):
    """(params, state) of the NumPy column after these steps."""
    module, name = backends.module("numpy", path), path.split("/")[-1]
    for g, lr in zip(grads, lrs, strict=True):
        params, state = getattr(module, f"{name}_update")(g, state, params, lr=lr, **options)
    return params, state


def torch_goes_on(optimizer, grads, lrs):
    import torch

    for g, lr in zip(grads, lrs, strict=True):
        optimizer.param_groups[0]["lr"] = lr
        leaves = zip(optimizer.param_groups[0]["params"], optree.tree_leaves(g), strict=True)
        for p, leaf in leaves:
            p.grad = torch.tensor(leaf)
        optimizer.step()


@pytest.mark.parametrize(("path", "i"), DESCENTS)
def test_a_descent_goes_on_in_torch_and_back(path, i):
    """Three legs of four steps, of which torch does none, the second, and the second and third."""
    native_module = catalogue.companion("native", path)
    case = list(catalogue.companion("cases", path).cases(Draw(3)))[i]
    (params, grads, lrs), options = case.args, case.static
    init = getattr(backends.module("numpy", path), f"{path.split('/')[-1]}_init")
    kept = {name: value for name, value in options.items() if name in inspect.signature(init).parameters}
    legs = [(grads[a:b], lrs[a:b]) for a, b in ((0, 4), (4, 8), (8, 12))]

    one = go_on(path, params, init(params, **kept), *legs[0], options)
    optimizer = native_module.to_torch(one[1], one[0], lr=lrs[4], **options)
    back = native_module.from_torch(optimizer, like=params)
    assert difference(flatten(back, "run"), flatten(one, "run")).error == 0  # to the bit

    torch_goes_on(optimizer, *legs[1])
    two = go_on(path, *one, *legs[1], options)
    worst = difference(flatten(native_module.from_torch(optimizer, params), "run"), flatten(two, "run"))
    assert worst.error <= 1e-12, worst
    three = go_on(path, *native_module.from_torch(optimizer, params), *legs[2], options)
    torch_goes_on(optimizer, *legs[2])
    worst = difference(flatten(native_module.from_torch(optimizer, params), "run"), flatten(three, "run"))
    assert worst.error <= 1e-12, worst


@pytest.mark.parametrize(("path", "i"), DESCENTS)
def test_the_start_of_an_optimizer_of_torch_is_ours(path, i):
    """A fresh optimizer has no state yet: zeros here."""
    native_module = catalogue.companion("native", path)
    case = list(catalogue.companion("cases", path).cases(Draw(3)))[i]
    params, options = case.args[0], case.static
    init = getattr(backends.module("numpy", path), f"{path.split('/')[-1]}_init")
    kept = {name: value for name, value in options.items() if name in inspect.signature(init).parameters}
    optimizer = native_module.to_torch(init(params, **kept), params, **options)
    tensors = optimizer.param_groups[0]["params"]
    known = inspect.signature(type(optimizer)).parameters.keys() - {"params"}
    keywords = {name: value for name, value in optimizer.param_groups[0].items() if name in known}
    fresh = type(optimizer)(tensors, **keywords)
    got = native_module.from_torch(fresh, params)[1]
    assert difference(flatten(got, "state"), flatten(init(params, **kept), "state")).error == 0
    with pytest.raises(ValueError, match="parameters of shapes"):
        native_module.from_torch(optimizer, {**params, "more": params["b"]})


# --- files ----------------------------------------------------------------------------------------------------


KINDS = list({(path, catalogue.companion("native", path).KINDS[f]): (path, f) for path, f in MODELS}.values())
SUFFIX = {"torch": "safetensors", "keras": "keras"}


@pytest.mark.parametrize("library", ["torch", *[name for name in LIBRARIES if name == "keras"]])
@pytest.mark.parametrize(("path", "function"), KINDS)
def test_files_go_there_and_back(path, function, library, run, tmp_path):
    weights = native.leaves(example(path, function)[1])
    ours, back = tmp_path / "ours.safetensors", tmp_path / "back.safetensors"
    theirs = tmp_path / f"theirs.{SUFFIX[library]}"
    save_file({name: np.asarray(x, order="C") for name, x in weights.items()}, ours)
    status, out, err = run("export", path, ours, "--to", library, "--out", theirs)
    assert (status, err) == (0, ""), err
    assert f"of {path} for {library}" in out
    status, out, err = run("import", path, theirs, "--from", library, "--out", back)
    assert (status, err) == (0, ""), err
    assert difference(load_file(back), weights, "float64").error == 0
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted({ours.name, theirs.name, back.name})


@pytest.mark.parametrize(("path", "function"), [("recurrent/readout", "readout_last"), ("intro/mlp", "mlp")])
def test_a_checkpoint_becomes_an_onnx_model(path, function, run, tmp_path):
    import onnxruntime

    _, weights, inputs, case = example(path, function)
    state = {"params": weights, "optimizer": {"m": weights}}
    names = {name.replace("['", ".").replace("']", ""): x for name, x in flatten(state, "state").items()}
    file, out = tmp_path / "checkpoint.safetensors", tmp_path / "model.onnx"
    save_file({n: np.asarray(x, order="C") for n, x in names.items()} | {"history.loss": np.zeros(3)}, file)
    extra = ["--set", "activation=sigmoid"] if path == "intro/mlp" else []
    status, _, err = run("export", path, file, "--to", "onnx", "--out", out, *extra)
    assert (status, err) == (0, ""), err
    session = onnxruntime.InferenceSession(out, providers=["CPUExecutionProvider"])
    got = session.run(None, {session.get_inputs()[0].name: np.float32(inputs[0])})[0]
    single = optree.tree_map(np.float32, case.args)
    wanted = backends.get("numpy").call(getattr(backends.module("numpy", path), function), single, case.static)
    assert difference({"logits": got}, {"logits": wanted}, "float32").error <= 1e-6


def test_a_checkpoint_of_batch_norm_mlp_has_its_statistics_elsewhere(tmp_path):
    _, weights, _, _ = example("normalization/batch_norm_mlp", "batch_norm_mlp")
    named = {f"state.normalized.{name}": x for name, x in native.leaves(weights).items() if name.startswith("params")}
    named |= {f"state.running{n}": x for n, x in native.leaves(weights.states).items()}
    file = tmp_path / "checkpoint.safetensors"
    save_file({n: np.asarray(x, order="C") for n, x in named.items()} | {"history.loss": np.zeros(3)}, file)
    back = cli_native.read("normalization/batch_norm_mlp", file)
    assert difference(flatten(back, "w"), flatten(weights, "w")).error == 0


def test_what_is_wrong_is_one_line(run, tmp_path):
    good, cut, other = (tmp_path / f"{name}.safetensors" for name in ("good", "cut", "other"))
    weights = native.leaves(example("intro/softmax_regression", "softmax_regression")[1])
    save_file(weights, good)
    cut.write_bytes(good.read_bytes()[:-8])
    save_file({"W": weights["W"], "b": np.zeros(7)}, other)
    out, onnx = tmp_path / "out.safetensors", tmp_path / "out.onnx"
    before = sorted(tmp_path.iterdir())
    for args, says in (
        (("export", "softmax_regression", cut, "--to", "torch", "--out", out), "not a whole safetensors file"),
        (("export", "softmax_regression", tmp_path / "no", "--to", "torch", "--out", out), "does not exist"),
        (("export", "softmax_regression", other, "--to", "torch", "--out", out), r"b has shape \(7,\)"),
        (("export", "lstm", good, "--to", "torch", "--out", out), "W_x is missing"),
        (("export", "mlp", good, "--to", "torch", "--out", out), "W has no place"),
        (("export", "softmax_regression", good, "--to", "jax", "--out", out), "--to is 'jax', expected torch, keras"),
        (("export", "softmax_regression", good, "--to", "onnx", "--out", out), "ends in .onnx"),
        (
            ("export", "softmax_regression", good, "--to", "onnx", "--out", onnx, "--set", "a=1"),
            "--set a=1: expected",
        ),
        (("export", "adam", good, "--to", "torch", "--out", out), "has a state and no weights"),
        (("export", "dropout", good, "--to", "torch", "--out", out), "has no counterpart"),
        (("import", "softmax_regression", good, "--from", "torch", "--out", out), "'weight' is missing"),
        (("import", "softmax_regression", good, "--from", "onnx", "--out", out), "--from is 'onnx'"),
        (
            ("export", "softmax_regression", good, "--to", "torch", "--out", tmp_path / "no" / "o.safetensors"),
            "written",
        ),
    ):
        status, printed, err = run(*args)
        assert status == 1, args
        assert printed == ""
        assert err.count("\n") == 1, err
        assert re.search(says, err), err
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda b: b * np.nan, "b holds NaN or infinity"),
        (lambda b: b + np.inf, "b holds NaN or infinity"),
        (lambda b: b + 1e300, "b holds numbers as large as 1e.300, expected at most 3.40282e.38, for float32"),
        (lambda b: b[:0], r"b has shape \(0,\), expected at least one number"),
    ],
)
def test_an_onnx_model_holds_sound_numbers(change, says):
    module, weights, _, _ = example("intro/softmax_regression", "softmax_regression")
    with pytest.raises(ValueError, match=says):
        module.to_onnx(weights._replace(b=change(weights.b)))


LAYERS = [
    ("intro/mlp", "mlp", "[1].W", lambda W: np.vstack([W, W]), r"\[1\].W has shape .* expected 5 rows"),
    ("generative/dbn", "dbn_classifier", "[1].W", lambda W: np.vstack([W, W]), r"\[1\].W has shape"),
    ("convolutional/cnn", "cnn", "blocks[1].W", lambda W: np.concatenate([W, W], 2), "expected .* input channels"),
    ("convolutional/cnn", "cnn", "dense[0].W", lambda W: np.vstack([W, W[:1]]), "expected rows for each of"),
    ("convolutional/capsule", "capsule", "W", lambda W: np.concatenate([W] * 7, 1), "expected capsules of"),
    ("convolutional/capsule", "capsule", "primary.W", lambda W: np.concatenate([W, W], 2), "input channels"),
    ("convolutional/conv2d_transpose", "conv2d_transpose", "b", lambda b: np.ones(len(b) + 1), "b has shape"),
]


@pytest.mark.parametrize(("path", "function", "leaf", "change", "says"), LAYERS)
def test_layers_that_do_not_go_together_are_refused(path, function, leaf, change, says, run, tmp_path):
    leaves = native.leaves(example(path, function)[1])
    file, out = tmp_path / "ours.safetensors", tmp_path / "theirs.safetensors"
    save_file({n: np.ascontiguousarray(x) for n, x in (leaves | {leaf: change(leaves[leaf])}).items()}, file)
    status, _, err = run("export", path, file, "--to", "torch", "--out", out)
    assert status == 1
    assert re.search(says, err), err
    assert not out.exists()


def test_a_switch_is_true_or_false(run, tmp_path):
    file, out = tmp_path / "ours.safetensors", tmp_path / "gru.onnx"
    leaves = native.leaves(example("recurrent/gru", "gru")[1])
    save_file({n: np.ascontiguousarray(x) for n, x in leaves.items()}, file)
    models = []
    for value in ("true", "false"):
        status, _, err = run("export", "gru", file, "--to", "onnx", "--out", out, "--set", f"reset_after={value}")
        assert (status, err) == (0, "")
        models.append(out.read_bytes())
    assert models[0] != models[1]
    status, _, err = run("export", "gru", file, "--to", "onnx", "--out", out, "--set", "reset_after=no")
    assert "'no' is neither true nor false" in err
