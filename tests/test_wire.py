"""What the WARC holds is what crossed the wire: one crawl of strange answers, held against the server's own log.

This is the contract with Scrapy and Twisted, whose private names crawler/wire.py uses: when they change, this fails.
"""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
from base64 import b64decode
from collections import defaultdict
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from servers import (
    CRAWL_TIMEOUT,
    Answer,
    Heard,
    Loopback,
    chunked,
    crawl,
    frontier_rows,
    gzipped,
    links,
    make_archive,
    page,
    self_signed,
)
from warcio.archiveiterator import ArchiveIterator
from warcio.recordloader import ArcWarcRecord

from archive.config import ArchiveDir
from archive.model import RecordType
from archive.warc import TLS_URI, Kept, dechunk, parse_head, read_payload, read_warc, split_response
from crawler.wire import final_response

pytest.importorskip("scrapy", reason="crawling needs the extra `crawl`")

TEXT = "Алматы'da kar yağdı; ışık, göl. ".encode() * 40


def head(*lines: str, status: str = "HTTP/1.1 200 OK") -> bytes:
    return "\r\n".join((status, *lines)).encode("latin-1") + b"\r\n\r\n"


def sized(body: bytes, *lines: str, status: str = "HTTP/1.1 200 OK") -> bytes:
    return head(*lines, f"Content-Length: {len(body)}", status=status) + body


def body_of(name: str) -> bytes:
    """No two alike: a body that is already held would become a revisit, which keeps no body."""
    return name.encode() + b" " + TEXT


ODD_HEADERS = (
    "cOnTeNt-TyPe:text/plain",
    "X-Twice: one",
    "x-twice: two",
    "Set-Cookie: a=1",
    "Set-Cookie: b=2; Path=/",
    "X-Latin: kavşak çay ñandú".encode("latin-1", "replace").decode("latin-1"),
    "X-Empty:",
    "X-Spaces:   three before, two after  ",
    "a line without a colon",
)

