"""`--site`, the same for every command: the name of a profile, or a host with all below it."""

from __future__ import annotations

from typing import NamedTuple

from sqlite_utils import Database

from archive.surt import urlkey


class OfSite(NamedTuple):
    """SQL about rows that have the columns `site` and `urlkey`, and its values."""

    sql: str
    values: tuple[str, ...]


def of_site(value: str | None, *, table: str = "") -> OfSite:
    """A condition: the rows of one site, of `table` where several are asked; None means all."""
    if value is None:
        return OfSite("1", ())
    column = f"{table}." if table else ""
    between = f"{column}urlkey >= ? AND {column}urlkey < ?"
    return OfSite(f"({column}site = ? OR {between} OR {between} OR {between})", (_name(value), *_below(value)))


def articles_of(value: str) -> OfSite:
    """A SELECT of the ids of a site's articles. Of indexes alone: for an OR SQLite would read each article's row."""
    return OfSite(
        "SELECT id FROM articles WHERE site = ?"
        + " UNION ALL SELECT id FROM articles WHERE urlkey >= ? AND urlkey < ?" * 3,
        (_name(value), *_below(value)),
    )


def unknown_site(db: Database, value: str) -> str | None:
    """What to tell who names a site of which the archive has nothing: the sites there are. None for one it has."""
    named, keys = _name(value), _below(value)
    between = "urlkey >= ? AND urlkey < ?"
    for select, values in (
        ("FROM crawls WHERE site = ?", (named,)),
        ("FROM articles WHERE site = ?", (named,)),
        (f"FROM captures WHERE {between} OR {between} OR {between}", keys),
    ):
        if db.execute(f"SELECT 1 {select} LIMIT 1", values).fetchone():
            return None
    known = db.execute("SELECT site FROM crawls UNION SELECT site FROM articles ORDER BY 1").fetchall()
    names = ", ".join(str(name) for (name,) in known if name)
    return f"nothing in this archive is of a site {value!r}; it holds {names or 'no site yet'}"


def _name(value: str) -> str:
    return value.strip().lower()


def _below(value: str) -> tuple[str, ...]:
    """From where to where the keys of a host lie, and of all below it."""
    host = urlkey(f"http://{value.strip().strip('/').rpartition('://')[2]}/").partition(")")[0]
    # ")" ends a host in a urlkey, "," goes on to what is below it, ":" to a port; each up to the sign after it.
    return (f"{host})", f"{host}*", f"{host},", f"{host}-", f"{host}:", f"{host};")
