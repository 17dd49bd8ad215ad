"""TensorFlow: gradients come from GradientTape, speed from tf.function and XLA."""

import os
import sys
from contextlib import suppress

import optree

from shared import backends
from shared.backends import is_float

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.stderr.flush()
stderr = os.dup(2)  # TensorFlow greets there while it is imported, whatever the log level
try:
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    import tensorflow as tf
finally:
    os.dup2(stderr, 2)
    os.close(stderr)


def array(x, device=None):
    with tf.device(device or "cpu"):
        return tf.constant(x)


def numpy(x):
    return x.numpy()


def call(fn, args, static):
    return fn(*args, **static)


def vjp(fn, args, static, cotangents):
    """Outputs of `fn(*args, **static)` and its gradients along cotangents(outputs); None for what has none."""
    inputs = [x for x in optree.tree_leaves(args) if is_float(x)]
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = fn(*args, **static)
    pairs = zip(optree.tree_leaves(outputs), optree.tree_leaves(cotangents(outputs)), strict=True)
    values, along = zip(*((y, dy) for y, dy in pairs if is_float(y)), strict=True)
    grads = iter(tape.gradient(values, inputs, along, unconnected_gradients=tf.UnconnectedGradients.ZERO))
    return outputs, optree.tree_map(lambda x: tf.convert_to_tensor(next(grads)) if is_float(x) else None, args)


def gradients_inside(run, cotangents):
    """What run(apart, watch) gives back, and the gradient of every tensor that was watched on its way.

    run gives (outputs, anything). watch(x): remembers a tensor and gives its number, or None for a constant;
    apart(x): the same numbers as a tensor of its own, whose gradient is of its own uses alone.
    """
    seen, places = [], {}
    with tf.GradientTape() as tape:

        def watch(x):
            if id(x) not in places:
                tape.watch(x)
                places[id(x)] = len(seen)
                seen.append(x)
            return places[id(x)]

        outputs, found = run(tf.identity, watch)
    pairs = zip(optree.tree_leaves(outputs), optree.tree_leaves(cotangents(outputs)), strict=True)
    values, along = zip(*((y, dy) for y, dy in pairs if is_float(y)), strict=True)
    grads = tape.gradient(values, seen, along, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    return outputs, found, list(map(tf.convert_to_tensor, grads))


def value_and_grad(fn):
    def run(params, *args, **static):
        leaves, tree = optree.tree_flatten(params)
        with tf.GradientTape() as tape:
            tape.watch(leaves)
            loss = fn(params, *args, **static)
        grads = map(tf.convert_to_tensor, tape.gradient(loss, leaves))  # a gather has sparse ones
        return loss, tree.unflatten(grads)

    return run


def compile(step, jit=True):
    return tf.function(step, jit_compile=jit)


def device(name):
    devices = [one.name.removeprefix("/device:").lower() for one in tf.config.list_logical_devices()]
    wanted = "cpu" if name is None else name.lower().removeprefix("/").removeprefix("device:")
    wanted = wanted if ":" in wanted else f"{wanted}:0"
    if wanted not in devices:  # TensorFlow itself would take the CPU and say nothing
        raise ValueError(f"device {name!r} is unknown to tf, expected one of {', '.join(devices)}")
    return "cpu" if wanted == "cpu:0" else wanted


def scope(name):
    return tf.device(name or "cpu")  # else TensorFlow takes an accelerator wherever it finds one


def threads(n):
    settings = tf.config.threading
    with suppress(RuntimeError):  # possible only before TensorFlow's first operation
        settings.set_intra_op_parallelism_threads(n)
        settings.set_inter_op_parallelism_threads(n)
    return settings.get_intra_op_parallelism_threads() or os.cpu_count()


BACKEND = backends.Backend(
    "tf",
    array,
    numpy,
    vjp,
    call=call,
    gradients_inside=gradients_inside,
    value_and_grad=value_and_grad,
    compile=compile,
    device=device,
    scope=scope,
    threads=threads,
)
