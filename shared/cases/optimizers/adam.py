"""Oracle: torch.optim.Adam in float64; TensorFlow's raw update operation as a second opinion."""

import numpy as np

from numpy_impl.optimizers.adam import AdamState
from shared.cases import Bad, Case, Mutant
from shared.cases.optimizers import descent, torch_run
from shared.differences import RUN

SMALLEST = {"D": 1, "H": 1}
OPTIONS = {"beta1": 0.8, "beta2": 0.95, "eps": 1e-2}  # at eps = 1e-8 nobody sees where it is added


def run(adam, params, grads, lrs, **options):
    return resumed(adam, params, adam.adam_init(params), grads, lrs, **options)


def resumed(adam, params, state, grads, lrs, **options):
    history = []
    for g, lr in zip(grads, lrs, strict=True):
        params, state = adam.adam_update(g, state, params, lr=lr, **options)
        history.append((params, state))
    return history


def torch_adam(params, grads, lrs, *, beta1, beta2, eps, start=None):
    import torch

    def state_of(optimizer, tensors, unflatten):
        states = [optimizer.state[p] for p in tensors]
        m, v = (unflatten([s[key] for s in states]) for key in ("exp_avg", "exp_avg_sq"))
        return AdamState(np.asarray(int(states[0]["step"])), m, v)

    options = {"betas": (beta1, beta2), "eps": eps, "start": start}
    return torch_run(torch.optim.Adam, params, grads, lrs, state_of, **options)


def torch_resumed(params, state, grads, lrs, **options):
    import torch
    import optree

    def start(optimizer, tensors):
        leaves = zip(tensors, optree.tree_leaves(state.m), optree.tree_leaves(state.v), strict=True)
        for p, m, v in leaves:
            moments = {"exp_avg": torch.tensor(m), "exp_avg_sq": torch.tensor(v)}
            optimizer.state[p] = {"step": torch.tensor(float(state.step)), **moments}

    return torch_adam(params, grads, lrs, start=start, **options)


def raw_tensorflow(params, grads, lrs, *, beta1, beta2, eps):
    """ε̂ of TensorFlow's form is ε √(1 - β₂ᵗ), different at every step."""
    import tensorflow as tf

    exact = lambda x: tf.constant(x, tf.float64)
    slots = {name: [tf.Variable(p), tf.Variable(0 * p), tf.Variable(0 * p)] for name, p in params.items()}
    history = []
    for t, (g, lr) in enumerate(zip(grads, lrs, strict=True), 1):
        for name, (var, m, v) in slots.items():
            tf.raw_ops.ResourceApplyAdam(
                var=var.handle, m=m.handle, v=v.handle, beta1_power=exact(beta1**t), beta2_power=exact(beta2**t),
                lr=exact(lr), beta1=exact(beta1), beta2=exact(beta2), epsilon=exact(eps * (1 - beta2**t) ** 0.5),
                grad=tf.constant(g[name]),
            )  # fmt: skip
        new, m, v = ({name: slot[i].numpy() for name, slot in slots.items()} for i in range(3))
        history.append((new, AdamState(np.asarray(t), m, v)))
    return history


def cases(draw, D=3, H=4):
    second = {"tensorflow": raw_tensorflow}
    yield Case(run, descent(draw, D, H), torch_adam, OPTIONS, grad=False, tolerance=RUN, second=second)


def nasty(draw):
    usual = {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8}
    params = {"W": draw(3)}
    yield Case(
        run, (params, [{"W": np.zeros(3)}] * 2, [0.1] * 2), torch_adam, usual, grad=False, name="zero gradients"
    )
    tiny, huge = {"W": np.array([1e-25, -1e-12, 1e-8])}, {"W": np.float32([1e20, -1e20, 1e18])}
    yield Case(run, (params, [tiny] * 3, [0.1] * 3), torch_adam, usual, grad=False, name="tiny gradients")
    args = ({"W": draw(3).astype("float32")}, [huge] * 2, [0.1] * 2)
    yield Case(run, args, torch_adam, usual, grad=False, dtype="float32", name="huge gradients, float32")
    late = AdamState(np.asarray(1_000_000), {"W": draw(3)}, {"W": draw.uniform(3)})
    args = (params, late, [{"W": draw(3)}] * 2, [0.1] * 2)
    yield Case(resumed, args, torch_resumed, usual, grad=False, name="after a million steps")