# Each answer that must be kept whole, byte for byte.
WHOLE: dict[str, Answer] = {
    "/plain": Answer((sized(body_of("plain"), "Content-Type: text/plain"),)),
    "/empty": Answer((sized(b"", "Content-Type: text/plain"),)),
    "/pieces": Answer((sized(body_of("pieces"))[:9], sized(body_of("pieces"))[9:30], sized(body_of("pieces"))[30:])),
    "/gzip": Answer((sized(gzipped(body_of("gzip")), "Content-Encoding: gzip"),)),
    "/chunked": Answer((head("Transfer-Encoding: chunked"), chunked(body_of("chunked"), size=100))),
    "/chunked-gzip": Answer(
        (head("Content-Encoding: gzip", "Transfer-Encoding: chunked"), chunked(gzipped(body_of("chunked-gzip"))))
    ),
    "/chunk-extras": Answer(
        (
            head("Trailer: X-Sum", "TRANSFER-ENCODING: Chunked"),
            b'00005;name=value;q="a b"\r\nhello\r\n',
            b"A\r\n, trailers\r\n0;last\r\nX-Sum: 15\r\nX-More: \xfe\r\n\r\n",
        )
    ),
    "/headers": Answer((sized(body_of("headers"), *ODD_HEADERS, status="HTTP/1.1 200 Tamam, iste burada"),)),
    "/no-reason": Answer((sized(body_of("no-reason"), status="HTTP/1.1 200 "),)),
    "/no-reason-no-space": Answer((sized(body_of("no-reason-no-space"), status="HTTP/1.1 200"),)),
    "/until-close": Answer((head("Content-Type: text/plain", "Connection: close"), body_of("until-close")), close=True),
    "/http-1.0": Answer((head("Content-Type: text/plain", status="HTTP/1.0 200 OK"), body_of("1.0")), close=True),
    "/http-1.0-sized": Answer((sized(body_of("1.0-sized"), status="HTTP/1.0 200 OK"),), close=True),
    "/lf-only": Answer((b"HTTP/1.1 200 OK\nContent-Type: text/plain\nContent-Length: 7\n\nlf-only",)),
    "/folded": Answer((sized(body_of("folded"), "X-Folded: one", "  two", "\tthree"),)),
    "/204": Answer((head(status="HTTP/1.1 204 No Content"),)),
    "/301": Answer((sized(body_of("301"), "Location: /moved-here", status="HTTP/1.1 301 Moved Permanently"),)),
    "/moved-here": Answer((sized(body_of("moved-here")),)),
    "/404": Answer((sized(body_of("404"), status="HTTP/1.1 404 Not Found"),)),
    "/410": Answer((sized(body_of("410"), status="HTTP/1.1 410 Gone"),)),
    "/500": Answer((sized(body_of("500"), status="HTTP/1.1 500 Internal Server Error"),)),
    "/long": Answer((sized(b"0123456789abcdef" * 40_000),)),
    "/kept-alive": Answer((sized(body_of("kept-alive"), "Connection: keep-alive"),)),
    "/surplus": Answer((sized(body_of("surplus")) + b"HTTP/1.1 200 OK\r\n\r\nsmuggled",), close=True),
}
SURPLUS = b"HTTP/1.1 200 OK\r\n\r\nsmuggled"
INTERIM = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n"
# Each answer that breaks off, and how WARC-Truncated calls it.
CUT: dict[str, Answer] = {
    "/cut-length": Answer((head("Content-Length: 5000"), b"only this came: cut-length"), close=True),
    "/cut-chunk": Answer((head("Transfer-Encoding: chunked"), b"ff\r\nonly this came: cut-chunk"), close=True),
    "/cut-gzip": Answer((head("Content-Length: 900", "Content-Encoding: gzip"), gzipped(TEXT)[:40]), close=True),
    "/not-http": Answer((b"SSH-2.0-OpenSSH_9.2p1 Debian\r\n",), close=True),
}
UNASKED = {"/304": Answer((head('ETag: "x"', status="HTTP/1.1 304 Not Modified"),))}  # to no condition of ours
TWINS = {f"/twin-{n}": Answer((sized(body_of("twin"), f"X-Twin: {n}"),)) for n in (1, 2)}
CHUNKED_TWIN = {"/twin-chunked": Answer((head("Transfer-Encoding: chunked"), chunked(body_of("twin"), size=50)))}
INTERIMS = {"/103": Answer((INTERIM, INTERIM + sized(body_of("103"))))}
SILENT = {"/silent": Answer((), close=True)}  # the connection ends without a byte
# Each on a host of its own: one that fails again and again is asked ever more slowly, then left alone.
BROKEN = {**CUT, **SILENT}


@dataclass(frozen=True)
class Story:
    """One crawl: what the servers wrote down, and what the WARC holds."""

    directory: ArchiveDir
    servers: tuple[Loopback, ...]
    kept: dict[str, list[Kept]]  # URL → what our reader reads, by time
    responses: dict[str, list[ArcWarcRecord]]  # URL → what warcio reads
    requests: dict[str, list[bytes]]
    notes: dict[str, bytes]  # target → block of a metadata record
    blocks: dict[tuple[str, str], bytes]  # (WARC type, record id) → block, as warcio reads it
    output: str

    def heard(self, path: str) -> list[Heard]:
        return self.server(path).heard(path)

    def server(self, path: str) -> Loopback:
        return self.servers[2 + list(BROKEN).index(path) if path in BROKEN else 0]

    def url(self, path: str) -> str:
        return self.server(path).url + path

    def block(self, path: str) -> bytes:
        """The one response block of a path."""
        (record,) = self.responses[self.url(path)]
        return self.blocks[record.rec_type, record.rec_headers.get_header("WARC-Record-ID")]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    """The crawl of all of it, over HTTP and a part over HTTPS."""
    root = tmp_path_factory.mktemp("wire")
    cases = {**WHOLE, **UNASKED, **TWINS, **CHUNKED_TWIN, **INTERIMS}
    secure = {name: WHOLE[name] for name in ("/chunked-gzip", "/until-close", "/headers", "/pieces")}
    secure = {name: _said_securely(answer) for name, answer in secure.items()}
    with ExitStack() as running:
        plain = running.enter_context(Loopback({"/": links(*cases), **cases}))
        tls = running.enter_context(Loopback({"/": links(*secure), **secure}, tls=self_signed(root)))
        broken = [running.enter_context(Loopback({"/": links(path), path: answer})) for path, answer in BROKEN.items()]
        directory = make_archive(root / "archive", plain, tls, *broken)
        done = crawl(directory)
    assert done.returncode == 0, done.stderr
    (warc,) = directory.warcs.glob("*.warc.gz")
    kept = defaultdict[str, list[Kept]](list)
    for read in read_warc(directory.warcs, warc.name):
        if isinstance(read, Kept):
            kept[read.capture.url].append(read)
    responses = defaultdict[str, list[ArcWarcRecord]](list)
    requests = defaultdict[str, list[bytes]](list)
    blocks, notes = {}, {}
    with warc.open("rb") as file:
        for record in ArchiveIterator(file, no_record_parse=True):
            url, block = record.rec_headers.get_header("WARC-Target-URI"), record.raw_stream.read()
            blocks[record.rec_type, record.rec_headers.get_header("WARC-Record-ID")] = block
            if record.rec_type in ("response", "revisit"):
                responses[url].append(record)
            elif record.rec_type == "request":
                requests[url].append(block)
            elif record.rec_type == "metadata":
                notes[url] = block
    return Story(directory, (plain, tls, *broken), kept, responses, requests, notes, blocks, done.stdout + done.stderr)


