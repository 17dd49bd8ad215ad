"""Text as HTML: papers that are linked, derivations that are laid out."""

import posixpath
import re

from markdown_it import MarkdownIt
from markupsafe import Markup, escape

from shared.comparing import derivations

LINK = re.compile(r"arXiv:(?P<arxiv>\d{4}\.\d{4,5})|(?:doi:\s*)(?P<doi>10\.\d{4,}/[^\s,;]*[^\s,;.])", re.I)
LEMMAS = "lemmas.html"


def linked(text: str) -> Markup:
    """Text in one line, with arXiv numbers and DOIs as links."""
    text, parts, at = " ".join(text.split()), [], 0
    for m in LINK.finditer(text):
        address = f"https://arxiv.org/abs/{m['arxiv']}" if m["arxiv"] else f"https://doi.org/{m['doi']}"
        parts += [escape(text[at : m.start()]), Markup('<a href="{}">{}</a>').format(address, m[0])]
        at = m.end()
    return Markup("").join([*parts, escape(text[at:])])


def derivation(path: str, pages: set[str], root: str) -> Markup:
    """A derivation, its title left out, with headings below those of a page. pages: the algorithms that have one, to
    which it may link; root: the way from the page to the site's root."""
    markdown = MarkdownIt("commonmark", {"html": False})
    tokens = markdown.parse(derivations.text(path).split("\n", 1)[1])
    for i, token in enumerate(tokens):
        if token.type in ("heading_open", "heading_close"):
            token.tag = "h2" if path == derivations.LEMMAS else "h3"
            if token.type == "heading_open" and path == derivations.LEMMAS:
                token.attrSet("id", tokens[i + 1].content)
        for child in token.children or ():
            if child.type == "link_open":
                child.attrSet("href", _address(str(child.attrGet("href")), path, pages, root))
        if token.children:
            token.children = _without_dead_links(token.children)
    return Markup(markdown.renderer.render(tokens, markdown.options, {}))


def _address(href: str, path: str, pages: set[str], root: str) -> str:
    """From one derivation's file to another's, as an address in the site, or "" where it has no page."""
    file, _, fragment = href.partition("#")
    if not file:
        return f"#{fragment}"
    target = posixpath.normpath(posixpath.join(posixpath.dirname(path), file)).removesuffix(".md")
    if target == "LEMMAS":
        return f"{root}{LEMMAS}#{fragment}"
    return f"{root}{target}.html#derivation" if target in pages else ""


def _without_dead_links(children: list) -> list:
    kept, dead = [], 0
    for child in children:
        if child.type == "link_open" and not child.attrGet("href"):
            dead += 1
        elif child.type == "link_close" and dead:
            dead -= 1
        else:
            kept.append(child)
    return kept
