"""Scrapy's spiders: news.py walks any site by its profile, the others are that spider with a site filled in."""