def _said_securely(answer: Answer) -> Answer:
    """The same answer with another body: what both servers said alike would be kept once."""
    whole = b"".join(answer.pieces)
    return Answer((whole.replace(b"HTTP/1.1 200", b"HTTP/1.1 203", 1),), close=answer.close)


@pytest.mark.parametrize("path", [*WHOLE, *UNASKED, *TWINS, *CHUNKED_TWIN, *CUT, *INTERIMS])
def test_a_request_is_kept_as_it_was_sent(story: Story, path: str) -> None:
    heard = [one.request for one in story.heard(path)]

    assert heard
    assert story.requests[story.url(path)] == heard


@pytest.mark.parametrize("path", [path for path in WHOLE if path not in ("/500", "/surplus")])
def test_an_answer_is_kept_as_it_was_received(story: Story, path: str) -> None:
    (heard,) = story.heard(path)

    assert story.block(path) == heard.sent
    (record,) = story.responses[story.url(path)]
    assert record.rec_headers.get_header("WARC-Truncated") is None


@pytest.mark.parametrize("path", ["/500", *CUT])
def test_each_attempt_is_kept_as_it_was_received(story: Story, path: str) -> None:
    url = story.url(path)
    heard = [one.sent for one in story.heard(path)]

    kept = [story.blocks[one.rec_type, one.rec_headers.get_header("WARC-Record-ID")] for one in story.responses[url]]

    assert len(heard) == 3
    assert kept == heard
    truncated = {one.rec_headers.get_header("WARC-Truncated") for one in story.responses[url]}
    assert truncated == ({"disconnect"} if path in CUT else {None})


@pytest.mark.parametrize("path", ["/chunked-gzip", "/until-close", "/headers", "/pieces"])
def test_https_is_kept_as_what_it_carries(story: Story, path: str) -> None:
    tls = story.servers[1]
    (record,) = story.responses[tls.url + path]
    (heard,) = tls.heard(path)

    assert story.blocks[record.rec_type, record.rec_headers.get_header("WARC-Record-ID")] == heard.sent
    assert story.requests[tls.url + path] == [heard.request]


def test_the_certificate_of_each_secure_host_is_kept(story: Story) -> None:
    noted = {url: block.decode().splitlines() for url, block in story.notes.items() if url.startswith(TLS_URI)}

    ((url, (version, cipher, *certificates)),) = noted.items()
    assert url == TLS_URI + story.servers[1].address
    assert version.startswith("tlsVersion: TLSv1.") and cipher.startswith("tlsCipher: TLS_")
    pem = (story.directory.root.parent / "server.pem").read_text()
    own = ssl.PEM_cert_to_DER_cert(pem[pem.index("-----BEGIN CERTIFICATE") :])
    assert [b64decode(line.removeprefix("certificate: ")) for line in certificates] == [own]


def test_bytes_behind_the_end_of_an_answer_are_no_part_of_it(story: Story) -> None:
    (heard,) = story.heard("/surplus")

    assert story.block("/surplus") == heard.sent.removesuffix(SURPLUS)


