"""The views of archive.db, each column explained: rows of several tables as people ask for them.

Rows in, rows out, whatever the order in which captures came. archive/schema.py makes them.
"""

from __future__ import annotations

VIEWS = {
    # The pages that nobody is shown at this moment: those that `hidden` names, the other pages of their articles, and
    # what derived.py takes for a copy of one of these (rel=canonical on the same host, the same title), however linked.
    # `named` is the page that a person named. Every way to a reader asks this view, and nothing else decides.
    "hidden_now": """
WITH RECURSIVE withdrawn (urlkey, named) AS (
    SELECT urlkey, urlkey FROM hidden
    WHERE until IS NULL OR until > strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'
    UNION SELECT v.article, w.named FROM withdrawn w JOIN versions v ON v.first_page = w.urlkey
    UNION SELECT v.first_page, w.named FROM withdrawn w JOIN versions v ON v.article = w.urlkey
        WHERE v.first_page IS NOT NULL
    UNION SELECT v.article, w.named FROM withdrawn w JOIN versions v ON v.canonical = w.urlkey
        JOIN versions o ON o.article = w.urlkey AND o.title = v.title
        WHERE substr(v.article, 1, instr(v.article, ')')) = substr(w.urlkey, 1, instr(w.urlkey, ')'))
    UNION SELECT v.canonical, w.named FROM withdrawn w JOIN versions v ON v.article = w.urlkey
        JOIN versions o ON o.article = v.canonical AND o.title = v.title
        WHERE substr(v.canonical, 1, instr(v.canonical, ')')) = substr(w.urlkey, 1, instr(w.urlkey, ')')))
SELECT w.urlkey, w.named, h.url, h.reason, h.who, h.hidden_at, h.until
FROM withdrawn w JOIN hidden h ON h.urlkey = w.named""",
    # Every capture that shows a page, and how many pieces of injected content were found in it.
    "spam_states": """
SELECT c.warc, c."offset", c.urlkey, c.url, c.site, c.captured_at, c.kind, c.version, r.user_agent,
    (SELECT count(*) FROM spam s WHERE s.warc = c.warc AND s."offset" = c."offset") AS findings
FROM captures c LEFT JOIN warcs w ON w.filename = c.warc LEFT JOIN crawls r ON r.name = w.crawl
WHERE c.kind IN ('article', 'continuation', 'home', 'listing', 'static', 'attachment', 'replaced')""",
    # Where of two captures of one URL, one after the other, one shows injected content and the other does not.
    # `cloaked` says what speaks for a site that shows it to some only, the article's wording being the same:
    # another user agent was sent within a day, or what came (or went) is gone (or back) within a week.
    "spam_changes": """
SELECT warc, "offset", urlkey, url, site, captured_at, before_warc, before_offset, before_at,
    CASE WHEN findings > 0 THEN 'appeared' ELSE 'gone' END AS change, version IS before_version AS same_wording,
    CASE WHEN version <> before_version THEN NULL
         WHEN user_agent <> before_agent AND julianday(captured_at) - julianday(before_at) <= 1
             THEN 'another user agent'
         WHEN second_version IS version AND (second_findings > 0) = (findings > 0)
             AND julianday(captured_at) - julianday(second_at) <= 7 THEN 'comes and goes'
    END AS cloaked
FROM (SELECT *, lag(warc) OVER w AS before_warc, lag("offset") OVER w AS before_offset,
        lag(captured_at) OVER w AS before_at, lag(findings) OVER w AS before_findings,
        lag(version) OVER w AS before_version, lag(user_agent) OVER w AS before_agent,
        lag(captured_at, 2) OVER w AS second_at, lag(findings, 2) OVER w AS second_findings,
        lag(version, 2) OVER w AS second_version
    FROM spam_states WINDOW w AS (PARTITION BY urlkey ORDER BY captured_at, warc, "offset"))
WHERE (findings > 0) <> (before_findings > 0)""",
    "latest": """
SELECT a.url, a.title, a.lead, a.text,
    (SELECT group_concat(author, ', ') FROM (SELECT author FROM article_authors WHERE article = a.id ORDER BY position))
        AS authors,
    a.section, (SELECT group_concat(tag, ', ') FROM (SELECT tag FROM article_tags WHERE article = a.id ORDER BY tag))
        AS tags,
    a.language, a.published_at, a.modified_at, a.site, a.first_seen_at, a.last_seen_at, a.gone_at,
    a.versions AS wordings, a.comment_count,
    (SELECT url FROM images WHERE article = a.id ORDER BY position LIMIT 1) AS image,
    (SELECT count(*) FROM duplicates WHERE article = a.id) AS duplicates, a.id
FROM articles a""",
    "gone": """
SELECT a.url, a.title, a.site, a.section, a.published_at, a.first_seen_at, a.last_seen_at, a.gone_at,
    (SELECT CASE WHEN c.status IN (404, 410) THEN 'not found (' || c.status || ')'
                 WHEN c.kind = 'gone' THEN 'a page that says it is not there' ELSE 'sent to ' || c.location END
     FROM captures c WHERE c.urlkey = a.urlkey AND c.captured_at = a.gone_at
     ORDER BY c.version IS NOT NULL, c.warc, c."offset" LIMIT 1) AS answer, a.urlkey, a.id
FROM articles a WHERE a.gone_at IS NOT NULL""",
    "changes": """
SELECT 'edited' AS kind, e.weight, e.what, e.at, e.before_at, e.url, v.title, v.site, e.article AS urlkey
FROM edits e JOIN versions v ON v.id = e.new_version
UNION ALL SELECT 'gone', 'substance', 'gone: ' || answer, gone_at, last_seen_at, url, title, site, urlkey FROM gone""",
    "by_month": """
SELECT substr(published_at, 1, 7) AS month, site, count(*) AS articles, sum(versions > 1) AS edited,
    count(gone_at) AS gone
FROM articles GROUP BY substr(published_at, 1, 7), site""",
}

