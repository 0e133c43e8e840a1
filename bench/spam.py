"""How much injected content is found, what of it leaks into articles, and what is taken for it that is none.

    python bench/spam.py --lab DIRECTORY [--news DIRECTORY] [--every N] [--misses N]

DIRECTORY is a folder that ../shared/lab's freeze.sh made: pages of a hacked WordPress in several themes, with what each
body holds. They are read as they are, and once more with every injected text and address changed for one of
tests/spam_texts.py, so that no list of words can know them. A page counts as found when its findings hold every string
and address that its body shows. Leaks are such strings in title, lead or text. False alarms are findings on pages
without injected content: the real news of ../shared/data/news and the lab's clean pages. Exit code 1 below the goals.
"""

from __future__ import annotations

import argparse
import gzip
import html
import json
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / folder) for folder in ("tests", "")]

from archives import capture  # noqa: E402
from spam_texts import CAMPAIGNS, Campaign  # noqa: E402

from archive.config import SHIPPED_SITES, Site, read_site  # noqa: E402
from archive.model import Extracted, Payload  # noqa: E402

# As a module: how long the search takes is measured by wrapping it.
ours: Any = import_module("archive.extract.article")

NEWS = ROOT.parent / "shared" / "data" / "news"
CAPTURED_AT = datetime(2026, 11, 1, tzinfo=UTC)
PROFILED = ("haber", "eski")  # the lab's themes that the shipped profile knows
MIN_FOUND, MAX_ALARMS = 0.98, 0.001
MAX_LEAKS = {"haber": 0.0, "eski": 0.0}  # share of pages; other themes:
MAX_LEAKS_ELSEWHERE = 0.005


@dataclass(slots=True)
class Tally:
    """What one set of pages came to."""

    shown: Counter[tuple[str, str]] = field(default_factory=Counter)  # pass, variant
    found: Counter[tuple[str, str]] = field(default_factory=Counter)
    leaked: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))  # pass → what, where
    pages: Counter[str] = field(default_factory=Counter)  # articles of a pass
    themes: dict[str, str] = field(default_factory=dict)
    missed: list[str] = field(default_factory=list)


def main() -> int:
    """Print the tables; how many goals were missed."""
    options = parse_options()
    failed: list[str] = []
    if options.lab:
        entries = [json.loads(line) for line in (options.lab / "gold.jsonl").read_text("utf-8").splitlines()]
        spammed = [e for e in entries if e["kind"] == "post" and e["http_status"] == 200 and e["spam_mode"] != "off"]
        for name, change in (("as the lab writes it", False), ("with other texts and addresses", True)):
            tally = read_spammed(options.lab, spammed[:: options.every], change=change)
            failed += print_tally(name, tally, misses=options.misses)
    alarms = Counter[str]()
    counted = Counter[str]()
    for group, identity, read in unspammed(options):
        counted[group] += 1
        for finding in read.findings:
            alarms[group] += 1
            print(f"  false alarm: {identity}: {finding.kind} {finding.evidence} {finding.excerpt[:90]!r}")
    for group, count in counted.items():
        print(f"false alarms, {group}: {alarms[group]} on {count} pages")
    if sum(alarms.values()) > MAX_ALARMS * sum(counted.values()):
        failed.append(f"false alarms: {sum(alarms.values())} on {sum(counted.values())} pages")
    if SECONDS:
        ordered = sorted(SECONDS)
        middle, high = ordered[len(ordered) // 2], ordered[int(len(ordered) * 0.95)]
        print(f"the search took {1000 * middle:.2f} ms a page of news (median), {1000 * high:.2f} ms (95 of 100)")
    print("\n".join(f"missed goal: {line}" for line in failed), end="\n" if failed else "")
    return 1 if failed else 0


def parse_options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--lab", type=Path, metavar="DIRECTORY", help="pages that the lab's freeze.sh saved")
    parser.add_argument("--news", type=Path, default=NEWS, metavar="DIRECTORY", help="real pages without spam")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="every Nth page only")
    parser.add_argument("--misses", type=int, default=0, metavar="N", help="also N pages that were missed")
    return parser.parse_args()


# ---------------------------------------------------------------- pages with spam


def read_spammed(directory: Path, entries: Sequence[Mapping[str, Any]], *, change: bool) -> Tally:
    """What was found on the lab's pages, and what leaked."""
    profile = read_site(SHIPPED_SITES / "kazakistan_kz.toml")
    tally = Tally()
    for entry in entries:
        body = gzip.decompress((directory / entry["file"]).read_bytes())
        strings, links = list(entry["spam_shown"]["strings"]), list(entry["spam_shown"]["links"])
        name, variant = entry["pass"], entry["spam"]["variant"]
        tally.pages[name] += 1
        tally.themes[name] = entry["theme"]
        if not strings and not links:
            continue
        if change:
            body, strings, links = changed(body, entry, strings, links)
        read = read_page(body, entry["url"], profile if entry["theme"] in PROFILED else None)
        tally.shown[name, variant] += 1
        left = [text for text in strings if not holds_text(read, text)] + [
            link for link in links if not strings and not holds_host(read, link)
        ]
        if left:
            tally.missed.append(f"{entry['file']} {variant}: {left[0]!r} of {len(strings)}")
        else:
            tally.found[name, variant] += 1
        leaks = leaked(read, strings)
        if leaks:
            tally.leaked[name].append(f"{entry['file']} {variant}: {leaks[0]!r}")
    return tally


