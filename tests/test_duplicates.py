"""Articles that say the same at another address are linked, whatever the order in which they came."""

from __future__ import annotations

import itertools
import json
import random
import shutil
import sqlite3
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from archives import HOST, dump, exchange, make_archive, page, write_warc

from archive.api import Archive
from archive.config import ArchiveDir
from archive.duplicates import MOST_ALIKE, SIMILAR, duplicates, sketch
from archive.index import index_archive
from archive.model import Exchange
from archive.rebuild import rebuild
from archive.schema import connect, connect_readonly

OTHER = "gazete.example"
FILL = (
    "Hasat kuzeydeki üç bölgede yağmur nedeniyle iki hafta gecikti, çiftçiler biçerdöverleri tarlaya ancak eylülün son"
    " günlerinde sokabildi. Tarım Bakanlığı yetkilileri ambarların dolmaya başladığını, nem oranı yüksek buğdayın"
    " kurutulması için ek tesislerin devreye alındığını söyledi. Üreticiler ise kurutma ücretlerinin geçen yıla göre"
    " arttığını, demiryolunda vagon bulmanın da güçleştiğini anlatıyor. Bölge valisi, küçük çiftliklere yakıt desteği"
    " verileceğini ve ödemelerin kasımda tamamlanacağını açıkladı. Uzmanlara göre rekolte beklentinin biraz altında"
    " kalacak, ancak ihracat taahhütleri karşılanacak. Un fabrikaları kaliteli buğday için şimdiden sözleşme arıyor."
)
TITLE = "Kuzeyde hasat gecikti"


def at(day: int) -> str:
    return f"2024-01-{day:02}T10:00:00Z"


def story(path: str, *, day: int, text: str = FILL, title: str = TITLE, host: str = HOST) -> Exchange:
    one = exchange(path, page(title, *text.split("\n\n")), at=at(day))
    return replace(one, url=one.url.replace(HOST, host))


def reworded(share: float, seed: int = 1) -> str:
    """The text with this share of its words, at regular places, made others."""
    words, step = FILL.split(), max(1, round(1 / share)) if share else 0
    return " ".join(f"{word}x" if step and place % step == seed % step else word for place, word in enumerate(words))


def indexed(folder: Path, *exchanges: Exchange) -> ArchiveDir:
    directory = make_archive(folder)
    write_warc(directory, "a", exchanges)
    index_archive(directory)
    return directory


def kinds(directory: ArchiveDir) -> dict[tuple[str, str], str]:
    """What the other is to the one, by the ends of their addresses."""
    connection = sqlite3.connect(directory.db)
    rows = connection.execute(
        "SELECT a.url, b.url, kind FROM duplicates d JOIN articles a ON a.id = article JOIN articles b ON b.id = other"
    ).fetchall()
    connection.close()
    return {(one.split("/", 3)[3], other.split("/", 3)[3]): kind for one, other, kind in rows}


def test_an_old_address_that_redirects_has_moved(tmp_path: Path) -> None:
    sent = exchange("/eski/", b"", at=at(3), status="301 Moved", fields="Location: /yeni/\r\n")

    found = indexed(tmp_path / "a", story("/eski/", day=1), story("/yeni/", day=3), sent)

    assert kinds(found) == {("eski/", "yeni/"): "moved to", ("yeni/", "eski/"): "moved from"}


def test_an_address_that_is_gone_when_another_has_its_text_has_moved(tmp_path: Path) -> None:
    gone = exchange("/eski/", b"<h1>404</h1>", at=at(3), status="404 Not Found")

    found = indexed(tmp_path / "a", story("/eski/", day=1), story("/yeni/", day=3, text=reworded(0.02)), gone)

    assert kinds(found) == {("eski/", "yeni/"): "moved to", ("yeni/", "eski/"): "moved from"}
    # The newer one gone instead: nothing moved there.
    later = exchange("/yeni/", b"<h1>404</h1>", at=at(4), status="404 Not Found")
    other = indexed(tmp_path / "b", story("/eski/", day=1), story("/yeni/", day=3), later)
    assert set(kinds(other).values()) == {"repeated"}


