"""How well pages of the wild are read: ours beside five peers, in one run and one table.  `make eval`

Scored as ../shared/data/news/README.md says: words `\\w+`, lower-cased, as a multiset, one F1 a page and the mean over
pages; title and authors exact but for NFC and white space, where the gold has them; the decision "is this an article"
off, but what it would have turned away is counted. Dates count to the day in the gold's own zone, and to the minute
where the gold has it. Documents a second are of CPU time: each page by each contestant in turn, caches emptied between
them, and what is loaded once (dateparser's locales) before the clock starts; decoding is a gift to those who want text.
Trafilatura runs without comments, as ours does; its row "text only" asks for no title, author and date.

    python bench/evaluation.py [--every N] [--jobs N] [--worst N] [--only muragat,trafilatura] [--lab DIRECTORY]
                               [--confidence]

The set marks neither spam nor comments; what leaks of them is told with --lab, a folder that ../shared/lab's freeze.sh
made. Its themes haber and eski are read with the shipped profile, the others without. On the whole set the figures are
held against tests/floors.toml; exit code 1 when one fell. Peers come with tests/peers.lock; who is missing is named.
"""

from __future__ import annotations

import argparse
import gc
import gzip
import json
import logging
import multiprocessing
import re
import sys
import time
import tomllib
import unicodedata
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import partial
from importlib import import_module
from pathlib import Path
from statistics import fmean, median
from typing import Any

import dateparser
from lxml import html
from trafilatura.meta import reset_caches

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / folder) for folder in ("tests", "")]

from archives import capture  # noqa: E402
from scoring import is_gold_article, leaked  # noqa: E402

from archive.config import SHIPPED_SITES, Site, read_site  # noqa: E402
from archive.extract.page import decode  # noqa: E402
from archive.model import Article, PageKind, Payload, Precision  # noqa: E402

# As a module: the decision in it is replaced for the run, and what it imports is nobody else's to name.
ours: Any = import_module("archive.extract.article")

NEWS = ROOT.parent / "shared" / "data" / "news"
OURS, REFERENCE = "muragat", "trafilatura"
CAPTURED_AT = datetime(2026, 11, 1, tzinfo=UTC)  # after every page of the set
SHORT_CHARS, LONG_CHARS = 600, 2000
FEW_PAGES = 5  # languages with fewer stand together
PROFILED = ("haber", "eski")  # the lab's themes that the shipped profile knows
_WORD = re.compile(r"\w+")
_BLOCKS = frozenset(["p", "div", "br", "li", "td", "th", "tr", "blockquote", "figcaption", "pre", "section", "article"])
_BLOCKS |= {f"h{level}" for level in range(1, 7)}

Score = Mapping[str, float]  # figure → 0 to 1, "cpu" in seconds; without what the page's gold lacks


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page with its gold."""

    id: str
    file: Path
    url: str
    language: str
    groups: tuple[str, ...]  # rows of the table that it counts in
    body: str
    optional: str = ""  # may be there or not
    title: str = ""
    authors: tuple[str, ...] = ()
    published: datetime | None = None
    to_the_minute: bool = False
    site: Site | None = None
    unwanted: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # "spam", "comments", "related" → strings
    lab: Mapping[str, Any] = field(default_factory=dict)  # the lab's gold, to tell what a text says itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a contestant made of a page."""

    text: str = ""
    title: str = ""
    authors: tuple[str, ...] = ()
    published: datetime | date | None = None  # a date where only the day is known


Contestant = Callable[[Page, bytes, str], Reading]  # the page, its bytes, and those decoded


def main() -> int:
    """Print the table; how many floors were missed."""
    options = parse_options()
    if not NEWS.is_dir():
        print(f"no figures: {NEWS} is not here", file=sys.stderr)
        return 0
    pages = read_news(NEWS)[:: options.every]
    if options.confidence:
        print_confidence(pages)
        return 0
    lab = read_lab(options.lab)[:: options.every] if options.lab else []
    contestants, missing = installed(options.only.split(",") if options.only else None)
    scores = score_all([*pages, *lab], list(contestants), jobs=options.jobs)
    print_table(pages, scores, list(contestants))
    if lab:
        print_lab(lab, scores, list(contestants))
    for name, reason in missing.items():
        print(f"{name}: not installed ({reason}); `make eval` installs it from tests/peers.lock")
    if options.worst and OURS in contestants:
        print_worst(pages, scores, options.worst)
    fallen = below_floors(pages, scores) if options.every == 1 and OURS in contestants else []
    print("\n".join(fallen), end="\n" if fallen else "")
    return 1 if fallen else 0


