"""Citations: what stands in them is what the records say, and every reader of their forms can read them."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from archives import HOST, exchange, make_archive, page, write_warc
from click.testing import CliRunner

from archive.cite import Citation, as_bibtex, as_csl, as_json, as_text, cite, key_of
from archive.cli import commands
from archive.config import ArchiveDir
from archive.errors import NotCapturedError
from archive.index import index_archive
from archive.model import Precision
from archive.schema import connect, connect_readonly
from archive.warc import Member, Original, members, parse_record

URL = f"http://{HOST}/ekmek/"
TEXT = "Fırıncılar un fiyatlarının artmasından yakındı ve belediyeden destek istedi, haber ajansı bildirdi. " * 4


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> ArchiveDir:
    """One article, captured three times: as it was, the same again, edited. Its date is printed without a time."""
    directory = make_archive(tmp_path_factory.mktemp("cite"))
    body = page("Ekmek zammı", TEXT, date="06 Ekim 2017")
    first = exchange("/ekmek/", body, at="2024-01-01T09:30:05Z")
    again = exchange("/ekmek/", body, at="2024-02-01T09:30:05Z")
    edited = exchange("/ekmek/", page("Ekmek zammı", TEXT + "Zam geri alındı.", date="06 Ekim 2017"), at="2024-03-01")
    write_warc(directory, "haber_1", [first, (again, Original(first.url, first.captured_at, False)), edited])
    index_archive(directory)
    return directory


def cited(directory: ArchiveDir, at: str | None = None) -> Citation:
    moment = datetime.fromisoformat(at).replace(tzinfo=UTC) if at else None
    return cite(connect_readonly(directory.db), directory, URL, at=moment)


MADE = Citation(
    title="Ekmek zammı",
    authors=("Ayşe Yılmaz", "QHA"),
    site="Haber",
    section="Ekonomi",
    language="tr",
    published_at=datetime(2017, 10, 6, 17, 45, tzinfo=UTC),
    published_precision=Precision.MINUTE,
    url=URL,
    captured_at=datetime(2024, 3, 1, 9, 30, 5, 123456, tzinfo=UTC),
    replay_path=f"/web/20240301093005mp_/{URL}",
    payload_digest="sha1:2V5KAQ6KNR2AWYEIFBOWVBBQKX2FOECY",
    text_digest="sha256:1d6434a03bcc",
    warc="haber_1.warc.gz",
    record_id="<urn:uuid:2737c24a-3093-4431-8ce6-abbacf60173c>",
    record_type="response",
)


def test_the_record_cited_is_the_one_that_holds_the_page(kept: ArchiveDir) -> None:
    for at in (None, "2024-01-01", "2024-02-01"):
        citation = cited(kept, at)

        with (kept.warcs / citation.warc).open("rb") as file:
            whole = [parse_record(one.content) for one in members(file, "a") if isinstance(one, Member)]
        record = next(record for record in whole if record.get("warc-record-id") == citation.record_id)
        assert record.url("warc-target-uri") == citation.url == URL
        assert datetime.fromisoformat(record.get("warc-date")) == citation.captured_at
        assert record.get("warc-payload-digest") == citation.payload_digest
        assert record.get("warc-type") == citation.record_type


def test_each_capture_has_a_citation_of_its_own(kept: ArchiveDir) -> None:
    first, again, last = cited(kept, "2024-01-01"), cited(kept, "2024-02-01"), cited(kept)

    assert (first.record_type, again.record_type) == ("response", "revisit")
    assert first.record_id != again.record_id
    assert first.text_digest == again.text_digest != last.text_digest
    assert first.payload_digest == again.payload_digest != last.payload_digest
    assert first.replay_path == f"/web/20240101093005mp_/{URL}"


def test_the_day_is_that_of_the_site_s_zone(kept: ArchiveDir) -> None:
    """Midnight in Almatı is the day before in UTC."""
    citation = cited(kept)

    assert as_json(citation)["published"] == "2017-10-06"
    assert "6 Ekim 2017" in as_text(citation)
    assert as_csl(citation)["issued"] == {"date-parts": [[2017, 10, 6]]}
    assert "day = {6}" in as_bibtex(citation)
    assert citation.site == "Haber"


def test_what_is_not_there_is_said(kept: ArchiveDir) -> None:
    with pytest.raises(NotCapturedError):
        cite(connect_readonly(kept.db), kept, f"http://{HOST}/yok/")


def test_a_site_without_its_profile_goes_by_its_host(tmp_path: Path) -> None:
    directory = make_archive(tmp_path)
    write_warc(directory, "haber_1", [exchange("/ekmek/", page("Ekmek", TEXT), at="2024-01-01")])
    index_archive(directory)
    (directory.sites / "haber.toml").unlink()

    assert cited(directory).site == HOST
    connect(directory.db).execute("UPDATE versions SET site = NULL")
    assert cited(directory).site == HOST


# ---------------------------------------------------------------- text


@pytest.mark.parametrize(
    ("language", "published", "archived"),
    [
        ("tr", "“Ekmek zammı”, Haber, 6 Ekim 2017.", "Arşivlenme: 1 Mart 2024, 09:30:05 UTC."),
        ("ru", "«Ekmek zammı», Haber, 6 октября 2017 г. http", "Архивировано: 1 марта 2024 г., 09:30:05 UTC."),
        ("kk", "«Ekmek zammı», Haber, 2017 жылғы 6 қазан.", "Мұрағатталған: 2024 жылғы 1 наурыз, 09:30:05 UTC."),
        ("en", "“Ekmek zammı”, Haber, 6 October 2017.", "Archived 1 March 2024, 09:30:05 UTC."),
        ("uz", "“Ekmek zammı”, Haber, 6 October 2017.", "Archived 1 March 2024, 09:30:05 UTC."),
        (None, "“Ekmek zammı”, Haber, 6 October 2017.", "Archived 1 March 2024, 09:30:05 UTC."),
    ],
)
def test_text_has_dates_as_the_article_s_language_writes_them(
    language: str | None, published: str, archived: str
) -> None:
    text = as_text(replace(MADE, language=language))

    assert text.startswith("Ayşe Yılmaz, QHA, ")
    assert published in text
    assert archived in text
    assert text.endswith(f"WARC: haber_1.warc.gz, {MADE.record_id[1:-1]}, {MADE.payload_digest}.")
    assert ".." not in text


def test_every_month_has_its_name() -> None:
    for language in ("tr", "ru", "kk", "en"):
        texts = {as_text(replace(MADE, language=language, published_at=datetime(2017, m, 6))) for m in range(1, 13)}
        assert len(texts) == 12


def test_text_leaves_out_what_is_not_known() -> None:
    text = as_text(replace(MADE, authors=(), published_at=None, published_precision=None))

    assert text.startswith(f"“Ekmek zammı”, Haber. {URL}. ")


# ---------------------------------------------------------------- BibTeX


def test_bibtex_says_what_is_known() -> None:
    key, fields = read_bibtex(as_bibtex(MADE))

    assert key == "haber2017ekmek1d6434"
    assert fields == {
        "author": "{Ayşe Yılmaz} and {QHA}",
        "title": "{Ekmek zammı}",
        "howpublished": "Haber",
        "year": "2017",
        "month": "oct",
        "day": "6",
        "url": URL,
        "urldate": "2024-03-01",
        "language": "tr",
        "note": r"Archived 2024-03-01T09:30:05.123456Z; WARC haber\_1.warc.gz; record urn:uuid:"
        "2737c24a-3093-4431-8ce6-abbacf60173c; sha1:2V5KAQ6KNR2AWYEIFBOWVBBQKX2FOECY",
    }


@pytest.mark.parametrize(
    ("title", "escaped"),
    [
        ("%50 zam & 5$ #ekmek_", r"\%50 zam \& 5\$ \#ekmek\_"),
        ("a } b { c", r"a \textbraceright{} b \textbraceleft{} c"),
        (r"a\b~c^d<e>", r"a\textbackslash{}b\textasciitilde{}c\textasciicircum{}d\textless{}e\textgreater{}"),
        ("iki\nsatır", "iki satır"),
        ('"tırnak" @misc{x,', r'"tırnak" @misc\textbraceleft{}x,'),
    ],
)
def test_bibtex_escapes_what_latex_would_obey(title: str, escaped: str) -> None:
    _, fields = read_bibtex(as_bibtex(replace(MADE, title=title, authors=(title,))))

    assert fields["title"] == fields["author"] == f"{{{escaped}}}"


def test_an_address_cannot_leave_its_field() -> None:
    _, fields = read_bibtex(as_bibtex(replace(MADE, url="http://a.example/%C5%9F_x#y?{b}\\c}")))

    assert fields["url"] == "http://a.example/%C5%9F_x#y?%7Bb%7D%5Cc%7D"


def test_a_key_is_ascii_whatever_the_title() -> None:
    for title in ("Şımarık İĞÜŞÖÇ", "Қазақстан жаңалықтары", "", "???"):
        assert re.fullmatch(r"[a-z0-9]+", key_of(replace(MADE, title=title)))


def read_bibtex(entry: str) -> tuple[str, dict[str, str]]:
    """Key and fields of one entry, as BibTeX counts braces: a backslash before one changes nothing."""
    head = re.match(r"@misc\{([^,{}\s]+),\n", entry)
    assert head
    fields, rest = dict[str, str](), entry[head.end() :]
    while field := re.match(r"\s*(\w+) = ", rest):
        rest = rest[field.end() :]
        depth, end = 0, 0
        while depth >= 0 and (depth > 0 or rest[end] != ","):
            depth += (rest[end] == "{") - (rest[end] == "}")
            end += depth >= 0
        value, rest = rest[:end].strip(), rest[end:].removeprefix(",")
        fields[field[1]] = value[1:-1] if value.startswith("{") else value
    assert rest.strip() == "}"
    return head[1], fields


# ---------------------------------------------------------------- CSL-JSON and JSON

# Of the fields that csl-data.json (schema 1.0.2) knows, those used here, and what each may hold.
CSL = {"id", "type", "title", "container-title", "URL", "archive", "archive_location", "note", "language", "section"}
CSL_OBJECTS = {"accessed", "issued", "author", "custom"}


def test_csl_json_has_the_fields_of_its_schema_only() -> None:
    item = as_csl(MADE)

    assert item.keys() <= CSL | CSL_OBJECTS
    assert all(isinstance(item[name], str) for name in item.keys() & CSL)
    assert item["type"] == "article-newspaper"
    assert item["author"] == [{"literal": "Ayşe Yılmaz"}, {"literal": "QHA"}]
    assert item["issued"] == {"date-parts": [[2017, 10, 6]]}
    assert item["accessed"] == {"date-parts": [[2024, 3, 1]]}
    assert json.loads(json.dumps(item["custom"]))["warc_record_id"] == MADE.record_id


def test_csl_json_leaves_out_what_is_not_known() -> None:
    item = as_csl(replace(MADE, authors=(), published_at=None, section=None, language=None))

    assert not item.keys() & {"author", "issued", "section", "language"}


# ---------------------------------------------------------------- the command


@pytest.mark.parametrize("form", ["--text", "--bibtex", "--csl", "--json"])
def test_the_command_prints_each_form(kept: ArchiveDir, form: str) -> None:
    done = CliRunner().invoke(commands, ["cite", "--archive", str(kept.root), URL, "--at", "2024-01", form])

    assert done.exit_code == 0, done.output
    citation = cited(kept, "2024-01-01")
    assert citation.payload_digest in done.stdout
    assert citation.record_id.strip("<>") in done.stdout
    if form == "--csl":
        assert [item["URL"] for item in json.loads(done.stdout)] == [URL]
    if form == "--json":
        assert json.loads(done.stdout) == as_json(citation)


def test_the_command_prints_text_when_no_form_is_named(kept: ArchiveDir) -> None:
    done = CliRunner().invoke(commands, ["cite", "--archive", str(kept.root), URL.removeprefix("http://")])

    assert done.stdout == as_text(cited(kept)) + "\n"