def test_another_site_s_copy_is_syndicated_though_quotes_and_headline_differ(tmp_path: Path) -> None:
    copy = "Ajanslar. " + FILL.replace(",", ", ").replace("’", "'") + " Haber merkezi."

    found = indexed(
        tmp_path / "a", story("/a/", day=1), story("/b/", day=2, text=copy, title="Hasat bekliyor", host=OTHER)
    )

    assert kinds(found) == {("a/", "b/"): "syndicated", ("b/", "a/"): "syndicated"}
    (one,) = duplicates(connect_readonly(found.db), f"http://{HOST}/a/")
    assert (one.url, one.title, one.kind, one.similarity > 0.9) == (
        f"http://{OTHER}/b/",
        "Hasat bekliyor",
        "syndicated",
        True,
    )


def test_the_same_numbers_are_asked_of_a_copy(tmp_path: Path) -> None:
    rates = FILL + " Dolar {} tenge, avro {} tenge, ruble {} tenge oldu."
    first, second = (rates.format(*three) for three in ((431, 512, 6), (447, 530, 7)))

    found = indexed(tmp_path / "a", story("/1/", day=1, text=first), story("/2/", day=2, text=second))

    assert kinds(found) == {}


def test_short_texts_are_the_same_by_title_and_every_word(tmp_path: Path) -> None:
    short = "Astana’da kar yağdı ve yollar kapandı."

    found = indexed(
        tmp_path / "a",
        story("/a/", day=1, text=short, title="Kar"),
        story("/b/", day=2, text=short.replace("’", "'"), title="KAR"),
        story("/c/", day=3, text=short, title="Kar yolları kapattı"),
        story("/d/", day=4, text=short.replace("kapandı", "açıldı"), title="Kar"),
        story("/e/", day=5, text="Foto galeri.", title="Galeri"),
        story("/f/", day=6, text="Foto galeri.", title="Galeri"),
    )

    assert kinds(found) == {("a/", "b/"): "repeated", ("b/", "a/"): "repeated"}


def test_a_form_letter_of_the_site_makes_no_pairs(tmp_path: Path) -> None:
    """One more copy than may share a text, and none of them is linked; one less, and all are."""
    copies = [story(f"/{n}/", day=1) for n in range(MOST_ALIKE + 1)]

    assert kinds(indexed(tmp_path / "a", *copies)) == {}
    assert len(kinds(indexed(tmp_path / "b", *copies[1:]))) == MOST_ALIKE * (MOST_ALIKE - 1)


def test_a_sentence_that_is_on_every_page_makes_no_pairs(tmp_path: Path) -> None:
    chance = random.Random(3)
    words = sorted({f"{a}{b}{c}" for a in "bcdfg" for b in "aeiou" for c in ("lar", "mak", "tir", "dan", "sız")})
    texts = [" ".join(chance.choices(words, k=80)) + "\n\n" + FILL[:150] for _ in range(25)]

    assert kinds(indexed(tmp_path / "a", *(story(f"/{n}/", day=1, text=text) for n, text in enumerate(texts)))) == {}


def test_pairs_around_the_threshold_do_not_depend_on_the_order(tmp_path: Path) -> None:
    """Texts more and less alike, one WARC each, indexed one after the other in twelve orders, and rebuilt."""
    shares = (0.0, 0.05, 0.1, 0.14, 0.2, 0.25)
    exchanges = [story(f"/{n}/", day=n + 1, text=reworded(share)) for n, share in enumerate(shares)]
    exchanges.append(exchange("/0/", b"", at=at(20), status="404 Not Found"))
    whole = make_archive(tmp_path / "whole")
    for number, one in enumerate(exchanges):
        write_warc(whole, f"w{number}", [one])
    index_archive(whole)
    expected = dump(whole.db)
    found = kinds(whole)
    assert 2 < len(found) < len(shares) * (len(shares) - 1)  # some are alike, some are not

    orders = list(itertools.permutations(range(len(exchanges))))
    for number, order in enumerate(random.Random(5).sample(orders, 12)):
        directory = make_archive(tmp_path / str(number))
        for place in order:
            shutil.copy(whole.warcs / f"w{place}.warc.gz", directory.warcs)
            index_archive(directory)
        shutil.copy(whole.manifest, directory.manifest)
        index_archive(directory)
        assert dump(directory.db) == expected, order
    rebuild(directory)
    assert dump(directory.db) == expected


