"""What archiving costs: pages a second, CPU a page and exactness, side by side in one run.  `make bench-capture`

One site of static pages behind nginx on loopback, walked to its end by each contestant: Scrapy with its defaults, our
crawl with Scrapy's own download handler in place of the capturing one (same frontier, same settings), our crawl,
`wget --warc-file`, wget through warcprox, and Scrapy with scrapy-webarchive. Who cannot be installed, or fails, gets a
row that says so.

    python bench/capture.py [--pages 3000] [--rounds 5]        needs nginx and wget (apt-get install nginx-light wget)

Pages a second are counted between the first and the last request as nginx logged them, so that nobody is charged for
the start of an interpreter; CPU is that of the whole command, children included. Ratios are to our crawl without
capture in the same round, and the table gives their median [min-max]; on a machine that does other things as well, the
ratio of CPU is the steadier one. A page counts as exact when some response record holds, byte for byte, what nginx
answers to a raw socket that asks for it; of all bytes only the value of Date may differ.
"""

from __future__ import annotations

import argparse
import gzip
import os
import random
import re
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import textwrap
import time
import venv
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

from warcio.archiveiterator import ArchiveIterator

PAGE_BYTES = 66_000  # the mean of real news pages in our samples, before compression
PER_LISTING = 50
CONCURRENCY = 8  # Scrapy's own default for one host
TIMEOUT = 600
ROOT = Path(__file__).resolve().parents[1]
BARE = "muragat, no capture"

# What scrapy-webarchive's own pins leave open, and what a Scrapy of 2023 no longer runs with.
PEERS = {
    "warcprox + wget": ("warcprox==2.13.1", "setuptools<81"),
    "scrapy-webarchive": ("scrapy-webarchive==0.5.3", "w3lib<2.3", "twisted<25", "setuptools<81"),
}

DEFAULT_SPIDER = """
    import scrapy
    from scrapy.linkextractors import LinkExtractor

    class Walk(scrapy.Spider):
        name = "walk"
        links = LinkExtractor()

        def parse(self, response):
            if "/list" in response.url or response.url.endswith("/"):
                for link in self.links.extract_links(response):
                    yield scrapy.Request(link.url)
"""

# As crawler/crawl.py starts it, less the indexer, which is another process at nice 19 with work of its own.
OUR_CRAWL = """
    import sys
    from scrapy.crawler import CrawlerProcess
    from scrapy.settings import Settings

    settings = Settings()
    settings.setmodule("crawler.settings", priority="project")
    settings.setdict(
        {"MURAGAT_ARCHIVE": sys.argv[1], "MURAGAT_INDEX": False, "ASYNCIO_EVENT_LOOP": "uvloop.Loop"},
        priority="cmdline",
    )
    if sys.argv[2] == "bare":
        plain = "scrapy.core.downloader.handlers.http11.HTTP11DownloadHandler"
        settings.set("DOWNLOAD_HANDLERS", {"http": plain, "https": plain}, priority="cmdline")
    process = CrawlerProcess(settings)
    process.crawl("news")
    process.start()
"""

# It asks nothing of loopback addresses unless it is told so, for which there is no option.
WARCPROX = """
from warcprox import main, warcproxy
warcproxy.WarcProxyHandler.allow_localhost = True
raise SystemExit(main.main())
"""


