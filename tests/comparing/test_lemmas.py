"""The scalar identities of shared/derivations/LEMMAS.md, by SymPy; every lemma that is cited and every page that a
derivation links to exists."""

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


def anchors(file=DERIVATIONS / "LEMMAS.md"):
    """As GitHub makes them of headings: lower case, without punctuation, hyphens for spaces."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```", "", file.read_text(), flags=re.M | re.S), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}


def links(file):
    """What a page links to within the derivations, as (file, anchor); an anchor may be empty."""
    targets = re.findall(r"\[[^\]]+\]\(([^)\s]+)\)", re.sub(r"^```.*?^```", "", file.read_text(), flags=re.M | re.S))
    parted = (target.partition("#") for target in targets if "://" not in target)
    return [((file.parent / path).resolve() if path else file, anchor) for path, _, anchor in parted]


def test_every_scalar_lemma_is_verified():
    proven_by_indices = {"chain", "matmul", "broadcast"}
    assert anchors() - proven_by_indices - {"lemmas"} == {name.replace(" ", "-") for name in IDENTITIES}


PAGES = sorted(DERIVATIONS.rglob("*.md"))


@pytest.mark.parametrize("file", PAGES, ids=[str(file.relative_to(DERIVATIONS)) for file in PAGES])
def test_every_link_leads_somewhere(file):
    for page, anchor in links(file):
        assert page.is_file(), f"{file.name} links to {page}, which is not there"
        assert not anchor or anchor in anchors(page), f"{file.name}: {page.name} has no heading #{anchor}"


def test_the_links_of_a_page_are_found():
    found = links(DERIVATIONS / "recurrent" / "decoder.md")
    assert (DERIVATIONS / "recurrent" / "gru.md", "") in found
    assert (DERIVATIONS / "LEMMAS.md", "matmul") in found
