"""What every tagged line of a file computes, observed from outside while the file runs.

The comments say which equation a line computes (`# (3)`) or differentiates (`# through (3)`); the syntax tree says
which names it binds; `sys.settrace` says when it has run. The file itself knows nothing of it:

    observed = observe(source, lambda: lstm(params, xs, state), np.asarray)
    for event in observed.events:
        print(event.equations, event.values.keys())

Seen are assigned names (tuples, subscripts and augmented assignments too), what a tagged `return` gives back (by
its fields, if it is a NamedTuple), what a tagged `append` adds, what a tagged call writes to `out=`; in functions,
private helpers and closures alike.
"""

import ast
import functools
import inspect
import io
import re
import sys
import tokenize
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import optree

from shared import backends
from shared.support import blocks

TAG = re.compile(r"#\s*(through\s+)?\(\d+\)")
NUMBER = re.compile(r"\((\d+)\)")
SIMPLE = (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Return, ast.Expr)
GENERATOR = inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR | inspect.CO_COROUTINE
RETURNED = "returned"
CACHE = re.compile(r"(^|_)caches?(_|$)|^_$")  # what NumPy keeps for the way back is no result of an equation


class Statement(NamedTuple):
    """One tagged statement. names: the expressions, by their own text, that hold its results once it has run."""

    equations: tuple[int, ...]
    through: bool
    function: str
    lines: range
    names: dict[str, Any]
    returns: bool


class Source(NamedTuple):
    """A file as the tracer reads it. caching: the functions that return (outputs, cache), as their backward shows."""

    file: str
    statements: dict[int, Statement]  # by every line that they stand on
    caching: frozenset[str]


class Event(NamedTuple):
    """One tagged statement has run.

    outer, call: the function that was called from outside the file, and the number of that call (1, 2, ...).
    leaves:      names and shapes of that function's `params`, to tell a loop over leaves from a loop over time.
    values:      arrays by name, in the order in which the statement binds them.
    """

    equations: tuple[int, ...]
    through: bool
    function: str
    line: int
    outer: str
    call: int
    leaves: tuple[tuple[str, tuple[int, ...]], ...]
    values: dict[str, np.ndarray]


class Observed(NamedTuple):
    """result: what the call returned; events: what was seen until then; error: what stopped it, or None."""

    result: Any
    events: list[Event]
    error: BaseException | None


def read(file: str, text: str | None = None) -> Source:
    """The tagged statements of a file (or of `text`, for code that was compiled under the file's name)."""
    if text is None:
        with open(file, encoding="utf-8") as stream:
            text = stream.read()
    tree = ast.parse(text)
    tagged = tags(text)
    statements: dict[int, Statement] = {}
    for node, function in simple_statements(tree, ""):
        lines = range(node.lineno, node.end_lineno + 1)
        found = [tagged[line] for line in lines if line in tagged]
        if found:
            numbers = tuple(sorted({n for _, equations in found for n in equations}))
            kept = [name for name in results(node) if not CACHE.search(name)]
            names = {name: compile(name, "<traced>", "eval") for name in kept}
            through = any(through for through, _ in found)
            statement = Statement(numbers, through, function, lines, names, isinstance(node, ast.Return))
            statements |= dict.fromkeys(lines, statement)
    return Source(str(file), statements, _caching(tree))


def observe(source: Source, run: Callable[[], Any], to_numpy: Callable[[Any], np.ndarray]) -> Observed:
    """Calls `run` and notes what the tagged statements of `source` compute. Nothing that it raises passes.

    to_numpy: one of the file's arrays as a NumPy array. Values that it cannot convert are left out.
    """
    watch = _Watch(source, to_numpy)
    before, block = sys.gettrace(), blocks.BLOCK
    blocks.BLOCK = sys.maxsize  # a leaf is one array, not many blocks
    sys.settrace(watch)
    try:
        result, error = run(), None
    except (Exception, SystemExit) as stopped:
        result, error = None, stopped
    finally:
        sys.settrace(before)
        blocks.BLOCK = block
    return Observed(result, watch.events, error)


