"""Where a page's texts stand: after the footer, hidden and how, in a list, in markup without a name.  No I/O.

Position says nothing by itself (signals.py weighs it); here it is only told.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lxml.html import HtmlElement

from archive.extract.elements import Elements, inner_text
from archive.extract.hiding import Hiding, is_by_class
from archive.extract.letters import bare
from archive.extract.runs import Run
from archive.extract.signals import MANY_DOMAINS, bare_host, other_host, union
from archive.language import fold
from archive.model import FindingKind

MAX_LABELS = 300  # links of one list whose words are compared

_COMMENT_NAMES = re.compile(r"(?:^|[\s_-])(?:comments?|commentlist|yorum(?:lar)?)(?:$|[\s_-])", re.IGNORECASE)
_SIDEBAR_NAMES = re.compile(r"(?:^|[\s_-])(?:sidebar|widget|aside|secondary)(?:$|[\s_-])", re.IGNORECASE)
_FOOTER_NAMES = re.compile(r"(?:^|[\s_-])(?:footer|colophon)(?:$|[\s_-])", re.IGNORECASE)
_ORIGIN = re.compile(r"https?://[a-zA-Z0-9.:-]+/")
_NAMING = ("class", "id", "role", "itemprop", "aria-label", "data-id", "onclick")


@dataclass(frozen=True, slots=True)
class Box:
    """A list of links, or what one hidden element holds: its lines are looked at together."""

    hosts: tuple[str, ...] = ()
    stuffing: str = ""  # a word that most of its links repeat


NO_BOX = Box()


class Standing:
    """Where each run of a page stands."""

    def __init__(
        self,
        elements: Elements,
        root: HtmlElement,
        runs: Sequence[Run],
        *,
        url: str,
        site_names: Sequence[str],
        footer_lines: Sequence[str],
    ) -> None:
        self.elements, self.root, self.runs, self.url, self.site_names = elements, root, runs, url, site_names
        self.hiding = Hiding(elements)
        origin = _ORIGIN.match(url)
        self.own = origin[0] if origin else ""
        self.linked = {run: hosts for run in runs if run.links and (hosts := self.hosts_of(run.links))}
        self.after = self._runs_after_footer({bare(line) for line in footer_lines})
        self.boxes = self._find_boxes()

    def hidden(self, run: Run) -> tuple[str, HtmlElement | None]:
        """How a run is hidden, and the outermost element that hides it."""
        element, is_tail = run.slots[0] if run.slots else (run.node, False)
        found = self.hiding.of(element.getparent() if is_tail else element)
        if found[0] and len(run.slots) > 1:
            # The style may be that of one word in it.
            element, is_tail = run.slots[-1]
            if not self.hiding.of(element.getparent() if is_tail else element)[0]:
                found = self.hiding.of(run.node)
        if not found[0] and run.hidden:
            return "a style of its own", run.node
        return found

    def kind_of(self, run: Run, way: str) -> FindingKind:
        if way or run.hidden:
            return FindingKind.HIDDEN
        if run in self.after:
            return FindingKind.FOOTER
        for element in run.path:
            names = self.elements.names.get(element, "")
            if element.tag in ("body", "html"):
                break
            if _COMMENT_NAMES.search(names):
                return FindingKind.COMMENT
            if element.tag == "aside" or _SIDEBAR_NAMES.search(names):
                return FindingKind.SIDEBAR
            if element.tag == "footer":
                return FindingKind.FOOTER
        return FindingKind.BODY

    def is_list(self, run: Run) -> bool:
        """Whether a line is links to other sites, and hardly anything else."""
        hosts = self.linked.get(run, ())
        if not hosts or run.link_share < (0.25 if len(hosts) >= MANY_DOMAINS else 0.5):
            return False
        links = run.links[:MAX_LABELS]
        return 2 * sum(1 for link in links if self.other_host(link)) >= len(links)

    def place(self, run: Run, way: str, top: HtmlElement | None) -> dict[str, str]:
        """The signals of where a run stands."""
        place: dict[str, str] = {}
        if way:
            place["class" if is_by_class(way) else "hidden"] = f"hidden: {way}"
        if run in self.after:
            place["place"] = "after the footer"
        if place and not (way and is_by_class(way)) and self._is_bare(run, top):
            place["bare"] = "markup without a name"
        return place

    def _is_bare(self, run: Run, top: HtmlElement | None) -> bool:
        """Whether nothing from the text up to what hides it, or to the page, has a name, as the site's own has."""
        links = [e for e, is_tail in run.slots[:10] if e.tag == "a" and not is_tail]
        for link in links[:3]:
            if any(link.get(name) for name in _NAMING):
                return False
        element: HtmlElement | None = run.slots[0][0] if run.slots else run.node
        while element is not None and element is not self.root and element.tag not in ("body", "html"):
            # The name of what hides it is what a <style> of its own goes by.
            if any(element.get(name) for name in _NAMING) and not (
                element is top and " of its own, " in self.hiding.of(element)[0]
            ):
                return False
            if element is top:
                return True
            element = element.getparent()
        return top is None or top in (self.root, run.node)

    def hosts_of(self, links: Iterable[str]) -> tuple[str, ...]:
        return tuple(sorted({host for link in links if (host := self.other_host(link))}))

    def other_host(self, link: str) -> str:
        # Most links are the site's own, and say so at their beginning.
        if (link[:1] in ("/", "#", "?") and link[1:2] != "/") or (self.own and link.startswith(self.own)):
            return ""
        return other_host(link, url=self.url)

    def _runs_after_footer(self, lines: set[str]) -> set[Run]:
        """The runs that stand after the site's own last words."""
        footers = [f for f in self.elements.tagged("footer") if next(f.iterancestors("article", "aside"), None) is None]
        outer: list[HtmlElement | None] = [f for f in footers if not _holds_title(f)]
        if not outer:
            named = [e for e in self.elements.tagged("div", "table", "td", "section") if self._is_named_footer(e)]
            outer = [next((e for e in reversed(named) if not _holds_title(e)), None)]
        last = outer[-1]
        inside = set() if last is None else set(last.iter())
        after: set[Run] = set()
        seen = False
        for run in self.runs:
            in_footer = run.node in inside
            if seen and not in_footer:
                after.add(run)
            if in_footer or (lines and bare(run.text) in lines):
                seen = True
        return after

    def _is_named_footer(self, element: HtmlElement) -> bool:
        names = self.elements.names.get(element, "")
        return _FOOTER_NAMES.search(names) is not None or element.get("role") == "contentinfo"

    def _find_boxes(self) -> dict[Run, Box]:
        """What stands together with a line of links: the list it is of, or all that one hidden element holds."""
        groups: dict[HtmlElement, list[Run]] = {}
        for run in self.runs:
            if run not in self.linked or run.link_share < 0.5:
                continue
            top = self.hidden(run)[1]
            if top is None:
                top = next((e for e in _nearest(run.node, 4) if e.tag in ("ul", "ol", "dl", "table")), None)
            if top is None:
                top = run.node.getparent() if run.node is not self.root else run.node
            if top is not None:
                groups.setdefault(top, []).append(run)
        boxes: dict[Run, Box] = {}
        for listed in groups.values():
            hosts = union(*(self.linked[run] for run in listed[:MAX_LABELS]))
            if len(hosts) >= 2:
                box = Box(hosts, self._stuffing(listed, hosts))
                boxes |= dict.fromkeys(listed, box)
        return boxes

    def _stuffing(self, runs: Iterable[Run], hosts: Sequence[str]) -> str:
        """A word that most links of a list hold, and that is no name of theirs; "" when there is none."""
        labels: dict[HtmlElement, list[str]] = {}
        for run in runs:
            for element, is_tail in run.slots:
                link = element if element.tag == "a" and not is_tail else next(element.iterancestors("a"), None)
                if link is None or len(labels) >= MAX_LABELS or not self.hosts_of([link.get("href") or ""]):
                    continue
                labels.setdefault(link, []).extend(re.findall(r"\w{4,40}", fold(inner_text(link, limit=200))))
        # Each word once a link, in the order of the page: of two as frequent, the same is named each time.
        counts = Counter(word for words in labels.values() for word in dict.fromkeys(words))
        own = fold(" ".join([bare_host(self.url), *self.site_names[:4]]))
        for word, count in counts.most_common(3):
            is_name = word in own or word.startswith("http") or 2 * sum(word in host for host in hosts) >= len(hosts)
            if count >= 3 and count >= 0.4 * len(labels) and not is_name:
                return word
        return ""


def _holds_title(element: HtmlElement) -> bool:
    return next(element.iter("h1"), None) is not None


def _nearest(element: HtmlElement, count: int) -> list[HtmlElement]:
    found: list[HtmlElement] = []
    above: HtmlElement | None = element
    while above is not None and len(found) < count and above.tag not in ("body", "html", "article", "main"):
        found.append(above)
        above = above.getparent()
    return found
