"""What `make eval` counts, and that ours does not fall below the floors on the whole shared set."""

from __future__ import annotations

import gzip
import json
import sys
import tomllib
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "bench"))

import evaluation  # noqa: E402
from evaluation import OURS, Page, Reading, overlap, same_day, same_minute, score_reading  # noqa: E402

PLUS_3 = timezone(timedelta(hours=3))
EVENING = datetime(2024, 4, 30, 0, 30, tzinfo=PLUS_3)  # in UTC that is the day before
CLOCK = datetime(2020, 10, 30, 18, 28)  # a gold without zone


def test_precision_and_recall_are_of_words_with_their_number() -> None:
    precision, recall, f1 = overlap("bir bir iki ek", "Bir iki üç")
    assert (precision, recall) == (2 / 4, 2 / 3)
    assert f1 == pytest.approx(2 * precision * recall / (precision + recall))


def test_words_that_may_be_there_cost_nothing_either_way() -> None:
    assert overlap("bir iki resim", "bir iki", "resim") == overlap("bir iki", "bir iki", "resim") == (1, 1, 1)


@pytest.mark.parametrize("text, gold, f1", [("", "", 1.0), ("", "bir", 0.0), ("bir", "", 0.0)])
def test_nothing_read_is_right_only_where_there_is_nothing(text: str, gold: str, f1: float) -> None:
    assert overlap(text, gold)[2] == f1


@pytest.mark.parametrize(
    "read, gold, day, minute",
    [
        (datetime(2024, 4, 29, 21, 30, tzinfo=UTC), EVENING, True, True),
        (datetime(2024, 4, 29, 21, 31, tzinfo=UTC), EVENING, True, False),
        (datetime(2024, 4, 30, 21, 30, tzinfo=UTC), EVENING, False, False),
        (date(2024, 4, 30), EVENING, True, False),
        (date(2024, 4, 29), EVENING, False, False),
        (None, EVENING, False, False),
        (datetime(2020, 10, 30, 15, 28, tzinfo=UTC), CLOCK, True, True),  # right, if the clock hung at UTC+3
        (datetime(2020, 10, 30, 15, 29, tzinfo=UTC), CLOCK, True, False),
        (datetime(2020, 10, 28, 18, 28, tzinfo=UTC), CLOCK, False, False),
        (datetime(2020, 10, 30, 18, 28), CLOCK, True, True),
    ],
)
def test_dates_count_on_the_clock_of_the_gold(
    read: datetime | date | None, gold: datetime, day: bool, minute: bool
) -> None:
    assert (same_day(read, gold), same_minute(read, gold)) == (day, minute)


def test_only_what_the_gold_has_is_scored(tmp_path: Path) -> None:
    score = score_reading(Reading(text="bir", title=" Bir\n iki "), page(tmp_path, title="Bir iki"))
    assert score["title"] == 1 and not {"authors", "day", "minute"} & score.keys()


def test_what_is_no_article_is_read_all_the_same_and_counted(tmp_path: Path) -> None:
    """The decision is off for the run, and on again after it."""
    text = "Belediye meclisi dün akşam toplandı ve yeni köprünün yapımına karar verdi. Yapım gelecek yıl başlayacak."
    body = f"<html><head><title>Spor</title></head><body><h1>Spor haberleri</h1><p>{text}</p></body></html>"
    listing = page(tmp_path, url="https://a.example/kategori/spor/", body=text, html=body)

    decide = evaluation.ours.decide
    (score,) = evaluation.run_all([listing], [OURS])

    assert (score[OURS]["f1"], score[OURS]["turned away"], score[OURS]["failed"]) == (1.0, 1.0, 0.0)
    assert evaluation.ours.decide is decide
    assert evaluation.read_ours(listing, body.encode(), body) == Reading()


def test_a_frozen_lab_tells_what_leaked(tmp_path: Path) -> None:
    """In the form of the lab's freeze.sh; what the article says itself is no leak."""
    entry = {
        "kind": "post",
        "public": True,
        "pass": "tt1",
        "theme": "tt1",
        "file": "1.html.gz",
        "url": "http://a.example/bir-iki-uc/",
        "title": "Köprü açıldı",
        "published": "2024-03-20T14:05:00+05:00",
        "body": [{"role": "core", "text": "Yeni köprü açıldı."}, {"role": "optional", "text": "Resim"}],
        "spam_shown": {"strings": ["казино", "köprü"]},
        "comments": [{"text": "Hayırlı olsun"}],
        "excluded": [{"type": "related", "text": "Başka haber"}],
        "replaced": False,
        "http_status": 200,
    }
    lines = [entry, {**entry, "replaced": True}, {**entry, "http_status": 404}]
    (tmp_path / "gold.jsonl").write_text("\n".join(map(json.dumps, lines)), "utf-8")

    (article,) = evaluation.read_lab(tmp_path)
    score = score_reading(Reading(text="Yeni köprü açıldı. казино Başka haber Resim"), article)

    leaks = {name: score[f"leaked {name}"] for name in ("spam", "comments", "related")}
    assert leaks == {"spam": 1.0, "comments": 0.0, "related": 1.0}
    assert score["recall"] == 1.0 and score["precision"] == 3 / 6


@pytest.mark.shared
def test_no_floor_of_the_table_is_missed(shared: Path) -> None:
    """Ours alone, all pages; `make eval` prints the same beside the peers, and has a floor for the speed too."""
    pages = evaluation.read_news(shared / "data" / "news")
    floors = tomllib.loads((ROOT / "tests" / "floors.toml").read_text("utf-8"))["eval"]
    assert len(pages) > 300

    scores = evaluation.score_all(pages, [OURS])

    assert floors.keys() <= {*evaluation.our_figures(pages, scores), "times trafilatura's"}
    assert evaluation.below_floors(pages, scores) == []


def page(
    directory: Path, *, url: str = "https://a.example/x-y-z/", title: str = "", body: str = "bir", html: str = ""
) -> Page:
    """A page of our own as a file."""
    file = directory / "page.html.gz"
    file.write_bytes(gzip.compress(html.encode()))
    return Page(id="a", file=file, url=url, language="tr", groups=("all",), body=body, title=title)
