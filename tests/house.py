"""The import graph of the project, read from the source; imports inside functions count.

`python tests/house.py` prints its figures.
"""

import ast
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TREES = ("shared", "numpy_impl", "torch_impl", "tf_impl")


def modules() -> dict[str, Path]:
    """Every module by its dotted name; a package is called as its folder."""
    found = {}
    for tree in TREES:
        for file in sorted((ROOT / tree).rglob("*.py")):
            name = ".".join(file.relative_to(ROOT).with_suffix("").parts)
            found[name.removesuffix(".__init__")] = file
    return found


def graph() -> dict[str, set[str]]:
    """The project's own modules that each module imports."""
    known = modules()
    return {name: _imported(file, known) - {name} for name, file in known.items()}


def _imported(file: Path, known: dict[str, Path]) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name in known}
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                inside = f"{node.module}.{alias.name}"
                found |= {inside} if inside in known else {node.module} & known.keys()
    return found


def room(name: str) -> str:
    """`shared.training` for everything in that folder, `shared.files` for a module that lies loose."""
    parts = name.split(".")
    return ".".join(parts[:2]) if parts[0] == "shared" else parts[0]


def rooms() -> dict[str, set[str]]:
    """The rooms that each room imports."""
    found: dict[str, set[str]] = {}
    for name, imported in graph().items():
        found.setdefault(room(name), set()).update(room(other) for other in imported)
    return {name: others - {name} for name, others in found.items() if name != "shared"}


def circle(edges: dict[str, set[str]]) -> list[str] | None:
    """Some circle, as the list of its members, or None."""
    done: set[str] = set()

    def visit(name: str, way: list[str]) -> list[str] | None:
        if name in way:
            return [*way[way.index(name) :], name]
        if name in done:
            return None
        for other in sorted(edges.get(name, ())):
            if found := visit(other, [*way, name]):
                return found
        done.add(name)
        return None

    return next((found for name in edges if (found := visit(name, []))), None)


def longest(edges: dict[str, set[str]]) -> list[str]:
    """The longest chain of imports, from the top down; there must be no circle."""
    chains: dict[str, list[str]] = {}

    def chain(name: str) -> list[str]:
        if name not in chains:
            chains[name] = [name, *max((chain(other) for other in edges.get(name, ())), key=len, default=[])]
        return chains[name]

    return max(map(chain, edges), key=len)


def main():
    for what, edges in (("rooms", rooms()), ("modules", graph())):
        found = circle(edges)
        print(f"{what}: {len(edges)}, with {sum(map(len, edges.values()))} imports between them")
        print(f"  circle: {' -> '.join(found) if found else 'none'}")
        if not found:
            way = longest(edges)
            print(f"  longest chain: {len(way)}, {' -> '.join(way)}")


if __name__ == "__main__":
    sys.exit(main())
