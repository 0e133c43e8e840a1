"""What a site offers → its profile: `muragat init --site URL` and `muragat site add URL`.

A handful of requests: robots.txt, the home page, a feed, where it is WordPress the root of its REST interface, and
sitemaps where robots.txt names none. They are not archived. What is found decides where a crawl starts and how printed
dates are read; a person can read and correct it.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from urllib.parse import urljoin, urlsplit
from zoneinfo import ZoneInfo, available_timezones

from selectolax.lexbor import LexborHTMLParser

from archive.config import SHIPPED_SITES, ArchiveDir, read_site
from archive.dates import parse_date
from archive.errors import ConfigError, SiteError
from archive.language import language_of
from crawler.discover import api_index, api_root
from crawler.links import clean, tame
from crawler.profile import Probed, profile
from crawler.sources import read_source, same_host
from crawler.visit import Answer, Visit, private_address

MAX_DATES, MAX_DATE_CHARS = 3, 120
MIN_ADDRESSES = 5  # that must agree before they are called a pattern

_DATES = "time, [class*=date], [class*=tarih], [class*=time]"
_TEXTS = "div, span, p, small, li, em, i, b, a, td"
# "18 Nisan 2017 Salı, 23:14" in whatever it stands
_LIKE_A_DATE = re.compile(r"\D{0,20}\d{1,2}\D{1,12}\d{4}(?:\D{1,20}\d{1,2}:\d\d)?\D{0,10}")
# /2024/03/baslik/ and /2024/03/15/baslik.html, but no archive of a month or a day
_DATED = r"/\d{4}/\d\d/(?:\d\d/)?(?!\d+/?$)[^/?]+/?$"
_SITEMAPS = ("/sitemap.xml", "/wp-sitemap.xml", "/sitemap_index.xml")


def add_site(directory: ArchiveDir, typed: str, *, user_agent: str) -> tuple[Path, list[str]]:
    """Write the profile of the site at a typed URL; its path, and what to tell the person."""
    url = clean(typed if "://" in typed else f"https://{typed}")
    if url is None:
        raise ConfigError(f"{typed!r} is not a web address; an example is https://kazakistan.kz/")
    host = urlsplit(url).netloc
    directory.sites.mkdir(parents=True, exist_ok=True)
    if shipped := _shipped(host):
        path = directory.sites / shipped.name
        _refuse_second(path)
        shutil.copyfile(shipped, path)
        return path, [f"profile: {path} (shipped with muragat; read it, correct it)"]
    path = directory.sites / f"{_name(host)}.toml"
    _refuse_second(path)
    probed = probe(url, user_agent=user_agent)
    path.write_text(profile(probed), "utf-8")
    kind = f"{probed.wordpress}; " if probed.wordpress else ""
    known = f"{probed.title[:80]}; {kind}zone {probed.zone}, {probed.zone_from}"
    said = [f"profile: {path} ({known}; read it, correct it)"]
    if probed.allow_private:
        said.append(
            f"{', '.join(probed.allow_private)} is a private address. You typed it, so the profile allows it"
            " (crawl.allow_private); no page or redirect can add another."
        )
    return path, said


def _refuse_second(path: Path) -> None:
    if path.exists():
        raise ConfigError(f"{path} exists: this site is in the archive already; `muragat crawl {path.stem}` crawls it")


def _shipped(host: str) -> Path | None:
    """The profile shipped for this host."""
    for path in sorted(SHIPPED_SITES.glob("*.toml")):
        if host.removeprefix("www.") in (known.removeprefix("www.") for known in read_site(path).crawl.hosts):
            return path
    return None


def _name(host: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", host.removeprefix("www.").lower()).strip("_")


def probe(url: str, *, user_agent: str) -> Probed:
    """Ask a site what it is. Raises SiteError when there is none at the address, or none that may be asked."""
    visit = Visit(user_agent=user_agent, allowed=private_address(url))
    home = visit.get(url)
    if home.status >= 400:
        raise SiteError(f"{home.url} answers HTTP {home.status}; give the address of the site's front page")
    tree = LexborHTMLParser(tame(home.body))
    api, api_from, index = _ask_api(visit, home)
    languages = _languages(tree)
    zone, zone_from = _zone(index, tree, home.url, languages)
    wordpress = _wordpress(tree, home, is_sure=api)
    feeds, named = _feeds(visit, tree, home, guess=bool(wordpress))
    robots = visit.robots(home.url)
    robots_sitemaps = tuple(link for each in robots.sitemaps if (link := clean(each, base=home.url)))
    return Probed(
        url=home.url,
        title=_title(tree) or urlsplit(home.url).netloc,
        wordpress=wordpress,
        api=api,
        api_from=api_from,
        languages=languages,
        zone=zone,
        zone_from=zone_from,
        feeds=feeds,
        sitemaps=() if robots_sitemaps else _find_sitemap(visit, home, is_wordpress=bool(wordpress)),
        robots_sitemaps=robots_sitemaps,
        robots_delay=robots.delay,
        article=(_DATED,) if len(named) >= MIN_ADDRESSES and all(re.search(_DATED, each) for each in named) else (),
        dates=tuple(_dates(tree, ZoneInfo(zone), languages[0] if languages else None)),
        allow_private=visit.allowed,
    )


def _ask_api(visit: Visit, home: Answer) -> tuple[bool, str, dict[str, object]]:
    """Whether the REST interface that the page names answers; how that is known; and what it says of the site."""
    root = api_root(home.body, url=home.url, link=home.link)
    if root is None:
        return False, "its home page names no WordPress interface", {}
    answer = visit.try_get(api_index(root))
    if answer is None:
        return False, f"{root} may not be asked, or gives no answer", {}
    try:
        index = json.loads(answer.body) if answer.status == 200 else None
    except (ValueError, RecursionError):
        index = None
    if not isinstance(index, dict):
        return False, f"{root} answers HTTP {answer.status}, and no list", {}
    if "wp/v2" not in (index.get("namespaces") or ()):
        return False, f"{root} lists no articles", index
    return True, f"{root} answers; it lists articles", index


def _wordpress(tree: LexborHTMLParser, home: Answer, *, is_sure: bool) -> str:
    """ "WordPress", with its version if it says that; empty for something else."""
    for node in tree.css("meta[name=generator]"):
        if found := re.match(r"WordPress(?: [\d.]{1,20})?", node.attributes.get("content") or ""):
            return found[0]
    return "WordPress" if is_sure or b"/wp-content/" in home.body else ""


def _title(tree: LexborHTMLParser) -> str:
    name = tree.css_first("meta[property='og:site_name']")
    if name is not None and name.attributes.get("content"):
        return " ".join(str(name.attributes["content"]).split())
    title = tree.css_first("title")
    return " ".join(title.text().split()) if title is not None else ""


def _languages(tree: LexborHTMLParser) -> tuple[str, ...]:
    """The page's own, then those that it names beside it."""
    root, body = tree.css_first("html"), tree.body
    tags = [root.attributes.get("lang") or "" if root else ""]
    if not _code(tags[0]) and body is not None:
        tags = [language_of(body.text(separator=" ")[:20_000]) or ""]
    tags += [node.attributes.get("hreflang") or "" for node in tree.css("link[rel~=alternate][hreflang]")[:20]]
    return tuple(dict.fromkeys(code for tag in tags if (code := _code(tag))))