def bad(draw):
    params = {"W": draw(3, 2), "b": draw(2)}
    zeros = {"W": np.zeros((3, 2)), "b": np.zeros(2)}
    state = AdamState(np.asarray(0), zeros, zeros)
    args = (params, state, params)
    yield Bad("adam_update", args, r"lr is 0.0, expected in \(0, inf\)", {"lr": 0.0})
    yield Bad("adam_update", args, r"lr is -1, expected", {"lr": -1})
    yield Bad("adam_update", args, r"eps is 0.0, expected in \(0, inf\)", {"eps": 0.0})
    yield Bad("adam_update", args, r"beta1 is 1.0, expected in \[0, 1\)", {"beta1": 1.0})
    yield Bad("adam_update", args, r"beta2 is -0.1, expected in \[0, 1\)", {"beta2": -0.1})
    yield Bad("adam_update", args, r"lr is nan, expected", {"lr": float("nan")})
    yield Bad("adam_update", ({"W": params["W"]}, state, params), r"state.m is the tree .* as grads is")
    other = state._replace(v={"W": np.zeros((3, 2))})
    yield Bad("adam_update", (params, other, params), r"state.v is the tree .* as grads is")
    other = state._replace(m={**zeros, "b": np.zeros(3)})
    yield Bad("adam_update", (params, other, params), r"state.m.b has shape \(3,\), expected \(2,\)")
    yield Bad("adam_update", (params, state, {**params, "W": params["W"].astype("float32")}), "dtype float32")


MUTANTS = [
    Mutant("m_hat, sqrt_v_hat = m / correction1,", "m_hat, sqrt_v_hat = m,",
           "No bias correction of the first moment: the first steps are ten times too short."),
    Mutant("np.sqrt(v) / correction2**0.5", "np.sqrt(v)",
           "No bias correction of the second moment: the first steps are far too long."),
    Mutant("(sqrt_v_hat + eps)", "np.sqrt(sqrt_v_hat**2 + eps)",
           "ε inside the root (as RMSProp has it elsewhere): √ε = 1e-4 damps every small gradient."),
    Mutant("(sqrt_v_hat + eps)", "(sqrt_v_hat + eps / correction2**0.5)",
           "TensorFlow's and Keras's ε̂: added before the bias correction, so larger in the first steps."),
    Mutant("/ (sqrt_v_hat + eps), m, v  # (4)", "/ (sqrt_v_hat + eps), m_hat, sqrt_v_hat**2  # (4)",
           "The corrected moments stored as the state: corrected again at every step, wrong from step 2 on."),
    Mutant("return params, AdamState(step, m, v)", "return params, AdamState(state.step, m, v)",
           "The step is never counted: the bias correction of step 1 for ever."),
    Mutant("1 - beta1 ** float(step), 1 - beta2 ** float(step)",
           "1 - beta1 ** (float(step) + 1), 1 - beta2 ** (float(step) + 1)",
           "Counting from two: an off-by-one in the bias correction."),
    Mutant("(1 - beta2) * g * g", "(1 - beta2) * g", "The gradient not squared: v can be negative, its root NaN."),
    Mutant("(1 - beta2) * g * g", "(1 - beta2) * m * m", "The square of the smoothed gradient hides its noise."),
    Mutant("m = beta1 * m + (1 - beta1) * g", "m = beta2 * m + (1 - beta2) * g",
           "The two β swapped in the first moment."),
    Mutant("m = beta1 * m + (1 - beta1) * g", "m = beta1 * m + g",
           "Momentum's accumulation instead of an average: steps up to ten times too long."),
    Mutant("p - lr * m_hat", "p + lr * m_hat", "Ascent: the loss grows."),
    Mutant("p - lr * m_hat", "p - lr * g",
           "RMSProp with bias correction: the first moment is computed and not used."),
    Mutant("(sqrt_v_hat + eps)", "sqrt_v_hat + eps",
           "Precedence: ε is added to the parameter. Published code has had this."),
]  # fmt: skip
