"""Talking to a trained model, where its recipe has a `say`."""

from collections.abc import Callable

from shared import backends, catalogue
from shared.training import checkpoints
from shared.training.plan import CHECKPOINT, Settings, prepare


def speaker(settings: Settings) -> tuple[Callable[[str], str], str]:
    """Loads a trained model; returns its recipe's `say(text)`, and what the model is.

    The settings are those that it was trained with, but for the backend: weights are weights.
    Raises ValueError if the recipe has no `say`, or if there is no checkpoint of such a run.
    """
    plan = prepare(settings)
    if not hasattr(plan.recipe, "say"):
        others = [path for path in catalogue.recipes() if hasattr(catalogue.companion("recipes", path), "say")]
        raise ValueError(f"{plan.path} has nothing to say, expected one of {', '.join(others)}")
    file = plan.folder / CHECKPOINT
    if not file.exists():
        raise ValueError(f"there is no '{file}'; to train the model:\n  {plan.settings.command}")
    found = checkpoints.read(file)
    for key in ("path", "budget", "dtype", "data"):
        if found.about.get(key) != plan.about[key]:
            raise ValueError(
                f"'{file}': its {key} is {checkpoints.clipped(found.about.get(key))}, expected {plan.about[key]}"
            )
    run, adapter = plan.run, backends.get(settings.backend)
    device = run.device
    with adapter.scope(device):
        like = backends.to_numpy(settings.backend, plan.recipe.init(run, plan.data))
        state = backends.to_backend(settings.backend, checkpoints.restore(found, like, file), device)

    def say(text: str) -> str:
        with adapter.scope(device):
            return plan.recipe.say(run, plan.data, state, text)

    return say, f"{plan.path}, {found.step} of {found.about['steps']} steps on {found.about.get('backend')}"
