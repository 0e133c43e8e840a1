"""What `muragat learn` gains: pages read before and after, by words and by what leaks.  `make bench-learn`

Two questions, both answered through a real archive: pages are written into a WARC, imported, indexed and learned from.

- Themes of the lab, read without a profile (--lab, a folder that ../shared/lab/wordpress/freeze.sh made): learned on
  every second article, scored on the others.
- The hosts of ../shared/data/news with the most pages: learned on all pages of a host and scored on the same; then each
  page with what all others of its host teach.

Scored as bench/evaluation.py does, with the decision "is this an article" off while scoring. Ours leaves much of a site
out without being taught, so each line also has what trafilatura alone makes of the page, and of what is left of it
without what was learned: that is what learning by itself is worth.

    python bench/learning.py [--lab DIRECTORY] [--hosts N] [--show]
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from statistics import fmean
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / folder) for folder in ("bench", "tests", "")]

import trafilatura  # noqa: E402
from archives import capture  # noqa: E402
from evaluation import NEWS, Page, Reading, Score, prepared, read_lab, read_news, read_ours, score_reading  # noqa: E402
from evaluation import without_decision as deciding_nothing  # noqa: E402

from archive.config import ArchiveDir, Site  # noqa: E402
from archive.errors import MuragatError  # noqa: E402
from archive.extract.learned import without_learned  # noqa: E402
from archive.extract.page import read_page  # noqa: E402
from archive.extract.runs import read_runs  # noqa: E402
from archive.importing import import_files  # noqa: E402
from archive.learn import learn, write  # noqa: E402
from archive.model import Exchange, Payload  # noqa: E402
from archive.warc import WarcWriter  # noqa: E402

TODAY = date(2026, 11, 23)
FIRST_DAY = datetime(2026, 3, 2, tzinfo=UTC)  # of the captures, an hour from each to the next
THEMES = ("tt1", "tt3", "eski")  # the last one as if no profile knew it
LEAKS = ("spam", "comments", "related")


def main() -> int:
    """Print the table."""
    options = parse_options()
    print(f"{'':34}{'pages':>6}{'F1':>8}{'prec.':>8}{'recall':>8}{'trafilatura':>13}   leaked from ours")
    if options.lab:
        for theme in THEMES:
            lab_theme([page for page in read_lab(options.lab) if page.groups == (f"lab {theme}",)], theme, options.show)
    if NEWS.is_dir():
        entries = map(json.loads, (NEWS / "gold.jsonl").read_text("utf-8").splitlines())
        domains = {entry["id"]: entry["domain"] for entry in entries}
        for domain, _ in Counter(domains.values()).most_common(options.hosts):
            news_host([page for page in read_news(NEWS) if domains[page.id] == domain], domain, options.show)
    else:
        print(f"no news pages: {NEWS} is not here", file=sys.stderr)
    return 0


def parse_options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--lab", type=Path, metavar="DIRECTORY", help="pages that the lab's freeze.sh saved")
    parser.add_argument(
        "--hosts", type=int, default=3, metavar="N", help="of the news pages, those with the most pages"
    )
    parser.add_argument("--show", action="store_true", help="print what was learned")
    return parser.parse_args()


def lab_theme(pages: Sequence[Page], theme: str, show: bool) -> None:
    """One theme: what one half teaches, on the other half."""
    taught, asked = pages[::2], pages[1::2]
    before = taught_by(())
    after = taught_by(taught, show=show)
    print_line(f"lab {theme}, other half: before", scores(asked, before))
    print_line(f"  learned on {after.learned.pages if after.learned else 0} articles", scores(asked, after))


def news_host(pages: Sequence[Page], domain: str, show: bool) -> None:
    """One host: what its pages teach, on the same and on each that was left out."""
    print_line(f"{domain}: before", scores(pages, taught_by(())))
    print_line("  learned on the same pages", scores(pages, taught_by(pages, show=show)))
    left_out = [
        score
        for number, page in enumerate(pages)
        for score in scores([page], taught_by([*pages[:number], *pages[number + 1 :]]))
    ]
    print_line("  each by all the others", left_out)


def taught_by(pages: Sequence[Page], *, show: bool = False) -> Site:
    """A profile that says nothing but the host, with what these pages teach."""
    with tempfile.TemporaryDirectory() as folder:
        directory = archive_of(Path(folder), pages)
        try:
            lesson = learn(directory, None, today=TODAY) if pages else None
        except MuragatError as error:  # too few pages
            print(error, file=sys.stderr)
            lesson = None
        if lesson:
            write(lesson)
            print(lesson.text if show else "", end="")
        return directory.site()


def archive_of(root: Path, pages: Sequence[Page]) -> ArchiveDir:
    """An archive of these pages and their host, imported from a WARC."""
    directory = ArchiveDir(root / "archive")
    for folder in (directory.root, directory.sites, directory.warcs):
        folder.mkdir()
    directory.config_path.write_text('contact = "bench@example.org"\n', "utf-8")
    hosts = sorted({urlsplit(page.url).netloc for page in pages}) or ["example.org"]
    profile = (
        f'title = "bench"\n[crawl]\nseeds = ["http://{hosts[0]}/"]\nhosts = {json.dumps(hosts)}\narticle = ["."]\n'
    )
    (directory.sites / "bench.toml").write_text(f'{profile}[read]\nzone = "Asia/Almaty"\n', "utf-8")
    if pages:
        writer = WarcWriter(root / "pages.warc.gz", info={"isPartOf": "bench"}, now=FIRST_DAY)
        for number, page in enumerate(pages):
            writer.write_exchange(exchange(page, FIRST_DAY + timedelta(hours=number)))
        writer.close()
        import_files(directory, [root / "pages.warc.gz"], now=FIRST_DAY)
    return directory


def exchange(page: Page, at: datetime) -> Exchange:
    """A page as a server would have sent it."""
    body = gzip.decompress(page.file.read_bytes())
    parts = urlsplit(page.url)
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {len(body)}\r\n\r\n"
    return Exchange(
        url=page.url,
        request=f"GET {parts.path or '/'} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode(),
        response=head.encode() + body,
        captured_at=at,
        ip_address="192.0.2.1",
    )


def scores(pages: Iterable[Page], site: Site) -> list[Score]:
    """Each page's score, read by this profile."""
    with prepared(), deciding_nothing():
        return [score(page, gzip.decompress(page.file.read_bytes()), site) for page in pages]


