"""Oracle: torch.optim.SGD with momentum in float64; TensorFlow's raw update operation and optax agree."""

from numpy_impl.optimizers.momentum import MomentumState
from shared.cases import Case, Mutant
from shared.cases.optimizers import (
    DECAY,
    bad_calls,
    descent,
    drivers,
    nasty_runs,
    optax_run,
    tensorflow_run,
    torch_oracle,
)

run, resumed, _ = drivers("momentum")
SMALLEST = {"D": 1, "H": 1}
OPTIONS = {"mu": 0.8}

torch_momentum = torch_oracle("SGD", MomentumState, {"v": "momentum_buffer"}, lambda mu: {"momentum": mu})


def raw_tensorflow(params, grads, lrs, *, mu):
    def apply(raw, exact, t, lr, grad, var, v):
        raw.ResourceApplyMomentum(var=var, accum=v, lr=lr, grad=grad, momentum=exact(mu))

    return tensorflow_run(params, grads, lrs, 1, apply, lambda t, v: MomentumState(v))


def optax_momentum(params, grads, lrs, *, mu):
    return optax_run(params, grads, lrs, lambda optax: optax.trace(mu), lambda t, s: MomentumState(s.trace))


def cases(draw, D=3, H=4):
    second = {"tensorflow": raw_tensorflow, "optax": optax_momentum}
    yield Case(run, descent(draw, D, H), torch_momentum, OPTIONS, grad=False, second=second)


def nasty(draw):
    yield from nasty_runs(draw, run, torch_momentum, {"mu": 0.9})
    args = ({"W": draw(3)}, MomentumState({"W": draw(3)}), [{"W": draw(3)}] * 2, [0.1, 10.0])
    yield Case(resumed, args, torch_momentum, {"mu": 0.99}, grad=False, name="moving, then a hundred times the rate")
    args = ({"W": draw(3)}, [{"W": draw(3)}] * 3, [0.1] * 3)
    yield Case(run, args, torch_momentum_or_none, {"mu": 0.0}, grad=False, name="no momentum")


def torch_momentum_or_none(params, grads, lrs, *, mu):
    """torch keeps no buffer where μ = 0: our velocity is then the gradient."""
    oracle = torch_oracle("SGD", lambda: None, {}, lambda mu: {"momentum": mu})
    history = oracle(params, grads, lrs, mu=mu)
    return [(params, MomentumState(g)) for (params, _), g in zip(history, grads, strict=True)]


def bad(draw):
    yield from bad_calls("momentum_update", MomentumState, ["v"], mu=DECAY)


MUTANTS = [
    Mutant("v = mu * v + g", "v = mu * v + lr * g / 0.1", "The learning rate inside the velocity (Keras; here for a "
           "first rate of 0.1): after a change of the rate the old velocity keeps the old one."),
    Mutant("v = mu * v + g", "v = mu * v + (1 - mu) * g",
           "An average instead of a sum (dampening): steps up to ten times too short."),
    Mutant("v = mu * v + g", "v = g", "The velocity is forgotten: plain gradient descent."),
    Mutant("v = mu * v + g", "v = v + g", "No friction: the ball never stops."),
    Mutant("v = mu * v + g", "v = mu * (v + g)", "The new gradient is damped as well: every step is too short."),
    Mutant("p = p - lr * v", "p = p - lr * (g + mu * v)", "Nesterov's step under the name of momentum."),
    Mutant("p = p - lr * v", "p = p + lr * v",
           "The paper's sign at the end with PyTorch's sign at the start: ascent."),
    Mutant("p = p - lr * v", "p = p - lr * g", "The velocity is computed and not used."),
    Mutant("p = p - lr * v", "p = p - 0.01 * v", "The default hard-coded: schedules do nothing."),
    Mutant("return params, MomentumState(v)", "return params, state", "The new velocity is not kept."),
]  # fmt: skip
