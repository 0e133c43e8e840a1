"""Scrapy's settings: only what differs from its defaults, each with its reason."""

from __future__ import annotations

BOT_NAME = "muragat"
SPIDER_MODULES = ["crawler.spiders"]

# The bytes as they crossed the wire (crawler/wire.py). HTTP/2 and other handlers are not exact, so there are none.
DOWNLOAD_HANDLERS = {
    "http": "crawler.wire.WireHandler",
    "https": "crawler.wire.WireHandler",
    "ftp": None,
    "s3": None,
    "file": None,
    "data": None,
}

# URLs waiting, leased or done in frontier.db; Scrapy's JOBDIR loses up to a third of a site after SIGKILL.
SCHEDULER = "crawler.scheduler.FrontierScheduler"
JOBDIR = None

# The frontier alone owns delays, retries, redirects and robots.txt: each is a transition of a URL's row.
DOWNLOAD_DELAY = 0
CONCURRENT_REQUESTS = 16
CONCURRENT_REQUESTS_PER_DOMAIN = 16
ROBOTSTXT_OBEY = False
RETRY_ENABLED = False
REDIRECT_ENABLED = False
METAREFRESH_ENABLED = False
HTTPERROR_ALLOW_ALL = True
COOKIES_ENABLED = False  # a crawl has no session; Scrapy's middleware would also fetch the public suffix list
SPIDER_MIDDLEWARES = {
    "scrapy.spidermiddlewares.start.StartSpiderMiddleware": None,
    "scrapy.spidermiddlewares.httperror.HttpErrorMiddleware": None,
    "scrapy.spidermiddlewares.referer.RefererMiddleware": None,
    "scrapy.spidermiddlewares.urllength.UrlLengthMiddleware": None,
    "scrapy.spidermiddlewares.depth.DepthMiddleware": None,
}
DOWNLOADER_MIDDLEWARES = {
    "scrapy.downloadermiddlewares.offsite.OffsiteMiddleware": None,
    "scrapy.downloadermiddlewares.robotstxt.RobotsTxtMiddleware": None,
    "scrapy.downloadermiddlewares.httpauth.HttpAuthMiddleware": None,
    "scrapy.downloadermiddlewares.redirect.MetaRefreshMiddleware": None,
    "scrapy.downloadermiddlewares.redirect.RedirectMiddleware": None,
    "scrapy.downloadermiddlewares.cookies.CookiesMiddleware": None,
    "scrapy.downloadermiddlewares.httpproxy.HttpProxyMiddleware": None,
    "scrapy.downloadermiddlewares.httpcompression.HttpCompressionMiddleware": None,
    "crawler.decode.FastDecoding": 590,  # the same place, a faster gzip
}

# Only codings that the archive itself can undo for ever: both are zlib.
DEFAULT_REQUEST_HEADERS = {
    "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "Accept-Language": "tr,kk;q=0.8,ru;q=0.7,en;q=0.5",
    "Accept-Encoding": "gzip, deflate",
}

# What a body may inflate to before its links are read (crawler/links.py looks at 8 MiB of it, a sitemap may have 50).
# What may cross the wire, and how long it may take, is the profile's `max_bytes` and `timeout`.
DOWNLOAD_MAXSIZE = 64 * 1024 * 1024
DOWNLOAD_WARNSIZE = 0

# Scrapy makes a hundred asyncio tasks for every response otherwise: 1.5 times the pages a second (design: speed).
CONCURRENT_ITEMS = 1
TWISTED_REACTOR = "twisted.internet.asyncioreactor.AsyncioSelectorReactor"
TELNETCONSOLE_ENABLED = False

EXTENSIONS = {
    "scrapy.extensions.corestats.CoreStats": None,
    "scrapy.extensions.memusage.MemoryUsage": None,
    "scrapy.extensions.logstats.LogStats": None,
    "scrapy.extensions.feedexport.FeedExporter": None,
    "crawler.follow.Follow": 100,
    "crawler.progress.Progress": 200,
}
LOG_LEVEL = "WARNING"
