"""What is known of a page's elements without searching it again."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
from lxml import html
from test_extract import SHIPPED, capture, payload

from archive.config import Layout
from archive.extract import extract
from archive.extract.elements import NAME_LIMIT_CHARS, Elements, is_hidden
from archive.extract.runs import read_runs
from archive.model import Article

AT = datetime(2026, 11, 1, tzinfo=UTC)
URL = "https://kazakistan.kz/almatida-kopru-acildi/"
LINES = (
    "Almatı’da yeni köprü bugün düzenlenen törenle trafiğe açıldı.",
    "Köprünün yapımı üç yıl sürdü ve şehrin iki yakasını birbirine bağladı.",
    "Belediye başkanı, trafiğin yarı yarıya azalmasını beklediklerini söyledi.",
)
TREE = html.document_fromstring(
    "<html><head><title>t</title><style class='a'>p{}</style></head><body class='b'>"
    "<div id='c' class='d e' hidden><p style='display:none' role='note'>1</p></div>"
    "<iframe width=1></iframe><p itemprop='author creator'>2</p><frame></frame></body></html>"
)


def read(body: str, layout: Layout | None = None) -> Article:
    page = f"<html><head><title>Almatı’da köprü açıldı</title></head><body><main>{body}</main></body></html>"
    site = msgspec.structs.replace(SHIPPED, layout=(layout,)) if layout else None
    article = extract(payload(page.encode(), "text/html; charset=utf-8"), capture(URL, AT), site).article
    assert article is not None
    return article


def test_elements_are_known_by_tag_name_microdata_and_style() -> None:
    elements = Elements(TREE)
    body, div = elements.tagged("body")[0], elements.tagged("div")[0]
    hidden, author = elements.tagged("p")

    assert elements.all == tuple(TREE.iter())
    assert [elements.names[one] for one in (body, div)] == ["b ", "d e c"]
    assert elements.hidden == {div, hidden} == {one for one in TREE.iter() if is_hidden(one)}
    assert (elements.roles, elements.sized) == ({hidden: "note"}, {elements.tagged("iframe")[0]})
    assert list(elements.with_property("creator")) == [author]
    assert (elements.tagged("video"), elements.tagged("video", "iframe")) == ((), elements.tagged("iframe"))


def test_several_tags_and_what_was_found_come_in_the_order_of_the_page() -> None:
    elements = Elements(TREE)
    body = elements.tagged("body")[0]

    assert [one.tag for one in elements.tagged("p", "title", "div")] == ["title", "div", "p", "p"]
    assert [one.tag for one in elements.among(body, elements.names.keys())] == ["div"]


def test_a_name_longer_than_anybody_writes_is_cut_in_the_tree_too() -> None:
    tree = html.document_fromstring(f"<p class='{'x' * 10_000}' id='y'>1</p>")

    names = Elements(tree).names

    assert [len(name) for name in names.values()] == [NAME_LIMIT_CHARS + 2]
    assert len(next(tree.iter("p")).get("class", "")) == NAME_LIMIT_CHARS


def test_runs_are_the_same_whether_hidden_elements_are_known_or_looked_for() -> None:
    elements = Elements(TREE)

    known, found = read_runs(TREE, elements.hidden), read_runs(TREE)

    assert [(run.text, run.hidden) for run in known] == [(run.text, run.hidden) for run in found]
    assert [run.hidden for run in known] == [True, False]


def test_a_dropped_word_leaves_its_sentence_and_a_dropped_block_goes_whole() -> None:
    body = (
        "<h1>Almatı’da köprü açıldı</h1><p>12 Ekim 2026 09:30</p>"
        f"<p>{LINES[0]} <span class='say'>4191 okunma</span></p>"
        f"<p>{LINES[1]}</p><div class='kutu'><p>{LINES[2]}</p></div>"
    )

    whole = read(body, Layout(title="h1"))
    without_words = read(body, Layout(title="h1", drop=(".say",)))
    without_block = read(body, Layout(title="h1", drop=(".kutu",)))

    assert [line in whole.text for line in (*LINES, "4191")] == [True, True, True, True]
    assert [line in without_words.text for line in (*LINES, "4191")] == [True, True, True, False]
    assert [line in without_block.text for line in (*LINES, "4191")] == [True, True, False, True]


def test_what_no_row_holds_and_what_steers_a_terminal_is_left_out() -> None:
    data = r'{"@type":"NewsArticle","headline":"Köprü","image":"http://x/\ud800\u001b.jpg","commentCount":1e30}'
    head = f'<script type="application/ld+json">{data}</script>'
    paragraphs = "".join(f"<p>{line}&#27;[2J\x7f</p>" for line in LINES)

    article = read(f"{head}<h1>Almatı’da köprü&#27;]0;x açıldı</h1><p>12 Ekim 2026 09:30</p>{paragraphs}")

    assert not any((ord(sign) < 32 and sign != "\n") or 0xD800 <= ord(sign) < 0xE000 for sign in repr(article))
    assert all(line in article.text for line in LINES) and "\x7f" not in article.text
    assert [image.url for image in article.images] == ["http://x/.jpg"]


def test_the_date_as_printed_is_the_part_of_its_line_that_says_it() -> None:
    paragraphs = "".join(f"<p>{line}</p>" for line in LINES)
    line = "<p>12 Ekim 2026 Pazartesi, 09:30 | Haber: <b>Ayjan Serikova</b></p>"

    article = read(f"<h1>Almatı’da köprü açıldı</h1>{line}{paragraphs}")

    assert (article.published_as, article.authors) == ("12 Ekim 2026 Pazartesi, 09:30", ("Ayjan Serikova",))


def test_an_author_marked_with_two_words_of_schema_org_is_one() -> None:
    paragraphs = "".join(f"<p>{line}</p>" for line in LINES)
    marked = "<div itemprop='author creator'><b itemprop='name'>Ayjan Serikova</b></div>"

    article = read(f"<h1>Almatı’da köprü açıldı</h1><p>12 Ekim 2026 09:30</p>{paragraphs}{marked}")

    assert (article.authors, article.sources["authors"]) == (("Ayjan Serikova",), "microdata")


def test_a_date_that_a_layout_names_is_refused_after_the_capture() -> None:
    body = (
        f"<h1>Almatı’da köprü açıldı</h1><p class='tarih'>12 Ekim 2031 09:30</p>{''.join(f'<p>{x}</p>' for x in LINES)}"
    )

    article = read(body, Layout(title="h1", date=".tarih"))

    assert (article.published_at, article.published_as) == (None, "12 Ekim 2031 09:30")
