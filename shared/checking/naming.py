"""Leaves by the names that the code has for them: `d_state.h` for `grads[2].h`, `logits` for `outputs`."""

import ast
import inspect
import re
from collections.abc import Callable

from shared import backends, catalogue
from shared.cases import Case


def named(path: str, case: Case, text: str) -> str:
    """A text in which every leaf of `outputs` and `grads` has the name of its argument or result in the NumPy column,
    where it has one there."""
    grads = [f"d_{name}" for name in _arguments(path, case)]
    outputs = _results(path, case)

    def grad(found: re.Match) -> str:
        i = int(found[1])
        return grads[i] if i < len(grads) else found[0]

    def output(found: re.Match) -> str:
        i = int(found[1])
        return outputs[i] if len(outputs) > 1 and i < len(outputs) and outputs[i] else found[0]

    text = re.sub(r"\bgrads\[(\d+)\]", grad, text)
    if len(outputs) == 1 and outputs[0]:
        return re.sub(r"\boutputs\b", outputs[0], text)
    return re.sub(r"\boutputs\[(\d+)\]", output, text)


def _arguments(path: str, case: Case) -> list[str]:
    names = list(inspect.signature(_function(path, case)).parameters)
    return names[1:] if callable(case.function) else names  # a driver takes the module first


def _results(path: str, case: Case) -> list[str]:
    """What a function returns besides its cache: the names, "" for what has none."""
    if callable(case.function):
        return []
    tree = ast.parse(catalogue.source("numpy", path).read_text())
    function = next((n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == case.function), None)
    returns = [n.value for n in ast.walk(function) if isinstance(n, ast.Return)] if function else []
    if len(returns) != 1:
        return []
    value = returns[0]
    if isinstance(value, ast.Tuple) and re.search(r"[Cc]aches?\b", ast.unparse(value.elts[-1])):
        value = value.elts[0]
    parts = value.elts if isinstance(value, ast.Tuple) else [value]
    return [part.id if isinstance(part, ast.Name) else "" for part in parts]


def _function(path: str, case: Case) -> Callable:
    return case.function if callable(case.function) else getattr(backends.module("numpy", path), case.function)
