"""Oracle: torch.optim.Adagrad in float64; TensorFlow's raw update operation as a second opinion."""

from numpy_impl.optimizers.adagrad import AdaGradState
from shared.cases import Case, Mutant
from shared.cases.optimizers import (
    POSITIVE,
    bad_calls,
    descent,
    drivers,
    infinite_squares,
    nasty_runs,
    tensorflow_run,
    torch_oracle,
)

run, _, overflowing = drivers("adagrad")
SMALLEST = {"D": 1, "H": 1}
OPTIONS = {"eps": 1e-2}  # at ε = 1e-10 nobody sees where it is added

SLOTS = {"h": "sum", "step": "step"}  # torch counts the steps, for a decay of the rate that we do not have
without_step = lambda h, step: AdaGradState(h)
torch_adagrad = torch_oracle("Adagrad", without_step, SLOTS, lambda eps: {"eps": eps})


def raw_tensorflow(params, grads, lrs, *, eps):
    def apply(raw, exact, t, lr, grad, var, h):
        raw.ResourceApplyAdagradV2(var=var, accum=h, lr=lr, epsilon=exact(eps), grad=grad)

    return tensorflow_run(params, grads, lrs, 1, apply, lambda t, h: AdaGradState(h))


def cases(draw, D=3, H=4):
    second = {"tensorflow": raw_tensorflow}
    yield Case(run, descent(draw, D, H), torch_adagrad, OPTIONS, grad=False, second=second)


def nasty(draw):
    usual = {"eps": 1e-10}
    yield from nasty_runs(draw, run, torch_adagrad, usual, huge=1e19)  # the sum of two squares: 2e38
    yield from infinite_squares(draw, overflowing, torch_adagrad, usual)


def bad(draw):
    yield from bad_calls("adagrad_update", AdaGradState, ["h"], eps=POSITIVE)


MUTANTS = [
    Mutant("(np.sqrt(h) + eps)", "np.sqrt(h + eps)",
           "ε inside the root (Keras, optax): √ε is far larger than ε, so small gradients are damped."),
    Mutant("(np.sqrt(h) + eps)", "np.sqrt(h) + eps", "Precedence: ε is added to the parameter."),
    Mutant("(np.sqrt(h) + eps)", "(h + eps)", "No root: the units are wrong and the rate falls far too fast."),
    Mutant("optree.tree_map(np.zeros_like, params)", "optree.tree_map(lambda p: np.full_like(p, 0.1), params)",
           "The sum starts at 0.1 (Keras, optax, TensorFlow): the first steps are too short."),
    Mutant("h = h + g * g", "h = g * g", "Only the last gradient is remembered: every step has the length η."),
    Mutant("h = h + g * g", "h = 0.9 * h + 0.1 * g * g", "An average instead of a sum: RMSProp."),
    Mutant("h = h + g * g", "h = h + abs(g)", "The sum of magnitudes, not of squares."),
    Mutant("h = h + g * g", "h = h + np.mean(g * g)", "One rate for a whole array: the point of AdaGrad is lost."),
    Mutant("p = p - lr * g / (np.sqrt(h) + eps)", "p = p - lr * g / (np.sqrt(h - g * g) + eps)",
           "The sum before this step: the first step divides by ε alone and is enormous."),
    Mutant("return params, AdaGradState(h)", "return params, state", "The sum is not kept."),
]  # fmt: skip
