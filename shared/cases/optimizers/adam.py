"""Oracle: torch.optim.Adam in float64; TensorFlow's raw update operation as a second opinion."""

import numpy as np

from numpy_impl.optimizers.adam import AdamState
from shared.cases import Case, Mutant
from shared.cases.optimizers import (
    DECAY,
    POSITIVE,
    bad_calls,
    descent,
    late_run,
    nasty_runs,
    run,
    tensorflow_run,
    torch_oracle,
)
from shared.differences import RUN

SMALLEST = {"D": 1, "H": 1}
OPTIONS = {"beta1": 0.8, "beta2": 0.95, "eps": 1e-2}  # at eps = 1e-8 nobody sees where it is added

torch_adam = torch_oracle(
    "Adam",
    AdamState,
    {"step": "step", "m": "exp_avg", "v": "exp_avg_sq"},
    lambda beta1, beta2, eps: {"betas": (beta1, beta2), "eps": eps},
)


def raw_tensorflow(params, grads, lrs, *, beta1, beta2, eps):
    """ε̂ of TensorFlow's form is ε √(1 - β₂ᵗ), different at every step."""

    def apply(raw, exact, t, lr, grad, var, m, v):
        powers = {"beta1_power": exact(beta1**t), "beta2_power": exact(beta2**t)}
        betas = {"beta1": exact(beta1), "beta2": exact(beta2), "epsilon": exact(eps * (1 - beta2**t) ** 0.5)}
        raw.ResourceApplyAdam(var=var, m=m, v=v, lr=lr, grad=grad, **powers, **betas)

    return tensorflow_run(params, grads, lrs, 2, apply, lambda t, *trees: AdamState(np.asarray(t), *trees))


def cases(draw, D=3, H=4):
    second = {"tensorflow": raw_tensorflow}
    yield Case(run, descent(draw, D, H), torch_adam, OPTIONS, grad=False, tolerance=RUN, second=second)


def nasty(draw):
    usual = {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8}
    yield from nasty_runs(draw, torch_adam, usual)
    yield from late_run(draw, torch_adam, usual, lambda m, v: AdamState(np.asarray(1_000_000), m, v))


def bad(draw):
    state_of = lambda zeros: AdamState(np.asarray(0), zeros, zeros)
    yield from bad_calls("adam_update", state_of, ["m", "v"], eps=POSITIVE, beta1=DECAY, beta2=DECAY)


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
