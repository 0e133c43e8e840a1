"""What archiving costs: pages a second and CPU a page, side by side in one run.  `make bench-capture`

One site of static pages behind nginx on loopback, walked to the end by each: Scrapy with its defaults, our crawl
without capture (same frontier, same settings, Scrapy's own download handler), our crawl, wget, wget through warcprox,
and Scrapy with scrapy-webarchive. Rounds alternate; the table gives medians, and the ratio of each to our crawl without
capture within the same round.

    python bench/capture.py [--pages 1500] [--rounds 3]        needs nginx and wget (apt-get install nginx-light wget)
"""

from __future__ import annotations

import argparse
import gzip
import random
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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

PAGE_BYTES = 66_000  # the mean of real news pages in our samples, before compression
PER_LISTING = 50

DEFAULT_SPIDER = """
    import scrapy
    from scrapy.linkextractors import LinkExtractor

    class Walk(scrapy.Spider):
        name = "walk"
        links = LinkExtractor()

        def parse(self, response):
            self.crawler.stats.inc_value("bench/pages")
            if "/list" in response.url or response.url.endswith("/"):
                for link in self.links.extract_links(response):
                    yield scrapy.Request(link.url)
"""

OURS_WITHOUT_CAPTURE = """
    import sys
    from scrapy.crawler import CrawlerProcess
    from scrapy.settings import Settings

    settings = Settings()
    settings.setmodule("crawler.settings", priority="project")
    settings.setdict(
        {
            "MURAGAT_ARCHIVE": sys.argv[1],
            "MURAGAT_INDEX": False,
            "ASYNCIO_EVENT_LOOP": "uvloop.Loop",
            "DOWNLOAD_HANDLERS": {scheme: "scrapy.core.downloader.handlers.http11.HTTP11DownloadHandler"
                                  for scheme in ("http", "https")} if sys.argv[2] == "bare" else
                                 settings["DOWNLOAD_HANDLERS"],
        },
        priority="cmdline",
    )
    process = CrawlerProcess(settings)
    process.crawl("news")
    process.start()
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def site(home: Path, pages: int) -> Iterator[str]:
    """Static pages, precompressed, behind nginx; the address."""
    root = home / "www"
    root.mkdir()
    draw = random.Random(1)
    words = [
        "ve",
        "bir",
        "ile",
        "için",
        "Kazakistan",
        "Astana",
        "bakan",
        "toplantı",
        "üretim",
        "yatırım",
        "enerji",
        "öğrenci",
        "şehir",
        "yıl",
        "yüzde",
        "milyon",
    ]

    def write(name: str, title: str, links: list[str]) -> None:
        text = " ".join(draw.choice(words) for _ in range(6_000))
        paragraphs = "".join(f"<p>{line}</p>\n" for line in textwrap.wrap(text, 600))
        anchors = "".join(f'<a href="{link}">{link}</a>\n' for link in links)
        page = f"<!doctype html><html lang=tr><title>{title}</title><body><h1>{title}</h1>{anchors}{paragraphs}"
        content = page.encode()[:PAGE_BYTES].ljust(PAGE_BYTES, b" ")
        (root / name).write_bytes(content)
        (root / f"{name}.gz").write_bytes(gzip.compress(content, 6))

    lists = [f"/list{number}.html" for number in range((pages + PER_LISTING - 1) // PER_LISTING)]
    write("index.html", "Ana sayfa", lists)
    for number, listing in enumerate(lists):
        write(
            listing[1:],
            listing,
            [f"/p{n}.html" for n in range(number * PER_LISTING, min(pages, (number + 1) * PER_LISTING))],
        )
    for number in range(pages):
        write(f"p{number}.html", f"Haber {number}", [])
    (root / "robots.txt").write_text("User-agent: *\nCrawl-delay: 0\n")
    port = free_port()
    home.chmod(0o755)
    config = home / "nginx.conf"
    config.write_text(
        f"worker_processes 1; pid {home}/nginx.pid; error_log {home}/error.log; daemon off;\n"
        "events { worker_connections 512; }\n"
        "http { access_log off; types { text/html html; text/plain txt; } gzip_static on; sendfile on;\n"
        f" client_body_temp_path {home}; proxy_temp_path {home}; fastcgi_temp_path {home};"
        f" uwsgi_temp_path {home}; scgi_temp_path {home};\n"
        f" server {{ listen 127.0.0.1:{port}; root {root}; index index.html; }} }}\n"
    )
    server = subprocess.Popen(["nginx", "-c", str(config), "-e", str(home / "error.log")])
    try:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}/"
    finally:
        server.terminate()
        server.wait()


def measure(run: Callable[[], None]) -> tuple[float, float]:
    """Seconds by the clock, and CPU seconds of the children."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    run()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - started, cpu