def test_a_request_that_was_sent_again_is_kept_once_and_the_first_is_noted(tmp_path: Path) -> None:
    """A kept-alive connection turns out dead: Twisted sends the request again on a new one and says nothing of it."""
    again = [Answer((), close=True), page("resent")]
    with Loopback({"/": links("/a", "/again"), "/a": page("a"), "/again": again}) as server:
        directory = make_archive(tmp_path / "archive", server, rules="concurrency = 1")
        done = crawl(directory)

    assert done.returncode == 0, done.stderr
    first, second = server.heard("/again")
    assert first.connection < second.connection
    (warc,) = directory.warcs.glob("*.warc.gz")
    with warc.open("rb") as file:
        kept = [
            (record.rec_type, record.raw_stream.read())
            for record in ArchiveIterator(file, no_record_parse=True)
            if record.rec_headers.get_header("WARC-Target-URI") == f"{server.url}/again"
        ]
    note = b"fetchError: the connection closed without an answer; sent again\r\n"
    assert kept == [("metadata", note), ("response", second.sent), ("request", second.request)]


def test_interim_answers_are_left_out(story: Story) -> None:
    (heard,) = story.heard("/103")

    assert story.block("/103") == heard.sent.removeprefix(INTERIM * 2)


def test_a_body_already_held_is_kept_as_the_head_that_came(story: Story) -> None:
    records = [story.responses[story.url(path)][0] for path in TWINS]
    records.sort(key=lambda record: record.rec_type)

    assert [record.rec_type for record in records] == ["response", "revisit"]
    first, second = (record.rec_headers.get_header("WARC-Target-URI") for record in records)
    assert records[1].rec_headers.get_header("WARC-Refers-To-Target-URI") == first
    path = second.removeprefix(story.servers[0].url)
    assert story.block(path) == split_response(story.heard(path)[0].sent)[0]


def test_a_body_already_held_in_other_framing_is_kept_whole(story: Story) -> None:
    """Replay joins a revisit's head to the body it refers to: were only one of them chunked, it could not be read."""
    (record,) = story.responses[story.url("/twin-chunked")]

    assert record.rec_type == "response"
    assert story.block("/twin-chunked") == story.heard("/twin-chunked")[0].sent


def test_a_304_is_a_revisit(story: Story) -> None:
    """How often it is asked for is no matter of the wire: it says nothing to who has nothing."""
    kept, heard = story.kept[story.url("/304")], story.heard("/304")

    records = story.responses[story.url("/304")]
    assert [story.blocks[one.rec_type, one.rec_headers.get_header("WARC-Record-ID")] for one in records] == [
        one.sent for one in heard
    ]
    facts = {(one.capture.record_type, one.capture.status, one.payload) for one in kept}
    assert facts == {(RecordType.REVISIT, 304, None)}


def test_a_connection_that_ends_without_a_byte_is_noted(story: Story) -> None:
    kept = story.kept[story.url("/silent")]

    # Twisted itself asks once more when a kept-alive connection turns out dead, which is noted too.
    assert len(kept) == len(story.heard("/silent")) >= 3
    assert {one.capture.record_type for one in kept} == {RecordType.METADATA}
    assert {one.capture.error and one.capture.error.partition(":")[0] for one in kept} <= {
        "the connection closed without an answer; sent again",
        "DownloadFailedError",
        "DownloadConnectionLostError",
        "ResponseNeverReceived",
    }


def test_every_answer_given_was_kept(story: Story) -> None:
    given = sum(bool(heard.sent) for server in story.servers for heard in server.log)

    assert sum(map(len, story.responses.values())) == given


def test_connections_are_used_again(story: Story) -> None:
    """Otherwise nothing here says that one exchange is kept apart from the next on the same connection."""
    assert story.servers[0].connections < len(story.servers[0].log)
    used = [heard.connection for heard in story.servers[0].log]
    assert max(map(used.count, used)) > 3  # about one answer in four ends its connection


