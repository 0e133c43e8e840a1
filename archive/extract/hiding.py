"""How an element is kept from being seen, in words: its style, its attributes, a class that a <style> on it hides.

Only what stands in the page counts; style sheets of their own are not read. What a class of a long <style> hides is the
site's more often than not (menus, text for screen readers), so it says less than a style written on the element, or a
<style> of a line or two that is there for nothing else. Display and visibility are switched by honest scripts too; what
lies off-screen, has no size or the colour of its ground is not meant to be seen at all.  No I/O.
"""

from __future__ import annotations

import re
from itertools import islice

from lxml.html import HtmlElement

from archive.extract.elements import Elements

# A longer <style> is a site's whole design: what it hides is menus.
STYLE_LIMIT_CHARS, MAX_STYLES = 5_000, 50
MAX_RULES, MAX_NAMES = 400, 400
SHORT_STYLE_CHARS = 300  # a <style> that is there to hide something

_WAYS = (
    (re.compile(r"display\s*:\s*none", re.IGNORECASE), "display:none"),
    (re.compile(r"visibility\s*:\s*(?:hidden|collapse)", re.IGNORECASE), "visibility:hidden"),
    (re.compile(r"(?:left|top|right|bottom|margin(?:-\w+)?)\s*:\s*-\d{3,}", re.IGNORECASE), "off-screen"),
    (re.compile(r"text-indent\s*:\s*-\d{3,}", re.IGNORECASE), "text-indent off-screen"),
    (re.compile(r"translate[XY3d]*\(\s*(?:0\w*\s*,\s*)?-\d{3,}", re.IGNORECASE), "off-screen"),
    (
        re.compile(
            r"font-size\s*:\s*(?:0(?:\.0\d*)?(?:px|pt|em|rem|%)?|1p[xt]|0?\.\dp[xt])\s*(?:[;!]|$)", re.IGNORECASE
        ),
        "font-size 0",
    ),
    (re.compile(r"line-height\s*:\s*0(?:px)?\s*(?:[;!]|$)", re.IGNORECASE), "line-height 0"),
    (re.compile(r"opacity\s*:\s*0?(?:\.0\d*)?\s*(?:[;!]|$)(?<!:)", re.IGNORECASE), "opacity 0"),
    (re.compile(r"(?<!-)color\s*:\s*transparent", re.IGNORECASE), "transparent letters"),
    (re.compile(r"scale\(\s*0(?:\.0\d*)?\s*\)", re.IGNORECASE), "scaled to nothing"),
    (re.compile(r"clip(?:-path)?\s*:\s*(?:rect\(\s*[01]|inset\(\s*(?:50|100)%)", re.IGNORECASE), "clipped away"),
)
_HINT = re.compile(r"none|hidden|collapse|-\d{3}|:\s*[01.]|transparent|scale|clip|color", re.IGNORECASE)
_NO_SIZE = re.compile(r"(?:^|[;\s])(?:max-)?(?:height|width)\s*:\s*[01](?:px|%)?\s*(?:;|!|$)", re.IGNORECASE)
_CUT = re.compile(r"overflow\s*:\s*(?:hidden|auto|scroll)|position\s*:\s*absolute", re.IGNORECASE)
_COLOUR = re.compile(r"(?<![-\w])color\s*:\s*([^;!]{3,40})", re.IGNORECASE)
_GROUND = re.compile(r"(?<![-\w])background(?:-color)?\s*:\s*([^;!]{3,40})", re.IGNORECASE)
_SELECTOR = re.compile(r"\s*[a-z]*([.#][\w-]{1,80})\s*")
_NAMED = {"white": "ffffff", "black": "000000"}


def how_hidden(element: HtmlElement) -> str:
    """How an element's own attributes hide it; "" when they do not."""
    if element.get("hidden") is not None:
        return "the hidden attribute"
    style = element.get("style")
    if style and (way := _way_of(style)):
        return way
    if (style or element.tag == "font") and _is_same_colour(element, style or ""):
        return "letters in the colour of the ground"
    # <marquee width=1 height=1>: an old way to show a page of links on a point.
    if element.tag in ("marquee", "table", "div", "iframe", "embed"):
        sizes = [size for name in ("width", "height") if (size := element.get(name))]
        if sizes and all(size.removesuffix("px") in ("0", "1") for size in sizes):
            return "no size"
    return ""