def parse_options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--every", type=int, default=1, metavar="N", help="every Nth page only; no floors then")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="processes at a time")
    parser.add_argument(
        "--worst", type=int, default=0, metavar="N", help="also the N worst pages of each group, and trafilatura's F1"
    )
    parser.add_argument("--only", default="", metavar="NAMES", help="these contestants, by comma")
    parser.add_argument("--lab", type=Path, metavar="DIRECTORY", help="pages that the lab's freeze.sh saved")
    parser.add_argument("--confidence", action="store_true", help="only how often ours is right, by its confidence")
    return parser.parse_args()


def read_news(directory: Path) -> list[Page]:
    """The pages of the shared set."""
    entries = [json.loads(line) for line in (directory / "gold.jsonl").read_text("utf-8").splitlines()]
    languages = [entry["lang"] for entry in entries]
    return [
        Page(
            id=entry["id"],
            file=directory / entry["file"],
            url=entry["url"],
            language=entry["lang"],
            groups=groups_of(entry, rare=languages.count(entry["lang"]) < FEW_PAGES),
            body=entry["body"],
            title=entry["title"] or "",
            authors=tuple(entry["authors"] or ()),
            published=datetime.fromisoformat(entry["published"]) if entry["published"] else None,
            to_the_minute=entry["published_precision"] == "minute",
        )
        for entry in entries
    ]


def groups_of(entry: Mapping[str, Any], *, rare: bool) -> tuple[str, ...]:
    """The rows of the table in which a page counts."""
    chars = len(entry["body"])
    length = "under 600 characters" if chars < SHORT_CHARS else "600 to 2,000" if chars < LONG_CHARS else "over 2,000"
    if entry["lang"] == "tr":
        hosts = "Turkish"
    elif entry["lang"] in ("ru", "kk") or entry["domain"].endswith(".kz"):
        hosts = "Russian and .kz"
    else:
        hosts = "other hosts"
    closer = (".kz alone",) if entry["domain"].endswith(".kz") else ()
    if hosts == "Turkish" and entry["source"] != "uzunwp":  # which is a teacher's site
        closer = ("Turkish news",)
    language = "language, others" if rare else f"language {entry['lang']}"
    return ("all", length, hosts, *closer, language, f"source {entry['source']}")


def read_lab(directory: Path) -> list[Page]:
    """The articles among the pages that freeze.sh saved; where spam took a page over, there is nothing to read."""
    profile = read_site(SHIPPED_SITES / "kazakistan_kz.toml")
    entries = map(json.loads, (directory / "gold.jsonl").read_text("utf-8").splitlines())
    return [
        Page(
            id=entry["file"],
            file=directory / entry["file"],
            url=entry["url"],
            language="tr",
            groups=(f"lab {entry['pass']}",),
            body="\n\n".join(block["text"] for block in entry["body"] if block["role"] == "core"),
            optional="\n\n".join(block["text"] for block in entry["body"] if block["role"] != "core"),
            title=entry["title"],
            published=datetime.fromisoformat(entry["published"]),
            to_the_minute=True,
            site=profile if entry["theme"] in PROFILED else None,
            unwanted={
                "spam": tuple(entry["spam_shown"]["strings"]),
                "comments": tuple(comment["text"] for comment in entry.get("comments") or ()),
                "related": tuple(other["text"] for other in entry.get("excluded") or () if other["text"]),
            },
            lab={"title": entry["title"], "body": entry["body"]},
        )
        for entry in entries
        if is_gold_article(entry) and not entry["replaced"] and entry["http_status"] == 200
    ]


def installed(wanted: Sequence[str] | None) -> tuple[dict[str, Contestant], dict[str, str]]:
    """The contestants that can run here, and why the others cannot."""
    ready: dict[str, Contestant] = {}
    missing: dict[str, str] = {}
    for name, make in MAKERS.items():
        if wanted is None or name in wanted:
            try:
                with warnings.catch_warnings(action="ignore"):  # newspaper4k misses nltk, which parsing does not need
                    ready[name] = make()
            except (ImportError, AttributeError) as error:  # the second from a peer that met another lxml
                missing[name] = str(error)
    return ready, missing