def changed(
    body: bytes, entry: Mapping[str, Any], strings: Sequence[str], links: Sequence[str]
) -> tuple[bytes, list[str], list[str]]:
    """The page with every injected text and address changed for one of a campaign that its number picks."""
    number = int.from_bytes(sha256(f"{entry['idx']} {entry['pass']}".encode()).digest()[:4], "big")
    campaign = CAMPAIGNS[number % len(CAMPAIGNS)]
    text = body.decode("utf-8", "replace")
    labels = {label for _, label in entry["spam"]["links"] if label}
    swapped = {old: other_text(campaign, number + place, short=old in labels) for place, old in enumerate(strings)}
    hosts = {urlsplit(link[0]).netloc for link in entry["spam"]["links"]}
    swapped_hosts = {
        old: campaign.hosts[(number + place) % len(campaign.hosts)] for place, old in enumerate(sorted(hosts))
    }
    for old, new in sorted([*swapped.items(), *swapped_hosts.items()], key=lambda pair: -len(pair[0])):
        for form in (str, html.escape, quote, texturized):
            text = text.replace(form(old), form(new))
    shown = [
        new for new in dict.fromkeys(swapped.values()) if any(form(new) in text for form in (str, html.escape, quote))
    ]
    return text.encode(), shown, [host for host in swapped_hosts.values() if host in text and links]


def other_text(campaign: Campaign, number: int, *, short: bool) -> str:
    choices = campaign.labels if short else campaign.lines
    return choices[number % len(choices)]


def texturized(text: str) -> str:
    """As WordPress prints it: dashes as entities."""
    return html.escape(text).replace("–", "&#8211;")


def read_page(body: bytes, url: str, site: Site | None) -> Extracted:
    payload = Payload(body=body, content_type="text/html", content_encoding="")
    read: Extracted = ours.extract(payload, capture(url, CAPTURED_AT), site)
    return read


def holds_text(read: Extracted, text: str) -> bool:
    """Whether a finding holds an injected string; of a list cut at its 500th letter, whether the list is there."""
    wanted = folded(text)
    return any(
        wanted in (excerpt := folded(finding.excerpt))
        or (len(finding.excerpt) >= 490 and len(finding.domains) > 2)
        or (len(excerpt) >= 15 and excerpt in wanted)
        for finding in read.findings
    )


def holds_host(read: Extracted, link: str) -> bool:
    host = urlsplit(link).netloc or link
    return any(host in finding.domains for finding in read.findings)


def leaked(read: Extracted, strings: Sequence[str]) -> list[str]:
    """The injected strings in title, lead or text. Short labels may be a genuine text's own words."""
    if read.article is None:
        return []
    shown = folded(f"{read.article.title}\n{read.article.lead}\n{read.article.text}")
    return [text for text in strings if len(text) >= 12 and folded(text) in shown]


def folded(text: str) -> str:
    return " ".join(html.unescape(text).replace("—", "–").lower().split())


# ---------------------------------------------------------------- pages without

SECONDS: list[float] = []  # of each search in a page of news


def unspammed(options: argparse.Namespace) -> Iterator[tuple[str, str, Extracted]]:
    """Real news and the lab's clean pages, as they were read."""
    if options.news.is_dir():
        search = ours.find_spam

        def timed(*args: Any, **named: Any) -> Any:
            begin = time.thread_time()
            found = search(*args, **named)
            SECONDS.append(time.thread_time() - begin)
            return found

        ours.find_spam = timed
        try:
            for line in (options.news / "gold.jsonl").read_text("utf-8").splitlines()[:: options.every]:
                entry = json.loads(line)
                body = gzip.decompress((options.news / entry["file"]).read_bytes())
                yield "real news", entry["id"], read_page(body, entry["url"], None)
        finally:
            ours.find_spam = search
    if not options.lab:
        return
    profile = read_site(SHIPPED_SITES / "kazakistan_kz.toml")
    for line in (options.lab / "gold.jsonl").read_text("utf-8").splitlines():
        entry = json.loads(line)
        if entry["spam_mode"] == "off" and entry["http_status"] == 200:
            body = gzip.decompress((options.lab / entry["file"]).read_bytes())
            yield "the lab's clean pages", entry["file"], read_page(body, entry["url"], profile)


# ---------------------------------------------------------------- printing


def print_tally(name: str, tally: Tally, *, misses: int) -> list[str]:
    """One table; the goals that were missed."""
    passes, variants = sorted({p for p, _ in tally.shown}), sorted({v for _, v in tally.shown})
    print(f"\ninjected content, {name}: pages whose findings hold all of it, of those that show any")
    print("".join([f"{'':20}", *(f"{p:>12}" for p in passes), f"{'all':>12}"]))
    for variant in variants:
        cells = [(tally.found[p, variant], tally.shown[p, variant]) for p in passes]
        both = (sum(f for f, _ in cells), sum(s for _, s in cells))
        print("".join([f"{variant:20}", *(f"{f'{f}/{s}' if s else '':>12}" for f, s in [*cells, both])]))
    share = sum(tally.found.values()) / max(1, sum(tally.shown.values()))
    print(f"{'all':20}{share:.3f} of {sum(tally.shown.values())}")
    failed = [] if share >= MIN_FOUND else [f"{name}: found {share:.3f}, wanted {MIN_FOUND}"]
    for p in passes:
        allowed = MAX_LEAKS.get(tally.themes[p], MAX_LEAKS_ELSEWHERE) * tally.pages[p]
        print(f"leaked into title, lead or body, {p}: {len(tally.leaked[p])} of {tally.pages[p]} pages")
        if len(tally.leaked[p]) > allowed:
            failed.append(f"{name}: leaked on {len(tally.leaked[p])} pages of {p}")
    for line in [*tally.missed[:misses], *(f"leak: {x}" for p in passes for x in tally.leaked[p][:misses])]:
        print(f"  {line}")
    return failed


if __name__ == "__main__":
    sys.exit(main())
