"""Mutants that no test can kill, because they compute the same: each with its reason. See `mutants`."""

from typing import NamedTuple


class Equivalent(NamedTuple):
    """old, new: the line as `mutants` prints it; columns: where it stands."""

    path: str
    old: str
    new: str
    reason: str
    columns: tuple[str, ...] = ("numpy", "torch", "tf")


EQUIVALENT: list[Equivalent] = []


def is_equivalent(column: str, path: str, edit) -> bool:
    return any((x.path, x.old, x.new) == (path, edit.old, edit.new) and column in x.columns for x in EQUIVALENT)