def score_all(pages: Sequence[Page], names: Sequence[str], *, jobs: int = 1) -> dict[str, dict[str, Score]]:
    """Page id → contestant → score."""
    if jobs == 1:
        return {page.id: score for page, score in zip(pages, run_all(pages, names), strict=True)}
    shares = [pages[start::jobs] for start in range(jobs)]
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        done = pool.map(partial(run_all, names=names), shares, chunksize=1)
    return {
        page.id: score
        for share, scores in zip(shares, done, strict=True)
        for page, score in zip(share, scores, strict=True)
    }


def run_all(pages: Sequence[Page], names: Sequence[str]) -> list[dict[str, Score]]:
    """The scores of each page; who comes first changes from page to page."""
    contestants = installed(names)[0]
    found: list[dict[str, Score]] = []
    with prepared(), without_decision() as turned_away:
        for number, page in enumerate([*pages[:1], *pages]):  # the first one twice: its first time is not counted
            body = gzip.decompress(page.file.read_bytes())
            text = decode(body, "text/html")[0]
            scores: dict[str, Score] = {}
            turn = number % max(1, len(names))
            for name in [*names[turn:], *names[:turn]]:
                reset_caches()
                turned_away.clear()
                score = score_one(contestants[name], page, body, text)
                scores[name] = {**score, "turned away": float(bool(turned_away))} if name == OURS else score
            found.append({name: scores[name] for name in names})
    return found[1:]


@contextmanager
def prepared() -> Iterator[None]:
    """Peers' warnings about pages are silent, and what is loaded once is loaded: dateparser reads all its locales."""
    level = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    dateparser.parse("12 foo 2020 bar")
    gc.freeze()  # reset_caches collects garbage each time; it need not look through modules
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        gc.unfreeze()
        logging.disable(level)


@contextmanager
def without_decision() -> Iterator[list[PageKind]]:
    """Every page is taken for an article by our extractor; what it would have been instead is in the list."""
    decide = ours.decide
    turned_away: list[PageKind] = []

    def accept(evidence: Any) -> tuple[PageKind, str]:
        kind, reason = decide(evidence)
        if kind not in (PageKind.ARTICLE, PageKind.CONTINUATION):
            turned_away.append(kind)
        return PageKind.ARTICLE, reason

    ours.decide = accept
    try:
        yield turned_away
    finally:
        ours.decide = decide


def score_one(contestant: Contestant, page: Page, body: bytes, text: str) -> dict[str, float]:
    """One contestant on one page; an exception is a page without text, and counted."""
    started = time.process_time()
    try:
        reading, failed = contestant(page, body, text), 0.0
    except Exception:  # whatever a peer raises
        reading, failed = Reading(), 1.0
    cpu = time.process_time() - started
    return {**score_reading(reading, page), "cpu": cpu, "failed": failed}


def score_reading(reading: Reading, page: Page) -> dict[str, float]:
    """What a reading is worth against the page's gold."""
    precision, recall, f1 = overlap(reading.text, page.body, page.optional)
    score = {"f1": f1, "precision": precision, "recall": recall, "empty": float(not reading.text.strip())}
    if page.title:
        score["title"] = float(fold(reading.title) == fold(page.title))
    if page.authors:
        score["authors"] = float([*map(fold, reading.authors)] == [*map(fold, page.authors)])
    if page.published:
        score["day"] = float(same_day(reading.published, page.published))
        if page.to_the_minute:
            score["minute"] = float(same_minute(reading.published, page.published))
    said = f"{reading.title}\n{reading.text}"
    for what, strings in page.unwanted.items():
        score[f"leaked {what}"] = float(bool(leaked(said, strings, page.lab)))
    return score


def overlap(text: str, gold: str, optional: str = "") -> tuple[float, float, float]:
    """Precision, recall and F1 of the words of a text; words that may be there or not are no error."""
    got, want = words(text), words(gold)
    got -= (got - want) & words(optional)
    if not got or not want:
        return (1.0, 1.0, 1.0) if not got and not want else (0.0, 0.0, 0.0)
    common = (got & want).total()
    precision, recall = common / got.total(), common / want.total()
    return precision, recall, 2 * common / (got.total() + want.total())


def words(text: str) -> Counter[str]:
    """The set's own count of words: no normal form."""
    return Counter(_WORD.findall(text.lower()))


