"""An automated mutation run: small edits in a column, and what of the tests sees each of them.

    python tests/mutants.py --column numpy --sample 200 --seed 0     # or --only lstm, or everything

Every mutant is planted into the running process, where all that calls the file meets it. It is killed by the cases of
its algorithm (outputs, gradients, `params_only`, bad inputs, float32, nasty cases, other sizes), by its signature, by
the cases of the algorithms that use it, or by the tests that speak of it. What survives and is not in `EQUIVALENT` is
a hole in the tests, and the exit status is 1.

A sample is drawn by the hash of what is edited: a change of one line elsewhere leaves it as it is.
"""

import argparse
import ast
import contextlib
import functools
import hashlib
import io
import re
import signal
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FunctionType, ModuleType

import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from equivalent import is_equivalent  # noqa: E402
from house import graph  # noqa: E402
from mutations import Edit, edits  # noqa: E402

from shared import backends, cases, catalogue  # noqa: E402
from shared.cases import Case, in_dtype, tolerance  # noqa: E402
from shared.checking.answers import answer, compare, expected, params_only, refusal  # noqa: E402

LEAST_SECONDS = 20  # that a mutant may take; else ten times what the file takes unhurt
PLAIN = int | float | str | tuple


class Killed(Exception):
    """A check has seen the mutant."""


class Hangs(BaseException):
    """Time is up. Not an Exception: no `except` on the way may hold it."""


def files(column: str) -> list[str]:
    """Every file of a column by its path, those that algorithms share among them."""
    root = catalogue.ROOT / f"{column}_impl"
    found = (file.relative_to(root).with_suffix("").as_posix() for file in sorted(root.rglob("*.py")))
    return [path for path in found if not path.endswith("__init__")]


# --- planting -----------------------------------------------------------------------------------------------


@contextlib.contextmanager
def planted(column: str, path: str, text: str) -> Iterator[None]:
    """The functions of a module, wherever they have been imported, do what another text of the file says."""
    module, fresh = backends.module(column, path), _load(column, path, text)
    undo = []
    try:
        for name, new in vars(fresh).items():
            old = vars(module).get(name)
            if isinstance(old, FunctionType) and old.__module__ == module.__name__:
                undo.append(_exchange(old, new))
            elif isinstance(old, PLAIN) and not name.startswith("__") and old != new:
                undo.append(lambda name=name, old=old: setattr(module, name, old))
                setattr(module, name, new)
        yield
    finally:
        for back in undo:
            back()


def _load(column: str, path: str, text: str) -> ModuleType:
    module = backends.module(column, path)
    fresh = ModuleType(module.__name__)
    fresh.__file__ = module.__file__
    sys.modules[module.__name__] = fresh  # NamedTuple looks its module up by name
    try:
        exec(compile(text, module.__file__, "exec"), vars(fresh))
    finally:
        sys.modules[module.__name__] = module
    return fresh


def _exchange(old: FunctionType, new: FunctionType):
    """Gives a function another's code, defaults and, where `checked` wraps it, smallest sizes; the way back."""
    inner, other = getattr(old, "__wrapped__", old), getattr(new, "__wrapped__", new)
    names = "__code__", "__defaults__", "__kwdefaults__"
    kept = {name: getattr(inner, name) for name in names}
    cells = _cells(old), _cells(new)
    sizes = dict(cells[0].get("smallest", {}))

    def put(values, smallest):
        for name in names:
            setattr(inner, name, values[name])
        if "smallest" in cells[0]:
            cells[0]["smallest"].clear()
            cells[0]["smallest"].update(smallest)
            cells[0]["passed"].clear()

    put({name: getattr(other, name) for name in names}, cells[1].get("smallest", {}))
    return lambda: put(kept, sizes)


def _cells(function: FunctionType) -> dict:
    return dict(
        zip(function.__code__.co_freevars, (c.cell_contents for c in function.__closure__ or ()), strict=True)
    )


# --- checking -----------------------------------------------------------------------------------------------


class Checks:
    """What the tests ask of one algorithm in one column, in steps: most mutants are seen by the first.

    The oracles are asked once, and not before a step is reached.
    """

    def __init__(self, column: str, path: str):
        self.column, self.path = column, path
        main, some = cases.main_cases, cases.some_sizes
        self.steps = [
            self.agree(lambda: main(path)),
            self.params_only,
            self.refuse,
            self.agree(lambda: [in_dtype(case, "float32") for case in main(path)]),
            self.agree(lambda: cases.nasty_cases(path)),
            self.agree(lambda: [case for sizes in some(path) for case in main(path, **sizes)], factor=10),
        ]

    def agree(self, made: Callable[[], list[Case]], factor: float = 1) -> Callable[[], None]:
        wanted = functools.cache(lambda: [(case, expected(self.path, case)) for case in made()])

        def step():
            for case, right in wanted():
                found = max(compare(answer(self.column, self.path, case), right, case.dtype))
                if not found.error <= factor * tolerance(case):
                    raise Killed(f"{case.label}: {found}")

        return step

    def params_only(self):
        for case in cases.main_cases(self.path) if self.column == "numpy" else ():
            pair = params_only(self.path, case)
            if pair and max(compare(*pair)).error > 0:
                raise Killed(f"{case.label}: params_only=True changes the gradient")

    def refuse(self):
        for bad in cases.bad_inputs(self.path):
            message = refusal(self.column, self.path, bad)
            if not re.search(bad.says, message):
                raise Killed(f"{bad.function} says {message!r}")


