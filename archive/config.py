"""Where an archive lies and what its owner set: the directory, muragat.toml, and one profile per site.

    muragat.toml   warcs/   manifest.jsonl   hidden.jsonl   archive.db   frontier.db   sites/   logs/

A person writes `sites/NAME.toml`; `muragat learn` writes `sites/NAME.learned.toml` beside it. All settings files are
TOML, read strictly: an unknown key is an error that names the nearest known one, because a misspelt `delay` that is
silently ignored hurts somebody else's server.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from datetime import date, time
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Literal, TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import msgspec

from archive.errors import ConfigError

CONFIG_NAME = "muragat.toml"
SHIPPED_SITES = Path(__file__).parent / "sites"
LEARNED_SUFFIX = ".learned.toml"  # beside a site's profile: written by `muragat learn`, the profile never is


class CrawlRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How to walk a site: table [crawl] of its profile."""

    seeds: tuple[str, ...]  # where a crawl starts
    hosts: tuple[str, ...]  # host or host:port; pages elsewhere are not followed, what pages need is
    allow_private: tuple[str, ...] = ()  # host:port that may be fetched although the address is private
    sitemaps: tuple[str, ...] = ()  # beyond those that robots.txt names
    feeds: tuple[str, ...] = ()  # beyond those that pages name
    skip: tuple[str, ...] = ()  # regular expressions; a URL that one of them finds is not fetched
    # seconds between two fetches from a host whose robots.txt names no Crawl-delay
    delay: Annotated[float, msgspec.Meta(ge=0, le=86_400)] = 1.0
    # fetches under way at once from one host, where the delay is 0
    concurrency: Annotated[int, msgspec.Meta(ge=1, le=64)] = 4
    requisites: bool = True  # pictures, styles, fonts and scripts that pages need
    # seconds from a request to the last byte of its answer; one that takes longer is cut, and kept as far as it came
    timeout: Annotated[float, msgspec.Meta(gt=0, le=86_400)] = 60.0
    # bytes of one answer, as they cross the wire; a longer one is cut there, and kept so far
    max_bytes: Annotated[int, msgspec.Meta(ge=1_000_000)] = 1_000_000_000
    # the same of a picture, style, font or script, and of a PDF or office file that a page links to
    max_requisite_bytes: Annotated[int, msgspec.Meta(ge=10_000)] = 50_000_000
    documents: bool = True  # PDF and office files on the site's own hosts
    # "https://kazakistan.kz": http, https, with and without www. are one site, fetched under this address
    origin: str = ""
    article: tuple[str, ...] = ()  # regular expressions that find the addresses of articles, where path tells
    listing: tuple[str, ...] = ()  # the same for lists of articles: sections, tags, archives
    api: bool = True  # ask the WordPress REST interface, where a page names one, which articles there are
    # "01:00-06:00", in the site's zone: no request leaves outside it
    window: str = ""
    # requests a day, in the site's zone; None: as many as there are
    budget: Annotated[int, msgspec.Meta(ge=1)] | None = None
    # pages a day that are looked at again without a word from the site that they changed
    revisits: Annotated[int, msgspec.Meta(ge=0)] = 5_000
    # what looking again is for: pages as they are now ("fresh"), or each wording that there was ("versions")
    revisit_goal: Literal["fresh", "versions"] = "fresh"
    # URLs in the frontier on any one host that is not the site's own
    max_urls_elsewhere: Annotated[int, msgspec.Meta(ge=1)] = 100_000
    max_depth: Annotated[int, msgspec.Meta(ge=0)] = 50  # links from a seed
    max_urls: Annotated[int, msgspec.Meta(ge=1)] = 2_000_000  # in the frontier, for this site


