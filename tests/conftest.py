"""Both frameworks in one process work only if PyTorch comes first."""

import pytest

from shared import backends

for name in backends.installed():
    backends.get(name)


@pytest.fixture(autouse=True)
def no_terminal(monkeypatch):
    """Lines are folded to the width of a terminal; a test that wants one says so."""
    monkeypatch.delenv("COLUMNS", raising=False)


def pytest_collection_modifyitems(items):
    """All tests of one algorithm run in one process, where they share what has been computed once."""
    for item in items:
        path = getattr(item, "callspec", None) and item.callspec.params.get("path")
        if path:
            item.add_marker(pytest.mark.xdist_group(str(path)))