def main() -> None:
    """Measure in rounds, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=int, default=3000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", help="contestants whose name holds this, besides ours without capture")
    options = parser.parse_args()
    if missing := [name for name in ("nginx", "wget") if not shutil.which(name)]:
        raise SystemExit(f"missing: {', '.join(missing)}; apt-get install nginx-light wget")
    home = Path(tempfile.mkdtemp(prefix="muragat-bench-"))
    try:
        with Website(home, options.pages).served() as website:
            bench = Bench(home, website)
            rows = [row for row in bench.rows() if not options.only or options.only in row.name or row.name == BARE]
            for turn in range(options.rounds):
                for row in rows[turn % len(rows) :] + rows[: turn % len(rows)]:  # nobody always goes first
                    measure(row, website, last=turn == options.rounds - 1)
            report(rows, website, options.rounds)
    finally:
        shutil.rmtree(home, ignore_errors=True)


# ---------------------------------------------------------------- the site


class Website:
    """Static pages, precompressed, behind nginx with its log on."""

    def __init__(self, home: Path, pages: int) -> None:
        self.home = home
        self._root = home / "www"
        self._log = home / "access.log"
        self.url = ""
        self.paths = [f"/p{number}.html" for number in range(pages)]
        lists = [f"/list{number}.html" for number in range((pages + PER_LISTING - 1) // PER_LISTING)]
        self._root.mkdir()
        draw = random.Random(1)
        for number, path in enumerate(lists):
            self._write(draw, path, self.paths[number * PER_LISTING : (number + 1) * PER_LISTING])
        for path in self.paths:
            self._write(draw, path, [])
        self._write(draw, "/index.html", lists)
        self.paths += [*lists, "/"]
        (self._root / "robots.txt").write_text("User-agent: *\nDisallow:\n")

    def _write(self, draw: random.Random, path: str, links: list[str]) -> None:
        words = "ve bir ile için Kazakistan Astana bakan toplantı üretim yatırım enerji öğrenci şehir yıl yüzde milyon"
        text = " ".join(draw.choices(words.split(), k=6_000))
        anchors = "".join(f'<a href="{link}">{link}</a>\n' for link in links)
        paragraphs = "".join(f"<p>{line}</p>\n" for line in (text[at : at + 600] for at in range(0, len(text), 600)))
        page = f"<!doctype html><html lang=tr><title>{path}</title><body><h1>{path}</h1>{anchors}{paragraphs}"
        content = page.encode()[:PAGE_BYTES].ljust(PAGE_BYTES)
        (self._root / path[1:]).write_bytes(content)
        (self._root / f"{path[1:]}.gz").write_bytes(gzip.compress(content, 6, mtime=0))

    @contextmanager
    def served(self) -> Iterator[Website]:
        """Serve it until the block ends."""
        port = free_port()
        self.url = f"http://127.0.0.1:{port}/"
        home = self.home
        home.chmod(0o755)  # mkdtemp's 700 would shut out nginx's worker
        folders = " ".join(f"{name}_temp_path {home};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        # Without a charset in the head, as WordPress sends it, Scrapy would guess one: a third of its time.
        # Headers in an odd case and twice, as real sites send them: what most archivers lose.
        odd = "add_header x-gENERATOR WordPress; add_header Link '</a>; rel=\"x\"'; add_header Link '</b>; rel=\"y\"';"
        config = home / "nginx.conf"
        config.write_text(
            f"worker_processes 1; pid {home}/nginx.pid; error_log {home}/error.log; daemon off;\n"
            "events { worker_connections 512; }\n"
            f"http {{ log_format brief '$msec $uri'; access_log {self._log} brief; {folders}\n"
            "types { text/html html; text/plain txt; } charset utf-8; gzip_static on; sendfile on;\n"
            "keepalive_requests 100000;\n"
            f"server {{ listen 127.0.0.1:{port}; root {self._root}; index index.html; {odd} }} }}\n"
        )
        server = subprocess.Popen(["nginx", "-c", str(config), "-e", str(home / "error.log")])
        try:
            wait_for(port)
            yield self
        finally:
            server.terminate()
            server.wait()

    def forget(self) -> None:
        """Empty nginx's log."""
        os.truncate(self._log, 0)

    def seen(self) -> tuple[int, float]:
        """How many distinct pages were asked for since `forget`, and the seconds from the first to the last."""
        lines = [line.split() for line in self._log.read_text().splitlines()]
        pages = {path: float(at) for at, path in lines if path != "/robots.txt"}
        return len(pages.keys() - {"/favicon.ico", "/"}), max(pages.values()) - min(pages.values()) if pages else 0.0

    def answers(self) -> dict[str, frozenset[str]]:
        """Path → digests of every answer that nginx may give: compressed or not, kept alive or not."""
        found: dict[str, set[str]] = {path: set() for path in self.paths}
        host = urlsplit(self.url).netloc
        with socket.create_connection(host.split(":")) as wire:  # type: ignore[arg-type]
            for path, known in found.items():
                for coding in ("gzip", "identity"):
                    request = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nAccept-Encoding: {coding}\r\n\r\n"
                    wire.sendall(request.encode())
                    answer = read_answer(wire)
                    known.add(digest(answer))
                    known.add(digest(answer.replace(b"\r\nConnection: keep-alive\r\n", b"\r\nConnection: close\r\n")))
        return {path: frozenset(known) for path, known in found.items()}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int) -> None:
    """Return when something listens there."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise SystemExit(f"nothing listens on port {port}")


def read_answer(wire: socket.socket) -> bytes:
    """One answer with a Content-Length."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += wire.recv(65_536)
    head, _, body = received.partition(b"\r\n\r\n")
    length = re.search(rb"\r\nContent-Length: (\d+)", head)
    assert length
    while len(body) < int(length[1]):
        body += wire.recv(65_536)
    return head + b"\r\n\r\n" + body