class _Watch:
    """The trace function; one closure per running function of the file holds the statement that it is in."""

    def __init__(self, source: Source, to_numpy: Callable):
        self.source, self.to_numpy = source, to_numpy
        self.events: list[Event] = []
        self.calls: Counter[str] = Counter()
        self.depth, self.outer, self.leaves = 0, "", ()

    def __call__(self, frame, event, arg):
        code = frame.f_code
        if code.co_filename != self.source.file or code.co_name.startswith("<") or code.co_flags & GENERATOR:
            return None
        if self.depth == 0:
            self.outer = code.co_name
            self.calls[code.co_name] += 1
            self.leaves = _leaves(frame.f_locals.get("params"))
        self.depth += 1
        return functools.partial(self.inside, [None])

    def inside(self, pending: list, frame, event, arg):
        now: Statement | None = pending[0]
        if event == "line":
            if now and not now.returns and frame.f_lineno not in now.lines:
                self.note(now, frame, None)
                now = None
            pending[0] = now or self.source.statements.get(frame.f_lineno)
        elif event == "exception" and not issubclass(arg[0], StopIteration):
            pending[0] = None
        elif event == "return":
            if now:
                self.note(now, frame, arg)
            self.depth -= 1
        return functools.partial(self.inside, pending)

    def note(self, statement: Statement, frame, returned):
        values: dict[str, np.ndarray] = {}
        if statement.returns:
            function = frame.f_code.co_name
            if function in self.source.caching and isinstance(returned, tuple) and len(returned) == 2:
                returned = returned[0]
            fields = getattr(returned, "_fields", None)
            named = dict(zip(fields, returned, strict=True)) if fields else {RETURNED: returned}
            for name, value in named.items():
                values |= self.arrays(name, value)
        for name, code in statement.names.items():
            try:
                value = eval(code, frame.f_globals, frame.f_locals)
            except Exception:  # a name that this run has not bound
                continue
            values |= self.arrays(name, value)
        if values:
            place = statement.function, statement.lines[0], self.outer, self.calls[self.outer], self.leaves
            self.events.append(Event(statement.equations, statement.through, *place, values))

    def arrays(self, name: str, value) -> dict[str, np.ndarray]:
        """A copy of every array or number in the tree, by the expression that reaches it."""
        found = {}
        for accessor, leaf in zip(*optree.tree_flatten_with_accessor(value)[:2], strict=True):
            try:
                array = np.array(self.to_numpy(leaf) if hasattr(leaf, "shape") else leaf)
            except Exception:  # no number, or one that is not known yet, as inside a compiled function
                continue
            if array.dtype.kind in "fiubc":
                found[accessor.codify(name)] = array
        return found


def _leaves(params) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """`W` for params.W and params["W"], `[0].W` for params[0].W; and the shapes."""
    accessors, leaves, _ = optree.tree_flatten_with_accessor(params)
    names = (re.sub(r"^\['(\w+)'\]", r"\1", a.codify("")).lstrip(".") for a in accessors)
    return tuple((name, tuple(getattr(x, "shape", ()))) for name, x in zip(names, leaves, strict=True))


def tags(text: str) -> dict[int, tuple[bool, list[int]]]:
    """(through, numbers) by line."""
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    comments = ((t.start[0], t.string) for t in tokens if t.type == tokenize.COMMENT)
    found = ((line, comment, TAG.match(comment)) for line, comment in comments)
    return {line: (bool(m[1]), [int(n) for n in NUMBER.findall(comment)]) for line, comment, m in found if m}


def simple_statements(node: ast.AST, function: str):
    """(statement, name of the function around it) of everything that has no statements inside."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, SIMPLE):
            yield child, function
        elif isinstance(child, ast.stmt | ast.excepthandler | ast.match_case):
            yield from simple_statements(child, getattr(child, "name", None) or function)


def results(node: ast.stmt) -> list[str]:
    """The expressions that hold what a statement has computed."""
    if isinstance(node, ast.Assign):
        return [name for target in node.targets for name in _names(target)]
    if isinstance(node, ast.AnnAssign | ast.AugAssign):
        return _names(node.target)
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        function, out = node.value.func, [k.value for k in node.value.keywords if k.arg == "out"]
        if out:
            return _names(out[0])
        if isinstance(function, ast.Attribute):
            if function.attr == "append":
                return [f"{ast.unparse(function.value)}[-1]"]
            if function.attr == "at" and node.value.args:  # np.add.at(total, index, part)
                return _names(node.value.args[0])
            return _names(function.value)  # x.add_(y): a method that changes its object
    return []


def _names(target: ast.expr) -> list[str]:
    if isinstance(target, ast.Tuple | ast.List):
        return [name for element in target.elts for name in _names(element)]
    if isinstance(target, ast.Starred):
        return _names(target.value)
    return [ast.unparse(target)]


def is_elementwise(backward: ast.FunctionDef) -> bool:
    """y = f(x), d_x = f_backward(d_y, x, y): every other backward takes a cache."""
    return backward.args.args[0].arg in backends.ELEMENTWISE


def _caching(tree: ast.Module) -> frozenset[str]:
    """Functions with a hand-written backward that returns a cache for it: all but elementwise ones."""
    functions = {n.name: n for n in tree.body if isinstance(n, ast.FunctionDef)}
    backward = {name: functions.get(f"{name}_backward") for name in functions}
    return frozenset(name for name, back in backward.items() if back and not is_elementwise(back))
