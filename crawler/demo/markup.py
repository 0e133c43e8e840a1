"""The light markup of the demo's article files, read once: to HTML for the page, to blocks for the gold.  No I/O.

Blocks are parted by an empty line:

    plain text             a paragraph; a line that ends in a backslash breaks there (verse)
    ## text                a subhead
    > text                 a quotation
    - text                 a list, one item a line; `1. text` numbers it
    | cell | cell |        a table, one row a line, the first its head
    ! motif | alt | text   a picture drawn by pictures.py, with its caption
    @ slug                 "İlginizi çekebilir": a link to another article, no part of this one
    %%%                    the next page of a long article

Inside a text: [words](/address/), **strong**, *emphasis*.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from archive.model import BlockKind

_INLINE = re.compile(r"\[([^\]\n]{1,200})\]\(([^)\s]{1,200})\)|\*\*([^*\n]{1,200})\*\*|\*([^*\n]{1,200})\*")
_NUMBERED = re.compile(r"\d{1,2}\. ")
PAGE_BREAK = "%%%"


@dataclass(frozen=True, slots=True)
class Node:
    """One block of an article file."""

    kind: str  # "paragraph", "heading", "quote", "bullets", "numbers", "table", "picture" or "teaser"
    texts: tuple[str, ...]  # lines, items, cells row by row, (motif, alt, caption) or (slug,): with inline marks
    columns: int = 0  # of a table


def parse_body(text: str) -> tuple[tuple[Node, ...], ...]:
    """The nodes of an article, page by page."""
    pages: list[list[Node]] = [[]]
    for chunk in re.split(r"\n{2,}", text.strip()):
        if chunk.strip() == PAGE_BREAK:
            pages.append([])
        elif chunk.strip():
            pages[-1].append(_node(chunk.strip().splitlines()))
    return tuple(tuple(page) for page in pages)


def _node(lines: Sequence[str]) -> Node:
    first, joined = lines[0], " ".join(lines)
    if first.startswith("## "):
        return Node("heading", (joined[3:].strip(),))
    if first.startswith("> "):
        return Node("quote", (" ".join(line.removeprefix(">").strip() for line in lines),))
    if first.startswith("- "):
        return Node("bullets", tuple(line[2:].strip() for line in lines))
    if _NUMBERED.match(first):
        return Node("numbers", tuple(_NUMBERED.sub("", line, count=1).strip() for line in lines))
    if first.startswith("| "):
        rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines]
        return Node("table", tuple(cell for row in rows for cell in row), columns=len(rows[0]))
    if first.startswith("! "):
        motif, alt, caption = (part.strip() for part in joined[2:].split("|"))
        return Node("picture", (motif, alt, caption))
    if first.startswith("@ "):
        return Node("teaser", (first[2:].strip(),))
    return Node("paragraph", _verse_lines(lines))


def _verse_lines(lines: Sequence[str]) -> tuple[str, ...]:
    """A paragraph is one text; only a backslash at a line's end keeps the break."""
    out = [""]
    for line in lines:
        out[-1] = f"{out[-1]} {line.rstrip().rstrip(chr(92))}".strip()
        if line.rstrip().endswith("\\"):
            out.append("")
    return tuple(part for part in out if part)


def plain(text: str) -> str:
    """The words of a text without its inline marks."""
    return _INLINE.sub(lambda m: next(group for group in (m[1], m[3], m[4]) if group is not None), text)


def inline_html(text: str, base: str) -> str:
    """The text as HTML; an address that starts with a slash is one of the site at `base`."""
    out, end = [], 0
    for match in _INLINE.finditer(text):
        out.append(escape(text[end : match.start()], quote=False))
        words, href, strong, emphasis = match.groups()
        if words is not None:
            href = base + href.removeprefix("/") if href.startswith("/") else href
            out.append(f'<a href="{escape(href)}">{escape(words, quote=False)}</a>')
        elif strong is not None:
            out.append(f"<strong>{escape(strong, quote=False)}</strong>")
        else:
            out.append(f"<em>{escape(emphasis, quote=False)}</em>")
        end = match.end()
    return "".join(out) + escape(text[end:], quote=False)


def gold_blocks(nodes: Iterable[Node]) -> tuple[tuple[str, str], ...]:
    """What a reader sees of these nodes, as (block kind, text)."""
    return tuple(block for node in nodes for block in _blocks_of(node))


def _blocks_of(node: Node) -> list[tuple[str, str]]:
    texts = [plain(text) for text in node.texts]
    match node.kind:
        case "paragraph":
            return [(str(BlockKind.PARAGRAPH), "\n".join(texts))]
        case "heading":
            return [(str(BlockKind.HEADING), texts[0])]
        case "quote":
            return [(str(BlockKind.QUOTE), texts[0])]
        case "bullets" | "numbers":
            return [(str(BlockKind.ITEM), text) for text in texts]
        case "table":
            return [(str(BlockKind.CELL), text) for text in texts if text]
        case "picture":
            return [(str(BlockKind.CAPTION), texts[2])] if texts[2] else []
        case _:
            return []
