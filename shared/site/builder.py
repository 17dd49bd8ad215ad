"""Writes the pages: for each algorithm what is specified, measured and recorded goes into a template."""

import ast
import errno
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import resources
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from shared import backends, catalogue, differences, files
from shared.checking import golden
from shared.comparing import derivations, sidebyside, specification
from shared.comparing.specification import Specification
from shared.site import code, curves, measured, prose
from shared.site.measured import Measured
from shared.training import records

LIBRARIES = {"keras": "Keras", "onnx": "ONNX", "sklearn": "scikit-learn", "scipy": "SciPy", "jax": "JAX"}
NAMES = {"numpy": "NumPy", "torch": "PyTorch", "tf": "TensorFlow"}


class Page(NamedTuple):
    """An algorithm's page, and what the index says of it."""

    path: str
    specification: Specification
    columns: tuple[str, ...]
    measured: Measured
    speed: list[dict[str, Any]]
    series: list[records.Series]

    @property
    def problems(self) -> list[str]:
        return self.measured.problems

    @property
    def chapter(self) -> str:
        return self.path.rpartition("/")[0]

    @property
    def root(self) -> str:
        return "../" * self.path.count("/")


def build(out: Path, paths: list[str], recorded: Path, started: Callable[[str], None]) -> list[Page]:
    """Writes the site into a folder and returns its pages. started(path) is called before each algorithm.

    ValueError, before anything is measured, if the folder cannot be written to or a record is damaged. The site is
    made in a folder beside it and moved there when it is whole.
    """
    speed, series = records.benchmarks(recorded), {path: records.series(recorded, path) for path in paths}
    with _folder_beside(out) as made:
        pages = []
        for path in paths:
            started(path)
            told, columns = specification.of(path), sidebyside.existing(path)
            pages.append(Page(path, told, columns, measured.measure(path), speed.get(path, []), series[path]))
        _write_all(made, pages)
        _move(made, out)
    return pages


@contextmanager
def _folder_beside(out: Path) -> Iterator[Path]:
    """An empty folder on the same disk, which is gone afterwards, with those above `out` that had to be made if the
    site did not come about."""
    if out.exists() and not out.is_dir():
        raise ValueError(f"'{out}' is a file, expected a folder to write the site to")
    above = [folder for folder in (out.parent, *out.parent.parents) if not folder.exists()]
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=f".{out.name}.", suffix=".tmp", dir=out.parent))
        if out.exists() and not os.access(out, os.W_OK):
            raise PermissionError(errno.EACCES, "Permission denied")
    except OSError as error:
        raise ValueError(f"folder '{out}' cannot be written to: {error.strerror}") from None
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)
        if not out.exists():
            for folder in above:
                folder.rmdir()


def _move(made: Path, out: Path):
    """Everything in `made` to `out`: at once if there is no such folder, else file by file, each of them whole."""
    made.chmod(0o755)
    if not out.exists():
        made.rename(out)
        return
    for file in sorted(file for file in made.rglob("*") if file.is_file()):
        target = out / file.relative_to(made)
        target.parent.mkdir(parents=True, exist_ok=True)
        file.replace(target)


def _write_all(out: Path, pages: list[Page]):
    paths = {page.path for page in pages}
    for file in resources.files("shared.site").joinpath("static").iterdir():
        files.write(out / file.name, file.read_bytes())
    environment = _environment()
    for before, page, after in zip([None, *pages], pages, [*pages[1:], None], strict=False):
        _write(out, f"{page.path}.html", environment.get_template("algorithm.html"), page.root, page=page,
               before=before, after=after, **_details(out, page, paths))  # fmt: skip
    chapters = [(name, list(group)) for name, group in groupby(pages, lambda page: page.chapter)]
    lemmas = prose.derivation(derivations.LEMMAS, paths, "")
    _write(out, prose.LEMMAS, environment.get_template("lemmas.html"), "", text=lemmas)
    _write(out, "index.html", environment.get_template("index.html"), "", chapters=chapters)


def _write(out: Path, name: str, template, root: str, **facts):
    (out / name).parent.mkdir(parents=True, exist_ok=True)
    files.write(out / name, template.render(root=root, **facts).encode())


def _details(out: Path, page: Page, paths: set[str]) -> dict[str, Any]:
    """What an algorithm's page has beyond the index; files that it links to are copied beside it."""
    series = []
    for one in page.series:
        losses = {run.record["backend"]: run.loss for run in one.runs if len(run.loss)}
        title = f"Loss of every step, {one.title}"
        of_run = f"pictures/{one.runs[0].record['path']}"
        pictures = [_copied(out, f"{of_run}/{file.parent.name}", file) for file in one.runs[0].pictures]
        series.append({"title": one.title, "runs": one.runs, "pictures": pictures,
                       "curve": curves.svg(losses, title) if losses else None})  # fmt: skip
    source = lambda column: _copied(out, f"source/{column}_impl/{page.chapter}", catalogue.source(column, page.path))
    native = catalogue.ROOT / "shared" / "native" / f"{page.path}.py"
    fixture = golden.file(page.path)
    return {
        "parts": code.parts(page.path, page.columns),
        "derivation": _derivation(page, paths),
        "elsewhere": _differs(page.specification),
        "mapping": ast.get_docstring(ast.parse(native.read_text())) if native.exists() else None,
        "series": series,
        "sources": {column: source(column) for column in page.columns},
        "golden": _copied(out, f"golden/{page.chapter}", fixture) if fixture.exists() else None,
    }


def _derivation(page: Page, paths: set[str]) -> Markup | None:
    found = derivations.file(page.path).exists()
    return prose.derivation(page.path, paths, page.root) if found else None


def _differs(told: Specification) -> list[tuple[str, str]]:
    """(library, how it differs) of every entry of the section Differs."""
    entries = specification.lines(told.sections.get("Differs", ""))
    return [(name, text) for name, _, text in (entry.partition(": ") for entry in entries)]


def _copied(out: Path, folder: str, file: Path) -> str:
    """A copy of a file in the site; its address from the site's root."""
    target = out / folder / file.name
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(file, target)
    return target.relative_to(out).as_posix()


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("shared.site"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters |= {"error": _error, "number": _number, "linked": prose.linked}
    environment.filters |= {"highlight": _python, "library": lambda name: LIBRARIES.get(name, name)}
    environment.globals |= {"ratios": _ratios, "FINITE": differences.FINITE, "FLOAT32": differences.FLOAT32}
    environment.globals |= {"names": NAMES, "versions": _versions()}
    return environment


def _versions() -> str:
    return ", ".join(f"{NAMES[name]} {version(backends.LIBRARIES[name])}" for name in backends.installed())


def _error(value: float | str | None) -> str:
    """A relative error to one digit."""
    return "–" if value is None else "0" if value == 0 else f"{float(value):.0e}".replace("e-0", "e-")


def _number(value: float | str) -> str:
    return f"{value:.5g}" if isinstance(value, float) else str(value)


def _ratios(speed: list[dict[str, Any]], backend: str) -> str:
    """Least and largest of a backend's ratios, ours / theirs."""
    found = [f"{ratio:.2g}" for ratio in sorted(r["ratio"] for r in speed if r["backend"] == backend)]
    return "" if not found else f"{found[0]}×" if found[0] == found[-1] else f"{found[0]}–{found[-1]}×"


def _python(text: str) -> Markup:
    return Markup("\n").join(code.highlight(text))
