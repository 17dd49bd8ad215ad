"""The scalar identities of shared/derivations/LEMMAS.md, by SymPy; and every lemma that is cited exists."""

import re

import pytest

from shared import catalogue

sympy = pytest.importorskip("sympy")  # it comes with PyTorch
x, pi = sympy.Symbol("x", real=True), sympy.pi
positive = sympy.Symbol("v", positive=True)
σ = 1 / (1 + sympy.exp(-x))
softplus = sympy.log(1 + sympy.exp(x))
Φ = (1 + sympy.erf(x / sympy.sqrt(2))) / 2
φ = sympy.exp(-(x**2) / 2) / sympy.sqrt(2 * pi)
xs = sympy.symbols("x1:4", real=True)
L = sympy.log(sum(map(sympy.exp, xs)))
p = [sympy.exp(xi) / sum(map(sympy.exp, xs)) for xi in xs]
norm = sympy.sqrt(sum(xi**2 for xi in xs))
A = sympy.Matrix(3, 3, sympy.symbols("a1:10"))
DERIVATIONS = catalogue.ROOT / "shared" / "derivations"

IDENTITIES = {
    "exp": [(sympy.exp(x).diff(x), sympy.exp(x))],
    "log": [(sympy.log(positive).diff(positive), 1 / positive)],
    "sqrt": [
        (sympy.sqrt(positive).diff(positive), 1 / (2 * sympy.sqrt(positive))),
        ((1 / sympy.sqrt(positive)).diff(positive), -((1 / sympy.sqrt(positive)) ** 3) / 2),
    ],
    "sigmoid": [(σ.diff(x), σ * (1 - σ)), (1 - σ, σ.subs(x, -x))],
    "tanh": [(sympy.tanh(x).diff(x), 1 - sympy.tanh(x) ** 2)],
    "softplus": [(softplus.diff(x), σ), (sympy.exp(softplus - softplus.subs(x, -x)), sympy.exp(x))],
    "logsumexp": [(L.diff(xi), pi_) for xi, pi_ in zip(xs, p, strict=True)],
    "softmax": [(p[i].diff(xs[k]), p[i] * (int(i == k) - p[k])) for i in range(3) for k in range(3)],
    "gelu": [(Φ.diff(x), φ), ((x * Φ).diff(x), Φ + x * φ)],
    "norm": [(norm.diff(xi), xi / norm) for xi in xs],
    "log det": [(A.det().diff(A[i, j]) / A.det(), A.inv()[j, i]) for i in range(3) for j in range(3)],
}


@pytest.mark.parametrize("name", IDENTITIES)
def test_identity(name):
    for left, right in IDENTITIES[name]:
        assert sympy.simplify(left - right) == 0, f"{name}: {left} is not {right}"


def anchors():
    headings = re.findall(r"^## (.+)$", (DERIVATIONS / "LEMMAS.md").read_text(), re.M)
    return {heading.strip().replace(" ", "-") for heading in headings}


def test_every_scalar_lemma_is_verified():
    proven_by_indices = {"chain", "matmul", "broadcast"}
    assert anchors() - proven_by_indices == {name.replace(" ", "-") for name in IDENTITIES}


@pytest.mark.parametrize("file", sorted(DERIVATIONS.rglob("*/*.md")), ids=lambda file: file.stem)
def test_every_cited_lemma_exists(file):
    cited = set(re.findall(r"LEMMAS\.md#([\w-]+)", file.read_text()))
    assert cited <= anchors(), f"{file.name} cites {sorted(cited - anchors())}"
