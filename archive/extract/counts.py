"""How many comments a page says it has.  No I/O."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from lxml.html import HtmlElement

from archive.extract.elements import Elements, inner_text
from archive.extract.jsonld import text_of
from archive.extract.metadata import Head
from archive.extract.prune import COMMENT_NAMES
from archive.extract.runs import HEADINGS
from archive.language import fold

LABEL_CHARS = 80
MAX_LABELS = 200
NEAR_TITLE = 4  # elements around the h1, of which one is around a counter too
MAX_COUNT = 1_000_000  # more is an error or a telephone number

_COMMENTS = (
    r"(?:yorum|comment|response|repl(?:y|ies)|thought|комментари|отзыв|пікір|pikir|kommentar|commentaire|comentario"
    r"|yanit|cevap)\w*"
)
_COUNT = re.compile(
    rf"(?:(?:okuyucu|toplam) )?(?P<before>\d{{1,3}}(?:[.,\s]\d{{3}})+|\d{{1,7}})\s*(?:adet |okuyucu )?{_COMMENTS}\b.*"
    rf"|(?:tum )?{_COMMENTS}\s*(?:sayisi)?\s*[:(\[]?\s*(?P<after>\d{{1,7}})\s*[)\]]?"
)
_ONE = re.compile(rf"(?:one|bir|bir adet|один|бір|ein|un|una?) {_COMMENTS}(?: on\b.*| to\b.*)?")
_COUNTS = frozenset(("commentCount", "userInteractionCount", "interactionCount"))  # of schema.org
_NONE = re.compile(
    r"(?:henuz )?(?:hic )?yorum (?:yok|yapilmamis|bulunmamaktadir|yapilmadi|bulunamadi)"
    r"|no (?:comments?|responses?|replies)(?: yet)?|(?:пока )?(?:нет|без) комментари\w+"
    r"|комментари\w+ (?:пока )?нет|пікір(?:лер)? жоқ"
    r"|(?:ilk yorumu|ilk yorum yapan) (?:siz|sen) (?:yap\w*|yaz\w*|ol\w*)|be the first to comment|keine kommentare"
)


def read_count(head: Head, elements: Elements, marked: Sequence[HtmlElement]) -> tuple[int | None, str]:
    """The number and its source; `marked` are the elements named after comments. None where nothing says."""
    for source, numbers in (("json-ld", _in_json(head.main)), ("microdata", _in_microdata(elements, marked))):
        if (number := next(numbers, None)) is not None:
            return number, source
    labels = islice(_labels(elements, marked), MAX_LABELS)
    number = next((found for text in labels if (found := count_in(text)) is not None), None)
    return (None, "") if number is None else (number, "text")


def count_in(label: str) -> int | None:
    """The number in "3 yorum", "Yorumlar (3)", "One thought on …", "Yorum yok"; None for other words."""
    text = fold(" ".join(label.split())).strip(" .!:»«•·|-–—")
    if len(text) > LABEL_CHARS:
        text = text[:LABEL_CHARS]
    if found := _COUNT.fullmatch(text):
        return _number(found["before"] or found["after"])
    if _NONE.fullmatch(text):
        return 0
    return 1 if _ONE.fullmatch(text) else None


def _number(text: str) -> int | None:
    number = int(re.sub(r"\D", "", text) or -1)
    return number if 0 <= number <= MAX_COUNT else None


def _in_json(main: Mapping[str, Any]) -> Iterator[int]:
    told = [main.get("commentCount")]
    statistics = main.get("interactionStatistic")
    for one in (statistics if isinstance(statistics, list) else [statistics])[:20]:
        if isinstance(one, dict) and "Comment" in f"{one.get('interactionType')}{one.get('@type')}"[:500]:
            told.append(one.get("userInteractionCount"))
    for value in told:
        text = text_of(value)
        if text.isascii() and text.isdigit() and len(text) < 8 and (number := _number(text)) is not None:
            yield number


def _in_microdata(elements: Elements, marked: Sequence[HtmlElement]) -> Iterator[int]:
    if not any(name in _COUNTS for name in elements.properties.values()):
        return
    for element in marked[:MAX_LABELS]:
        # <meta itemprop="interactionType" content="…/CommentAction"> stands beside the number, or in it.
        for one in islice(element.iter(), 50):
            if elements.properties.get(one) in _COUNTS:
                text = (one.get("content") or inner_text(one, limit=LABEL_CHARS)).rpartition(":")[2].strip()
                if text.isascii() and text.isdigit() and len(text) < 8:
                    yield int(text)


def _labels(elements: Elements, marked: Sequence[HtmlElement]) -> Iterator[str]:
    """What headings of comment areas and counters beside the title say: other posts have counters too."""
    near = {one for h1 in elements.tagged("h1")[:5] for one in islice(h1.iterancestors(), NEAR_TITLE)}
    for element in marked[: 2 * MAX_LABELS]:
        if any(above.tag in ("aside", "nav", "li", "footer") for above in element.iterancestors()):
            continue
        if element.tag in HEADINGS or (_is_counter(element) and any(one in near for one in _above(element))):
            yield inner_text(element, limit=LABEL_CHARS)
        elif element.tag in ("div", "section") and COMMENT_NAMES.search(elements.names.get(element, "")):
            for heading in islice(element.iter(*HEADINGS), 5):
                yield inner_text(heading, limit=LABEL_CHARS)


def _is_counter(element: HtmlElement) -> bool:
    return element.tag in ("span", "a", "div", "p", "strong", "b", "em", "i") and len(element) <= 3


def _above(element: HtmlElement) -> Iterator[HtmlElement]:
    around = islice(element.iterancestors(), NEAR_TITLE)
    return (one for one in around if one.tag not in ("body", "html", "main"))
