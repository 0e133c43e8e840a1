"""kazakistan.kz: the news spider with its site filled in."""

from __future__ import annotations

from crawler.spiders.news import NewsSpider


class KazakistanSpider(NewsSpider):
    """`scrapy crawl kazakistan`, from the checkout; its profile is sites/kazakistan_kz.toml of the archive."""

    name = "kazakistan"
    site_name = "kazakistan_kz"
