"""Low level means low level: the operations that an implementation may be made of, by what they do.

Arithmetic and comparison are Python's operators. A layer, a loss, a softmax, an optimizer, a random number: none of
these is here, nor what hides one of them under another name (`torch.logsumexp`, `tf.math.softplus`, `torch.addmm`).
"""

import ast
import re

TABLE = """
what it does   NumPy                             PyTorch                           TensorFlow
products       matmul vdot vecdot outer einsum   tensordot                         matmul tensordot linalg.matvec
               tensordot
sums           sum mean add.reduceat             sum mean                          reduce_sum reduce_mean
extremes       max min argmax argsort unique     amax min argmax argsort           reduce_max reduce_min argmax
                                                                                   argsort
elementwise    exp expm1 log log1p sqrt abs      exp expm1 log log1p sqrt abs      exp math.expm1 math.log
               sign tanh maximum minimum clip    tanh maximum clip clamp sigmoid   math.log1p sqrt abs tanh
               multiply                          special.erfc                      maximum clip_by_value sigmoid
                                                                                   math.erfc
choice         where isfinite any                where isfinite                    where math.is_finite
                                                                                   math.is_nan
indexing       take_along_axis diag triu         gather index_select diag triu     gather linalg.diag_part
shape          reshape squeeze expand_dims       reshape squeeze movedim flip      reshape squeeze expand_dims
               moveaxis broadcast_to                                               transpose reverse
               ascontiguousarray                                                   linalg.matrix_transpose
joining        stack concatenate split pad       stack cat chunk unbind            stack concat split unstack pad
               repeat tile                       constant_pad_nd                   repeat tile
                                                 repeat_interleave
making         array asarray zeros ones full     tensor zeros ones full            constant zeros ones fill
               empty zeros_like full_like        zeros_like full_like arange       zeros_like ones_like range
               empty_like arange
linear systems linalg.qr linalg.solve            linalg.qr linalg.solve            linalg.qr linalg.solve
types          errstate inf min_scalar_type      bool int64 inf                    bool int64 float64 cast
no gradient                                                                        stop_gradient
methods        reshape transpose swapaxes        reshape transpose permute flip
               astype copy                       unbind chunk clone contiguous
                                                 detach double to repeat
                                                 new_zeros new_ones new_full
                                                 requires_grad_ flatten
"""
ALIASES = {"numpy": "np", "torch": "torch", "tf": "tf"}
# Python's own methods, those of optree's structures, NamedTuples and random generators' draws
PLAIN = {
    "_asdict", "_replace", "append", "astype", "insert", "items", "join", "keys", "normal", "uniform", "unflatten",
    "type", "values",
}  # fmt: skip


def allowed(column: str, methods: bool = False) -> set[str]:
    """The operations of one column, without its alias: `matmul`, `linalg.qr`; its arrays' methods."""
    head, *rows = TABLE.strip("\n").splitlines()
    starts = [0, *(head.index(name) for name in ("NumPy", "PyTorch", "TensorFlow")), None]
    at = 1 + list(ALIASES).index(column)
    found, concept = set(), ""
    for row in rows:
        concept = row[: starts[1]].strip() or concept
        if (concept == "methods") == methods:
            found |= set(row[starts[at] : starts[at + 1]].split())
    return found


def used(column: str, tree: ast.AST) -> set[str]:
    """The framework's operations in a syntax tree: the longest dotted names that begin with its alias."""
    alias = ALIASES[column]
    dotted = {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    names = {name.removeprefix(f"{alias}.") for name in dotted if re.fullmatch(rf"{alias}(\.\w+)+", name)}
    return {name for name in names if not any(other.startswith(f"{name}.") for other in names)}


def methods_used(column: str, tree: ast.AST) -> set[str]:
    """The methods that are called on arrays, or on anything else that is no module."""
    modules = {a.asname or a.name.split(".")[0] for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
    modules |= {a.asname or a.name for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) for a in n.names}
    calls = (n.func for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute))
    return {f.attr for f in calls if ast.unparse(f).split(".")[0].split("(")[0] not in modules}
