"""What a page is: an article, a list of them, a page about the site, a soft 404.  No I/O.

An article has a title, a text and a date of its own; nothing here needs a body class or metadata, though both count.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from urllib.parse import parse_qsl, unquote, urlsplit

from archive.extract.body import Body
from archive.extract.elements import inner_text
from archive.extract.jsonld import MAX_URL_CHARS
from archive.extract.page import Page
from archive.extract.prose import LINK_DENSE, is_prose
from archive.extract.runs import Run
from archive.extract.title import pieces_of
from archive.language import fold
from archive.model import BlockKind, PageKind

# A text of this length with an article's address is one even where its date cannot be found.
LONG_TEXT_CHARS, SHORT_TEXT_CHARS = 400, 100
MISSING_CHARS = 200
MAX_FORMS = 20  # that ask for a password
LISTED_TITLES = 4  # fewer links to other pages than this make no list

_LISTING_PATH = re.compile(
    r"/(?:kategori|category|etiket|tags?|konu|author|yazar|arama|search|arsiv|archives?|rubrika?|avtor"
    r"|metka)(?:/|$)|/page/\d+/?$"
    r"|^/(?:19|20)\d\d(?:/\d\d?){0,2}/?$",
    re.IGNORECASE,
)
_DATE_PATH = re.compile(r"^(?:/[a-z]{2})?/(?:19|20)\d\d(?:/\d\d?){0,2}/?(?:page/\d+/?)?$")
_COMMENT_PAGE = re.compile(r"/comment-page-\d+/?$", re.IGNORECASE)
_CONTINUATION = re.compile(r"^(/.*[^/\d][^/]*)/(\d{1,2})/?$")
_STATIC_PATH = re.compile(
    r"/(?:hakkimizda|hakkinda|iletisim|kunye|gizlilik\S*|kullanim\S*|reklam|about(?:-us)?|contacts?(?:-us)?"
    r"|privacy\S*|terms\S*|imprint|impressum"
    r"|o-nas|o-proekte|kontakty|reklama|redakciya|biz-turaly|bailanys|cerez\S*|kvkk\S*)(?:\.\w+)?/?$",
    re.IGNORECASE,
)
_MISSING = re.compile(
    r"\b404\b|(?:sayfa|icerik|haber|yazi) bulunamadi|aradiginiz (?:sayfa|icerik|haber)|page (?:not found"
    r"|can ?not be found)|not found"
    r"|страница не (?:найдена|существует)|ничего не найдено|бет табылмады|seite nicht gefunden|nothing found|uzgunuz"
)


# All that such a title says; what stands below it are other articles, offered instead.
_ONLY_MISSING = re.compile(
    r"(?:hata|error|oops|eyvah|uzgunuz|sorry|ошибка|қате)?\W*(?:404)?\W*(?:hata(?:si)?|error)?\W*"
    r"(?:(?:aradiginiz |the |this |bu )?(?:sayfa|icerik|haber|yazi|page|страница|материал|бет)"
    r" (?:bulunamadi|bulunmuyor|mevcut degil|not found|can ?not be found|could not be found|(?:is )?not available"
    r"|не найдена?|не существует|табылмады)|not found)?\W*(?:404)?\W*"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What the decision rests on."""

    page: Page
    runs: Sequence[Run]
    title: str
    title_run: Run | None
    body: Body
    dated: bool  # a date of its own, in the head or printed near the title
    is_article: bool  # the head says so
    has_image: bool


def page_number(url: str) -> tuple[int, str | None]:
    """Which page of an article an address names, and the address of its first page (None on page 1)."""
    if len(url) > MAX_URL_CHARS:
        return 1, None
    parts = urlsplit(url)
    found = _CONTINUATION.match(parts.path)
    if found and not _LISTING_PATH.search(parts.path) and not _COMMENT_PAGE.search(parts.path) and int(found[2]) >= 2:
        return int(found[2]), parts._replace(path=found[1] + "/", query="", fragment="").geturl()
    for name, value in parse_qsl(parts.query):
        if name in ("page", "sayfa") and re.fullmatch(r"[0-9]{1,3}", value) and 2 <= int(value) <= 50:
            rest = "&".join(f"{key}={val}" for key, val in parse_qsl(parts.query) if key != name)
            return int(value), parts._replace(query=rest, fragment="").geturl()
    return 1, None