def digest(answer: bytes) -> str:
    """What an answer is known by: all of its bytes but the value of Date."""
    head, gap, body = answer.partition(b"\r\n\r\n")
    return sha256(re.sub(rb"\r\nDate: [^\r]*", b"\r\nDate: ", head) + gap + body).hexdigest()


# ---------------------------------------------------------------- the contestants


class RefusedError(Exception):
    """A contestant could not be installed, or failed."""


@dataclass
class Row:
    """One contestant, and what was measured of it."""

    name: str
    run: Callable[[Path], None]  # walks the site, in an empty folder
    prepare: Callable[[Path], None] = lambda folder: None
    archives: bool = True
    runs: list[tuple[float, float]] = field(default_factory=list)  # pages/s, CPU seconds a page
    exact: float | None = None
    refused: str | None = None


class Bench:
    """How each of them is run."""

    def __init__(self, home: Path, website: Website) -> None:
        self._home, self._url = home, website.url
        self._walk, self._ours = home / "walk.py", home / "ours.py"
        self._walk.write_text(textwrap.dedent(DEFAULT_SPIDER) + f'    start_urls = ["{self._url}"]\n')
        self._ours.write_text(textwrap.dedent(OUR_CRAWL))

    def rows(self) -> list[Row]:
        """All of them, each installed or refused."""
        rows = [
            Row("Scrapy, its defaults", self._scrapy, archives=False),
            Row(BARE, lambda folder: self._crawl(folder, "bare"), self._archive, archives=False),
            Row("muragat", lambda folder: self._crawl(folder, "capture"), self._archive),
            Row("wget --warc-file", lambda folder: self._wget(folder, "--warc-file=out")),
            Row("warcprox + wget", self._warcprox),
            Row("scrapy-webarchive", self._webarchive),
        ]
        for row in rows:
            if row.name in PEERS:
                row.refused = install(self._peer(row.name), PEERS[row.name])
        return rows

    def _peer(self, name: str) -> Path:
        return self._home / re.sub(r"\W+", "-", name)

    def _archive(self, folder: Path) -> None:
        host = urlsplit(self._url).netloc
        for name in ("sites", "warcs", "logs"):
            (folder / name).mkdir()
        (folder / "muragat.toml").write_text('operator = "bench"\ncontact = "bench@example.org"\n')
        (folder / "sites" / "bench.toml").write_text(
            f'title = "Bench"\n[crawl]\nseeds = ["{self._url}"]\nhosts = ["{host}"]\nallow_private = ["{host}"]\n'
            f"delay = 0\nconcurrency = {CONCURRENCY}\n"
        )

    def _crawl(self, folder: Path, how: str) -> None:
        execute(sys.executable, "-P", self._ours, folder, how, cwd=folder)

    def _scrapy(self, folder: Path) -> None:
        execute(sys.executable, "-m", "scrapy", "runspider", self._walk, "-L", "WARNING", cwd=folder)

    def _wget(self, folder: Path, *options: str) -> None:
        command = ("wget", "-q", "-r", "-l", "inf", "--compression=auto", "--delete-after")
        execute(*command, *options, self._url, cwd=folder)

    def _warcprox(self, folder: Path) -> None:
        port = free_port()
        command: list[str | Path] = [
            self._peer("warcprox + wget") / "bin/python",
            "-c",
            WARCPROX,
            "-p",
            str(port),
            "-z",
            "-d",
            folder,
        ]
        with (folder / "warcprox.log").open("wb") as log:
            proxy = subprocess.Popen(
                [*command, "--dedup-db-file=/dev/null", "--stats-db-file=/dev/null", "-q"],
                cwd=folder,
                stdout=log,
                stderr=log,
            )
            try:
                wait_for(port)
                self._wget(folder, "-e", "use_proxy=on", "-e", f"http_proxy=http://127.0.0.1:{port}")
            finally:
                proxy.terminate()  # it writes what it holds, and closes its file
                proxy.wait(TIMEOUT)

    def _webarchive(self, folder: Path) -> None:
        exporter = 'EXTENSIONS={"scrapy_webarchive.extensions.WaczExporter": 543}'
        python = self._peer("scrapy-webarchive") / "bin/python"
        execute(
            python,
            "-m",
            "scrapy",
            "runspider",
            self._walk,
            "-L",
            "CRITICAL",
            "-s",
            exporter,
            "-s",
            f"SW_EXPORT_URI={folder}/out.wacz",
            cwd=folder,
        )


