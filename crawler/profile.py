"""What is known of a site → its profile as TOML that a person can read and correct.  No I/O."""

from __future__ import annotations

import json
from dataclasses import dataclass
from urllib.parse import urlsplit

MAX_TITLE_CHARS = 200
MAX_NAMED_SITEMAPS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """What a site says of itself."""

    url: str  # its home page, after redirects
    title: str
    wordpress: str  # "WordPress 6.1.9", "WordPress"; empty for another
    api: bool  # whether its REST interface answers
    api_from: str  # how that is known, in words
    languages: tuple[str, ...]  # the main one first
    zone: str
    zone_from: str  # how the zone is known, in words
    feeds: tuple[str, ...]
    sitemaps: tuple[str, ...]  # found beyond those that robots.txt names
    robots_sitemaps: tuple[str, ...]
    robots_delay: float | None
    article: tuple[str, ...]  # patterns, where the addresses in its feed leave no doubt
    dates: tuple[tuple[str, str], ...]  # as the home page prints them, and as they are read
    allow_private: tuple[str, ...]  # the private host:port that the person typed

    @property
    def origin(self) -> str:
        """Scheme and host, as in `https://www.example.org`."""
        return "{0.scheme}://{0.netloc}".format(urlsplit(self.url))


def profile(probed: Probed) -> str:
    """The profile, with a word on each key that a person may want to change."""
    host = urlsplit(probed.url).netloc
    lines = [
        f"# How muragat walks and reads {host}. Correct what is wrong, then `muragat index --rebuild`.",
        f"# {_comment(probed.wordpress) or 'No WordPress, as far as its home page tells.'}",
        f"title = {_toml(probed.title[:MAX_TITLE_CHARS])}",
        "",
        "[crawl]",
        f"seeds = [{_toml(probed.url)}]",
        f"origin = {_toml(probed.origin)}  # http, https, with and without www.: one site, fetched under this address",
        f"hosts = [{_toml(host.removeprefix('www.'))}]  # with or without www.; pages elsewhere are not followed",
    ]
    if probed.allow_private:
        lines.append(f"allow_private = {_toml_list(probed.allow_private)}  # private addresses that may be fetched")
    lines += [f"# robots.txt names the sitemap {_comment(url)}" for url in probed.robots_sitemaps[:MAX_NAMED_SITEMAPS]]
    if probed.sitemaps:
        lines.append(f"sitemaps = {_toml_list(probed.sitemaps)}")
    elif not probed.robots_sitemaps:
        lines.append("# sitemaps = []  # none was found")
    lines += [
        f"feeds = {_toml_list(probed.feeds)}" if probed.feeds else "# feeds = []  # none was found",
        f"api = {'true' if probed.api else 'false'}  # {_comment(probed.api_from)}",
    ]
    if probed.article:
        lines.append(f"article = {_literals(probed.article)}  # so are the addresses in its feed")
    lines += [
        f"delay = 1.0  # seconds between two fetches; {_delay(probed.robots_delay)}",
        "# skip = ['/calendar/']  # regular expressions: what they find is not fetched",
        "# window = '01:00-06:00'  # in the site's zone: no request leaves outside it",
        "",
        "[read]",
        f"zone = {_toml(probed.zone)}  # {probed.zone_from}; printed dates are in it",
        *(f"# printed {_toml(_comment(printed))}, read as {_comment(read)}" for printed, read in probed.dates),
        f"languages = {_toml_list(probed.languages)}  # the main one first",
        "# boilerplate = ['Yorum yazın...']  # lines of every page and of no article",
        "# footer = ['… HABER SİTESİ']  # the site's own last line",
    ]
    return "\n".join(lines) + "\n"


def _delay(named: float | None) -> str:
    if named is None:
        return "a Crawl-delay in robots.txt would go before it"
    return f"but robots.txt says {named:g}, which goes before it"


def _comment(text: str) -> str:
    """On one line, without what TOML forbids in a comment."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def _toml(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _toml_list(texts: tuple[str, ...]) -> str:
    return f"[{', '.join(map(_toml, texts))}]"


def _literals(patterns: tuple[str, ...]) -> str:
    """Regular expressions of our own, which hold no quote."""
    quoted = (f"'{pattern}'" for pattern in patterns)
    return f"[{', '.join(quoted)}]"
