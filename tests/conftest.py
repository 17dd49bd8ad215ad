"""Both frameworks in one process work only if PyTorch comes first."""

import pytest

from shared import backends

for name in backends.installed():
    backends.get(name)


def pytest_collection_modifyitems(items):
    """All tests of one algorithm run in one process, where they share what has been computed once."""
    for item in items:
        path = getattr(item, "callspec", None) and item.callspec.params.get("path")
        if path:
            item.add_marker(pytest.mark.xdist_group(str(path)))
