"""The laws of the specification and of the way back, read off the source: every gradient has an equation, every line
of a `_backward` that computes says which equations it goes through, and what it defines is what the equation says."""

import re

import pytest

from shared import catalogue
from shared.comparing import backward_lines, derivations, specification

PATHS = catalogue.paths()
SECTIONS = ("Idea", "Shapes", "Units", "Variant", "Differs", "Raises", "Reference")


def plain(text):
    return " ".join(text.split())


@pytest.mark.parametrize("path", PATHS)
def test_every_section_is_there(path):
    told = specification.of(path)
    missing = [name for name in SECTIONS if not told.sections.get(name)]
    assert not missing, f"{path}: the docstring lacks {', '.join(missing)}"
    assert told.numbers == set(range(1, len(told.numbers) + 1)), "equations are numbered 1, 2, 3, ..."


@pytest.mark.parametrize("path", PATHS)
def test_nothing_of_the_docstring_is_lost(path):
    text = specification.docstring(path)
    told = specification.read(text)
    said = [told.title, told.subtitle, *told.intro, *told.sections.values()]
    said += [f"{x.text} {x.remark}" for x in (*told.equations, *told.gradients)]
    words = set(re.findall(r"\w+", re.sub(r" \(\d+\)", "", text)))
    assert words <= set(re.findall(r"\w+", " ".join(said))) | set(told.sections) | {"Gradients", "through"}


@pytest.mark.parametrize("path", PATHS)
def test_the_idea_is_two_sentences(path):
    idea = specification.of(path).sections.get("Idea", "")
    assert 1 <= len(re.findall(r"[.?!](?=\s|$)", re.sub(r"e\.g\.|i\.e\.", "", idea))) <= 3, idea


@pytest.mark.parametrize("path", PATHS)
def test_arithmetic_on_the_way_back_is_tagged(path):
    untagged = [f"line {x.first}: {x.text}" for x in backward_lines.of(path) if x.computes and not x.through]
    assert not untagged, f"{path}: no `# through (n)` on\n" + "\n".join(untagged)


@pytest.mark.parametrize("path", PATHS)
def test_every_line_of_the_way_back_has_its_gradient_equation(path):
    told = specification.of(path).gradients
    for line in backward_lines.of(path):
        for number in line.through:
            assert number in specification.of(path).numbers, (
                f"{path}, line {line.first}: there is no equation ({number})"
            )
            assert any(number in g.through for g in told), (
                f"{path}, line {line.first}: no gradient through ({number})"
            )


@pytest.mark.parametrize("path", PATHS)
def test_every_gradient_equation_has_its_line(path):
    lines = [line for line in backward_lines.of(path) if line.through]
    for gradient in specification.of(path).gradients:
        assert gradient.names, f"{path}: {gradient.text!r} defines nothing: it begins with `d_x = `"
        for name in gradient.names:
            spelled = specification.spelled(name)
            hits = [x for x in lines if x.names & set(spelled) and set(x.through) & set(gradient.through)]
            assert hits, f"{path}: no line through {gradient.through} defines {name}: {gradient.text}"


@pytest.mark.parametrize("path", [p for p in PATHS if backward_lines.of(p)])
def test_the_derivation_ends_in_the_gradients_of_the_specification(path):
    blocks = [text for fenced, text in derivations.pieces(derivations.text(path)) if fenced]
    wanted = {plain(g.text) for g in specification.of(path).gradients}
    missing = [text for text in wanted if text not in plain("\n".join(blocks))]
    assert not missing, f"{path}: the derivation does not reach {missing}"
    for block in blocks:  # lines above an equation may be the step that leads to it
        for g in specification.read("x\n\nGradients:\n" + re.sub(r"\n\s*\n", "\n", block)).gradients:
            assert plain(g.text).endswith(tuple(wanted)), f"{path}: not in the specification: {g.text}"