def _code(tag: str) -> str:
    """`tr` of `tr-TR`; empty for what is no language, as `x-default`."""
    found = re.match(r"([a-z]{2,3})(?:[-_]|$)", tag.strip().lower())
    return found[1] if found else ""


def _feeds(visit: Visit, tree: LexborHTMLParser, home: Answer, *, guess: bool) -> tuple[tuple[str, ...], list[str]]:
    """The feed that the page names, else WordPress's usual one if it is there; and the addresses in it."""
    named = (
        clean(node.attributes.get("href") or "", base=home.url)
        for node in tree.css("link[rel~=alternate][type*=xml], link[rel~=alternate][type='application/feed+json']")
    )
    feed = next((url for url in named if url and "comment" not in url), None)
    url = feed or (urljoin(home.url, "/feed/") if guess else None)
    answer = visit.try_get(url) if url else None
    entries = read_source(answer.body, url=answer.url) if answer and answer.status == 200 else []
    found = feed or (url if entries else None)
    return (found,) if found else (), [entry.url for entry in entries if same_host(entry.url, home.url)]


def _find_sitemap(visit: Visit, home: Answer, *, is_wordpress: bool) -> tuple[str, ...]:
    """The first of the usual sitemaps that has something in it."""
    for path in sorted(_SITEMAPS, key=lambda path: is_wordpress and path != "/wp-sitemap.xml"):
        answer = visit.try_get(urljoin(home.url, path))
        if answer and answer.status == 200 and read_source(answer.body, url=answer.url):
            return (answer.url,)
    return ()


def _zone(index: dict[str, object], tree: LexborHTMLParser, home: str, languages: tuple[str, ...]) -> tuple[str, str]:
    """The site's time zone: WordPress says it; else a guess by country and language, which is said to be one."""
    named, offset = index.get("timezone_string"), str(index.get("gmt_offset"))
    if isinstance(named, str) and named in available_timezones():
        return named, "as its WordPress says"
    if re.fullmatch(r"-?\d{1,2}(?:\.0)?", offset) and -12 <= float(offset) <= 14:
        return _fixed_zone(int(float(offset))), "by its WordPress's offset"
    host, language = urlsplit(home).hostname or "", languages[0] if languages else ""
    if host.endswith(".kz") or language == "kk":
        return "Asia/Almaty", "guessed by country"
    if host.endswith(".tr") or language == "tr":
        return "Europe/Istanbul", "guessed by language"
    for node in tree.css("time[datetime]")[:20]:
        found = re.search(r"T[\d:.]{4,20}([+-]\d\d):?00$", node.attributes.get("datetime") or "")
        if found and 0 != int(found[1]) in range(-12, 15):
            return _fixed_zone(int(found[1])), "by the offset in the dates of its home page"
    return "UTC", "not known: set read.zone"


def _fixed_zone(hours: int) -> str:
    return f"Etc/GMT{-hours:+d}" if hours else "UTC"


def _dates(tree: LexborHTMLParser, zone: ZoneInfo, language: str | None) -> Iterator[tuple[str, str]]:
    """Dates as the page prints them, and as they are read: one of each form."""
    now, forms = datetime.now(UTC), set[str]()
    marked = (node.text(separator=" ") for node in tree.css(_DATES)[:200])
    others = (text for node in tree.css(_TEXTS)[:5_000] if _LIKE_A_DATE.fullmatch(text := node.text(deep=False)))
    for text in chain(marked, others):
        printed = " ".join(text.split())
        form = re.sub(r"\d+", "0", re.sub(r"[^\W\d_]+", "a", printed))
        if len(printed) > MAX_DATE_CHARS or form in forms or not re.search(r"\d", printed):
            continue
        if read := parse_date(printed, captured_at=now, zone=zone, language=language):
            forms.add(form)
            yield printed, read.at.isoformat(" ", "minutes") if read.precision == "minute" else str(read.at.date())
        if len(forms) >= MAX_DATES:
            return