# view → (what a row is, column → what it says)
ABOUT_VIEWS: dict[str, tuple[str, dict[str, str]]] = {
    "latest": (
        "One article as it says now, with authors and tags in one line: for spreadsheets, Datasette and pandas.",
        {
            "url": "as last fetched",
            "title": "the headline",
            "lead": "standfirst or summary",
            "text": "the body, with its continuation pages",
            "authors": "as printed, a comma between two; NULL without",
            "section": "as printed",
            "tags": "in the order of the alphabet, a comma between two; NULL without",
            "language": "tr, kk, ru …",
            "published_at": "to the minute where the page says it",
            "modified_at": "as the page says",
            "site": "profile",
            "first_seen_at": "first capture that shows it",
            "last_seen_at": "last capture that shows it",
            "gone_at": "first capture since which it is not there; NULL while it is",
            "wordings": "how many it had",
            "comment_count": "of the newest capture",
            "image": "address of its first picture",
            "duplicates": "at how many other addresses it stands",
            "id": "of the row in `articles`",
        },
    ),
    "changes": (
        "One edit or deletion: what `muragat changes` lists.",
        {
            "kind": "edited or gone",
            "weight": "substance, wording or trifle, as in `edits`; a deletion is substance",
            "what": "what changed, in one line",
            "at": "first capture that shows the change",
            "before_at": "last capture that shows the page as it was before",
            "url": "as fetched",
            "title": "the headline from then on; of a deletion the last one",
            "site": "profile",
            "urlkey": "of the page",
        },
    ),
    "gone": (
        "One article that the site does not have any more.",
        {
            "url": "as last fetched",
            "title": "the last headline",
            "site": "profile",
            "section": "as printed",
            "published_at": "to the minute where the page said it",
            "first_seen_at": "first capture that shows it",
            "last_seen_at": "last capture that shows it",
            "gone_at": "first capture since which it is not there",
            "answer": "what the site said then",
            "urlkey": "of the page",
            "id": "of the row in `articles`",
        },
    ),
    "by_month": (
        "One month of one site: how much it published, and what became of that.",
        {
            "month": "YYYY-MM of the publication, in UTC; NULL where no date is known",
            "site": "profile",
            "articles": "how many are in the archive",
            "edited": "of these: have more than one wording",
            "gone": "of these: are not there any more",
        },
    ),
    "hidden_now": (
        "One page that is hidden at this moment: docs/hide.md. Every way to a reader asks this view.",
        {
            "urlkey": "of the page",
            "named": "urlkey of the page that a person named: itself, or one of its other pages or copies",
            "url": "of that, as typed",
            "reason": "as typed, for readers",
            "who": "user of the machine",
            "hidden_at": "since when without a break",
            "until": "first moment at which it shows again; NULL: until `muragat unhide`",
        },
    ),
    "spam_states": (
        "One capture that shows a page, and how much injected content it has.",
        {
            "warc": "of the capture",
            "offset": "of the capture",
            "urlkey": "of the page",
            "url": "as fetched",
            "site": "profile",
            "captured_at": "when",
            "kind": "what the page is",
            "version": "the wording it shows",
            "user_agent": "as sent to the site",
            "findings": "how many pieces of injected content were found in it",
        },
    ),
    "spam_changes": (
        "Two captures of a page, one after the other, of which one shows injected content and the other does not.",
        {
            "warc": "of the later capture, as all that follows",
            "offset": "of it",
            "urlkey": "of the page",
            "url": "as fetched",
            "site": "profile",
            "captured_at": "when",
            "before_warc": "of the capture before it",
            "before_offset": "of that",
            "before_at": "when that was made",
            "change": "appeared or gone",
            "same_wording": "1 where the article says the same in both",
            "cloaked": "what speaks for a site that shows it to some only: 'another user agent', 'comes and goes'",
        },
    ),
}
