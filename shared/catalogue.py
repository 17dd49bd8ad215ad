"""What there is: a path under `numpy_impl` is the name of an algorithm."""

import difflib
import importlib
import importlib.util
import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parent.parent
CHAPTERS = ("intro", "optimizers", "regularization", "normalization", "recurrent", "convolutional", "generative")


def paths() -> list[str]:
    """Every algorithm, `intro/mlp` and so on, in the order of the syllabus; a chapter that it lacks comes last.
    Files whose names begin with `_` are none: `__init__`, and what the algorithms of a chapter share."""
    tree = ROOT / "numpy_impl"
    found = (file.relative_to(tree).with_suffix("").as_posix() for file in tree.rglob("*.py"))
    return sorted((path for path in found if not path.split("/")[-1].startswith("_")), key=_place)


def _place(path: str) -> tuple:
    chapter = path.rpartition("/")[0]
    known = chapter in CHAPTERS
    return path.count("/"), CHAPTERS.index(chapter) if known else len(CHAPTERS), path


def recipes() -> list[str]:
    """Every recipe: `recurrent/lstm` trains that algorithm, `recurrent/lstm_adding` trains it on another task."""
    tree = ROOT / "shared" / "recipes"
    found = (file.relative_to(tree).with_suffix("").as_posix() for file in tree.glob("*/*.py"))
    return sorted((path for path in found if not path.split("/")[-1].startswith("_")), key=_place)


def recipes_of(path: str) -> list[str]:
    """The recipes of one algorithm: a recipe trains the algorithm with the longest name that its own begins with."""
    algorithms = paths()

    def trained(recipe):
        return max((p for p in algorithms if recipe == p or recipe.startswith(f"{p}_")), key=len, default=None)

    return [recipe for recipe in recipes() if trained(recipe) == path]


def find(name: str, among: Callable[[], list[str]] = paths) -> str:
    """The path that a name means: `lstm` is `recurrent/lstm`. ValueError, with the nearest name, if none."""
    known = among()
    hits = [path for path in known if path == name.strip("/") or path.split("/")[-1] == name]
    if len(hits) == 1:
        return hits[0]
    if hits:
        raise ValueError(f"{name!r} can be {' or '.join(hits)}: give the whole path")
    raise ValueError(f"no {'recipe' if among is recipes else 'algorithm'} is called {name!r}: {_hint(name)}")


def _hint(name: str) -> str:
    """The algorithm or recipe of the nearest name, for case, `-` and `_` make no difference."""
    plain = lambda word: re.sub(r"[\W_]", "", word.rpartition("/")[2]).lower()
    near: dict[str, str] = {}
    for path in [*paths(), *recipes()]:
        near.setdefault(plain(path), path)
    words = difflib.get_close_matches(plain(name), near, n=1, cutoff=0.5)
    if not words:
        return "`triptych list` shows all"
    path = near[words[0]]
    if path in paths():
        return f"did you mean {path}?"
    trained = " or ".join(algorithm for algorithm in paths() if path in recipes_of(algorithm))
    return f"{'it is' if path.endswith(name) else f'did you mean {path},'} a recipe of {trained}"


def need_clone(command: str):
    """ValueError unless this is a clone of the repository: some commands write into it."""
    if not (ROOT / "pyproject.toml").is_file():
        raise ValueError(f"`triptych {command}` writes into a clone of the repository, and {ROOT} is none")


def source(column: str, path: str) -> Path:
    """The file of one column, for column in numpy, torch, tf."""
    return ROOT / f"{column}_impl" / f"{path}.py"


def companion(kind: str, path: str) -> ModuleType | None:
    """`shared/<kind>/<path>.py` (kind: cases, recipes, benchmarks), or None if there is no such file."""
    name = f"shared.{kind}.{path.replace('/', '.')}"
    if not (ROOT / "shared" / kind / f"{path}.py").exists():
        return None
    return importlib.import_module(name)
