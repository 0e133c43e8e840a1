"""What on a page is the site's rather than the article's, by tag, role, class name and style.  No I/O.

Unguarded, class names harm good pages (.941 → .880 token F1 in the measurements of 2026-11). So never more than a fifth
of the text goes with one element, and never the title: so guarded they help old pages (.752 → .778).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property, lru_cache

from lxml.html import HtmlElement

from archive.extract.elements import Elements, with_ancestors
from archive.extract.prose import is_prose
from archive.extract.runs import Run

PRUNE_SHARE = 0.2

_NAMES = re.compile(
    r"(?:^|[\s_-])(?:comments?|respond|disqus|yorum(?:lar)?|related|share|sharing|social|sidebar"
    r"|widget|newsletter|promo|breadcrumbs?"
    r"|pagination|pager|navigation|navbar|menu|cookies?|banner|advert(?:isement)?|ads?|popup|modal"
    r"|recommend(?:ed|ation|ations)?|outbrain|taboola|most-?read|popular"
    r"|sponsor(?:ed)?|subscribe|subscription|paywall|author-?box|toolbar|login|teaser|footer"
    r"|visually-?hidden|sr-?only|screen-?reader(?:-text|-only)?)(?:$|[\s_-])",
    re.IGNORECASE,
)
_TAGS = frozenset(("nav", "aside", "footer", "form", "dialog", "menu"))
_ROLES = frozenset(("navigation", "complementary", "contentinfo", "search", "dialog", "menu", "banner", "alertdialog"))
_COMMENT_ID = re.compile(r" comment-\S*$")
_KEPT_TAGS = frozenset(("body", "html", "main", "article"))
COMMENT_NAMES = re.compile(
    r"(?:^|[\s_-])(?:comments?|commentlist|comment-?list|comments-?area|disqus_thread|yorumlar)(?:$|[\s_-])",
    re.IGNORECASE,
)


class Pruning:
    """Which elements are the site's rather than the article's; none with much text or the title inside."""

    def __init__(self, elements: Elements, runs: Sequence[Run], title: Run | None) -> None:
        self.elements, self.is_titled = elements, title is not None
        self.weights: Counter[HtmlElement] = Counter()
        self.total = 0
        for run in runs:
            if not run.hidden and is_prose(run):
                self.total += len(run.text)
                for element in run.path:
                    self.weights[element] += len(run.text)
        self.kept = with_ancestors(elements.tagged("h1"))
        if title is not None:
            self.kept.update(title.path)

    def among(self, found: Iterable[HtmlElement]) -> set[HtmlElement]:
        """Those of these elements that are the site's."""
        names, roles, hidden = self.elements.names, self.elements.roles, self.elements.hidden
        sites: set[HtmlElement] = set()
        for element in found:
            told = told_by(names[element]) if element in names else NOT_TOLD
            is_sites = element.tag in _TAGS or element in hidden or roles.get(element) in _ROLES
            if (is_sites or any(told)) and self.has(element, *told, is_sites=is_sites):
                sites.add(element)
        return sites

    def has(self, element: HtmlElement, names_site: bool, names_comments: bool, *, is_sites: bool) -> bool:
        """Whether an element that seems to be the site's, by its names or (`is_sites`) otherwise, is so."""
        tag = element.tag
        is_sites = is_sites or (names_site and tag != "p")  # a paragraph may be named after the paywall it is behind
        # Comments may outweigh a short article, so the guard is another: a form, dates or authors inside.
        is_comments = names_comments and self.is_titled and tag not in ("a", "span")
        if not (is_sites or is_comments) or tag in _KEPT_TAGS or element in self.kept:
            return False
        is_light = self.weights[element] <= PRUNE_SHARE * self.total
        return (is_sites and is_light) or (is_comments and element in self.round_comments)

    @cached_property
    def round_comments(self) -> set[HtmlElement]:
        """The elements in which something marks a comment or the form for one."""
        signs = [*self.elements.tagged("form", "textarea", "time")]
        for element, names in self.elements.names.items():
            if "comment" in names and ("comment" in (element.get("class") or "") or _COMMENT_ID.search(names)):
                signs.append(element)
        return with_ancestors(parent for sign in signs if (parent := sign.getparent()) is not None)


NOT_TOLD = (False, False)


@lru_cache(maxsize=20_000)
def told_by(names: str) -> tuple[bool, bool]:
    """Whether the classes and the id of an element name something of the site, and readers' comments."""
    return bool(_NAMES.search(names)), bool(COMMENT_NAMES.search(names))
