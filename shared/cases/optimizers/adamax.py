"""Oracle: torch.optim.Adamax in float64; optax as a second opinion."""

import numpy as np

from numpy_impl.optimizers.adamax import AdaMaxState
from shared.cases import Case, Mutant
from shared.cases.optimizers import (
    DECAY,
    POSITIVE,
    bad_calls,
    descent,
    drivers,
    late_run,
    nasty_runs,
    optax_run,
    torch_oracle,
)

run, resumed, _ = drivers("adamax")
SMALLEST = {"D": 1, "H": 1}
OPTIONS = {"beta1": 0.8, "beta2": 0.9, "eps": 1e-2}

torch_adamax = torch_oracle(
    "Adamax",
    AdaMaxState,
    {"step": "step", "m": "exp_avg", "u": "exp_inf"},
    lambda beta1, beta2, eps: {"betas": (beta1, beta2), "eps": eps},
)


def optax_adamax(params, grads, lrs, *, beta1, beta2, eps):
    make = lambda optax: optax.scale_by_adamax(beta1, beta2, eps)
    return optax_run(params, grads, lrs, make, lambda t, state: AdaMaxState(np.asarray(t), state.mu, state.nu))


def cases(draw, D=3, H=4):
    yield Case(run, descent(draw, D, H), torch_adamax, OPTIONS, grad=False, second={"optax": optax_adamax})


def nasty(draw):
    usual = {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8}
    yield from nasty_runs(draw, run, torch_adamax, usual)
    yield from late_run(draw, resumed, torch_adamax, usual, lambda m, u: AdaMaxState(np.asarray(1_000_000), m, u))


def bad(draw):
    state_of = lambda zeros: AdaMaxState(np.asarray(0), zeros, zeros)
    yield from bad_calls("adamax_update", state_of, ["m", "u"], eps=POSITIVE, beta1=DECAY, beta2=DECAY)


MUTANTS = [
    Mutant("""np.maximum(beta2 * u, abs(g) + eps)  # (2)
        m_hat = m / correction  # (3)
        p = p - lr * m_hat / u""", """np.maximum(beta2 * u, abs(g))  # (2)
        m_hat = m / correction  # (3)
        p = p - lr * m_hat / (u + eps)""",
           "ε in the denominator (TensorFlow, Keras): it counts at every step, not only when g is the largest."),
    Mutant("abs(g) + eps", "abs(g)", "No ε (the paper): 0 / 0 where the first gradient is 0."),
    Mutant("np.maximum(beta2 * u, abs(g) + eps)", "np.maximum(u, abs(g) + eps)", "The maximum is never forgotten."),
    Mutant("np.maximum(beta2 * u, abs(g) + eps)", "beta2 * np.maximum(u, abs(g) + eps)",
           "The new gradient fades at once: β₂ is outside the maximum."),
    Mutant("np.maximum(beta2 * u, abs(g) + eps)", "np.maximum(beta2 * u, g + eps)",
           "No magnitude: negative gradients are not seen."),
    Mutant("np.maximum(beta2 * u, abs(g) + eps)", "np.maximum(beta2 * u, (1 - beta2) * abs(g) + eps)",
           "A weight as in an average: the maximum is far too small, the steps far too long."),
    Mutant("np.maximum(beta2 * u, abs(g) + eps)", "np.maximum(beta2 * u, abs(g).max() + eps)",
           "The largest gradient of the whole array: one rate for all of its weights."),
    Mutant("m_hat = m / correction", "m_hat = m", "No bias correction: the first steps are ten times too short."),
    Mutant("m_hat / u  # (4)", "m_hat / (u / (1 - beta2 ** float(step)))  # (4)",
           "A bias correction of u, which is no average: needs none."),
    Mutant("m_hat / u  # (4)", "m_hat / np.sqrt(u)  # (4)", "Adam's root: u is no square."),
    Mutant("return params, AdaMaxState(step, ", "return params, AdaMaxState(state.step, ",
           "The step is never counted: the bias correction of step 1 for ever."),
]  # fmt: skip