def install(folder: Path, packages: tuple[str, ...]) -> str | None:
    """An environment of its own; why not, when the package index does not give it."""
    print(f"Installing {packages[0]} …", file=sys.stderr)
    venv.create(folder, with_pip=True)
    pip: list[str | Path] = [
        folder / "bin/python",
        "-m",
        "pip",
        "-q",
        "--disable-pip-version-check",
        "install",
        *packages,
    ]
    done = subprocess.run(pip, capture_output=True, text=True, check=False)
    return f"not installed: {last_line(done.stderr)}" if done.returncode else None


def execute(*command: str | Path, cwd: Path) -> None:
    """Run to the end; RefusedError says what a failure printed last."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)} if command[0] == sys.executable else None
    try:
        done = subprocess.run(
            [*map(str, command)], cwd=cwd, env=environment, capture_output=True, text=True, check=False, timeout=TIMEOUT
        )
    except subprocess.TimeoutExpired:
        raise RefusedError(f"not done after {TIMEOUT} s") from None
    # 8: wget, where any address answered 404.
    if done.returncode not in ((0, 8) if command[0] == "wget" else (0,)):
        raise RefusedError(f"exit {done.returncode}: {last_line(done.stderr)}")


def last_line(text: str) -> str:
    return (text.strip().splitlines() or ["it did not say why"])[-1][:100]


# ---------------------------------------------------------------- measuring


def measure(row: Row, website: Website, *, last: bool) -> None:
    """One run of one contestant; after the last one its archive is held against the server."""
    if row.refused:
        return
    folder = Path(tempfile.mkdtemp(dir=website.home))  # the same disk for everybody
    try:
        row.prepare(folder)
        website.forget()
        before = cpu_seconds()
        row.run(folder)
        cpu = cpu_seconds() - before
        pages, seconds = website.seen()
        if pages < len(website.paths) - 1:
            row.refused = f"asked for {pages} of {len(website.paths) - 1} pages"
            return
        row.runs.append((pages / seconds, cpu / pages))
        if last and row.archives:
            row.exact = exactness(folder, website)
    except RefusedError as error:
        row.refused = str(error)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def cpu_seconds() -> float:
    """Of every child that has ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def exactness(folder: Path, website: Website) -> float:
    """The share of the site's pages of which a response record is byte for byte what the server sends."""
    answers = website.answers()
    exact = set[str]()
    for warc in warcs_in(folder):
        for record in ArchiveIterator(warc, no_record_parse=True):
            if record.rec_type == "response":
                path = urlsplit(record.rec_headers.get_header("WARC-Target-URI").strip("<>")).path
                if digest(record.raw_stream.read()) in answers.get(path, ()):
                    exact.add(path)
    return len(exact) / len(answers)


def warcs_in(folder: Path) -> Iterator[BinaryIO]:
    """Every WARC below a folder, also inside a WACZ."""
    for path in folder.rglob("*.warc.gz*"):
        with path.open("rb") as file:
            yield file
    for path in folder.rglob("*.wacz"):
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                if name.endswith(".warc.gz"):
                    yield BytesIO(archive.read(name))


def report(rows: list[Row], website: Website, rounds: int) -> None:
    """The table."""
    print(f"{len(website.paths)} pages of {PAGE_BYTES // 1000} KB, {rounds} rounds, {os.cpu_count()} cores")
    print(f"{'':22}{'pages/s':>9}{'ratio [min-max]':>19}{'CPU ms/page':>13}{'ratio [min-max]':>19}{'exact':>9}")
    (bare,) = (row for row in rows if row.name == BARE)
    for row in rows:
        if row.refused or not row.runs:
            print(f"{row.name:22}  {row.refused or 'not run'}")
            continue
        rate, cpu = (statistics.median(run[column] for run in row.runs) for column in (0, 1))
        exact = "-" if row.exact is None else f"{row.exact:.1%}"
        faster, dearer = ratio(row, bare, 0), ratio(row, bare, 1)
        print(f"{row.name:22}{rate:>9.0f}{faster:>19}{cpu * 1000:>13.2f}{dearer:>19}{exact:>9}")
    named = {row.name: row for row in rows}
    if ("muragat" in named) and (scrapy := named.get("Scrapy, its defaults")):
        ours = named["muragat"]
        print(f"muragat against Scrapy's defaults: pages/s {ratio(ours, scrapy, 0)}, CPU {ratio(ours, scrapy, 1)}")


def ratio(row: Row, base: Row, column: int) -> str:
    """Of one contestant to another in the same round: median, least and most."""
    ratios = [run[column] / other[column] for run, other in zip(row.runs, base.runs, strict=False)]
    return f"{statistics.median(ratios):.2f} [{min(ratios):.2f}-{max(ratios):.2f}]" if ratios else "-"


if __name__ == "__main__":
    main()
