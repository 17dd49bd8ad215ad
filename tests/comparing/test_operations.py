"""Low level means low level: an implementation is made of the operations in one table, and of nothing else."""

import ast

import pytest

from shared import catalogue
from shared.comparing import operations

COLUMNS = tuple(operations.ALIASES)


def tree(column, path):
    return ast.parse(catalogue.source(column, path).read_text())


@pytest.mark.parametrize("path", catalogue.paths())
@pytest.mark.parametrize("column", COLUMNS)
def test_only_the_operations_of_the_table(path, column):
    found = operations.used(column, tree(column, path)) - operations.allowed(column)
    assert not found, f"{column}, {path}: {', '.join(sorted(found))}"
    methods = operations.methods_used(column, tree(column, path))
    methods -= operations.allowed(column, methods=True) | operations.PLAIN
    assert not methods, f"{column}, {path}: the methods {', '.join(sorted(methods))}"


@pytest.mark.parametrize("column", COLUMNS)
def test_the_table_holds_nothing_that_nobody_uses(column):
    trees = [tree(column, path) for path in catalogue.paths()]
    unused = operations.allowed(column) - set().union(*(operations.used(column, t) for t in trees))
    assert not unused, f"{column}: {', '.join(sorted(unused))}"


@pytest.mark.parametrize(
    ("column", "line"),
    [
        ("torch", "y = torch.nn.functional.relu(x)"),
        ("torch", "y = torch.softmax(x, 0)"),
        ("torch", "y = torch.logsumexp(x, 0)"),
        ("torch", "y = torch.addmm(b, x, W)"),
        ("torch", "opt = torch.optim.Adam(p)"),
        ("tf", "y = tf.nn.relu(x)"),
        ("tf", "y = tf.math.softplus(x)"),
        ("tf", "layer = tf.keras.layers.LSTM(3)"),
        ("numpy", "x = np.random.rand(3)"),
    ],
)
def test_what_is_not_low_level_is_seen(column, line):
    assert operations.used(column, ast.parse(line)) - operations.allowed(column)


@pytest.mark.parametrize("line", ["y = x.softmax(0)", "y = (x + 1).logsumexp(0)", "y = f(x).relu()"])
def test_methods_are_seen(line):
    assert operations.methods_used("torch", ast.parse(line)) - operations.allowed("torch", methods=True)
