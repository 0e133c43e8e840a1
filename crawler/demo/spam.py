"""What a hacked WordPress shows: injected pieces put into the finished pages of the demo site.  No I/O.

Templates mark the places with `slot(NAME)`; `fill` puts spam there or nothing. Brands are invented and every domain
ends in .example (RFC 2606), so that no link leads anywhere.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape

from archive.model import FindingKind
from crawler.demo.content import Spam

# Where spam may stand → what the extractor calls it.
FINDING_OF = {
    "footer": FindingKind.FOOTER,  # lines after the site's footer
    "hidden": FindingKind.HIDDEN,  # display:none at the start of the body
    "offscreen": FindingKind.HIDDEN,  # a list of links moved out of sight, inside the article
    "body": FindingKind.BODY,  # a visible paragraph between two of the article's
    "link": FindingKind.BODY,  # a linked phrase between two sentences of a paragraph
    "sidebar": FindingKind.SIDEBAR,
    "comment": FindingKind.COMMENT,
    "title": FindingKind.TITLE,  # in <title> and og:title; the headline stays
    "before": FindingKind.BEFORE,
    "after": FindingKind.AFTER,
    "script": FindingKind.SCRIPT,
}
PLACES = tuple(FINDING_OF)
_SLOT = re.compile("\0([a-z]+)\0")

# Pages that are no article but were hit too.
HOME_SPAM = (
    Spam("hidden", "онлайн казино с выводом денег Алтынжол", "altynjol-kazino.example"),
    Spam("hidden", "игровые автоматы Бархан 777", "barhan777.example"),
)
CONTACT_SPAM = (
    Spam("footer", "Тегін айналдырулар мен бонус: Бүркіт Казино", "burkit-kazino.example"),
    Spam("footer", "букмекерская контора Тулпар Бет — зеркало сайта", "tulparbet-zerkalo.example"),
)


def slot(name: str) -> str:
    """A mark in a template where spam of that place goes."""
    return f"\0{name}\0"


def fill(page: str, spam: Sequence[Spam]) -> str:
    """The page with its spam in place; slots that have none leave no trace."""
    return _SLOT.sub(lambda match: _written(match[1], [s for s in spam if s.place == match[1]]), page)


def _written(place: str, spam: Sequence[Spam]) -> str:
    if not spam:
        return ""
    links = [f'<a href="https://{s.domain}/">{escape(s.text)}</a>' for s in spam]
    match place:
        case "footer":
            return "\n" + "\n".join(f"<p>{link}</p>" for link in links)
        case "hidden":
            return f'<div style="display:none">{" ".join(links)}</div>\n'
        case "offscreen":
            rows = "".join(f"<li>{link}</li>" for link in links)
            return f'<ul style="position:absolute;left:-9999px;top:-9999px">{rows}</ul>\n'
        case "body":
            return "".join(f"<p>{link}</p>\n" for link in links)
        case "link":
            return " ".join(links) + " "
        case "sidebar":
            return f'<section class="widget widget_text"><div class="textwidget">{"<br>".join(links)}</div></section>\n'
        case "comment":
            return "".join(_comment(s) for s in spam)
        case "title":
            return " ".join(escape(s.text) for s in spam) + " - "
        case "before":
            return f'<div style="height:0;overflow:hidden">{" ".join(links)}</div>\n'
        case "after":
            return "\n" + "\n".join(links)
        case _:
            return "".join(_script(s) for s in spam)


def _comment(spam: Spam) -> str:
    return (
        '<li class="comment"><article class="comment-body"><footer class="comment-meta">'
        f'<b class="fn"><a href="https://{spam.domain}/" rel="ugc external nofollow">{escape(spam.domain)}</a></b>'
        f'</footer><div class="comment-content"><p>{escape(spam.text)} '
        f'<a href="https://{spam.domain}/" rel="nofollow ugc">https://{spam.domain}/</a></p></div></article></li>\n'
    )


def _script(spam: Spam) -> str:
    written = f'<div class="x9"><a href="https://{spam.domain}/">{escape(spam.text)}</a></div>'
    return f"<script>document.write('{written}');</script>\n"
