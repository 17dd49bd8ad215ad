"""The order of the house: who may import whom, where things lie, how long they are."""

import ast
import re

import pytest
from house import ROOT, circle, graph, modules, rooms

GRAPH = graph()
SHARED = {name: file for name, file in modules().items() if name.startswith("shared")}
CONTENT = ("cases", "recipes", "benchmarks", "native", "data")  # a file for each algorithm, or data
JOBS = ("comparing", "checking", "porting", "training", "benchmarking", "site", "cli", "backends", "support")
LOOSE = 5
LONG, LONG_FUNCTION = 250, 60
REASON = re.compile(r"#\s*long: \S+")


def test_no_import_runs_in_a_circle():
    found = circle(GRAPH)
    assert found is None, " -> ".join(found)


def test_no_import_runs_upward_between_rooms():
    found = circle(rooms())
    assert found is None, " -> ".join(found)


def test_an_implementation_imports_support_alone():
    for name, imported in GRAPH.items():
        if not name.startswith("shared"):
            wrong = {x for x in imported if x.startswith("shared") and not x.startswith("shared.support")}
            assert not wrong, f"{name} imports {', '.join(sorted(wrong))}"


@pytest.mark.parametrize("folder", CONTENT)
def test_content_knows_neither_command_line_nor_site(folder):
    for name, imported in GRAPH.items():
        if name.startswith(f"shared.{folder}"):
            wrong = {x for x in imported if x.startswith(("shared.cli", "shared.site"))}
            assert not wrong, f"{name} imports {', '.join(sorted(wrong))}"


def test_few_modules_lie_loose():
    loose = [file.name for file in (ROOT / "shared").glob("*.py")]
    assert len(loose) <= LOOSE, sorted(loose)


@pytest.mark.parametrize("job", JOBS + CONTENT)
def test_every_room_says_what_it_is(job):
    doc = ast.get_docstring(ast.parse((ROOT / "shared" / job / "__init__.py").read_text()))
    assert doc, f"shared/{job}/__init__.py says nothing"


def test_tests_mirror_the_rooms():
    folders = {file.name for file in (ROOT / "tests").iterdir() if file.is_dir() and not file.name.startswith("__")}
    assert folders <= {*JOBS, *CONTENT, "algorithms", "fuzz"}


@pytest.mark.parametrize("name", SHARED)
def test_a_module_is_short_and_so_are_its_functions(name):
    lines = SHARED[name].read_text().splitlines()
    assert len(lines) <= LONG, f"{name} has {len(lines)} lines"
    for node in ast.walk(ast.parse("\n".join(lines))):
        if isinstance(node, ast.FunctionDef) and node.end_lineno - node.lineno >= LONG_FUNCTION:
            told = REASON.search(lines[node.lineno - 1]) or REASON.search(lines[node.lineno - 2])
            assert told, f"{name}: {node.name} has {node.end_lineno - node.lineno + 1} lines and no `# long: reason`"
