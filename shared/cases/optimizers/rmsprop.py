"""Oracle: torch.optim.RMSprop in float64, plain, centered, with momentum and with both; optax as a second opinion."""

import numpy as np

from numpy_impl.optimizers.rmsprop import RMSPropState
from shared.cases import Bad, Case, Mutant
from shared.cases.optimizers import (
    DECAY,
    POSITIVE,
    bad_calls,
    descent,
    drivers,
    infinite_squares,
    nasty_runs,
    optax_run,
    torch_oracle,
)

_, resumed, _ = drivers("rmsprop")
SMALLEST = {"D": 1, "H": 1}
OPTIONS = {"rho": 0.8, "eps": 1e-2}  # at ε = 1e-8 nobody sees where it is added
USUAL = {"rho": 0.9, "eps": 1e-8}


def run(rmsprop, params, grads, lrs, *, centered=False, momentum=0.0, **options):
    """The state from the parameters, then one update for each gradient; parameters and state after every step."""
    kept = {"centered": centered, "momentum": momentum}
    return resumed(rmsprop, params, rmsprop.rmsprop_init(params, **kept), grads, lrs, **kept, **options)


def steady(rmsprop, params, grad, *, lr, steps, **options):
    """Parameters and state after many steps along one gradient."""
    return run(rmsprop, params, [grad] * steps, [lr] * steps, **options)[-1]


def overflowing(rmsprop, *args, **options):
    """As run, with gradients whose squares are beyond the largest number."""
    with np.errstate(over="ignore"):
        return run(rmsprop, *args, **options)


def torch_rmsprop(params, *args, rho, eps, centered=False, momentum=0.0):
    slots = {"v": "square_avg", "a": "grad_avg" if centered else None, "b": "momentum_buffer" if momentum else None}
    keywords = {"alpha": rho, "eps": eps, "centered": centered, "momentum": momentum}
    return torch_oracle("RMSprop", RMSPropState, slots, lambda: keywords)(params, *args)


def torch_steady(params, grad, *, lr, steps, **options):
    return torch_rmsprop(params, [grad] * steps, [lr] * steps, **options)[-1]


def optax_rmsprop(params, grads, lrs, *, rho, eps, centered=False, momentum=0.0):
    def make(optax):
        scale = optax.scale_by_stddev if centered else optax.scale_by_rms
        return optax.chain(scale(rho, eps, eps_in_sqrt=False), optax.trace(momentum))

    def state_of(t, state):
        scale, trace = state
        return RMSPropState(scale.nu, scale.mu if centered else None, trace.trace if momentum else None)

    return optax_run(params, grads, lrs, make, state_of)


def cases(draw, D=3, H=4):
    both = {"centered": True, "momentum": 0.7}
    for name, kept in {"": (), "centered": ["centered"], "momentum": ["momentum"], "both": both}.items():
        options = {**OPTIONS, **{keyword: both[keyword] for keyword in kept}}
        second = {"optax": optax_rmsprop}
        yield Case(run, descent(draw, D, H), torch_rmsprop, options, grad=False, name=name, second=second)


def nasty(draw):
    yield from nasty_runs(draw, run, torch_rmsprop, USUAL, huge=4e19)  # (1 - ρ) g² is 1.6e38, g² alone is infinite
    args = ({"W": draw(3).astype("float32")}, [{"W": np.float32([4e19, -4e19, 1e-30])}] * 2, [0.1] * 2)
    options = {**USUAL, "eps": 1e-2, "centered": True, "momentum": 0.9}
    yield Case(run, args, torch_rmsprop, options, grad=False, dtype="float32", name="huge, centered")
    # Rounding makes v - a² negative in about every second coordinate; ε keeps what is left of it out of sight.
    args = ({"W": draw(64).astype("float32")}, {"W": 1e-3 * draw(64).astype("float32")})
    options = {**USUAL, "eps": 1e-2, "centered": True, "lr": 1e-3, "steps": 200}
    yield Case(steady, args, torch_steady, options, grad=False, dtype="float32", name="constant gradient, float32")
    yield from infinite_squares(draw, overflowing, torch_rmsprop, USUAL)
    args = ({"W": draw(3)}, [{"W": np.array([1e200, -1e200, 1.0])}] * 2, [0.1] * 2)
    options = {**USUAL, "centered": True}
    yield Case(overflowing, args, stands_still, options, grad=False, name="infinite squares, centered")


