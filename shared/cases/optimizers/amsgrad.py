"""Oracle: torch.optim.Adam with amsgrad=True in float64; TensorFlow's raw update operation as a second opinion."""

import numpy as np

from numpy_impl.optimizers.amsgrad import AMSGradState
from shared.cases import Case, Mutant
from shared.cases.optimizers import (
    DECAY,
    POSITIVE,
    bad_calls,
    descent,
    drivers,
    late_run,
    nasty_runs,
    tensorflow_run,
    torch_oracle,
)

run, resumed, _ = drivers("amsgrad")
SMALLEST = {"D": 1, "H": 1}
OPTIONS = {"beta1": 0.8, "beta2": 0.9, "eps": 1e-2}  # gradients shrink: at a β₂ near 1 v would never fall

torch_amsgrad = torch_oracle(
    "Adam",
    AMSGradState,
    {"step": "step", "m": "exp_avg", "v": "exp_avg_sq", "w": "max_exp_avg_sq"},
    lambda beta1, beta2, eps: {"betas": (beta1, beta2), "eps": eps, "amsgrad": True},
)


def raw_tensorflow(params, grads, lrs, *, beta1, beta2, eps):
    """ε̂ of TensorFlow's form is ε √(1 - β₂ᵗ), different at every step."""

    def apply(raw, exact, t, lr, grad, var, m, v, w):
        powers = {"beta1_power": exact(beta1**t), "beta2_power": exact(beta2**t)}
        betas = {"beta1": exact(beta1), "beta2": exact(beta2), "epsilon": exact(eps * (1 - beta2**t) ** 0.5)}
        raw.ResourceApplyAdamWithAmsgrad(var=var, m=m, v=v, vhat=w, lr=lr, grad=grad, **powers, **betas)

    return tensorflow_run(params, grads, lrs, 3, apply, lambda t, *trees: AMSGradState(np.asarray(t), *trees))


def cases(draw, D=3, H=4):
    second = {"tensorflow": raw_tensorflow}
    yield Case(run, descent(draw, D, H), torch_amsgrad, OPTIONS, grad=False, second=second)


def nasty(draw):
    usual = {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8}
    yield from nasty_runs(draw, run, torch_amsgrad, usual)
    state = lambda m, v: AMSGradState(np.asarray(1_000_000), m, v, {"W": v["W"] + [0.0, 1.0, 1e-3]})
    yield from late_run(draw, resumed, torch_amsgrad, usual, state)


def bad(draw):
    state_of = lambda zeros: AMSGradState(np.asarray(0), zeros, zeros, zeros)
    yield from bad_calls("amsgrad_update", state_of, ["m", "v", "w"], eps=POSITIVE, beta1=DECAY, beta2=DECAY)


MUTANTS = [
    Mutant("w = np.maximum(w, v)", "w = v", "No maximum: Adam."),
    Mutant("w = np.maximum(w, v)", "w = np.maximum(w, v / correction2)", "The maximum of the corrected moment, "
           "corrected again: the early corrections are large and the maximum keeps them for ever."),
    Mutant("w = np.maximum(w, v)  # (3)\n        m_hat, sqrt_w_hat = m / correction1, np.sqrt(w) / correction2**0.5",
           "w = np.maximum(w, v / correction2)  # (3)\n        m_hat, sqrt_w_hat = m / correction1, np.sqrt(w)",
           "Maximum after the correction (optax): an early v̂, of a few gradients, rules for ever."),
    Mutant("m_hat, sqrt_w_hat = m / correction1, np.sqrt(w) / correction2**0.5", "m_hat, sqrt_w_hat = m, np.sqrt(w)",
           "No bias correction (the paper): other lengths in the first steps."),
    Mutant("(sqrt_w_hat + eps)", "(sqrt_w_hat + eps / correction2**0.5)",
           "TensorFlow's and Keras's ε̂: added before the bias correction, so larger in the first steps."),
    Mutant("(sqrt_w_hat + eps)", "np.sqrt(sqrt_w_hat**2 + eps)", "ε inside the root damps every small gradient."),
    Mutant("w = np.maximum(w, v)", "w = v = np.maximum(w, v)", "The maximum stored as the moment: v never falls."),
    Mutant("w = np.maximum(w, v)", "w = np.maximum(w, g * g)", "The maximum of gradients, not of their average."),
    Mutant("w = np.maximum(w, v)", "w = np.minimum(w, v)", "The minimum: w stays 0 and every step is m̂ / ε."),
    Mutant("np.sqrt(w) / correction2**0.5", "np.sqrt(v) / correction2**0.5", "The maximum computed and not used."),
    Mutant("return params, AMSGradState(step, m, v, w)", "return params, AMSGradState(step, m, v, v)",
           "The maximum is not kept: the larger of two, not of all."),
    Mutant("(1 - beta2) * g * g", "(1 - beta2) * (g * g)",
           "g² first: infinite in float32 at g = 1e20, and the maximum keeps it for ever."),
    Mutant("return params, AMSGradState(step, ", "return params, AMSGradState(state.step, ",
           "The step is never counted: the bias correction of step 1 for ever."),
]  # fmt: skip
