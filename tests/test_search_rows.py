"""`search`, `search_older` and `terms` hold the words of what is kept, and no others, however it came to be."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from archives import dump, exchange, make_archive, page, write_warc
from sqlite_utils import Database

from archive.config import ArchiveDir
from archive.index import index_archive
from archive.language import read_words
from archive.rebuild import rebuild
from archive.schema import connect, connect_readonly, immediate
from archive.search_rows import Said, SearchRows

FILL = "Yetkililer konuyla ilgili ayrıntıların önümüzdeki günlerde kamuoyuyla paylaşılacağını bildirdi."
LINKS = '<div>Sayfalar: <a href="/uzun/">1</a> <a href="/uzun/2/">2</a></div>'


def words_kept(directory: ArchiveDir) -> set[tuple[str, str]]:
    """What `terms` is to hold, from the wordings and the articles alone."""
    db = connect_readonly(directory.db)
    texts = db.execute(
        "SELECT v.title, v.lead, a.text, v.authors, v.tags, v.section, v.language"
        " FROM articles a JOIN versions v ON v.id = a.version"
        " UNION ALL SELECT v.title, v.lead, v.text, v.authors, v.tags, v.section, v.language FROM versions v"
        " WHERE v.id NOT IN (SELECT version FROM articles) AND v.article IN (SELECT urlkey FROM articles)"
    ).fetchall()
    db.conn.close()
    return {
        row
        for title, lead, text, authors, tags, section, language in texts
        for part in (title, f"{lead or ''}\n{text}", " ".join([*json.loads(authors), *json.loads(tags), section or ""]))
        for word in read_words(part, language)
        for row in word.rows
    }


def terms(directory: ArchiveDir) -> set[tuple[str, str]]:
    db = connect_readonly(directory.db)
    found = set(db.execute("SELECT form, term FROM terms").fetchall())
    db.conn.close()
    return found


def everything(directory: ArchiveDir) -> object:
    db = connect_readonly(directory.db)
    older = db.execute("SELECT rowid, title, body, names FROM search_older ORDER BY rowid").fetchall()
    db.conn.close()
    return dump(directory.db), older


def forms(directory: ArchiveDir) -> set[str]:
    return {form for form, _ in terms(directory)}


def test_words_of_a_further_page_go_with_its_wording(tmp_path: Path) -> None:
    """Of a page that continues another no older wording is kept to be searched."""
    directory = make_archive(tmp_path / "a")
    second = [page("Uzun haber", f"Sayfada {word} vardı, başka bir şey yoktu.", FILL, extra=LINKS) for word in
              ("kelebekler", "çekirgeler")]  # fmt: skip
    write_warc(directory, "a", [exchange("/uzun/2/", second[0], at="2024-01-01T10:00:00Z")])
    index_archive(directory)
    assert "kelebekler" in forms(directory)

    write_warc(directory, "b", [exchange("/uzun/", page("Uzun haber", FILL, extra=LINKS), at="2024-01-01T10:00:05Z")])
    index_archive(directory)
    assert terms(directory) == words_kept(directory)

    write_warc(directory, "c", [exchange("/uzun/2/", second[1], at="2024-02-01T10:00:00Z")])
    index_archive(directory)
    assert "cekirgeler" in forms(directory)
    assert "kelebekler" not in forms(directory)
    assert terms(directory) == words_kept(directory)
    before = everything(directory)
    rebuild(directory)
    assert everything(directory) == before


def test_words_of_a_wording_that_no_capture_shows_go_but_those_that_another_text_has(tmp_path: Path) -> None:
    directory = make_archive(tmp_path / "a")
    first = exchange(
        "/bir/", page("Kelebekler geldi", "Kelebekleri gören herkes sevindi.", FILL), at="2024-01-01T10:00Z"
    )
    other = exchange("/iki/", page("Bahar geldi", "Parkta kelebekler uçuyor.", FILL), at="2024-01-02T10:00Z")
    third = exchange("/uc/", page("Yağmur yağdı", "Göller doldu, balıklar çoğaldı.", FILL), at="2024-01-03T10:00Z")
    write_warc(directory, "a", [first, third])
    write_warc(directory, "b", [other])
    index_archive(directory)
    assert {"kelebekler", "kelebekleri", "baliklar"} <= forms(directory)

    (directory.warcs / "a.warc.gz").unlink()
    directory.manifest.unlink()
    write_warc(directory, "a", [])  # a shorter file of the name: its articles are gone
    db = connect(directory.db)
    db.execute("UPDATE warcs SET size_bytes = NULL WHERE filename = 'a.warc.gz'")
    db.conn.close()
    index_archive(directory)

    assert {"kelebekleri", "baliklar", "goller"}.isdisjoint(forms(directory))
    assert "kelebekler" in forms(directory)
    assert terms(directory) == words_kept(directory)


def test_an_edit_and_its_undoing_keep_the_words_of_both_wordings(tmp_path: Path) -> None:
    directory = make_archive(tmp_path / "a")
    shown = [page("Bahar geldi", f"Parkta {what} uçuyor.", FILL) for what in ("kelebekler", "arılar", "kelebekler")]
    for month, body in enumerate(shown, 1):
        write_warc(directory, f"w{month}", [exchange("/bir/", body, at=f"2024-0{month}-01T10:00:00Z")])
        index_archive(directory)
        assert terms(directory) == words_kept(directory)

    assert {"kelebekler", "arilar"} <= forms(directory)


AUTHORS = ("Ayşe Yılmaz", "Mehmet Öz")


@pytest.mark.parametrize("seed", range(6))
def test_bit_by_bit_in_any_order_gives_the_rows_of_a_rebuild(tmp_path: Path, seed: int) -> None:
    """Pages edited, joined, copied and signed by others, in Latin and Cyrillic letters; indexed capture by capture."""
    chance = random.Random(seed)
    directory = make_archive(tmp_path / "a")
    words = ["kelebekler", "kelebeği", "arılar", "kalan", "görüşme", "балалар", "мектеп", "Қазақстанда", "İstanbul’da"]
    captures = []
    for month in range(1, 10):
        path = chance.choice(["/bir/", "/iki/", "/uzun/", "/uzun/2/"])
        links = LINKS if "uzun" in path else ""
        head = f'<meta name="author" content="{chance.choice(AUTHORS)}">'
        if path == "/iki/" and chance.random() < 0.5:
            head += '<link rel="canonical" href="http://haber.example/bir/">'
        title = "Uzun haber" if links else chance.choice(["Bahar geldi", "Balalar мектепте"])
        body = page(title, " ".join(chance.choices(words, k=3)) + ".", FILL, head=head, extra=links)
        captures.append(exchange(path, body, at=f"2024-0{month}-01T10:00:00Z"))
    chance.shuffle(captures)

    for number, one in enumerate(captures):
        write_warc(directory, f"w{number}", [one])
        index_archive(directory)
    assert terms(directory) == words_kept(directory)
    before = everything(directory)
    rebuild(directory)

    assert everything(directory) == before


def test_what_was_rolled_back_is_written_again(tmp_path: Path) -> None:
    """A writer remembers which words it wrote: not those of a transaction that came to nothing."""
    db = connect(tmp_path / "archive.db")
    said = Said("Bahar geldi", "Parkta kelebekler uçuyor.", "", "tr")

    with pytest.raises(KeyboardInterrupt), immediate(db):
        put(db, said)
        raise KeyboardInterrupt
    assert db.execute("SELECT count(*) FROM terms").fetchone()[0] == 0
    with immediate(db):
        put(db, said)

    assert db.execute("SELECT count(*) FROM terms WHERE form = 'kelebekler'").fetchone()[0] == 1


def put(db: Database, said: Said) -> None:
    rows = SearchRows(db)
    rows.put("search", 1, said)
    rows.settle()