def users(column: str, path: str) -> list[str]:
    """The algorithms that use a file, directly or through others, those that import it first."""
    imports, known = graph(), set(catalogue.paths())
    name = lambda p: f"{column}_impl.{p.replace('/', '.')}"
    found, new = [], [path]
    while new:
        new = [p for p in files(column) if p not in [*found, path] and imports[name(p)] & {name(x) for x in new}]
        found += new
    return [p for p in found if p in known]


def is_signature_changed(column: str, text: str, edit: Edit) -> bool:
    """Whether the edit is in a signature or a decorator, which tests/algorithms/test_structure.py compares."""
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef) and not (column == "numpy" and node.name.endswith("_backward")):
            first = min([node.lineno, *(x.lineno for x in node.decorator_list)])
            if first <= edit.row < node.body[0].lineno and not node.name.startswith("_"):
                return True
    return False


class Judge:
    """Says of the mutants of one file whether they die, and how."""

    def __init__(self, column: str, path: str):
        self.column, self.path = column, path
        self.text = catalogue.source(column, path).read_text()
        self.own = Checks(column, path).steps if path in catalogue.paths() else []
        self.seconds: dict[Callable, float] = {}  # that a step may take

    @functools.cached_property
    def others(self) -> list[Callable]:
        steps = [step for path in users(self.column, self.path) for step in Checks(self.column, path).steps]
        word = re.compile(rf"\b{self.path.split('/')[-1]}")
        tests = [str(f) for f in sorted((HERE / "algorithms").glob("test_*.py")) if word.search(f.read_text())]
        return [*steps, *([functools.partial(_pytest, tests)] if tests else [])]

    def judge(self, edit: Edit) -> str:
        """By what the mutant dies, or "" if it lives."""
        if any(self.kills(edit, step) for step in self.own):
            return "cases"
        if is_signature_changed(self.column, self.text, edit):
            return "signature"
        return "users and tests" if any(self.kills(edit, step) for step in self.others) else ""

    def kills(self, edit: Edit, step: Callable) -> bool:
        if step not in self.seconds:  # what is asked of a mutant must hold without it
            started = time.monotonic()
            _strictly(step)
            self.seconds[step] = max(LEAST_SECONDS, 10 * (time.monotonic() - started))

        def ring(*_):
            raise Hangs

        before = signal.signal(signal.SIGALRM, ring)
        signal.setitimer(signal.ITIMER_REAL, self.seconds[step])
        try:
            with planted(self.column, self.path, edit.text):
                _strictly(step)
        except (Exception, Hangs, SystemExit):
            return True
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
        return False


def _strictly(step: Callable):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore")
        warnings.filterwarnings("error", module="numpy_impl|torch_impl|tf_impl|shared")  # as pyproject.toml says
        step()


def _pytest(tests: list[str]):
    words = io.StringIO()
    with contextlib.redirect_stdout(words), contextlib.redirect_stderr(words):
        options = ["-x", "-q", "-m", "not full", "-k", "not compile", "-p", "no:cacheprovider"]
        code = pytest.main([*options, "--rootdir", str(HERE.parent), *tests])
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        raise Killed(f"pytest: {words.getvalue()[-2000:]}")


# --- running ------------------------------------------------------------------------------------------------


def draw(every: list[tuple[str, Edit]], n: int, seed: int) -> list[tuple[str, Edit]]:
    """n of them, in their order."""

    def lot(one: tuple[str, Edit]) -> bytes:
        return hashlib.sha256("\n".join([str(seed), one[0], one[1].old, one[1].new]).encode()).digest()

    drawn = {lot(one) for one in sorted(every, key=lot)[:n]}
    return [one for one in every if lot(one) in drawn]


def run(column: str, chosen: list[tuple[str, Edit]]) -> tuple[int, int, int]:
    """Judges the mutants, file by file, and says so: how many were killed, how many are listed, how many live."""
    by_file: dict[str, list[Edit]] = {}
    for path, edit in chosen:
        by_file.setdefault(path, []).append(edit)
    total = Counter()
    for path, mutants in by_file.items():
        started, judge, ways = time.monotonic(), Judge(column, path), Counter()
        for edit in mutants:
            if is_equivalent(column, path, edit):
                ways["equivalent"] += 1
                continue
            way = judge.judge(edit)
            ways[way or "alive"] += 1
            if not way:
                print(f"  {column}_impl/{path}.py:{edit.row}\n    - {edit.old}\n    + {edit.new}", flush=True)
        total += ways
        told = ", ".join(f"{n} {way}" for way, n in ways.most_common())
        print(f"{path}: {len(mutants)} made: {told} ({time.monotonic() - started:.0f} s)", flush=True)
    alive, listed = total["alive"], total["equivalent"]
    return total.total() - alive - listed, listed, alive


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--column", choices=backends.NAMES, default="numpy")
    parser.add_argument("--sample", type=int, help="how many, drawn by the seed (default: all)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", help="one algorithm, such as lstm")
    asked = parser.parse_args()
    backends.get(asked.column)
    paths = [catalogue.find(asked.only)] if asked.only else files(asked.column)
    every = [(p, e) for p in paths for e in edits(catalogue.source(asked.column, p).read_text())]
    chosen = draw(every, asked.sample, asked.seed) if asked.sample else every
    killed, listed, alive = run(asked.column, chosen)
    score = 100 * killed / max(1, killed + alive)
    print(f"{asked.column}: {len(chosen)} of {len(every)} mutants, {killed} killed, {alive} alive, ", end="")
    print(f"{listed} listed as equivalent: {score:.1f} %")
    return 1 if alive else 0


if __name__ == "__main__":
    sys.exit(main())
