"""The file that `triptych port` writes: an algorithm's specification, names and signatures, and for every function
the lines to write, each with the number of its equation.

It is read off the PyTorch column, which has no caches and no backward. Shapes stand in comments, so that a port needs
no library but its own.
"""

import ast
import re
from collections.abc import Iterator

from shared import catalogue
from shared.comparing import tracing
from shared.comparing.walks import equations

# How the import and the type of an array read in libraries that are known by name.
IMPORTS = {
    "jax": "import jax.numpy as jnp\nfrom jax import Array",
    "torch": "import torch\nfrom torch import Tensor as Array",
    "tensorflow": "import tensorflow as tf\nfrom tensorflow import Tensor as Array",
    "mlx": "import mlx.core as mx\nfrom mlx.core import array as Array",
    "cupy": "import cupy as cp\nfrom cupy import ndarray as Array",
    "tinygrad": "from tinygrad import Tensor\n\nArray = Tensor",
    "numpy": "import numpy as np\nfrom numpy import ndarray as Array",
}
ALIASES = {"tf": "tensorflow", "pytorch": "torch", "np": "numpy"}
UNKNOWN = "import {name}\n\nArray = Any  # the type of its arrays"
NOT_YET = "raise NotImplementedError"


def write(path: str, library: str) -> str:
    """The text of the file: importable as it is, every function still to be written."""
    name = ALIASES.get(library, library)
    text, tree, source = _column(path)
    blocks = [f'"""{ast.get_docstring(tree, clean=False)}"""', _how_to(path, tree), *_header(name, text)]
    blocks += [_constant(n, t) if isinstance(n, ast.Assign) else _class(n) for n, t in _borrowed(tree)]
    for node in tree.body:
        if isinstance(node, ast.Assign):
            blocks.append(_constant(node, text))
        elif isinstance(node, ast.ClassDef):
            blocks.append(_class(node))
        elif isinstance(node, ast.FunctionDef):
            lines = range(node.lineno, node.end_lineno + 1)
            tagged = [source.statements[line] for line in lines if line in source.statements]
            if tagged or not node.name.startswith("_"):
                blocks.append(_function(node, tagged, path, text))
    whole = ""
    for before, block in zip(["", *blocks], blocks, strict=False):
        wide = any(b.startswith(("class ", "def ")) for b in (before, block))
        whole += ("\n\n\n" if wide else "\n\n" if before else "") + block
    return whole + "\n"


def _header(library: str, text: str) -> list[str]:
    """The import lines; after them, the name of the type of arrays, where the library has none to import."""
    lines, _, alias = IMPORTS.get(library, UNKNOWN.format(name=library)).partition("\n\n")
    typing = "Any, NamedTuple" if "TreeOf" in text or "Any" in alias else "NamedTuple"
    generator = "\nfrom numpy.random import Generator" if "Generator" in text else ""
    return [f"from typing import {typing}", lines + generator, *([alias] if alias else [])]


def _column(path: str) -> tuple[str, ast.Module, tracing.Source]:
    file = catalogue.source("torch", path)
    text = _without_aliases(file.read_text(encoding="utf-8"))
    return text, ast.parse(text), tracing.read(str(file), text)


def _without_aliases(text: str) -> str:
    """`bn.BatchNormParams` of `from torch_impl.normalization import batch_norm as bn` under its own name."""
    for package, module, alias in re.findall(r"^from (torch_impl[\w.]*) import (\w+) as (\w+)$", text, re.M):
        used = re.compile(rf"\b{alias}\.(\w+)")
        names = ", ".join(sorted(set(used.findall(text))))
        text = text.replace(f"from {package} import {module} as {alias}", f"from {package}.{module} import {names}")
        text = used.sub(r"\1", text)
    return text


