"""A parsed page as runs of text in reading order: what stands between two line breaks or block borders.  No I/O.

Every later step (injected text, dates near the title, the body) looks at these runs, so that they agree on what one
piece of text is. A run remembers where in the tree its characters lie and can be taken out of it.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field

from lxml import etree
from lxml.html import HtmlElement

from archive.extract.elements import inner_text, is_hidden
from archive.model import BlockKind

# Elements inside a line of text; every other element begins a new run.
INLINE = frozenset(
    [
        "a",
        "abbr",
        "acronym",
        "b",
        "bdi",
        "bdo",
        "big",
        "cite",
        "code",
        "data",
        "del",
        "dfn",
        "em",
        "font",
        "i",
        "ins",
        "kbd",
        "label",
        "mark",
        "nobr",
        "q",
        "rp",
        "rt",
        "ruby",
        "s",
        "samp",
        "small",
        "span",
        "strike",
        "strong",
        "sub",
        "sup",
        "time",
        "tt",
        "u",
        "var",
        "wbr",
        "img",
        "picture",
        "source",
    ]
)
# Elements whose text a reader does not see, or sees as a part of the machine.
SKIPPED = frozenset(
    [
        "script",
        "style",
        "noscript",
        "template",
        "svg",
        "math",
        "iframe",
        "object",
        "embed",
        "audio",
        "video",
        "canvas",
        "map",
        "head",
        "title",
        "input",
        "select",
        "option",
        "textarea",
        "button",
        "datalist",
        "progress",
        "meter",
    ]
)
BOLD = frozenset(("b", "strong"))
_TELLING, _APART = BOLD | {"a"}, SKIPPED | {"br"}
HEADINGS = frozenset(("h1", "h2", "h3", "h4", "h5", "h6"))
KIND_OF_TAG = {
    **dict.fromkeys(HEADINGS, BlockKind.HEADING),
    "blockquote": BlockKind.QUOTE,
    "li": BlockKind.ITEM,
    "figcaption": BlockKind.CAPTION,
    "caption": BlockKind.CAPTION,
    "td": BlockKind.CELL,
    "th": BlockKind.CELL,
}
CAPTION_CLASS = re.compile(r"(?:^|[\s_-])(?:wp-)?caption(?:-?text)?(?:$|[\s_-])", re.IGNORECASE)
# Verse has short lines; addresses and byline blocks do too, but rarely three of them.
VERSE_LINE_CHARS, VERSE_LINES = 90, 3
# Lines this long, broken once, are paragraphs of an author who knew no better.
PARAGRAPH_LINE_CHARS = 100
STYLED_LINE_CHARS, STYLED_LINE_PIECES = 120, 12
CELL_CHARS = 120  # of a table of facts, on the average
CELLS_CHARS = 200 * CELL_CHARS
# 5 times the longest live blog of our samples with its comments; what comes after is not read.
RUN_LIMIT = 6_000
TEXT_LIMIT_CHARS = 1_000_000  # of all runs; 18 times the longest of our samples
PIECE_LIMIT = 400  # inline elements in one run; more begin another

_SPACES, _SPACES_IN_LINE, _ROUND_BREAK = re.compile(r"\s+"), re.compile(r" {2,}"), re.compile(r" *\n *")


@dataclass(slots=True, eq=False)
class Run:
    """One uninterrupted piece of a page's text."""

    node: HtmlElement  # the nearest block element around it
    kind: BlockKind
    text: str = ""  # white space folded; "\n" where a single <br> stood
    links: list[str] = field(default_factory=list)  # addresses it links to
    linked: int = 0  # characters inside links
    bold: int = 0  # characters in bold
    hidden: bool = False
    slots: list[tuple[HtmlElement, bool]] = field(default_factory=list)  # element, and whether its tail holds the text
    path: tuple[HtmlElement, ...] = ()  # `node` and all it stands in, upwards
    is_prose: bool | None = None  # what prose.is_prose says: a dozen places ask

    @property
    def link_share(self) -> float:
        """How much of the text is links, 0..1."""
        return self.linked / len(self.text) if self.text else 0.0

    @property
    def is_bold(self) -> bool:
        """Whether all of it is in bold."""
        return self.bold >= 0.9 * len(self.text.replace("\n", ""))

    def blank(self) -> None:
        """Take its text out of the tree."""
        for element, is_tail in self.slots:
            if is_tail:
                element.tail = " "
            else:
                element.text = " "