def fold(text: str) -> str:
    """NFC with white space folded, and nothing else."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def same_day(read: datetime | date | None, gold: datetime) -> bool:
    """Whether the day is the gold's, where the gold was printed."""
    if isinstance(read, datetime):
        return at_place_of(read, gold).date() == gold.date() or same_minute(read, gold)
    return read == gold.date()


def same_minute(read: datetime | date | None, gold: datetime) -> bool:
    """Whether the minute is the gold's; who knows the day alone does not know the minute.

    Where the gold is a clock without a zone, a moment is right if there is a zone in which that clock shows it.
    """
    if not isinstance(read, datetime):
        return False
    if read.tzinfo and not gold.tzinfo:
        apart = abs(read.replace(tzinfo=None, second=0, microsecond=0) - gold.replace(second=0, microsecond=0))
        return apart <= timedelta(hours=14) and not apart % timedelta(minutes=15)
    return f"{at_place_of(read, gold):%F %R}" == f"{gold:%F %R}"


def at_place_of(moment: datetime, gold: datetime) -> datetime:
    """A moment on the gold's clock; where either names no zone, as written."""
    return moment.astimezone(gold.tzinfo) if moment.tzinfo and gold.tzinfo else moment


def print_table(pages: Sequence[Page], scores: Mapping[str, Mapping[str, Score]], names: Sequence[str]) -> None:
    """One line a group or figure, one column a contestant."""
    print(f"{len(pages)} pages; F1 precision/recall, mean over pages")
    print(f"{'':22}{'pages':>5}" + "".join(f"{name:>13}" for name in names))
    for group in sorted({group for page in pages for group in page.groups}, key=group_order):
        within = [page.id for page in pages if group in page.groups]
        print_row(group, len(within), [three_figures(mean_of(scores, within, name)) for name in names])
    every = [page.id for page in pages]
    for figure, label in FIGURES.items():
        counted = [page_id for page_id in every if figure in scores[page_id][names[0]]]
        print_row(label, len(counted), [shown(share(scores, counted, name, figure)) for name in names])
    for figure, label in COUNTS.items():
        print_row(label, len(every), [count(scores, every, name, figure) for name in names])
    print_row("spam, comments leaked", 0, ["no gold"] * len(names))
    seconds = {name: [scores[page_id][name]["cpu"] for page_id in every] for name in names}
    print_row("documents/s a core", len(every), [f"{len(every) / sum(seconds[name]):.1f}" for name in names])
    if REFERENCE in names:
        print_row("times trafilatura's", len(every), [f"{ratio:.2f}" for ratio in speeds(seconds).values()])
        print_row("the same, median page", len(every), [f"{ratio:.2f}" for ratio in median_speeds(seconds).values()])


FIGURES = {"title": "title exact", "authors": "authors exact", "day": "date to the day", "minute": "date to the minute"}
COUNTS = {"empty": "pages without text", "failed": "exceptions", "turned away": "taken for no article"}


def print_lab(pages: Sequence[Page], scores: Mapping[str, Mapping[str, Score]], names: Sequence[str]) -> None:
    """The frozen lab: body, title and minute a pass, and on how many pages something leaked."""
    print()
    for group in sorted({page.groups[0] for page in pages}):
        within = [page.id for page in pages if group in page.groups]
        print_row(group, len(within), [three_figures(mean_of(scores, within, name)) for name in names])
        for figure in ("title", "minute"):
            print_row(f"  {FIGURES[figure]}", len(within), [shown(share(scores, within, n, figure)) for n in names])
        for what in ("spam", "comments", "related"):
            having = [page.id for page in pages if group in page.groups and page.unwanted[what]]
            print_row(f"  {what} leaked", len(having), [count(scores, having, n, f"leaked {what}") for n in names])


def print_row(label: str, pages: int, cells: Iterable[str]) -> None:
    """One line of the table."""
    print(f"{label:<22}{pages or '':>5}" + "".join(f"{cell:>13}" for cell in cells))


def group_order(group: str) -> tuple[int, str]:
    """All pages first, then by length, hosts, language and source."""
    lengths, hosts = ("under 600 characters", "600 to 2,000", "over 2,000"), ("Turkish", "Turkish news")
    fixed = ["all", *lengths, *hosts, "Russian and .kz", ".kz alone", "other hosts"]
    return (fixed.index(group), "") if group in fixed else (len(fixed), group)


def mean_of(
    scores: Mapping[str, Mapping[str, Score]], page_ids: Sequence[str], name: str
) -> tuple[float, float, float]:
    """F1, precision and recall, each the mean over pages."""
    f1, precision, recall = (share(scores, page_ids, name, figure) for figure in ("f1", "precision", "recall"))
    return f1, precision, recall