def _how_to(path: str, tree: ast.Module) -> str:
    siblings = [f"{module}.{name}" if module else name for module, name in _siblings(tree) if name.islower()]
    return "\n".join(
        [
            f"# A port of {path}. Check it with: triptych check {path} --impl THIS_FILE",
            f"# Every `{NOT_YET}` gives way to code; the comments above it name the lines that",
            "# compute an equation. Keep their names, and the numbers at their ends: so the check can tell in which",
            "# equation, step and element a port goes wrong.",
            "# Gradients are taken by the library where Triptych knows how (JAX, MLX, PyTorch, TensorFlow);",
            "# elsewhere write f_backward beside f, as the NumPy column has it: f(...) -> (outputs, cache) and",
            "# f_backward(cache, d_outputs) -> d_args.",
            *([f"# The columns import from their siblings: {', '.join(siblings)}."] if siblings else []),
        ]
    )


def _siblings(tree: ast.Module) -> list[tuple[str, str]]:
    """(`intro.mlp`, `MLPLayer`) of what a column imports from its own tree."""
    found = []
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "torch_impl":
            found += [(node.module.partition(".")[2], alias.name) for alias in node.names]
    return found


def _borrowed(tree: ast.Module) -> list[tuple[ast.ClassDef | ast.Assign, str]]:
    """Types of siblings that the column uses, those that they use first, with the text that they stand in."""
    found = {}

    def collect(name: str, types: dict):
        used = [n.id for n in ast.walk(types[name][0]) if isinstance(n, ast.Name) and n.id != name]
        for other in used:
            if other in types:
                collect(other, types)
        found.setdefault(name, types[name])

    for module, name in _siblings(tree):
        if module and name[0].isupper():
            text, other, _ = _column(module.replace(".", "/"))
            types = {_defined(n): (n, t) for n, t in _borrowed(other)}
            types |= {_defined(n): (n, text) for n in other.body if isinstance(n, ast.ClassDef | ast.Assign)}
            if name in types:
                collect(name, types)
    return list(found.values())


def _defined(node: ast.ClassDef | ast.Assign) -> str:
    return node.name if isinstance(node, ast.ClassDef) else ast.unparse(node.targets[0])


def _constant(node: ast.Assign, text: str) -> str:
    """A constant as it stands; of a type, the shapes go into a comment."""
    line, name = ast.get_source_segment(text, node), _defined(node)
    if not isinstance(node.value, ast.Subscript) and not _is_union(node.value):
        return line
    kind, shape = _annotation(node.value)
    return f"{name} = {kind}" + (f"  # {shape}" if shape else "")


def _class(node: ast.ClassDef) -> str:
    lines = [f"class {node.name}(NamedTuple):"]
    doc = ast.get_docstring(node)
    if doc:
        lines.append(f'    """{doc}"""')
    for field in (n for n in node.body if isinstance(n, ast.AnnAssign)):
        kind, shape = _annotation(field.annotation)
        lines.append(f"    {ast.unparse(field.target)}: {kind}" + (f"  # {shape}" if shape else ""))
    return "\n".join(lines)


def _function(node: ast.FunctionDef, tagged: list[tracing.Statement], path: str, text: str) -> str:
    """Signature, shapes, and for every tagged line the equation and what to assign."""
    arguments, shapes = _arguments(node, text)
    returns = ""
    if node.returns is not None:
        kind, shape = _annotation(node.returns)
        returns = f" -> {kind}"
        shapes += [f"returns {shape}"] if shape else []
    head = f"def {node.name}({', '.join(arguments)}){returns}:"
    if len(head) > 118:
        head = f"def {node.name}(\n    {', '.join(arguments)}\n){returns}:"
    if max(map(len, head.splitlines())) > 118:
        head = f"def {node.name}(\n" + "".join(f"    {a},\n" for a in arguments) + f"){returns}:"
    lines = [head]
    if shapes:
        lines.append(f"    # {', '.join(shapes)}")
    inner = {n.name: n for n in ast.walk(node) if isinstance(n, ast.FunctionDef) and n is not node}
    lines += _to_write(node.name, tagged, path, inner) if tagged else ["    # no equation: see the specification"]
    return "\n".join([*lines, f'    {NOT_YET}("{node.name}")'])


