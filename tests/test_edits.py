"""What became of articles: edits weighed and told in one line, deletions, differences; and what is no edit at all."""

from __future__ import annotations

import json
import sqlite3
import tomllib
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest
from archives import HOST, capture, exchange, make_archive, page, write_warc

from archive.api import Archive
from archive.config import ArchiveDir
from archive.differences import compare, diff_words
from archive.edits import changes
from archive.errors import NotCapturedError, QueryError
from archive.extract import extract
from archive.index import index_archive
from archive.model import Exchange, Payload
from archive.query import wordings
from archive.schema import connect_readonly

URL = f"http://{HOST}/ekmek/"
LONG = "Fırıncılar Odası Başkanı Ali Yılmaz, un fiyatının yükseldiğini söyledi. Ekmek yüzde 12 zamlandı."
MORE = "Yetkililer konuyla ilgili ayrıntıların önümüzdeki günlerde kamuoyuyla paylaşılacağını bildirdi."


def at(month: int) -> str:
    return f"2024-{month:02}-01T10:00:00Z"


def shown(text: str, *, month: int, title: str = "Ekmek zamlandı", path: str = "/ekmek/", **more: str) -> Exchange:
    return exchange(path, page(title, text, MORE, **more), at=at(month))


def indexed(folder: Path, *exchanges: Exchange) -> ArchiveDir:
    directory = make_archive(folder)
    write_warc(directory, "a", exchanges)
    index_archive(directory)
    return directory


def told(directory: ArchiveDir, **options: object) -> list[tuple[str, str, str, str]]:
    found = changes(connect_readonly(directory.db), **options)  # type: ignore[arg-type]
    return [(change.at[:7], change.kind, change.weight, change.what) for change in found]


@pytest.fixture(scope="module")
def edited(tmp_path_factory: pytest.TempPathFactory) -> ArchiveDir:
    """An article in five wordings, of which the first came back, confirmed by a 304; another that is deleted."""
    return indexed(
        tmp_path_factory.mktemp("edits") / "a",
        shown(LONG, month=1),
        shown(LONG.replace("12", "15"), month=2),
        exchange("/ekmek/", b"", at=at(3), status="304 Not Modified"),
        shown(LONG.replace("12", "15").replace("söyledi", "anlattı"), month=4),
        shown(LONG.replace("12", "15").replace("söyledi", "anlattı").replace("Başkanı ", "Başkanı, "), month=5),
        shown(LONG, month=6),
        shown(LONG, month=7, title="Ekmek ucuzladı"),
        shown("Başkentte kar yağışı ulaşımı olumsuz etkiledi.", month=1, path="/kar/", title="Kar yağdı"),
        exchange("/kar/", b"<h1>404</h1>", at=at(8), status="404 Not Found"),
    )


def test_edits_of_substance_come_first_with_deletions_among_them(edited: ArchiveDir) -> None:
    assert told(edited) == [
        ("2024-08", "gone", "substance", "gone: not found (404)"),
        ("2024-07", "edited", "substance", "headline: Ekmek zamlandı → Ekmek ucuzladı"),
        ("2024-06", "edited", "substance", "a number: 15 → 12; wording: anlattı → söyledi"),  # the first came back
        ("2024-02", "edited", "substance", "a number: 12 → 15"),
        ("2024-04", "edited", "wording", "wording: söyledi → anlattı"),
        ("2024-05", "edited", "trifle", "punctuation, capitals or spacing"),
    ]
    assert [at for at, *_ in told(edited, sort="date")] == [f"2024-0{month}" for month in (8, 7, 6, 5, 4, 2)]


def test_changes_are_chosen_by_time_site_and_number(edited: ArchiveDir) -> None:
    march, july = datetime(2024, 3, 1, tzinfo=UTC), datetime(2024, 7, 1, tzinfo=UTC)

    assert [at for at, *_ in told(edited, since=march, until=july)] == ["2024-06", "2024-04", "2024-05"]
    assert [at for at, *_ in told(edited, limit=2)] == ["2024-08", "2024-07"]
    assert len(told(edited, site="haber")) == 6
    assert told(edited, site="baska") == []
    with pytest.raises(QueryError, match="weight or date"):
        told(edited, sort="size")


def test_an_edit_names_the_captures_around_it(edited: ArchiveDir) -> None:
    with Archive(edited.root) as opened:
        change = opened.changes(since="2024-04", until="2024-04")[0]

    assert (change.before_at, change.at) == ("2024-03-01T10:00:00.000000Z", "2024-04-01T10:00:00.000000Z")
    assert (change.url, change.title, change.site) == (URL, "Ekmek zamlandı", "haber")


def test_a_difference_at_a_time_is_of_what_the_page_said_then(edited: ArchiveDir) -> None:
    db = connect_readonly(edited.db)

    assert compare(db, URL).changes == ("headline: Ekmek zamlandı → Ekmek ucuzladı",)
    month = {n: datetime(2024, n, 15, tzinfo=UTC) for n in range(1, 8)}
    later = compare(db, URL, start=month[4], end=month[6])
    assert later.changes == ("a number: 15 → 12", "wording: anlattı → söyledi")
    assert (later.seen_from[:7], later.seen_to[:7]) == ("2024-04", "2024-06")
    with pytest.raises(NotCapturedError, match="one wording"):
        compare(db, URL, start=month[1], end=month[6])