class Hiding:
    """What hides the elements of one page; each is looked at once."""

    def __init__(self, elements: Elements) -> None:
        self.names = _hidden_names(elements)
        self._may_hide = {*elements.styles, *elements.hidden, *elements.sized, *elements.tagged("font")}
        self._known: dict[HtmlElement, tuple[str, HtmlElement | None]] = {}

    def of(self, element: HtmlElement) -> tuple[str, HtmlElement | None]:
        """How an element or what it stands in is hidden, and the outermost element that hides; "" and None if none."""
        path: list[HtmlElement] = []
        above: HtmlElement | None = element
        while above is not None and above not in self._known:
            path.append(above)
            above = above.getparent()
        found = self._known[above] if above is not None else ("", None)
        for one in reversed(path):
            if not found[0] and (one in self._may_hide or self.names):
                way = how_hidden(one) or self._by_name(one)
                found = (way, one) if way else found
            self._known[one] = found
        return found

    def _by_name(self, element: HtmlElement) -> str:
        if not self.names or element.tag in ("body", "html"):
            return ""
        named = [f".{name}" for name in (element.get("class") or "").split()[:50]]
        if element.get("id"):
            named.append(f"#{element.get('id')}")
        hit = next((name for name in named if name in self.names), None)
        return self.names[hit] if hit else ""


def is_by_class(way: str) -> bool:
    """Whether one class among many of the page hides it, rather than a style of its own."""
    return " by a class, " in way


def is_switched(way: str) -> bool:
    """Whether it is hidden in a way that scripts undo: a menu, a tab, a message."""
    return way.startswith(("display", "visibility", "the hidden"))


def _way_of(style: str) -> str:
    if not _HINT.search(style):
        return ""
    for pattern, way in _WAYS:
        if pattern.search(style):
            return way
    if _NO_SIZE.search(style) and _CUT.search(style):
        return "no size"
    return ""


def _is_same_colour(element: HtmlElement, style: str) -> bool:
    """Whether letters have the colour of the ground that this element or one around it states."""
    found = _COLOUR.search(style)
    colour = _rgb(found[1] if found else element.get("color") or "")
    if not colour:
        return False
    for around in (element, *islice(element.iterancestors(), 20)):
        stated = _GROUND.search(around.get("style") or "")
        ground = _rgb(stated[1] if stated else around.get("bgcolor") or "")
        if ground:
            return ground == colour
    return False


def _rgb(colour: str) -> str:
    """A colour as six digits; "" for what is none or has shades."""
    text = colour.strip().lower()
    text = _NAMED.get(text, text.removeprefix("#"))
    if re.fullmatch(r"[0-9a-f]{3}", text):
        return "".join(digit * 2 for digit in text)
    if numbers := re.fullmatch(r"rgb\(\s*(\d{1,3})\s*,\s*(\d{1,3})\s*,\s*(\d{1,3})\s*\)", text):
        return "".join(f"{int(number):02x}" for number in numbers.groups())
    return text if re.fullmatch(r"[0-9a-f]{6}", text) else ""


def _hidden_names(elements: Elements) -> dict[str, str]:
    """Classes and ids that a rule of the page's <style> blocks hides everywhere, not for one width of screen."""
    names: dict[str, str] = {}
    for block in elements.tagged("style")[:MAX_STYLES]:
        css = block.text or ""
        if len(css) > STYLE_LIMIT_CHARS or (block.get("media") or "") not in ("", "all", "screen"):
            continue
        depth = reached = 0
        for hit in islice(_RULE_HIDES.finditer(css), MAX_RULES):
            depth += css.count("{", reached, hit.start()) - css.count("}", reached, hit.start())
            reached = hit.start()
            if depth != 1:  # inside @media or @supports
                continue
            opened = css.rfind("{", 0, hit.start())
            closed = css.find("}", hit.start())
            way = _way_of(css[opened + 1 : closed if closed > 0 else None][:1000])
            head = css[
                max(css.rfind("}", 0, opened), css.rfind("*/", 0, opened), css.rfind(";", 0, opened), -1) + 1 : opened
            ]
            for selector in head.removeprefix("/").split(",")[:20] if way else ():
                if (named := _SELECTOR.fullmatch(selector)) and len(names) < MAX_NAMES:
                    by = "by a class" if len(css) > SHORT_STYLE_CHARS else "by a <style> of its own"
                    names.setdefault(named[1], f"{way} {by}, {named[1]}")
    return names


_RULE_HIDES = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|(?:left|top|right|text-indent)\s*:\s*-\d{3,}|font-size\s*:\s*0"
    r"|opacity\s*:\s*0(?![.\d])|(?<![-\w])height\s*:\s*[01](?:px)?\s*[;}]|color\s*:\s*transparent"
)
