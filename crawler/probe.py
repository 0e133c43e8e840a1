"""What a site offers → its profile: `muragat init --site URL` and `muragat site add URL`.

A handful of requests: the home page and, where it is WordPress, the root of its REST interface. They are not archived.
What is found decides only where a crawl starts and which zone printed dates are in; a person can read and correct it.
"""

from __future__ import annotations

import http.client
import json
import re
import shutil
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin, urlsplit
from zoneinfo import available_timezones

from selectolax.lexbor import LexborHTMLParser

from archive.config import SHIPPED_SITES, ArchiveDir, read_site
from archive.errors import ConfigError, SiteError
from crawler.links import clean
from crawler.wire import is_private

TIMEOUT_SECONDS = 20.0
MAX_BYTES = 5 * 1024 * 1024
MAX_REDIRECTS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """What a site says of itself."""

    url: str  # its home page, after redirects
    title: str
    languages: tuple[str, ...]
    zone: str
    zone_from: str  # how the zone is known, in words
    feeds: tuple[str, ...]
    allow_private: tuple[str, ...]  # the private host:port that the person typed


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
    said = [f"profile: {path} ({probed.title}; zone {probed.zone}, {probed.zone_from}; read it, correct it)"]
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
    """Ask a site what it is. Raises SiteError when there is none at the address."""
    allowed = _private_address(url)
    home, status, body = _get(url, user_agent=user_agent, allowed=allowed)
    if status >= 400:
        raise SiteError(f"{home} answers HTTP {status}; give the address of the site's front page")
    tree = LexborHTMLParser(body)
    root = tree.css_first("html")
    language = (root.attributes.get("lang") or "" if root else "").partition("-")[0].lower()
    feeds = tuple(
        link
        for node in tree.css("link[rel~=alternate][type*=xml]")
        if (link := clean(node.attributes.get("href") or "", base=home)) and "comment" not in link
    )
    zone, zone_from = _zone(tree, home, language, user_agent=user_agent, allowed=allowed)
    return Probed(
        url=home,
        title=_title(tree) or urlsplit(home).netloc,
        languages=(language,) if language else (),
        zone=zone,
        zone_from=zone_from,
        feeds=feeds[:1],
        allow_private=allowed,
    )


def _private_address(url: str) -> tuple[str, ...]:
    """host:port of a private address that a person typed, as the wire sees it; () for a public site."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        found = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    except OSError as error:
        why = f"{parts.hostname} has no address ({error.strerror})"
        raise SiteError(f"no site at {url}: {why}; check the spelling") from error
    hosts = sorted({str(address[0]) for *_, address in found if is_private(str(address[0]))})
    return tuple(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host in hosts)


def _get(url: str, *, user_agent: str, allowed: tuple[str, ...]) -> tuple[str, int, bytes]:
    """Final URL, status and body; follows redirects, none of them to a private address that was not typed."""
    for _ in range(MAX_REDIRECTS):
        status, location, body = _get_once(url, user_agent=user_agent, allowed=allowed)
        if not 300 <= status < 400 or not location:
            return url, status, body
        url = clean(urljoin(url, location)) or url
    raise SiteError(f"{url} redirects more than {MAX_REDIRECTS} times; give the address where that ends")


def _get_once(url: str, *, user_agent: str, allowed: tuple[str, ...]) -> tuple[int, str | None, bytes]:
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    connection: http.client.HTTPConnection = (
        http.client.HTTPSConnection(parts.netloc, timeout=TIMEOUT_SECONDS, context=ssl.create_default_context())
        if secure
        else http.client.HTTPConnection(parts.netloc, timeout=TIMEOUT_SECONDS)
    )
    try:
        connection.connect()
        peer, port = connection.sock.getpeername()[:2]
        if is_private(peer) and (f"[{peer}]:{port}" if ":" in peer else f"{peer}:{port}") not in allowed:
            where = f"the private address {peer}:{port}, which nobody typed"
            raise SiteError(f"{url} leads to {where}; if that is the site, give this address itself")
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        connection.request("GET", path, headers={"User-Agent": user_agent, "Accept": "text/html,*/*;q=0.5"})
        response = connection.getresponse()
        return response.status, response.getheader("Location"), response.read(MAX_BYTES)
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise SiteError(f"no site at {url}: {reason}; check the address, and that the server runs") from error
    finally:
        connection.close()


def _title(tree: LexborHTMLParser) -> str:
    name = tree.css_first("meta[property='og:site_name']")
    if name is not None and name.attributes.get("content"):
        return " ".join(str(name.attributes["content"]).split())
    title = tree.css_first("title")
    return " ".join(title.text().split()) if title is not None else ""


def _zone(
    tree: LexborHTMLParser, home: str, language: str, *, user_agent: str, allowed: tuple[str, ...]
) -> tuple[str, str]:
    """The site's time zone: WordPress says it; else a guess by country and language, which is said to be one."""
    api = tree.css_first("link[rel='https://api.w.org/']")
    if api is not None and (url := clean(api.attributes.get("href") or "", base=home)):
        try:
            _, status, body = _get(url, user_agent=user_agent, allowed=allowed)
            root = json.loads(body) if status == 200 else {}
        except (SiteError, ValueError):
            root = {}
        named = root.get("timezone_string") if isinstance(root, dict) else None
        if named in available_timezones():
            return str(named), "as its WordPress says"
        offset = root.get("gmt_offset") if isinstance(root, dict) else None
        if isinstance(offset, int) and -12 <= offset <= 14:
            return f"Etc/GMT{-offset:+d}" if offset else "UTC", "by its WordPress's offset"
    if (urlsplit(home).hostname or "").endswith(".kz") or language == "kk":
        return "Asia/Almaty", "guessed by country"
    if (urlsplit(home).hostname or "").endswith(".tr") or language == "tr":
        return "Europe/Istanbul", "guessed by language"
    return "UTC", "not known: set read.zone"


def profile(probed: Probed) -> str:
    """The profile as TOML, with a word on each key that a person may want to change."""
    host = urlsplit(probed.url).netloc
    lines = [
        f"# How muragat walks and reads {host}. Correct what is wrong, then `muragat index --rebuild`.",
        f"title = {_toml(probed.title)}",
        "",
        "[crawl]",
        f"seeds = [{_toml(probed.url)}]",
        f"hosts = [{_toml(host.removeprefix('www.'))}]  # with or without www.; pages elsewhere are not followed",
    ]
    if probed.allow_private:
        lines.append(f"allow_private = {_toml_list(probed.allow_private)}  # private addresses that may be fetched")
    if probed.feeds:
        lines.append(f"feeds = {_toml_list(probed.feeds)}")
    lines += [
        "delay = 1.0  # seconds between two fetches; a Crawl-delay in robots.txt goes before it",
        "# skip = ['/calendar/']  # regular expressions: what they find is not fetched",
        "",
        "[read]",
        f"zone = {_toml(probed.zone)}  # {probed.zone_from}; printed dates are in it",
        f"languages = {_toml_list(probed.languages)}  # the main one first",
        "# boilerplate = ['Yorum yazın...']  # lines of every page and of no article",
        "# footer = ['… HABER SİTESİ']  # the site's own last line",
    ]
    return "\n".join(lines) + "\n"


def _toml(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _toml_list(texts: tuple[str, ...]) -> str:
    return f"[{', '.join(map(_toml, texts))}]"