class Layout(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where one look of the site keeps its fields: a table [[layout]] of its profile. CSS selectors."""

    since: date | None = None  # first capture date it holds for; None: from the beginning
    until: date | None = None  # first capture date it no longer holds for
    article: str | None = None  # the element around the whole article
    title: str | None = None
    date: str | None = None
    authors: str | None = None
    section: str | None = None
    tags: str | None = None
    body: str | None = None
    drop: tuple[str, ...] = ()  # inside the article, but not of it

    @property
    def span(self) -> str:
        """The days it holds for, as "2017-01-01..2020-05-31": its name in rows and alarms. Open ends are empty."""
        return f"{self.since or ''}..{self.until or ''}"


class Learned(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What `muragat learn` found on many pages of a site to be the site's own: `sites/NAME.learned.toml`."""

    version: Annotated[int, msgspec.Meta(ge=1)]  # raised whenever something else was found
    on: date  # day of learning
    pages: int  # addresses that were compared
    places: tuple[str, ...] = ()  # selectors, as in [[layout]]: elements that hold nothing of an article's own
    lists: tuple[str, ...] = ()  # selectors of elements with links, labels and names; sentences in them are kept
    lines: tuple[str, ...] = ()  # texts that stand on many pages


class ReadRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How to read a site's pages: table [read] of its profile."""

    zone: str = "UTC"  # IANA name; printed dates are in it
    languages: tuple[str, ...] = ()  # that the site publishes in, the main one first
    boilerplate: tuple[str, ...] = ()  # lines that are on every page and of no article: comment box, newsletter
    footer: tuple[str, ...] = ()  # the site's own last line; what stands after it was put there by others


class Site(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One site's profile: `sites/NAME.toml`."""

    title: str
    crawl: CrawlRules
    read: ReadRules = ReadRules()
    layout: tuple[Layout, ...] = ()
    learned: Learned | None = None  # from the file beside it
    name: str = ""  # from the file name
    digest: str = ""  # "sha256:HEX" of the bytes of both files; part of what rows are a function of

    @property
    def zone(self) -> ZoneInfo:
        """The site's time zone."""
        return ZoneInfo(self.read.zone)

    @property
    def crawl_digest(self) -> str:
        """SHA-256 of the rules of crawling: when it changed, pages may offer links that were not followed before."""
        return sha256(msgspec.json.encode(self.crawl)).hexdigest()

    @property
    def unlearned(self) -> Site:
        """The profile as its owner wrote it: what learning starts from, so that it finds the same each time."""
        return msgspec.structs.replace(self, learned=None) if self.learned else self

    def layout_on(self, day: date) -> Layout | None:
        """The look that held on the day of a capture; the last one listed wins."""
        fits = (x for x in reversed(self.layout) if (not x.since or x.since <= day) and (not x.until or day < x.until))
        return next(fits, None)


class Schedule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One crawl that recurs: table [schedule.NAME] of muragat.toml. Either `every` or `cron`."""

    site: str
    every: str | None = None  # "30m", "6h", "1d"
    cron: str | None = None  # five fields, in `zone`
    zone: str = "UTC"
    full: bool = False


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """muragat.toml."""

    operator: str = ""  # who runs this; goes into each WARC
    contact: str = ""  # mail address or page for a site's owner; goes into the User-Agent
    # bytes at which a WARC is closed and the next one begun
    warc_size: Annotated[int, msgspec.Meta(ge=10_000)] = 1_000_000_000
    # seconds after which it is closed all the same, when more comes: a day
    warc_age: Annotated[int, msgspec.Meta(ge=1)] = 86_400
    # bytes of a body beyond which it arrives on the disk (in the archive's directory) instead of in memory
    spool_size: Annotated[int, msgspec.Meta(ge=1)] = 1_048_576
    schedule: dict[str, Schedule] = {}


class ArchiveDir:
    """The files of one archive. Nothing is opened or made until it is asked for."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.config_path = root / CONFIG_NAME
        self.warcs = root / "warcs"
        self.manifest = root / "manifest.jsonl"
        self.hidden = root / "hidden.jsonl"
        self.db = root / "archive.db"
        self.frontier_db = root / "frontier.db"
        self.sites = root / "sites"
        self.logs = root / "logs"
        self.locks = root / "locks"

    @classmethod
    def find(cls, given: str | None, *, cwd: Path | None = None) -> ArchiveDir:
        """The archive named, else $MURAGAT_ARCHIVE, else the nearest folder upwards, else ./muragat-archive."""
        here = cwd or Path.cwd()
        if named := given or os.environ.get("MURAGAT_ARCHIVE"):
            root = Path(named)
        else:
            above = (folder for folder in (here, *here.parents) if (folder / CONFIG_NAME).is_file())
            root = next(above, here / "muragat-archive")
        directory = cls(root)
        if not directory.config_path.is_file():
            what = "is not an archive directory (no muragat.toml)" if root.exists() else "does not exist"
            raise ConfigError(f"{root} {what}; `muragat init {root} --site URL` makes one, --archive DIR names another")
        return directory

    def config(self) -> Config:
        """muragat.toml, read anew."""
        return _read(self.config_path, Config)

    def site_names(self) -> list[str]:
        """The sites of this archive, by name."""
        return sorted(path.stem for path in self.sites.glob("*.toml") if not path.name.endswith(LEARNED_SUFFIX))

    def site(self, name: str | None = None) -> Site:
        """The profile of one site; without a name, of the only one. Raises ConfigError with the known names."""
        names = self.site_names()
        if name is None and len(names) == 1:
            name = names[0]
        if not names:
            raise ConfigError(f"{self.root} has no site yet; `muragat --archive {self.root} site add URL` adds one")
        if name is None:
            raise ConfigError(f"{self.root} has {len(names)} sites; name one: {', '.join(names)}")
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(names)}"
            raise ConfigError(f"no site {name!r} in {self.sites}; {hint}")
        return read_site(self.sites / f"{name}.toml")

    def all_sites(self) -> list[Site]:
        """The profiles of all sites of this archive."""
        return [read_site(self.sites / f"{name}.toml") for name in self.site_names()]

    def zones(self) -> dict[str, ZoneInfo]:
        """The clock of each site, by its name."""
        return {site.name: site.zone for site in self.all_sites()}


def read_site(path: Path) -> Site:
    """A site's profile, with its name and the digest of its bytes."""
    site = _read(path, Site)
    for key, urls in (("seeds", site.crawl.seeds), ("sitemaps", site.crawl.sitemaps), ("feeds", site.crawl.feeds)):
        for url in urls:
            if not _is_web_address(url):
                raise ConfigError(
                    f"{path}: crawl.{key}: {url!r} is not a web address; an example is https://kazakistan.kz/"
                )
    for key, values in (("seeds", site.crawl.seeds), ("hosts", site.crawl.hosts)):
        if not values:
            raise ConfigError(f"{path}: crawl.{key} is empty; a crawl needs one at least")
    for key, patterns in (("skip", site.crawl.skip), ("article", site.crawl.article), ("listing", site.crawl.listing)):
        for number, pattern in enumerate(patterns):
            try:
                re.compile(pattern)
            except re.error as error:
                raise ConfigError(f"{path}: crawl.{key}[{number}] is not a regular expression: {error}") from error
    if site.crawl.origin and not re.fullmatch(r"https?://[^/?#@]+", site.crawl.origin):
        raise ConfigError(
            f"{path}: crawl.origin {site.crawl.origin!r} is not an origin; an example is https://kazakistan.kz"
        )
    if site.crawl.window and not window_of(site.crawl.window):
        raise ConfigError(f"{path}: crawl.window {site.crawl.window!r} is no span of hours; an example is 01:00-06:00")
    try:
        ZoneInfo(site.read.zone)
    except (KeyError, ValueError, OSError) as error:
        raise ConfigError(
            f"{path}: read.zone {site.read.zone!r} is not a time zone; an example is Asia/Almaty"
        ) from error
    for number, layout in enumerate(site.layout):
        if layout.since and layout.until and layout.until <= layout.since:
            raise ConfigError(
                f"{path}: layout[{number}]: until {layout.until} must come after since {layout.since};"
                " it is the first day on which the layout no longer holds"
            )
    if site.learned:
        raise ConfigError(f"{path}: learned: what was learned is read from {path.stem}{LEARNED_SUFFIX} beside it")
    digest, learned, beside = sha256(path.read_bytes()), None, path.with_name(path.stem + LEARNED_SUFFIX)
    if beside.exists():
        learned = _read(beside, Learned)
        digest.update(b"\0" + beside.read_bytes())
    return msgspec.structs.replace(site, name=path.stem, digest=f"sha256:{digest.hexdigest()}", learned=learned)


_WINDOW = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")


def window_of(text: str) -> tuple[time, time] | None:
    """When "22:30-06:00" opens and closes; None when it is no such span."""
    found = _WINDOW.fullmatch(text)
    if not found or found[0][:5] == found[0][6:]:
        return None
    return time(int(found[1]), int(found[2])), time(int(found[3]), int(found[4]))


def _is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


T = TypeVar("T")


def _read(path: Path, kind: type[T]) -> T:
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not TOML: {error}") from error
    try:
        return msgspec.convert(table, kind)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{path}: {_explain(str(error), kind)}") from error


_TABLES: dict[type, str] = {
    Site: "at the top, before any table",
    Config: "at the top, before any table",
    CrawlRules: "in [crawl]",
    ReadRules: "in [read]",
    Layout: "in [[layout]]",
    Schedule: "in [schedule.NAME]",
    Learned: "at the top",
}


def _explain(message: str, kind: type) -> str:
    """msgspec's message, the key first; for an unknown key, with the nearest key that is known anywhere in the file."""
    what, _, where = message.partition(" - at `")
    place = where.removesuffix("`").removeprefix("$").removeprefix(".")
    unknown = re.search(r"unknown field `(.+?)`", what)
    if not unknown:
        what = what.replace("Object missing required field", "missing the key")
        return f"{place}: {what[0].lower()}{what[1:]}" if place else what
    tables: dict[type, tuple[type, ...]] = {Site: (Site, CrawlRules, ReadRules, Layout), Learned: (Learned,)}
    top = tables.get(kind, (Config, Schedule))
    homes = {key.name: _TABLES[table] for table in reversed(top) for key in msgspec.structs.fields(table)}
    known = homes.keys() - {"digest", "name", "learned"}
    near = difflib.get_close_matches(unknown[1], known, n=1)
    if unknown[1] in known:
        hint = f"it belongs {homes[unknown[1]]}"
    else:
        hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(sorted(known))}"
    return f"unknown key {unknown[1]!r}{f' in {place}' if place else ''}; {hint}"