def decide(evidence: Evidence) -> tuple[PageKind, str]:
    """The kind of a page, and why, in words."""
    parts = urlsplit(evidence.page.url)
    path, query = unquote(parts.path), dict(parse_qsl(parts.query))
    chars = sum(len(run.text) for run in evidence.body.runs if is_prose(run))
    if _asks_password(evidence):
        return PageKind.OTHER, "asks for a password and shows no text"
    if _MISSING.search(fold(evidence.title)) and (chars < LONG_TEXT_CHARS and not evidence.dated):
        return PageKind.GONE, f"says that it is missing: {evidence.title!r}"
    if not evidence.is_article and (said := _says_only_missing(evidence)):
        return PageKind.GONE, f"says nothing but that it is missing: {said!r}"
    if "s" in query or "q" in query or "search" in query:
        return PageKind.LISTING, "results of a search"
    if path in ("", "/", "/index.html", "/index.php") and not parts.query:
        return PageKind.HOME, "the site's first page"
    if _COMMENT_PAGE.search(path):
        return PageKind.LISTING, "a page of readers' comments"
    if _is_attachment(evidence, query, chars):
        return PageKind.ATTACHMENT, "shows one file and no text"
    links = _listed_titles(evidence)
    if _DATE_PATH.search(path) and not parts.query:
        return PageKind.LISTING, "the posts of one day, month or year, by its address"
    if _LISTING_PATH.search(path) and not evidence.is_article and (not evidence.dated or links or not chars):
        return PageKind.LISTING, f"its address, and {links} {'title' if links == 1 else 'titles'} of other pages"
    if not evidence.title:
        return PageKind.OTHER, "no title"
    if evidence.dated and (chars or evidence.body.runs or evidence.has_image):
        number, _ = page_number(evidence.page.url)
        kind = PageKind.CONTINUATION if number > 1 else PageKind.ARTICLE
        return kind, f"title, date and {chars} characters of text"
    number, first_page = page_number(evidence.page.url)
    if number > 1 and chars and first_page and _has_article_address(urlsplit(first_page).path):
        return PageKind.CONTINUATION, f"page {number} of a text, by its address"
    if links >= LISTED_TITLES and chars < 100 * links:
        return PageKind.LISTING, f"{links} titles of other pages, no date of its own"
    if _STATIC_PATH.search(path):
        return PageKind.STATIC, "about the site, by its address"
    if chars and evidence.is_article and _has_article_address(path):
        return PageKind.ARTICLE, "says it is an article; no date found"
    if chars >= SHORT_TEXT_CHARS and _has_article_address(path + parts.query):
        return PageKind.ARTICLE, f"title and {chars} characters of text under an article's address; no date found"
    if chars:
        return PageKind.STATIC, "a text without a date"
    return PageKind.OTHER, "no text"


def _says_only_missing(evidence: Evidence) -> str:
    """The title or heading that says "page not found" and no more; "" where none does."""
    headings = [inner_text(h1, limit=MISSING_CHARS) for h1 in evidence.page.elements.tagged("h1")[:3]]
    written = "".join(inner_text(title, limit=MISSING_CHARS) for title in evidence.page.elements.tagged("title")[:1])
    for text in (evidence.title, *headings, *(piece for piece, _, _ in pieces_of(written)[:2])):
        folded = fold(text[:MISSING_CHARS]).strip()
        if _MISSING.search(folded) and _ONLY_MISSING.fullmatch(folded):
            return " ".join(text.split())
    return ""


def _has_article_address(path: str) -> bool:
    last = path.rstrip("/").rsplit("/", 1)[-1]
    return len(re.findall(r"[-_]", last)) >= 2 or bool(re.search(r"\d{3}", path))


def _asks_password(evidence: Evidence) -> bool:
    """A form that asks for nothing but a password, where the text should be: a sign-in form also asks for a name."""
    runs = list(evidence.runs)
    begin = runs.index(evidence.title_run) + 1 if evidence.title_run in runs else 0
    fields = [field for field in evidence.page.elements.tagged("input") if field.get("type") == "password"]
    forms = dict.fromkeys(form for field in fields for form in islice(field.iterancestors("form"), 1))
    for form in islice(forms, MAX_FORMS):
        if form.xpath(".//input[@type='text' or @type='email' or not(@type)]"):
            continue
        within = (index for index, run in enumerate(runs) if form in run.path)
        end = next(within, begin)
        return not any(is_prose(run) and len(run.text) >= 80 for run in runs[begin:end])
    return False


def _is_attachment(evidence: Evidence, query: dict[str, str], chars: int) -> bool:
    if "attachment_id" in query:
        return True
    classes = " ".join(body.get("class") or "" for body in evidence.page.elements.tagged("body")[:1])
    return "attachment" in classes.split() and chars < LONG_TEXT_CHARS


def _listed_titles(evidence: Evidence) -> int:
    """How many other pages are named by their titles in headings that are links, or in a list in the main part."""
    region = evidence.body.region
    inside = [run for run in evidence.runs if region is None or region in run.path]
    return sum(
        1
        for run in inside
        if run.link_share >= LINK_DENSE
        and run.kind is BlockKind.HEADING
        and run is not evidence.title_run
        and len(run.text) >= 15
    )