def read_runs(root: HtmlElement, hidden: Collection[HtmlElement] | None = None) -> list[Run]:
    """All runs below `root`, in document order; those in an element that is `hidden` (None: look) are marked so."""
    return _Reader(hidden).read(root)


class _Reader:
    def __init__(self, hidden: Collection[HtmlElement] | None) -> None:
        self.hidden = hidden
        self.runs: list[Run] = []
        self.pieces: list[tuple[str, HtmlElement, bool]] = []
        self.blocks: list[HtmlElement] = []
        self.links: list[str] = []
        self.linked = self.bold = 0
        self.anchors: list[HtmlElement] = []
        self.bolds = self.hides = 0
        self.kinds: dict[HtmlElement, BlockKind] = {}
        self.tables: dict[HtmlElement, bool] = {}
        self.paths: dict[HtmlElement, tuple[HtmlElement, ...]] = {}
        self.chars = 0
        self.styled_line = False  # the first line was all in an inline element of its own, and a <br> came after it

    def read(self, root: HtmlElement) -> list[Run]:
        hidden = self.hidden
        if hidden is None:
            hidden = {element for element in root.iter(etree.Element) if is_hidden(element)}
        blocks = self.blocks
        blocks.append(root)
        walk = etree.iterwalk(root, events=("start", "end"))
        for event, element in walk:
            tag, is_start = element.tag, event == "start"
            if tag in SKIPPED and element is not root:
                if is_start:
                    walk.skip_subtree()
            elif tag == "br":
                if is_start:
                    self.line_break(element)
            else:
                # What stands on both sides of a block's border is of two runs.
                if tag not in INLINE:
                    if self.pieces:
                        self.flush()
                    if is_start:
                        blocks.append(element)
                    else:
                        blocks.pop()
                elif tag in _TELLING:
                    self.enter(element, tag, is_start=is_start)
                if element in hidden:
                    self.flush()
                    self.hides += 1 if is_start else -1
            if is_start:
                if (text := element.text) and tag not in _APART and (self.pieces or not text.isspace()):
                    self.add(text, element, is_tail=False)
                continue
            if len(self.runs) >= RUN_LIMIT or self.chars >= TEXT_LIMIT_CHARS:
                break
            if (text := element.tail) and (self.pieces or not text.isspace()) and element is not root:
                self.add(text, element, is_tail=True)
        self.flush()
        return self.runs

    def enter(self, element: HtmlElement, tag: str, *, is_start: bool) -> None:
        """Go into or out of what is said of letters in a line."""
        if tag in BOLD:
            self.bolds += 1 if is_start else -1
        elif is_start:
            self.anchors.append(element)
        else:
            self.anchors.pop()

    def line_break(self, element: HtmlElement) -> None:
        is_second = self.pieces and not any(text.strip() for text, _, _ in self.pieces_since_break())
        if is_second or len(self.pieces) >= PIECE_LIMIT:
            self.flush()
        elif self.pieces:
            self.styled_line = len(self.pieces) < STYLED_LINE_PIECES and self.is_styled_line()
            self.pieces.append(("\n", element, True))

    def is_styled_line(self) -> bool:
        """Whether what stands so far is a line of its own look: `<font>date</font><br>text` is two things."""
        seen = [piece for piece in self.pieces if piece[0].strip()]
        length = sum(len(text) for text, _, _ in seen)
        return 0 < length <= STYLED_LINE_CHARS and not any(
            self.is_plain(element, is_tail) for _, element, is_tail in seen
        )

    def is_plain(self, element: HtmlElement, is_tail: bool) -> bool:
        return (element.getparent() if is_tail else element) is self.blocks[-1]

    def pieces_since_break(self) -> list[tuple[str, HtmlElement, bool]]:
        for index in range(len(self.pieces) - 1, -1, -1):
            if self.pieces[index][0] == "\n":
                return self.pieces[index + 1 :]
        return self.pieces

    def add(self, text: str, element: HtmlElement, *, is_tail: bool) -> None:
        if text.isspace():
            if self.pieces and self.pieces[-1][0] != " ":  # where a run begins, it is none of it
                self.pieces.append((" ", element, is_tail))
            return
        folded = text[:TEXT_LIMIT_CHARS]
        if not folded.isprintable() or "  " in folded:  # line ends, tabs and spaces that do not break are not printable
            folded = _SPACES.sub(" ", folded)
        length = len(folded.strip())
        if length and self.styled_line:
            if self.is_plain(element, is_tail):
                self.flush()
            self.styled_line = False
        if length and self.anchors:
            self.linked += length
            href = self.anchors[-1].get("href")
            if href and (not self.links or self.links[-1] != href):
                self.links.append(href)
        if length and self.bolds:
            self.bold += length
        self.pieces.append((folded, element, is_tail))
        if len(self.pieces) >= PIECE_LIMIT:
            self.flush()

    def flush(self) -> None:
        if not self.pieces:
            return
        pieces, links, linked, bold = self.pieces, self.links, self.linked, self.bold
        self.pieces, self.links, self.linked, self.bold = [], [], 0, 0
        self.styled_line = False
        text = "".join([text for text, _, _ in pieces]).strip()
        if not text:
            return
        text = _SPACES_IN_LINE.sub(" ", text) if "  " in text else text
        text = _ROUND_BREAK.sub("\n", text) if "\n" in text else text
        node = self.blocks[-1]
        self.chars += len(text)
        self.runs.append(
            Run(
                node=node,
                kind=self.kind(node),
                text=text,
                links=links,
                linked=min(linked, len(text)),
                bold=bold,
                hidden=self.hides > 0,
                slots=[(element, is_tail) for piece, element, is_tail in pieces if piece.strip()],
                path=self.path(node),
            )
        )

    def path(self, node: HtmlElement) -> tuple[HtmlElement, ...]:
        if node not in self.paths:
            parent = node.getparent()
            self.paths[node] = (node,) if parent is None else (node, *self.path(parent))
        return self.paths[node]

    def kind(self, node: HtmlElement) -> BlockKind:
        if node not in self.kinds:
            self.kinds[node] = self.find_kind(node)
        return self.kinds[node]

    def find_kind(self, node: HtmlElement) -> BlockKind:
        found = KIND_OF_TAG.get(node.tag)
        if found is BlockKind.CELL:
            table = next(node.iterancestors("table"), None)
            return BlockKind.CELL if table is not None and self.holds_facts(table) else BlockKind.PARAGRAPH
        if found:
            return found
        if self.is_caption(node):
            return BlockKind.CAPTION
        parent = node.getparent()
        return BlockKind.PARAGRAPH if parent is None else self.kind(parent)

    def is_caption(self, element: HtmlElement) -> bool:
        classes = element.get("class")
        is_named = classes and "caption" in classes.lower() and CAPTION_CLASS.search(classes)
        return bool(is_named and len(element) < 8 and element.find(".//img") is None)

    def holds_facts(self, table: HtmlElement) -> bool:
        """Whether a table is one: not the frame of a page, with short cells in rows and columns."""
        if table not in self.tables:
            rows = table.findall(".//tr")
            cells = table.findall(".//td") + table.findall(".//th")
            framing = (
                any(True for _ in table.iter("table", "h1", "h2", "form", "div")) and table.find(".//table") is not None
            )
            texts = [] if framing else [len(inner_text(cell, limit=CELLS_CHARS)) for cell in cells[:200]]
            self.tables[table] = (
                not framing and len(rows) >= 2 and len(cells) >= 2 * len(rows) and sum(texts) <= CELL_CHARS * len(texts)
            )
        return self.tables[table]


def lines_of(run: Run) -> list[str]:
    """A run's paragraphs: verse stays one text with its breaks, long lines become paragraphs, others are joined."""
    lines = [line for line in run.text.split("\n") if line]
    if len(lines) < 2:
        return lines
    if all(len(line) <= VERSE_LINE_CHARS for line in lines):
        return ["\n".join(lines)] if len(lines) >= VERSE_LINES else [" ".join(lines)]
    if sum(len(line) for line in lines) >= PARAGRAPH_LINE_CHARS * len(lines):
        return lines
    return [" ".join(lines)]