def test_payloads_are_the_bodies_without_their_framing(story: Story) -> None:
    expected = {
        "/plain": body_of("plain"),
        "/gzip": gzipped(body_of("gzip")),
        "/chunked": body_of("chunked"),
        "/chunked-gzip": gzipped(body_of("chunked-gzip")),
        "/chunk-extras": b"hello, trailers",
        "/lf-only": b"lf-only",
        "/until-close": body_of("until-close"),
        "/cut-chunk": b"only this came: cut-chunk",
    }

    payloads = {
        path: read_payload(story.directory.warcs, story.kept[story.url(path)][0].capture).body for path in expected
    }

    assert payloads == expected


def test_status_and_address_are_those_of_the_wire(story: Story) -> None:
    url = story.servers[0].url
    statuses = {path: story.kept[url + path][0].capture.status for path in ("/204", "/301", "/404", "/410", "/500")}

    assert statuses == {"/204": 204, "/301": 301, "/404": 404, "/410": 410, "/500": 500}
    assert story.kept[url + "/301"][0].capture.location == "/moved-here"
    (record,) = story.responses[url + "/plain"]
    assert record.rec_headers.get_header("WARC-IP-Address") == "127.0.0.1"


def test_what_could_not_be_had_is_failed_in_the_frontier(story: Story) -> None:
    rows = frontier_rows(story.directory)
    states = {path: rows[story.url(path)][0] for path in (*WHOLE, *CUT, *SILENT)}

    assert {path for path, state in states.items() if state == "failed"} == {"/500", *CUT, *SILENT}
    assert {path for path, state in states.items() if state != "failed"} == WHOLE.keys() - {"/500"}
    assert set(states.values()) == {"failed", "done"}


def test_warcio_agrees_but_for_the_digest_of_chunked_bodies(story: Story) -> None:
    """`warcio check` takes the payload digest of a body with its chunk framing; WARC 1.1 §6.3.2 says without."""
    (warc,) = story.directory.warcs.glob("*.warc.gz")

    command = [sys.executable, "-m", "warcio.cli", "check", "-v", str(warc)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)

    lines = done.stdout.splitlines()
    failed = {before.split()[3] for before, line in pairwise(lines) if "failed" in line}
    assert "block digest failed" not in done.stdout
    assert failed == {
        record_id
        for (kind, record_id), block in story.blocks.items()
        if kind == "response" and parse_head(split_response(block)[0]).chunked
    }


DEAF = """
import crawler.wire
from scrapy.core.downloader.handlers.http11 import _LenientHTTP11ClientFactory
crawler.wire._TappedFactory = _LenientHTTP11ClientFactory
from crawler.cli import main
main()
"""


def test_a_scrapy_that_no_longer_tells_us_makes_the_crawl_fail(tmp_path: Path) -> None:
    """The day our factory is no longer asked for, pages must not pass unrecorded."""
    with Loopback({"/": links("/a"), "/a": page("a")}) as server:
        directory = make_archive(tmp_path / "archive", server)
        command = [sys.executable, "-c", DEAF, "--archive", str(directory.root), "crawl", "--no-wait"]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=CRAWL_TIMEOUT, cwd=Path(__file__).resolve().parent.parent
        )

    assert done.returncode == 1, done.stdout
    assert "UnheardError" in done.stderr
    assert "done" not in {state for state, _ in frontier_rows(directory).values()}


# ---------------------------------------------------------------- requests with headers of their own

# Scrapy with our handler and nothing else of ours: asks for one path after the other, each with the headers given, and
# prints what the wire kept of it and what a spider was handed.
ASKS = """
import json, sys
from types import SimpleNamespace
from scrapy import Request, Spider
from scrapy.crawler import CrawlerProcess
from scrapy.settings import Settings

class Sink:
    spool_bytes = 1_000_000
    kept = []
    def keep(self, exchange):
        self.kept.append((exchange.request, exchange.response, exchange.truncated))
    def keep_failure(self, url, *, at, error):
        self.kept.append((b"", error.encode(), None))
    def may_connect(self, host, port):
        return True

def text(value):
    return value.decode("latin-1") if isinstance(value, bytes) else value

class Asks(Spider):
    name = "asks"
    rules = SimpleNamespace(max_bytes=1_000_000, max_requisite_bytes=10_000, timeout=10.0)
    run = SimpleNamespace(recorder=Sink(), site=SimpleNamespace(crawl=rules))

    async def start(self):
        self.handed = []
        for path, kind, headers in json.loads(sys.argv[2]):
            headers = {name: value.encode("latin-1") for name, value in headers}
            meta = {"handle_httpstatus_all": True, "lease": SimpleNamespace(kind=kind)}
            request = Request(sys.argv[1] + path, headers=headers, meta=meta, dont_filter=True)
            try:
                got = await self.crawler.engine.download_async(request)
                headers = {text(name): [text(value) for value in values] for name, values in got.headers.items()}
                self.handed.append([got.status, headers, text(got.body)])
            except Exception as error:
                self.handed.append(str(error))
        return
        yield

    def closed(self, reason):
        print(json.dumps({"handed": self.handed, "kept": [list(map(text, one)) for one in Sink.kept]}))

settings = Settings()
settings.setmodule("crawler.settings", priority="project")
scrapys = "scrapy.core.scheduler.Scheduler"
settings.setdict({"SCHEDULER": scrapys, "EXTENSIONS": {}, "USER_AGENT": "muragat/0 (+x)"}, priority="cmdline")
process = CrawlerProcess(settings)
process.crawl(Asks)
process.start()
"""