def test_bands_that_become_too_common_and_rare_again_give_the_rows_of_a_rebuild(tmp_path: Path) -> None:
    directory = make_archive(tmp_path / "a")
    write_warc(directory, "a", [story(f"/{n}/", day=1) for n in range(MOST_ALIKE)])
    index_archive(directory)
    assert len(kinds(directory)) == MOST_ALIKE * (MOST_ALIKE - 1)

    write_warc(directory, "b", [story("/b/", day=2), story("/c/", day=2)])
    index_archive(directory)
    assert kinds(directory) == {}

    other = FILL.replace("e", "a").replace("i", "o")
    write_warc(directory, "c", [story("/b/", day=3, text=other), story("/c/", day=3, text=other)])
    index_archive(directory)
    built = dump(directory.db)
    assert len(kinds(directory)) == MOST_ALIKE * (MOST_ALIKE - 1) + 2
    rebuild(directory)
    assert dump(directory.db) == built


def test_an_article_that_is_rewritten_is_no_copy_any_more(tmp_path: Path) -> None:
    directory = indexed(tmp_path / "a", story("/a/", day=1), story("/b/", day=1))
    assert len(kinds(directory)) == 2

    write_warc(directory, "b", [story("/b/", day=2, text=FILL.replace("e", "a").replace("i", "o"))])
    index_archive(directory)

    assert kinds(directory) == {}


def test_a_program_asks_where_else_an_article_stands(tmp_path: Path) -> None:
    directory = indexed(tmp_path / "a", story("/a/", day=1), story("/b/", day=2))

    with Archive(directory.root) as opened:
        assert [one.url for one in opened.duplicates(f"http://{HOST}/a/")] == [f"http://{HOST}/b/"]
        assert opened.duplicates(f"http://{HOST}/nie/") == []


def test_a_sketch_is_of_the_words_alone() -> None:
    quoted = FILL.replace("küçük", "“küçük”")
    assert sketch("a", FILL) == sketch("b", FILL) != sketch("a", quoted) == sketch("a", quoted.replace("“", "»"))
    assert sketch("a", "") == sketch("a", "bir iki") == b""
    assert len(sketch("a", FILL)) == 96 and len(sketch("a", "bir iki üç dört beş")) == 8


# ---------------------------------------------------------------- against real pages


def pairs_of(texts: Iterable[tuple[str, str, str]], folder: Path) -> list[tuple[str, str, float]]:
    """The pairs among these (url, title, text), as rows of an archive.db without WARCs."""
    from archive.duplicates import derive_duplicates
    from archive.schema import stable_id

    db = connect(folder / "archive.db")
    ids = []
    for number, (url, title, text) in enumerate(texts):
        key = f"{url}#{number}"  # the set holds some pages twice
        ids.append(stable_id(key))
        db.execute(
            "INSERT INTO articles (id, urlkey, url, title, text, pages, version, versions, first_seen_at, last_seen_at,"
            " warc, offset) VALUES (?, ?, ?, ?, ?, 1, 1, 1, '2024', '2024', 'a', 0)",
            [ids[-1], key, url, title, text],
        )
    derive_duplicates(db, ids)
    return db.execute(
        "SELECT a.title, b.title, similarity FROM duplicates d JOIN articles a ON a.id = d.article"
        " JOIN articles b ON b.id = d.other WHERE a.id < b.id ORDER BY similarity"
    ).fetchall()


@pytest.mark.shared
def test_of_real_news_only_the_same_reports_are_linked(shared: Path, tmp_path: Path) -> None:
    """Nine are there twice, in another state or by another paper; no two different reports are linked."""
    lines = (shared / "data" / "news" / "gold.jsonl").read_text("utf-8").splitlines()
    rows = [json.loads(line) for line in lines]

    found = pairs_of([(row["url"], row["title"] or "", row["body"] or "") for row in rows], tmp_path)

    assert len(found) == 9, found
    assert min(similarity for _, _, similarity in found) > SIMILAR + 0.1
    papers = [pair for pair in found if "скорая помощь" in pair[0] + pair[1]]
    assert len(papers) == 1  # baltic-course.com and delfi.ee