def _arguments(node: ast.FunctionDef, text: str) -> tuple[list[str], list[str]]:
    """Arguments as they read in the signature, and the shapes or ranges of those that have one."""
    given, shapes, words = node.args, [], []
    plain = [*given.posonlyargs, *given.args]
    defaults = [None] * (len(plain) - len(given.defaults)) + given.defaults + given.kw_defaults
    for i, (argument, default) in enumerate(zip(plain + given.kwonlyargs, defaults, strict=True)):
        if i == len(plain):
            words.append("*")
        word = argument.arg
        if argument.annotation is not None:
            kind, shape = _annotation(argument.annotation)
            word += f": {kind}"
            shapes += [f"{argument.arg} {shape}"] if shape else []
        if default is not None:
            equals = " = " if argument.annotation is not None else "="
            word += equals + ast.get_source_segment(text, default)
        words.append(word)
    return words, shapes


def _to_write(name: str, tagged: list[tracing.Statement], path: str, inner: dict) -> Iterator[str]:
    """The tagged lines of one function, in their order: the equation in words, then its names."""
    texts, told, inside = equations(path), set(), name
    for statement in {tagged_line.lines.start: tagged_line for tagged_line in tagged}.values():
        if statement.function != inside:
            inside = statement.function
            if inside in inner:
                yield f"    # def {inside}({ast.unparse(inner[inside].args)}):"
        for n in (n for n in statement.equations if n not in told):
            told.add(n)
            yield f"    # ({n})  {texts[str(n)]}"
        numbers = " ".join(f"({n})" for n in statement.equations)
        line = f"{', '.join(statement.names)} = ..." if statement.names else "return ..."
        yield f"    #         {line}  # {numbers}"


def _annotation(node: ast.expr) -> tuple[str, str]:
    """(`Array`, `(N, D)`) of `Float[Array, "N D"]`; trees, tuples and plain types as they read, without rules."""
    text = ast.unparse(node)
    if isinstance(node, ast.Subscript):
        outer = ast.unparse(node.value)
        inside = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        if outer in ("Float", "Int", "Bool", "Num", "Inexact", "Integer", "UInt8", "Shaped"):
            shape = _shape(ast.literal_eval(inside[1]))
            kind = "" if outer == "Float" else f" {'bool' if outer == 'Bool' else 'integers'}"
            return "Array", shape + kind
        if outer == "Annotated":
            return _annotation(inside[0])
        if outer in ("tuple", "list"):
            parts = [_annotation(part) if not _is_ellipsis(part) else ("...", "") for part in inside]
            shapes = ", ".join(shape for _, shape in parts if shape)
            each = "each " if shapes and len(parts) == 2 and parts[1][0] == "..." else ""
            return f"{outer}[{', '.join(kind for kind, _ in parts)}]", each + shapes
        if outer == "TreeOf":
            return "Any", "a tree of arrays"
    if _is_union(node):
        (one, shape), (other, more) = _annotation(node.left), _annotation(node.right)
        return f"{one} | {other}", " or ".join(filter(None, [shape, more]))
    rules = {"Positive": "> 0", "NonNegative": ">= 0", "Rate": "in [0, 1]", "Decay": "in [0, 1)"}
    if text in rules:
        return "float", rules[text]
    if text == "Dtype":
        return "str", "float64, float32 or float16"
    if text == "Count":
        return "int", ">= 0"
    return text, ""


def _shape(dims: str) -> str:
    if dims in ("...", "*shape"):
        return "of any shape"
    names = ["..." if dim.startswith("*") else dim for dim in dims.split()]
    return f"({', '.join(names)}{',' if len(names) == 1 else ''})"


def _is_union(node: ast.expr) -> bool:
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr)


def _is_ellipsis(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is ...