@dataclass(frozen=True)
class Asked:
    """What became of requests, in their order."""

    kept: list[tuple[str, str, str | None]]  # request, response, WARC-Truncated
    handed: list[Any]  # status, headers, body; or the error alone


def ask(server: Loopback, *requests: tuple[str, str, list[tuple[str, str]]]) -> Asked:
    """Ask for paths, each as a kind, with headers; bytes are latin-1 in what comes back."""
    done = subprocess.run(
        [sys.executable, "-c", ASKS, server.url, json.dumps(requests)],
        capture_output=True,
        text=True,
        timeout=CRAWL_TIMEOUT,
        cwd=Path(__file__).resolve().parent.parent,
    )
    assert done.returncode == 0, done.stderr
    printed = json.loads(done.stdout)
    return Asked([tuple(one) for one in printed["kept"]], printed["handed"])


NOT_MODIFIED = "HTTP/1.1 304 Not Modified"
NOTHING_NEW = {
    "/bare": (head(status=NOT_MODIFIED),),
    "/etag": (head('eTaG: W/"1-ş"'.encode().decode("latin-1"), "Date: x", status=NOT_MODIFIED),),
    # What a 200 would have had (RFC 9110 §8.6): of a body that does not come.
    "/length": (head("Content-Length: 51234", 'ETag: "2"', status=NOT_MODIFIED),),
    "/chunked": (head("Transfer-Encoding: chunked", "Content-Encoding: gzip", status=NOT_MODIFIED),),
    "/pieces": (head(status=NOT_MODIFIED)[:20], head(status=NOT_MODIFIED)[20:]),
}


def test_a_304_is_heard_to_the_byte_handed_on_and_leaves_the_connection_as_it_was() -> None:
    answers = {path: Answer(pieces) for path, pieces in NOTHING_NEW.items()}
    with Loopback({**answers, "/page": page("a page")}) as server:
        asked = ask(server, *((path, "page", []) for name in NOTHING_NEW for path in (name, "/page")))

    assert [(request, response) for request, response, _ in asked.kept] == [
        (one.request.decode("latin-1"), one.sent.decode("latin-1")) for one in server.log
    ]
    assert {truncated for *_, truncated in asked.kept} == {None}
    assert [(status, body) for status, _, body in asked.handed] == [(304, ""), (200, "a page")] * len(NOTHING_NEW)
    assert asked.handed[2][1]["Etag"] == ['W/"1-ş"'.encode().decode("latin-1")]
    assert server.connections == 1


def test_a_body_behind_a_304_is_no_part_of_it_and_nobody_s_answer() -> None:
    bare = head('ETag: "1"', status=NOT_MODIFIED)
    with Loopback({"/304": Answer((bare + b"HTTP/1.1 200 OK\r\n\r\nnot asked",)), "/page": page("a page")}) as server:
        asked = ask(server, ("/304", "page", []), ("/page", "page", []))

    assert asked.kept[0][1:] == (bare.decode(), None)
    assert [(status, body) for status, _, body in asked.handed] == [(304, ""), (200, "a page")]
    assert server.connections == 2


