"""Oracle: torch.optim.NAdam in float64; the sums and products written out as a second opinion."""

import math
from contextlib import contextmanager

import numpy as np

from numpy_impl.optimizers.nadam import NadamState
from shared.cases import Bad, Case, Mutant
from shared.cases.optimizers import DECAY, POSITIVE, bad_calls, descent, drivers, late_run, nasty_runs, torch_oracle

run, resumed, _ = drivers("nadam")
SMALLEST = {"D": 1, "H": 1}
OPTIONS = {"beta1": 0.8, "beta2": 0.95, "eps": 1e-2, "psi": 0.1}  # a schedule that 12 steps can show
USUAL = {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "psi": 0.004}

in_float64 = torch_oracle(
    "NAdam",
    NadamState,
    {"step": "step", "product": "mu_product", "m": "exp_avg", "v": "exp_avg_sq"},
    lambda beta1, beta2, eps, psi: {"betas": (beta1, beta2), "eps": eps, "momentum_decay": psi},
)


def torch_nadam(*args, **options):
    """torch keeps mu_product in its default dtype, whatever the parameters have."""
    with default_dtype("float64"):
        return in_float64(*args, **options)


@contextmanager
def default_dtype(name):
    import torch

    before = torch.get_default_dtype()
    torch.set_default_dtype(getattr(torch, name))
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def written_out(params, grads, lrs, *, beta1, beta2, eps, psi):
    """Every moment as a sum over all gradients so far and π as a product over all μ: no recurrence."""
    mu = lambda t: beta1 * (1 - 0.5 * 0.96 ** (t * psi))
    pi = lambda t: math.prod(mu(i) for i in range(1, t + 1))
    history = []
    for t, lr in enumerate(lrs, 1):
        new, m, v = {}, {}, {}
        for name, p in params.items():
            gs = [g[name] for g in grads[:t]]
            m[name] = sum((1 - beta1) * beta1 ** (t - i) * g for i, g in enumerate(gs, 1))
            v[name] = sum((1 - beta2) * beta2 ** (t - i) * g**2 for i, g in enumerate(gs, 1))
            m_hat = mu(t + 1) * m[name] / (1 - pi(t + 1)) + (1 - mu(t)) * gs[-1] / (1 - pi(t))
            new[name] = p - lr * m_hat / (np.sqrt(v[name] / (1 - beta2**t)) + eps)
        params = new
        history.append((params, NadamState(np.asarray(t), np.asarray(pi(t)), m, v)))
    return history


def cases(draw, D=3, H=4):
    second = {"numpy": written_out}
    yield Case(run, descent(draw, D, H), torch_nadam, OPTIONS, grad=False, second=second)
    args = descent(draw, D, H)
    yield Case(run, args, torch_nadam, {**OPTIONS, "psi": 0.004}, grad=False, name="usual schedule", second=second)


def nasty(draw):
    yield from nasty_runs(draw, run, torch_nadam, USUAL)
    state = lambda m, v: NadamState(np.asarray(1_000_000), np.asarray(0.0), m, v)
    yield from late_run(draw, resumed, torch_nadam, USUAL, state)


def bad(draw):
    state_of = lambda zeros: NadamState(np.asarray(0), np.asarray(1.0), zeros, zeros)
    yield from bad_calls("nadam_update", state_of, ["m", "v"], eps=POSITIVE, beta1=DECAY, beta2=DECAY)
    params, zeros = {"W": draw(3)}, {"W": np.zeros(3)}
    yield Bad(
        "nadam_update", (params, state_of(zeros), params), r"psi is -0.1, expected in \[0, inf\)", {"psi": -0.1}
    )
    other = state_of(zeros)._replace(product=np.ones(1))
    yield Bad("nadam_update", (params, other, params), r"state.product has shape \(1,\), expected \(\)")


MUTANTS = [
    Mutant("0.96 ** (psi * i)", "0.96**i", "Keras's schedule: 0.96^t warms up 250 times as fast."),
    Mutant("(beta1 * (1 - 0.5 * 0.96 ** (psi * i)) for i in (t, t + 1))", "(beta1 for i in (t, t + 1))",
           "No schedule (optax): the full momentum from the first step on."),
    Mutant("for i in (t, t + 1)", "for i in (t - 1, t)", "Counting from zero: the schedule is one step late."),
    Mutant("along_m * m + along_g * g", "m / (1 - product)", "No look ahead: Adam with a schedule."),
    Mutant("mu_next / (1 - product * mu_next)", "mu / (1 - product)",
           "The momentum of this step in place of the next one's: nothing is looked ahead to."),
    Mutant("mu_next / (1 - product * mu_next)", "mu_next / (1 - product)",
           "The product of this step for both terms."),
    Mutant("mu_next / (1 - product * mu_next), (1 - mu) / (1 - product)",
           "mu_next / (1 - beta1 ** (t + 1)), (1 - mu) / (1 - beta1**t)",
           "Adam's correction by powers of β₁: right only without a schedule."),
    Mutant("product = float(state.product) * mu", "product = mu", "The last μ in place of the product of all."),
    Mutant("product = float(state.product) * mu", "product = float(np.float32(state.product)) * np.float32(mu)",
           "The product in float32 (PyTorch, unless its default dtype is changed): 1e-8 off in a float64 run."),
    Mutant("m_hat = along_m * m + along_g * g", "m_hat = along_m * m + along_g / (1 - mu) * (1 - beta1) * g",
           "β₁ in place of μ_t in the gradient's weight."),
    Mutant("np.sqrt(v) / correction**0.5", "np.sqrt(v)",
           "No bias correction of the second moment: the first steps are far too long."),
    Mutant("np.sqrt(v) / correction**0.5", "np.sqrt(beta2 * v) / correction**0.5",
           "The factor β₂ of the paper's n̂, which PyTorch, Keras and optax leave out."),
    Mutant("(sqrt_v_hat + eps)", "(sqrt_v_hat + eps / correction**0.5)", "The ε̂ form: ε before the correction."),
    Mutant("(1 - beta2) * g * g", "(1 - beta2) * (g * g)", "g² first: infinite in float32 at g = 1e20."),
    Mutant("return params, NadamState(step, ", "return params, NadamState(state.step, ",
           "The step is never counted: the schedule and the correction of step 1 for ever."),
]  # fmt: skip