def share(scores: Mapping[str, Mapping[str, Score]], page_ids: Sequence[str], name: str, figure: str) -> float:
    """The mean of a figure."""
    return fmean(scores[page_id][name][figure] for page_id in page_ids) if page_ids else 0.0


def count(scores: Mapping[str, Mapping[str, Score]], page_ids: Sequence[str], name: str, figure: str) -> str:
    """How many pages a thing happened on; a dash for who has no such thing."""
    values = [scores[page_id][name].get(figure) for page_id in page_ids]
    return "-" if None in values or not values else f"{sum(value or 0 for value in values):.0f}"


def shown(figure: float) -> str:
    """Three digits; a dash for what is never right, as with those who do not tell the field at all."""
    return f"{figure:.3f}" if figure else "-"


def three_figures(mean: tuple[float, float, float]) -> str:
    """F1, then precision and recall, without their leading zeros."""
    f1, precision, recall = (
        f"{figure:.{digits}f}".removeprefix("0")[: digits + 1] for figure, digits in zip(mean, (3, 2, 2), strict=True)
    )
    return f"{f1} {precision}/{recall}"


def speeds(seconds: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """How many documents of each go into one of trafilatura's, over all pages."""
    return {name: sum(seconds[REFERENCE]) / sum(spent) for name, spent in seconds.items()}


def median_speeds(seconds: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """The same page by page, and of that the median: a few pages take half of trafilatura's time."""
    return {
        name: median(theirs / max(mine, 1e-9) for theirs, mine in zip(seconds[REFERENCE], spent, strict=True))
        for name, spent in seconds.items()
    }


def print_worst(pages: Sequence[Page], scores: Mapping[str, Mapping[str, Score]], number: int) -> None:
    """Our worst pages of each group of hosts and of the short ones, with the reference's F1 where it ran."""
    for group in ("under 600 characters", "Turkish", "Russian and .kz", "other hosts"):
        print(f"\nworst of {group}: F1 precision/recall, {REFERENCE}'s F1")
        within = [page.id for page in pages if group in page.groups]
        for page_id in sorted(within, key=lambda page_id: scores[page_id][OURS]["f1"])[:number]:
            mean, theirs = mean_of(scores, [page_id], OURS), scores[page_id].get(REFERENCE, {}).get("f1", 0.0)
            print(f"  {three_figures(mean)}  {theirs:.3f}  {page_id}")


BUCKETS = (0.0, 0.5, 0.7, 0.8, 0.9, 0.95)  # of confidence; each reaches to the next
RIGHT_F1 = 0.9  # a body is right from here on
CONFIDENT = {"title": "title", "authors": "authors", "published_at": "day", "body": "f1"}  # field → its figure


def print_confidence(pages: Sequence[Page]) -> None:
    """For each field with gold and each span of confidence: values, what share was right, and what was expected."""
    told: dict[tuple[str, float], list[tuple[float, float]]] = {}
    with prepared(), without_decision():
        for page in pages:
            payload = Payload(
                body=gzip.decompress(page.file.read_bytes()), content_type="text/html", content_encoding=""
            )
            article = ours.extract(payload, capture(page.url, CAPTURED_AT), page.site).article
            score = score_reading(reading_of(article, page), page) if article else {}
            for name, figure in CONFIDENT.items():
                if article and figure in score and (certain := article.confidence.get(name)) is not None:
                    is_right = score[figure] >= (RIGHT_F1 if figure == "f1" else 1.0)
                    span = max(least for least in BUCKETS if least <= certain)
                    told.setdefault((name, span), []).append((float(is_right), certain))
    print("field         confidence  pages   right  mean confidence")
    for (name, span), values in sorted(told.items()):
        right, expected = (fmean(value[place] for value in values) for place in (0, 1))
        print(f"{name:<13} {span:>7.2f} up {len(values):>6} {right:>7.3f} {expected:>16.3f}")


def below_floors(pages: Sequence[Page], scores: Mapping[str, Mapping[str, Score]]) -> list[str]:
    """What is worse than the floors allow, in words."""
    floors = tomllib.loads((ROOT / "tests" / "floors.toml").read_text("utf-8"))["eval"]
    figures = our_figures(pages, scores)
    return [
        f"below its floor: {name} {figures[name]:.4f}, at least {floor} (tests/floors.toml)"
        for name, floor in floors.items()
        if name in figures and figures[name] < floor
    ]


def our_figures(pages: Sequence[Page], scores: Mapping[str, Mapping[str, Score]]) -> dict[str, float]:
    """Ours by name: F1 of each group, the exact fields, and times trafilatura's speed where that ran."""
    found = {
        group: share(scores, [page.id for page in pages if group in page.groups], OURS, "f1")
        for group in {group for page in pages for group in page.groups}
    }
    for figure, label in FIGURES.items():
        having = [page.id for page in pages if figure in scores[page.id][OURS]]
        found[label] = share(scores, having, OURS, figure)
    if all(REFERENCE in scores[page.id] for page in pages):
        spent = {name: [scores[page.id][name]["cpu"] for page in pages] for name in (OURS, REFERENCE)}
        found["times trafilatura's"] = speeds(spent)[OURS]
    return found


def ours_contestant() -> Contestant:
    """Our `extract`, without the site's profile unless the page brings one."""
    return read_ours


def read_ours(page: Page, body: bytes, text: str) -> Reading:
    payload = Payload(body=body, content_type="text/html", content_encoding="")
    article = ours.extract(payload, capture(page.url, CAPTURED_AT), page.site).article
    return reading_of(article, page) if article else Reading()


def reading_of(article: Article, page: Page) -> Reading:
    """An article of ours as what is compared."""
    at: datetime | date | None = article.published_at
    if article.published_at and article.published_precision is Precision.DAY:
        at = article.published_at.astimezone(page.site.zone if page.site else UTC).date()
    return Reading(text=article.text, title=article.title, authors=article.authors, published=at)


def trafilatura_contestant(**options: bool) -> Contestant:
    """trafilatura as it comes, without comments; of its authors' line each name."""
    bare_extraction = import_module("trafilatura").bare_extraction

    def read(page: Page, body: bytes, text: str) -> Reading:
        read = bare_extraction(body, url=page.url, include_comments=False, **options)
        if read is None:
            return Reading()
        return Reading(
            text=read.text or "",
            title=read.title or "",
            authors=tuple(name for name in (read.author or "").split("; ") if name),
            published=date.fromisoformat(read.date) if read.date else None,
        )

    return read


def readability_contestant() -> Contestant:
    """readability-lxml: its title without the site's name, its summary as text, a line a block."""
    Document = import_module("readability").Document  # noqa: N806 - a class

    def read(page: Page, body: bytes, text: str) -> Reading:
        document = Document(text)
        tree: Any = html.fromstring(document.summary())
        for element in tree.iter():
            if element.tag in _BLOCKS:
                element.tail = "\n" + (element.tail or "")
        return Reading(text=tree.text_content(), title=document.short_title())

    return read


def newspaper_contestant() -> Contestant:
    """newspaper4k, told the language and kept from fetching: no pictures, and the list of domains that it brings."""
    newspaper = import_module("newspaper")
    domains: Any = import_module("tldextract.tldextract")
    domains.TLD_EXTRACTOR = domains.TLDExtract(suffix_list_urls=(), cache_dir=None)
    known = {code for code, _ in import_module("newspaper.languages").valid_languages()}

    def read(page: Page, body: bytes, text: str) -> Reading:
        language = page.language if page.language in known else "en"
        article = newspaper.Article(page.url, language=language, fetch_images=False)
        article.download(input_html=text)
        article.parse()
        return Reading(
            text=article.text, title=article.title, authors=tuple(article.authors), published=article.publish_date
        )

    return read


def boilerpy_contestant() -> Contestant:
    """boilerpy3's extractor for articles: text and title alone."""
    extractor = import_module("boilerpy3.extractors").ArticleExtractor(raise_on_failure=True)

    def read(page: Page, body: bytes, text: str) -> Reading:
        document = extractor.get_doc(text)
        return Reading(text=document.content, title=document.title or "")

    return read


MAKERS: Mapping[str, Callable[[], Contestant]] = {
    OURS: ours_contestant,
    REFERENCE: partial(trafilatura_contestant, with_metadata=True),
    "- precision": partial(trafilatura_contestant, with_metadata=True, favor_precision=True),
    "- text only": trafilatura_contestant,
    "readability": readability_contestant,
    "newspaper4k": newspaper_contestant,
    "boilerpy3": boilerpy_contestant,
}

if __name__ == "__main__":
    sys.exit(main())