def score(page: Page, body: bytes, site: Site) -> Score:
    """Ours on one page, and trafilatura's F1."""
    ours = score_reading(read_ours(replace(page, site=site), body, ""), page)
    theirs = score_reading(Reading(text=trafilatura_text(page, body, site)), page)
    return {**ours, "trafilatura": theirs["f1"]}


def trafilatura_text(page: Page, body: bytes, site: Site) -> str:
    """What trafilatura takes for the article in a page without what was learned."""
    parsed = read_page(Payload(body=body, content_type="text/html", content_encoding=""), capture(page.url, FIRST_DAY))
    if parsed is None:
        return ""
    without_learned(read_runs(parsed.tree.find("body")), site.learned, None)
    found = trafilatura.bare_extraction(parsed.tree, include_comments=False, with_metadata=False)
    return (found.text or "") if found else ""


def print_line(label: str, found: Sequence[Score]) -> None:
    """Means over pages, and on how many of those that could leak something did."""
    means = "".join(f"{fmean(score[figure] for score in found):8.4f}" for figure in ("f1", "precision", "recall"))
    counts = {what: [score[f"leaked {what}"] for score in found if f"leaked {what}" in score] for what in LEAKS}
    means += f"{fmean(score['trafilatura'] for score in found):13.4f}"
    leaks = ", ".join(f"{what} {sum(counts[what]):.0f}" for what in LEAKS if counts[what])
    print(f"{label:<34}{len(found):>6}{means}   {leaks or 'no gold'}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
