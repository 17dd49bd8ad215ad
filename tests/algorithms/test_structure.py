"""The laws of the house, read off the source: three trees of the same files, names, signatures and docstrings, and
every equation tagged."""

import ast
import io
import re
import subprocess
import sys
import tokenize

import pytest

from shared import catalogue
from shared.comparing import specification

COLUMNS = ("numpy", "torch", "tf")
PATHS = catalogue.paths()
EQUATION = re.compile(r"\((\d+)\)")
IMPORTS = {
    "numpy": {"numpy", "numpy_impl"},
    "torch": {"torch", "torch_impl", "numpy.random"},
    "tf": {"tensorflow", "tf_impl", "numpy.random"},
}
ANYWHERE = {"collections", "functools", "itertools", "jaxtyping", "math", "optree", "typing"}
HELPERS = {"shared.support.shapes", "shared.support.sizes", "shared.support.blocks", "shared.support.erfc"}


def tree(column, path):
    return ast.parse(catalogue.source(column, path).read_text())


def definitions(column, path):
    """Public functions and classes by name, in order."""
    nodes = (n for n in tree(column, path).body if isinstance(n, ast.FunctionDef | ast.ClassDef))
    return {n.name: n for n in nodes if not n.name.startswith("_")}


def is_numpys_alone(name):
    """What automatic differentiation does without: backwards, and what they are given."""
    return name.endswith(("_backward", "Cache"))


def comments(column, path):
    """(line, text) of every comment."""
    text = catalogue.source(column, path).read_text()
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return [(t.start[0], t.string) for t in tokens if t.type == tokenize.COMMENT]


def equations(path):
    """The numbers of the equations in the specification."""
    return specification.of(path).numbers


def tags(column, path):
    """(line, numbers) of computing and of differentiating tags."""
    forward, through = [], []
    for line, text in comments(column, path):
        numbers = {int(n) for n in EQUATION.findall(text)}
        (through if text.startswith("# through") else forward).append((line, numbers))
    return forward, through


@pytest.mark.parametrize("column", COLUMNS[1:])
def test_the_trees_hold_the_same_files(column):
    files = [
        sorted(f.relative_to(root).as_posix() for f in root.rglob("*.py"))
        for root in (catalogue.ROOT / "numpy_impl", catalogue.ROOT / f"{column}_impl")
    ]
    assert files[0] == files[1]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("column", COLUMNS[1:])
def test_names_and_signatures_are_the_same(path, column):
    ours, theirs = definitions("numpy", path), definitions(column, path)
    assert [name for name in ours if not is_numpys_alone(name)] == list(theirs)
    for name, node in theirs.items():
        if isinstance(node, ast.ClassDef):
            assert ast.unparse(node) == ast.unparse(ours[name])
        else:
            for part in ("args", "returns", "decorator_list"):
                one, other = getattr(ours[name], part), getattr(node, part)
                unparse = lambda x: [ast.unparse(i) for i in x] if isinstance(x, list) else x and ast.unparse(x)
                assert unparse(one) == unparse(other), f"{name}: {part}"


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("column", COLUMNS)
def test_docstrings_are_the_same_and_complete(path, column):
    doc = ast.get_docstring(tree(column, path))
    assert doc == ast.get_docstring(tree("numpy", path))
    for section in ("Shapes:", "Units:", "Variant:", "Raises:", "Reference:"):
        assert f"\n{section}" in doc, f"{section} is missing"
    numbers = equations(path)
    assert numbers == set(range(1, len(numbers) + 1)), "equations are numbered 1, 2, 3, ..."


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("column", COLUMNS)
def test_every_equation_is_tagged(path, column):
    forward, through = tags(column, path)
    found = set().union(*(numbers for _, numbers in forward))
    assert found == equations(path), f"tagged {sorted(found)}, specified {sorted(equations(path))}"
    assert column == "numpy" or not through


@pytest.mark.parametrize("path", PATHS)
def test_what_has_a_backward_is_tagged_through(path):
    """Every equation computed in a function that has a hand-written backward is differentiated somewhere."""
    functions = {n.name: n for n in tree("numpy", path).body if isinstance(n, ast.FunctionDef)}
    forward, through = tags("numpy", path)
    differentiable = [f for name, f in functions.items() if f"{name}_backward" in functions]
    wanted = set().union(
        *(numbers for line, numbers in forward for f in differentiable if f.lineno <= line <= f.end_lineno)
    )
    found = set().union(*(numbers for _, numbers in through))
    assert wanted <= found, f"no `# through` for {sorted(wanted - found)}"


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("column", COLUMNS)
def test_a_file_imports_its_framework_its_siblings_and_few_helpers(path, column):
    allowed = IMPORTS[column] | ANYWHERE | HELPERS
    for node in ast.walk(tree(column, path)):
        modules = []
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        if isinstance(node, ast.ImportFrom):
            modules = [node.module]
        for module in modules:
            assert module in allowed or module.split(".")[0] in allowed - {"numpy.random"}, module


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("column", COLUMNS)
def test_a_file_can_be_held_in_the_head(path, column):
    code = [line for line in catalogue.source(column, path).read_text().splitlines() if line.strip()]
    assert len(code) <= 200


@pytest.mark.parametrize("path", [p for p in PATHS if "/" in p])
def test_public_functions_begin_with_the_files_name(path):
    name = path.split("/")[-1]
    for function, node in definitions("numpy", path).items():
        if isinstance(node, ast.FunctionDef):
            assert function == name or function.startswith(f"{name}_")


def test_numpy_column_needs_only_its_three_libraries():
    """In a fresh interpreter that refuses every other installed package, every NumPy file can be imported."""
    imports = "; ".join(f"import numpy_impl.{path.replace('/', '.')}" for path in PATHS)
    script = f"""
import sys
from importlib.metadata import packages_distributions
own = {{"numpy_impl", "shared", "numpy", "numpy.libs", "jaxtyping", "wadler_lindig", "optree", "typing_extensions"}}
for name in set(packages_distributions()) - own - set(sys.modules):
    sys.modules[name] = None  # importing it is an ImportError, as if it were not there
{imports}
"""
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, cwd=catalogue.ROOT)
    assert done.returncode == 0, done.stderr