def execute(*command: str | Path, cwd: Path, ok: tuple[int, ...] = (0,)) -> None:
    done = subprocess.run(list(map(str, command)), cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode not in ok:
        raise SystemExit(f"{command[0]} ended with {done.returncode}: {done.stderr[-500:]}")


class Bench:
    """The contestants."""

    def __init__(self, home: Path, url: str, peers: Path | None) -> None:
        self.home, self.url, self.peers = home, url, peers
        (home / "walk.py").write_text(textwrap.dedent(DEFAULT_SPIDER) + f'    start_urls = ["{url}"]\n')
        (home / "ours.py").write_text(textwrap.dedent(OURS_WITHOUT_CAPTURE))
        self.count = 0

    def fresh(self) -> Path:
        self.count += 1
        folder = self.home / f"run{self.count}"
        folder.mkdir()
        return folder

    def archive(self) -> Path:
        folder = self.fresh() / "archive"
        execute(sys.executable, "-P", "-m", "crawler.cli", "init", folder, "--site", self.url, cwd=self.home)
        return folder

    def scrapy_defaults(self) -> Callable[[], None]:
        folder = self.fresh()
        command = [sys.executable, "-m", "scrapy", "runspider", self.home / "walk.py", "-L", "ERROR"]
        return lambda: execute(*command, cwd=folder)

    def ours(self, how: str) -> Callable[[], None]:
        folder = self.archive()
        return lambda: execute(sys.executable, "-P", self.home / "ours.py", folder, how, cwd=self.home)

    def wget(self) -> Callable[[], None]:
        folder = self.fresh()
        command = ["wget", "-q", "-r", "-l", "inf", "--compression=auto", "--warc-file=out", "--delete-after", self.url]
        return lambda: execute(*command, cwd=folder, ok=(0, 8))  # 8: the site has no favicon

    def warcprox(self) -> Callable[[], None]:
        folder = self.fresh()
        port = str(free_port())
        assert self.peers

        def run() -> None:
            proxy = subprocess.Popen(
                [self.peers / "bin/warcprox", "-p", port, "-z", "-d", folder, "--dedup-db-file=/dev/null", "-q"],
                cwd=folder,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            try:
                time.sleep(2)
                address = f"http_proxy=http://127.0.0.1:{port}"
                execute(
                    "wget",
                    "-q",
                    "-r",
                    "-l",
                    "inf",
                    "--compression=auto",
                    "-e",
                    "use_proxy=on",
                    "-e",
                    address,
                    "--delete-after",
                    self.url,
                    cwd=folder,
                    ok=(0, 8),
                )
            finally:
                proxy.terminate()
                proxy.wait()

        return run

    def webarchive(self) -> Callable[[], None]:
        folder = self.fresh()
        assert self.peers
        settings = [
            "-s",
            'EXTENSIONS={"scrapy_webarchive.extensions.WaczExporter": 543}',
            "-s",
            f"SW_EXPORT_URI={folder}/out.wacz",
        ]
        command = [self.peers / "bin/scrapy", "runspider", self.home / "walk.py", "-L", "CRITICAL", *settings]
        return lambda: execute(*command, cwd=folder)


def install_peers(home: Path) -> Path | None:
    """warcprox and scrapy-webarchive in an environment of their own; None when the registry does not give them."""
    folder = home / "peers"
    venv.create(folder, with_pip=True)
    done = subprocess.run(
        [folder / "bin/pip", "-q", "install", "warcprox", "scrapy-webarchive", "setuptools<81"],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        print(f"peers left out: {done.stderr.strip().splitlines()[-1] if done.stderr else 'pip failed'}")
        return None
    return folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=1500)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    if missing := [name for name in ("nginx", "wget") if not shutil.which(name)]:
        raise SystemExit(f"missing: {', '.join(missing)}; apt-get install nginx-light wget")
    home = Path(tempfile.mkdtemp(prefix="muragat-bench-"))
    try:
        peers = install_peers(home)
        with site(home, options.pages) as url:
            bench = Bench(home, url, peers)
            contestants: dict[str, Callable[[], Callable[[], None]]] = {
                "Scrapy, its defaults": bench.scrapy_defaults,
                "muragat, no capture": lambda: bench.ours("bare"),
                "muragat": lambda: bench.ours("capture"),
                "wget --warc-file": bench.wget,
            }
            if peers:
                contestants["warcprox + wget"] = bench.warcprox
                contestants["scrapy-webarchive"] = bench.webarchive
            times: dict[str, list[tuple[float, float]]] = {name: [] for name in contestants}
            for _ in range(options.rounds):
                for name, prepare in contestants.items():
                    times[name].append(measure(prepare()))
            count = options.pages + (options.pages + PER_LISTING - 1) // PER_LISTING + 1
            print(f"{count} pages of {PAGE_BYTES // 1000} KB, {options.rounds} rounds")
            print(f"{'':24}{'pages/s':>9}{'CPU ms/page':>13}{'ratio [min-max]':>22}")
            for name, runs in times.items():
                ratios = [base[0] / run[0] for run, base in zip(runs, times["muragat, no capture"], strict=True)]
                rate = statistics.median(count / seconds for seconds, _ in runs)
                cpu = statistics.median(cpu / count * 1000 for _, cpu in runs)
                spread = f"{statistics.median(ratios):.2f} [{min(ratios):.2f}-{max(ratios):.2f}]"
                print(f"{name:24}{rate:>9.0f}{cpu:>13.2f}{spread:>22}")
    finally:
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()
