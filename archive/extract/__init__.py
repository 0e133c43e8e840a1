"""Payload → article and findings: what one captured page says, and what somebody injected into it.

Read article.py first: it tells the story of one page from bytes to blocks.
"""

from archive.extract.article import EXTRACTOR_VERSION, extract, rules_digest

__all__ = ["EXTRACTOR_VERSION", "extract", "rules_digest"]
