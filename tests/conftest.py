"""Both frameworks in one process work only if PyTorch comes first."""

import sys

import pytest

from shared import backends
from shared.cli import main

for name in backends.installed():
    backends.get(name)


@pytest.fixture(autouse=True)
def no_terminal(monkeypatch):
    """Lines are folded to the width of a terminal; a test that wants one says so."""
    monkeypatch.delenv("COLUMNS", raising=False)


@pytest.fixture
def run(monkeypatch, capsys):
    """run("check", "lstm", width=80) -> (exit status, stdout, stderr); without a width not in a terminal."""

    def run(*words, width=None):
        if width:
            monkeypatch.setenv("COLUMNS", str(width))
        monkeypatch.setattr(sys, "argv", ["triptych", *map(str, words)])
        try:
            main.main()
            status = 0
        except SystemExit as stop:
            status = stop.code or 0
        return status, *capsys.readouterr()

    return run


def pytest_collection_modifyitems(items):
    """All tests of one algorithm run in one process, where they share what has been computed once."""
    for item in items:
        path = getattr(item, "callspec", None) and item.callspec.params.get("path")
        if path:
            item.add_marker(pytest.mark.xdist_group(str(path)))
