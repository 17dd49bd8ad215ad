"""Both frameworks in one process work only if PyTorch comes first."""

from shared import backends

for name in backends.installed():
    backends.get(name)
