"""A module docstring taken apart for a page: title, numbered equations, sections, what it says of other libraries."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from markupsafe import Markup, escape

from shared.comparing.tracing import NUMBER

SECTION = re.compile(r"(?<=\n\n)([A-Z][a-z]+):\s")
TAG = re.compile(r"\s{2,}((?:\(\d+\)\s?)+)(?=\s{2,}|\s*$)")  # apart: `in evaluation (5)` only speaks of one
LINK = re.compile(r"arXiv:(?P<arxiv>\d{4}\.\d{4,5})|(?:doi:\s*)(?P<doi>10\.\d{4,}/[^\s,;]*[^\s,;.])", re.I)
LIBRARIES = ("PyTorch", "TensorFlow", "Keras", "JAX", "optax", "scikit-learn", "ONNX", "SciPy")
LIBRARY = re.compile(rf"(?<![\w-])({'|'.join(LIBRARIES)}|torch(?=\.))(?![\w-])")
SENTENCE = re.compile(r"(?<=[.;])(?<!e\.g\.)(?<!i\.e\.)(?<! al\.)(?<! vs\.)\s+(?=\S)")
BRACKETS = re.compile(r"(?<=\s)\(([^()]*)\)")  # not those of f(x)
NO_STATEMENT = {
    "and",
    "as",
    "also",
    "do",
    "in",
    "like",
    "the",
    "paper",
    "of",
    "s",
    "score",
    "'s",
    "everywhere",
    "have",
    "has",
}


class Equation(NamedTuple):
    """A line of the specification: its numbers may be none, where it only goes on or explains."""

    text: str
    numbers: tuple[int, ...]
    remark: str


class Specification(NamedTuple):
    """title, subtitle: the first line. intro: prose before or between equations. sections: text by heading."""

    title: str
    subtitle: str
    intro: list[str]
    equations: list[Equation]
    sections: dict[str, str]


def read(docstring: str) -> Specification:
    head, *rest = SECTION.split(docstring)
    first, _, body = head.strip().partition("\n")
    title, _, subtitle = first.rstrip(".").partition(": " if ": " in first else ", ")
    intro, equations = [], []
    for block in re.split(r"\n\s*\n", body.strip("\n")):
        if block.startswith(" "):
            equations += [*([Equation("", (), "")] if equations else []), *_equations(block)]
        elif block.strip():
            intro.append(" ".join(block.split()))
    sections = {name: " ".join(text.split()) for name, text in zip(rest[::2], rest[1::2], strict=True)}
    return Specification(title, subtitle, intro, equations, sections)


def _equations(block: str) -> list[Equation]:
    lines = block.splitlines()
    margin = min(len(line) - len(line.lstrip()) for line in lines if line.strip())
    found = []
    for line in lines:
        tag = TAG.search(line)
        if tag:
            text, numbers, remark = line[margin : tag.start()], NUMBER.findall(tag[1]), line[tag.end() :]
            found.append(Equation(text.rstrip(), tuple(map(int, numbers)), remark.strip()))
        else:
            found.append(Equation(line[margin:].rstrip(), (), ""))
    return found


def linked(text: str) -> Markup:
    """Text as HTML, with arXiv numbers and DOIs as links."""
    parts, at = [], 0
    for m in LINK.finditer(text):
        address = f"https://arxiv.org/abs/{m['arxiv']}" if m["arxiv"] else f"https://doi.org/{m['doi']}"
        parts += [escape(text[at : m.start()]), Markup('<a href="{}">{}</a>').format(address, m[0])]
        at = m.end()
    return Markup("").join([*parts, escape(text[at:])])


def elsewhere(variant: str) -> dict[str, list[str]]:
    """What a Variant section says of each library, in its own words.

    `one bias (Keras has the same; ONNX has two)` gives a clause to each; `ε outside the root (PyTorch, optax)`, where
    the brackets hold hardly more than names, gives what stands before them.
    """
    found: dict[str, list[str]] = {}
    hidden = BRACKETS.sub(lambda m: m[0].replace("; ", "\0"), variant)  # these part no sentences
    for sentence in SENTENCE.split(hidden):
        for name, clause in _clauses(sentence.replace("\0", "; ").strip(" .;")):
            clauses = found.setdefault("PyTorch" if name == "torch" else name, [])
            if clause not in clauses:
                clauses.append(clause)
    return {name: found[name] for name in LIBRARIES if name in found}


def _clauses(sentence: str) -> Iterator[tuple[str, str]]:
    outside = _without_brackets(sentence)
    for library in LIBRARY.finditer(outside):
        yield library[1], outside
    for brackets in BRACKETS.finditer(sentence):
        before = _without_brackets(sentence[: brackets.start()])
        for clause in brackets[1].split("; "):
            names = [library[1] for library in LIBRARY.finditer(clause)]
            words = set(re.findall(r"[\w']+", LIBRARY.sub("", clause)))
            for name in names:
                yield name, before if words <= NO_STATEMENT and before else clause.strip()


def _without_brackets(sentence: str) -> str:
    """Brackets that speak of libraries are left out."""
    return " ".join(BRACKETS.sub(lambda m: "" if LIBRARY.search(m[1]) else m[0], sentence).split()).replace(" ,", ",")