@pytest.mark.parametrize("etag", ['"plain"', 'W/"weak, with: comma"', '"\xfe\xe7"', '""', "unquoted", '"a" , "b"'])
@pytest.mark.parametrize("reverse", [False, True], ids=["etag first", "date first"])
def test_a_conditional_request_is_sent_as_it_was_asked_for(etag: str, reverse: bool) -> None:
    """Ours come first, in the order and spelling given, then what every request has; the WARC says what was sent."""
    ours = [("If-None-Match", etag), ("If-Modified-Since", "Fri, 15 Mar 2024 09:30:00 GMT")]
    ours = ours[::-1] if reverse else ours
    with Loopback({"/page": Answer((head('ETag: "1"', status=NOT_MODIFIED),))}) as server:
        asked = ask(server, ("/page", "page", ours))

    (heard,) = server.heard("/page")
    (kept,) = asked.kept
    assert kept[0] == heard.request.decode("latin-1")
    line, *fields = kept[0].removesuffix("\r\n\r\n").split("\r\n")
    assert line == "GET /page HTTP/1.1"
    assert [field for field in fields if field.startswith("If-")] == [f"{name}: {value}" for name, value in ours]
    names = [field.partition(":")[0] for field in fields]
    assert len(set(names)) == len(names) == len(ours) + 5, names


# ---------------------------------------------------------------- bounds


@pytest.mark.parametrize(
    "kind, cut", [("requisite", True), ("document", True), ("page", False), ("sitemap", False), ("robots", False)]
)
def test_what_stands_beside_the_pages_has_a_bound_of_its_own(kind: str, cut: bool) -> None:
    start = b"HTTP/1.1 200 OK\r\nContent-Type: application/pdf\r\n\r\n"
    pieces = (start, b"x" * 9_000, b"y" * 9_000)
    with Loopback({"/file": Answer(pieces, close=True)}) as server:
        asked = ask(server, ("/file", kind, []))

    ((_, response, truncated),) = asked.kept
    whole = b"".join(pieces).decode()
    assert (response, truncated) == ((whole[:10_000], "length") if cut else (whole, None))
    assert len(server.log) == 1
    if cut:
        assert asked.handed == ["more than 10000 bytes (crawl.max_requisite_bytes)"]


def test_an_answer_that_is_too_long_at_once_is_asked_for_once() -> None:
    """Twisted asks again, on its own, when a kept-alive connection ends before it has had a byte of an answer."""
    body = b"x" * 30_000
    with Loopback({"/a": page("a"), "/file": Answer((sized(body),))}) as server:
        asked = ask(server, ("/a", "page", []), ("/file", "requisite", []), ("/a", "page", []))

    assert [heard.path for heard in server.log] == ["/a", "/file", "/a"]
    assert asked.kept[1][1:] == (sized(body)[:10_000].decode(), "length")
    assert [truncated for *_, truncated in asked.kept] == [None, "length", None]


@pytest.mark.parametrize(
    "received, expected",
    [
        (b"", b""),
        (b"HTTP/1.1 200 OK\r\n\r\nx", b"HTTP/1.1 200 OK\r\n\r\nx"),
        (INTERIM + b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n"),
        (INTERIM * 3 + b"HTTP/1.0 404 No\r\n\r\n", b"HTTP/1.0 404 No\r\n\r\n"),
        (b"HTTP/1.1 100 Continue\n\nHTTP/1.1 200 OK\n\nx", b"HTTP/1.1 200 OK\n\nx"),  # line feeds alone
        (INTERIM[:-2], b""),  # broken off before the answer began
        (INTERIM + b"HTT", b""),
        (INTERIM + b"HTTP/1.1 ", b""),
        (INTERIM + b"HTTP/1.1 2", b"HTTP/1.1 2"),
        (INTERIM + b"SSH", b"SSH"),
        (b"HTT", b"HTT"),
        (b"HTTP/1.1 200 OK\r\n\r\n" + INTERIM, b"HTTP/1.1 200 OK\r\n\r\n" + INTERIM),  # inside a body it is a body
        (b"garbage", b"garbage"),
    ],
)
def test_interim_answers(received: bytes, expected: bytes) -> None:
    assert final_response(received) == expected


def test_dechunk_undoes_what_the_server_framed() -> None:
    assert dechunk(chunked(TEXT)) == TEXT
