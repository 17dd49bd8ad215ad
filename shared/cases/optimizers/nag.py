"""Oracle: torch.optim.SGD with nesterov=True in float64; TensorFlow's raw update operation, optax, and Sutskever's
form as further opinions."""

import numpy as np

from numpy_impl.optimizers.nag import NAGState
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

run, resumed, _ = drivers("nag")
SMALLEST = {"D": 1, "H": 1}
OPTIONS = {"mu": 0.8}

torch_nag = torch_oracle("SGD", NAGState, {"v": "momentum_buffer"}, lambda mu: {"momentum": mu, "nesterov": True})


def raw_tensorflow(params, grads, lrs, *, mu):
    def apply(raw, exact, t, lr, grad, var, v):
        raw.ResourceApplyMomentum(var=var, accum=v, lr=lr, grad=grad, momentum=exact(mu), use_nesterov=True)

    return tensorflow_run(params, grads, lrs, 1, apply, lambda t, v: NAGState(v))


def optax_nag(params, grads, lrs, *, mu):
    make = lambda optax: optax.trace(mu, nesterov=True)
    return optax_run(params, grads, lrs, make, lambda t, state: NAGState(state.trace))


def sutskever(params, grads, lrs, *, mu):
    """Sutskever's two equations at one learning rate; our θ is the point φ + μ v' that the gradient is taken at."""
    phi, velocity, history = params, {name: 0 * p for name, p in params.items()}, []
    for g, lr in zip(grads, lrs, strict=True):
        velocity = {name: mu * velocity[name] - lr * g[name] for name in g}
        phi = {name: phi[name] + velocity[name] for name in g}
        ahead = {name: phi[name] + mu * velocity[name] for name in g}
        history.append((ahead, NAGState({name: -velocity[name] / lr for name in g})))
    return history


def cases(draw, D=3, H=4):
    second = {"tensorflow": raw_tensorflow, "optax": optax_nag}
    params, grads, lrs = descent(draw, D, H)
    yield Case(run, (params, grads, lrs), torch_nag, OPTIONS, grad=False, second=second)
    args = (params, grads, [lrs[0]] * len(lrs))
    yield Case(run, args, torch_nag, OPTIONS, grad=False, name="one rate", second={"numpy": sutskever})


def nasty(draw):
    yield from nasty_runs(draw, run, torch_nag, {"mu": 0.9})
    args = ({"W": draw(3)}, NAGState({"W": draw(3)}), [{"W": draw(3)}] * 2, [0.1, 10.0])
    yield Case(resumed, args, torch_nag, {"mu": 0.99}, grad=False, name="moving, then a hundred times the rate")
    args = ({"W": draw(3)}, NAGState({"W": np.zeros(3)}), [{"W": np.full(3, 1e-30)}], [0.1])
    yield Case(resumed, args, torch_nag, {"mu": 0.9}, grad=False, name="at rest")


def bad(draw):
    yield from bad_calls("nag_update", NAGState, ["v"], mu=DECAY)


MUTANTS = [
    Mutant("v = mu * v + g", "v = mu * v + lr * g / 0.1", "The learning rate inside the velocity (Keras; here for a "
           "first rate of 0.1): after a change of the rate the old velocity keeps the old one."),
    Mutant("v = mu * v + g", "v = mu * v + (1 - mu) * g",
           "An average instead of a sum (dampening): the step is no longer that of Nesterov's method."),
    Mutant("p - lr * (g + mu * v)", "p - lr * v", "Plain momentum: nobody looks ahead."),
    Mutant("p - lr * (g + mu * v)", "p - lr * mu * v", "The gradient of this step is left out."),
    Mutant("p - lr * (g + mu * v)", "p - lr * (v + mu * v)", "The velocity in place of the gradient: counted twice."),
    Mutant("p - lr * (g + mu * v)", "p - lr * (g + mu * mu * v)", "Two looks ahead in place of one."),
    Mutant("p - lr * (g + mu * v)", "p - lr * g + mu * v", "A parenthesis too short: the velocity has no rate."),
    Mutant("p - lr * (g + mu * v)", "p + lr * (g + mu * v)", "Ascent: the loss grows."),
    Mutant("return params, NAGState(v)", "return params, state", "The new velocity is not kept."),
]  # fmt: skip