def stands_still(params, grads, lrs, **options):
    """torch has ∞ - ∞ here. Ours: where v is infinite the weight does not move; the others as torch's."""
    history = torch_rmsprop(params, grads, lrs, **options)
    fixed = lambda p: np.where(np.abs(grads[0]["W"]) > 1e150, params["W"], p["W"])
    return [({"W": fixed(p)}, state) for p, state in history]


def bad(draw):
    yield from bad_calls(
        "rmsprop_update", lambda zeros: RMSPropState(zeros, None, None), ["v"],
        eps=POSITIVE, rho=DECAY, momentum=DECAY,
    )  # fmt: skip
    params = {"W": draw(3, 2), "b": draw(2)}
    v = {"W": np.zeros((3, 2)), "b": np.zeros(2)}
    plain, full = RMSPropState(v, None, None), RMSPropState(v, v, v)
    both = {"centered": True, "momentum": 0.9}
    for state, options, says in (
        (plain, {"centered": True}, r"state.a is None, expected rmsprop_init with centered=True as here"),
        (plain, {"momentum": 0.9}, r"state.b is None, expected rmsprop_init with momentum=0.9 as here"),
        (full, {"momentum": 0.9}, r"state.a is kept, expected rmsprop_init with centered=False as here"),
        (full, {"centered": True}, r"state.b is kept, expected rmsprop_init with momentum=0.0 as here"),
        (full._replace(a={"W": v["W"]}), both, r"state.a holds .*, expected .* as params"),
        (full._replace(b={**v, "b": np.zeros(3)}), both, r"state.b holds .*\(3,\).*, expected .* as params"),
        (full._replace(b={**v, "b": np.zeros(2, "float32")}), both, r"state.b holds .*float32.*, expected"),
    ):
        yield Bad("rmsprop_update", (params, state, params), says, options)


MUTANTS = [
    Mutant("u = g / (s + eps)", "u = g / np.sqrt(s * s + eps)",
           "ε inside the root (Keras, TensorFlow, optax): √ε = 1e-4 damps every small gradient."),
    Mutant("u = g / (s + eps)", "u = g / s + eps", "Precedence: ε is added to the step."),
    Mutant("u = b = momentum * b + u", "u = b = momentum * b + (lr / 0.1) * u", "The learning rate inside the "
           "velocity (Keras, TensorFlow; here for a first rate of 0.1): after a change of the rate the old velocity "
           "keeps the old one."),
    Mutant("u = b = momentum * b + u", "u = b = momentum * b + (1 - momentum) * u", "Dampening: ten times shorter."),
    Mutant("u = b = momentum * b + u", "b = momentum * b + u", "The velocity is computed and not used."),
    Mutant("u = b = momentum * b + u", "u = b = momentum * b + g",
           "The velocity collects gradients that were not scaled: momentum, not RMSProp."),
    Mutant("np.sqrt(np.maximum(s - abs(a), 0) * (s + abs(a)))", "np.sqrt(v - a * a)",
           "Not kept above 0: rounding makes the variance of a constant gradient negative, its root NaN "
           "(PyTorch and Keras, after about 130 steps in float32)."),
    Mutant("np.sqrt(np.maximum(s - abs(a), 0) * (s + abs(a)))", "np.maximum(s - abs(a), 0)",
           "√v - |a| taken for √(v - a²)."),
    Mutant("a = rho * a + (1 - rho) * g", "a = rho * a + (1 - rho) * abs(g)",
           "The mean of magnitudes: a gradient that changes its sign seems to be constant."),
    Mutant("v = rho * v + (1 - rho) * g * g", "v = rho * v + (1 - rho) * (g * g)",
           "g² first: infinite in float32 from |g| = 1.8e19 on, where the step becomes 0."),
    Mutant("v = rho * v + (1 - rho) * g * g", "v = v + g * g", "A sum instead of an average: AdaGrad."),
    Mutant("v = rho * v + (1 - rho) * g * g", "v = (1 - rho) * v + rho * g * g", "ρ and 1 - ρ swapped."),
    Mutant("s = np.sqrt(v)  # (2)", "s = np.sqrt(v / (1 - rho))  # (2)",
           "A bias correction that RMSProp does not have (and that is right in the first step only)."),
    Mutant("p - lr * u", "p - lr * g", "The step is computed and not used."),
]  # fmt: skip