def test_wordings_are_told_once_each_in_the_order_in_which_they_came(edited: ArchiveDir) -> None:
    known = list(wordings(connect_readonly(edited.db), URL))

    assert [f"{one.capture.captured_at:%m}" for one in known] == ["01", "02", "04", "05", "07"]
    assert {(one.captures, one.wordings) for one in known} == {(7, 5)}


def test_edits_of_a_further_page_are_told(tmp_path: Path) -> None:
    links = '<div>Sayfalar: <a href="/uzun/">1</a> <a href="/uzun/2/">2</a></div>'
    directory = indexed(
        tmp_path / "a",
        shown(MORE, month=1, path="/uzun/", extra=links),
        shown(LONG, month=1, path="/uzun/2/", extra=links),
        shown(LONG.replace("12", "15"), month=2, path="/uzun/2/", extra=links),
    )

    (change,) = changes(connect_readonly(directory.db))

    assert (change.url, change.what) == (f"http://{HOST}/uzun/2/", "a number: 12 → 15")


@pytest.mark.parametrize(
    "answer, what",
    [
        ({"status": "410 Gone"}, "gone: not found (410)"),
        ({"status": "302 Found", "fields": "Location: /\r\n"}, "gone: sent to /"),
        ({}, "gone: a page that says it is not there"),
    ],
)
def test_a_deletion_says_what_the_site_answered(tmp_path: Path, answer: dict[str, str], what: str) -> None:
    missing = page("Sayfa bulunamadı", "Aradığınız sayfa bulunamadı.")

    directory = indexed(tmp_path / "a", shown(LONG, month=1), exchange("/ekmek/", missing, at=at(2), **answer))

    assert told(directory) == [("2024-02", "gone", "substance", what)]


def test_a_counter_an_ad_a_related_list_and_a_comment_are_no_edit(tmp_path: Path) -> None:
    def around(month: int, views: int, ad: str, comment: str, other: str) -> Exchange:
        extra = (
            f'<span class="post-views">{views} okunma</span><div class="advertisement"><a href="https://x.example/">{ad}'
            f'</a></div><aside class="sidebar"><h3>Son haberler</h3><ul><li><a href="/a/">{other}</a></li></ul></aside>'
            '<section id="comments"><h2>1 yorum</h2><ol class="comment-list"><li class="comment"><b class="fn">Ayla</b>'
            f'<p class="comment-content">{comment}</p></li></ol></section>'
        )
        return shown(LONG, month=month, extra=extra)

    directory = indexed(
        tmp_path / "a",
        around(1, 120, "Yazlık lastikte indirim", "Güzel haber.", "Astana’da kar"),
        around(2, 4711, "Kışlık bot kampanyası", "Rakamlar yanlış.", "Almatı’da dolu"),
    )

    assert told(directory) == []
    with sqlite3.connect(directory.db) as connection:
        assert connection.execute("SELECT versions FROM articles").fetchall() == [(1,)]


def test_words_of_a_difference_stay_in_their_paragraphs() -> None:
    old, new = "Bir iki üç.\n\nDört beş altı.", "Bir iki.\n\nDört beş altı.\n\nYedi."

    pieces = diff_words(old, new)

    assert "".join(piece.text for piece in pieces if piece.change != "removed") == new
    assert "".join(piece.text for piece in pieces if piece.change != "added").split() == old.split()
    assert all(one.change != other.change for one, other in pairwise(pieces))


def test_the_difference_of_endless_texts_takes_no_long_time() -> None:
    import time

    began = time.process_time()
    for old, new in (("a b " * 50_000, "a c " * 50_000), ("a\n\nb\n\n" * 5_000, "a\n\nc\n\n" * 5_000)):
        assert {piece.change for piece in diff_words(old, new)} >= {"removed", "added"}

    assert time.process_time() - began < 10


def test_the_view_has_what_the_command_lists(edited: ArchiveDir) -> None:
    with sqlite3.connect(edited.db) as connection:
        rows = connection.execute("SELECT kind, weight, what FROM changes ORDER BY at DESC").fetchall()

    assert json.dumps(rows) == json.dumps([list(row[1:]) for row in told(edited, sort="date")])


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("wordpress_full", "812 okunma", "4.711 okunma"),
        ("wordpress_full", "<h2>2 yorum</h2><ol>", '<h2>3 yorum</h2><ol><li id="comment-9"><p>Yanlış.</p></li>'),
        ("wordpress_full", '<div id="comments">', '<div class="ads"><a href="#">Kredi</a></div><div id="comments">'),
        ("byline_names_the_site", "Okunma: 120", "Okunma: 9120"),
    ],
)  # fmt: skip
def test_counters_comments_and_ads_of_real_themes_are_no_edit(name: str, before: str, after: str) -> None:
    """Pages of tests/pages as a later fetch brings them."""
    folder = Path(__file__).parent / "pages" / name
    source = (folder / "page.html").read_text("utf-8")
    facts = tomllib.loads((folder / "article.toml").read_text("utf-8"))
    assert before in source

    digests = set()
    for body in (source, source.replace(before, after)):
        read = extract(
            Payload(body=body.encode(), content_type="text/html", content_encoding=""),
            capture(facts["url"], facts["captured_at"]),
            None,
        )
        assert read.article
        digests.add(read.article.text_digest)

    assert len(digests) == 1
