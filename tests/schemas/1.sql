CREATE TABLE "_sqlite_migrations" (
   "id" INTEGER PRIMARY KEY,
   "migration_set" TEXT,
   "name" TEXT,
   "applied_at" TEXT
);
CREATE UNIQUE INDEX "idx__sqlite_migrations_migration_set_name"
    ON "_sqlite_migrations" ("migration_set", "name");
CREATE TABLE "crawls" ("name" TEXT PRIMARY KEY, "site" TEXT, "started_at" TEXT, "finished_at" TEXT, "reason" TEXT, "offered" INTEGER, "fetched" INTEGER, "failed" INTEGER, "skipped" INTEGER, "waiting" INTEGER, "software" TEXT, "user_agent" TEXT);
CREATE TABLE "warcs" ("filename" TEXT PRIMARY KEY, "crawl" TEXT REFERENCES crawls(name), "sha256" TEXT, "size_bytes" INTEGER, "indexed_to" INTEGER NOT NULL, "damaged" INTEGER NOT NULL);
CREATE TABLE "captures" ("warc" TEXT NOT NULL, "offset" INTEGER NOT NULL, "length" INTEGER NOT NULL, "urlkey" TEXT NOT NULL, "url" TEXT NOT NULL, "site" TEXT, "captured_at" TEXT NOT NULL, "status" INTEGER, "content_type" TEXT NOT NULL, "payload_digest" TEXT NOT NULL, "record_type" TEXT NOT NULL, "refers_to_url" TEXT, "refers_to_at" TEXT, "location" TEXT, "error" TEXT, "kind" TEXT, "reason" TEXT, "version" INTEGER REFERENCES versions(id), "rules" TEXT, PRIMARY KEY (warc, offset));
CREATE TABLE "versions" ("id" INTEGER PRIMARY KEY, "article" TEXT NOT NULL, "text_digest" TEXT NOT NULL, "url" TEXT NOT NULL, "site" TEXT, "title" TEXT NOT NULL, "lead" TEXT, "text" TEXT NOT NULL, "blocks" TEXT NOT NULL, "authors" TEXT NOT NULL, "section" TEXT, "tags" TEXT NOT NULL, "published_at" TEXT, "published_precision" TEXT, "published_as" TEXT, "modified_at" TEXT, "language" TEXT, "canonical" TEXT, "images" TEXT NOT NULL, "page" INTEGER NOT NULL, "first_page" TEXT, "sources" TEXT NOT NULL, "seen_from" TEXT NOT NULL, "seen_to" TEXT NOT NULL, "captures" INTEGER NOT NULL, "warc" TEXT NOT NULL, "offset" INTEGER NOT NULL);
CREATE TABLE "articles" ("id" INTEGER PRIMARY KEY, "urlkey" TEXT NOT NULL UNIQUE, "url" TEXT NOT NULL, "site" TEXT, "title" TEXT NOT NULL, "lead" TEXT, "text" TEXT NOT NULL, "section" TEXT, "language" TEXT, "published_at" TEXT, "published_precision" TEXT, "published_as" TEXT, "modified_at" TEXT, "pages" INTEGER NOT NULL, "version" INTEGER NOT NULL REFERENCES versions(id), "versions" INTEGER NOT NULL, "first_seen_at" TEXT NOT NULL, "last_seen_at" TEXT NOT NULL, "gone_at" TEXT, "warc" TEXT NOT NULL, "offset" INTEGER NOT NULL);
CREATE TABLE "article_authors" ("article" INTEGER NOT NULL REFERENCES articles(id), "author" TEXT NOT NULL, "position" INTEGER NOT NULL, PRIMARY KEY (article, position));
CREATE TABLE "article_tags" ("article" INTEGER NOT NULL REFERENCES articles(id), "tag" TEXT NOT NULL, PRIMARY KEY (article, tag));
CREATE TABLE "images" ("article" INTEGER NOT NULL REFERENCES articles(id), "position" INTEGER NOT NULL, "url" TEXT NOT NULL, "alt" TEXT NOT NULL, "caption" TEXT NOT NULL, PRIMARY KEY (article, position));
CREATE TABLE "spam" ("id" INTEGER PRIMARY KEY, "warc" TEXT NOT NULL, "offset" INTEGER NOT NULL, "url" TEXT NOT NULL, "captured_at" TEXT NOT NULL, "kind" TEXT NOT NULL, "excerpt" TEXT NOT NULL, "language" TEXT, "domains" TEXT NOT NULL, "evidence" TEXT NOT NULL, "score" REAL NOT NULL);
CREATE TABLE "terms" ("form" TEXT NOT NULL, "term" TEXT NOT NULL, PRIMARY KEY (form, term)) WITHOUT ROWID;
CREATE INDEX captures_urlkey ON captures (urlkey, captured_at);
CREATE INDEX captures_payload ON captures (payload_digest);
CREATE INDEX captures_version ON captures (version);
CREATE INDEX versions_article ON versions (article, seen_from);
CREATE INDEX versions_first_page ON versions (first_page) WHERE first_page IS NOT NULL;
CREATE INDEX versions_canonical ON versions (canonical) WHERE canonical IS NOT NULL;
CREATE INDEX articles_published ON articles (published_at);
CREATE INDEX articles_section ON articles (section);
CREATE INDEX spam_capture ON spam (warc, offset);
CREATE INDEX spam_captured ON spam (captured_at);
CREATE INDEX article_tags_tag ON article_tags (tag);
CREATE INDEX article_authors_author ON article_authors (author);
CREATE VIRTUAL TABLE search USING fts5(title, body, names, tokenize = 'unicode61');
INSERT INTO _sqlite_migrations VALUES (1, 'muragat', 'm001_first', '2026-11-23 22:07:02.781691+00:00');
PRAGMA user_version = 1;
