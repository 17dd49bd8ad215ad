"""Oracle: torch.optim.Adadelta in float64; TensorFlow's raw update operation and optax as second opinions."""

import numpy as np

from numpy_impl.optimizers.adadelta import AdaDeltaState
from shared.cases import Case, Mutant
from shared.cases.optimizers import (
    DECAY,
    POSITIVE,
    bad_calls,
    descent,
    drivers,
    infinite_squares,
    nasty_runs,
    optax_run,
    tensorflow_run,
    torch_oracle,
)

run, resumed, overflowing = drivers("adadelta")
SMALLEST = {"D": 1, "H": 1}
OPTIONS = {"rho": 0.8, "eps": 1e-2}

SLOTS = {"v": "square_avg", "u": "acc_delta"}
torch_adadelta = torch_oracle("Adadelta", AdaDeltaState, SLOTS, lambda rho, eps: {"rho": rho, "eps": eps})


def raw_tensorflow(params, grads, lrs, *, rho, eps):
    def apply(raw, exact, t, lr, grad, var, v, u):
        numbers = {"lr": lr, "rho": exact(rho), "epsilon": exact(eps)}
        raw.ResourceApplyAdadelta(var=var, accum=v, accum_update=u, grad=grad, **numbers)

    return tensorflow_run(params, grads, lrs, 2, apply, lambda t, v, u: AdaDeltaState(v, u))


def optax_adadelta(params, grads, lrs, *, rho, eps):
    make = lambda optax: optax.scale_by_adadelta(rho, eps)
    return optax_run(params, grads, lrs, make, lambda t, state: AdaDeltaState(state.e_g, state.e_x))


def cases(draw, D=3, H=4):
    second = {"tensorflow": raw_tensorflow, "optax": optax_adadelta}
    yield Case(run, descent(draw, D, H), torch_adadelta, OPTIONS, grad=False, second=second)


def nasty(draw):
    usual = {"rho": 0.95, "eps": 1e-6}
    yield from nasty_runs(draw, run, torch_adadelta, usual, huge=5e19)  # (1 - ρ) g² is 1.25e38, g² alone is infinite
    yield from infinite_squares(draw, overflowing, torch_adadelta, usual)
    moved = AdaDeltaState({"W": np.full(3, 1e-30)}, {"W": np.array([0.0, 1e-40, 1e10])})
    args = ({"W": draw(3)}, moved, [{"W": np.array([0.0, 1e-20, 1e-9])}] * 2, [1.0] * 2)
    yield Case(resumed, args, torch_adadelta, usual, grad=False, name="long steps, then a plateau")


def bad(draw):
    state_of = lambda zeros: AdaDeltaState(zeros, zeros)
    yield from bad_calls("adadelta_update", state_of, ["v", "u"], eps=POSITIVE, rho=DECAY)


MUTANTS = [
    Mutant("""        delta = np.sqrt(u + eps) / np.sqrt(v + eps) * g  # (2)
        u = rho * u + (1 - rho) * delta * delta  # (3)""",
           """        u = rho * u + (1 - rho) * (u + eps) / (v + eps) * g * g  # (2) (3)
        delta = np.sqrt(u + eps) / np.sqrt(v + eps) * g""",
           "The two averages in the other order: this step already counts in its own numerator."),
    Mutant("np.sqrt(u + eps) / np.sqrt(v + eps)", "(np.sqrt(u) + eps) / (np.sqrt(v) + eps)",
           "ε outside the roots, as in the other optimizers: the first steps are ε, not √ε, long."),
    Mutant("np.sqrt(u + eps) / np.sqrt(v + eps)", "np.sqrt(u + eps) / np.sqrt(v)",
           "ε in the numerator alone: 0/0 for a gradient of zero."),
    Mutant("np.sqrt(u + eps) / np.sqrt(v + eps)", "np.sqrt(u) / np.sqrt(v + eps)",
           "ε in the denominator alone: u starts at 0 and nothing ever moves."),
    Mutant("np.sqrt(u + eps) / np.sqrt(v + eps)", "np.sqrt(eps) / np.sqrt(v + eps)",
           "The numerator forgotten: RMSProp with a rate of √ε."),
    Mutant("np.sqrt(u + eps) / np.sqrt(v + eps)", "(u + eps) / (v + eps)", "No roots: the units do not match."),
    Mutant("(1 - rho) * delta * delta", "(1 - rho) * (lr * delta) * (lr * delta)",
           "The average of what was really moved, η Δ: another method as soon as η is not 1."),
    Mutant("(1 - rho) * delta * delta", "(1 - rho) * delta", "Δ not squared: u can be negative, its root NaN."),
    Mutant("v = rho * v + (1 - rho) * g * g", "v = rho * v + (1 - rho) * (g * g)",
           "g² first: infinite in float32 from |g| = 1.8e19 on, where the step becomes 0."),
    Mutant("v = rho * v + (1 - rho) * g * g", "v = v + g * g", "A sum instead of an average: AdaGrad's denominator."),
    Mutant("p = p - lr * delta", "p = p - lr * delta * g", "The gradient counted twice."),
    Mutant("return params, AdaDeltaState(v, u)", "return params, AdaDeltaState(u, v)", "The two averages swapped."),
]  # fmt: skip
