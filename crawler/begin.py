"""`muragat init`: an archive directory with its muragat.toml and, if a site was named, its profile."""

from __future__ import annotations

import getpass
import json
import socket
from pathlib import Path

from archive.config import ArchiveDir, Config
from archive.errors import ConfigError
from crawler.probe import add_site
from crawler.run import user_agent


def init_archive(root: Path, *, url: str | None, contact: str, operator: str) -> list[str]:
    """Make the directory; what to tell the person. A site that is not there leaves nothing behind."""
    directory = ArchiveDir(root)
    if directory.config_path.exists():
        raise ConfigError(f"{root} is an archive already; `muragat --archive {root} site add URL` adds a site to it")
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise ConfigError(f"{root} exists and is not empty; name a new folder")
    said = []
    if not contact:
        contact = f"{_user()}@{socket.getfqdn()}"
        said.append(f"contact: {contact} goes into the User-Agent, for the site's owner; muragat.toml corrects it")
    made = not root.exists()
    root.mkdir(parents=True, exist_ok=True)
    try:
        if url:
            config = Config(operator=operator, contact=contact)
            said += add_site(directory, url, user_agent=user_agent(config))[1]
    except BaseException:
        if directory.sites.exists():
            directory.sites.rmdir()
        if made:
            root.rmdir()
        raise
    for folder in (directory.sites, directory.warcs, directory.logs):
        folder.mkdir(exist_ok=True)
    directory.config_path.write_text(_settings(contact=contact, operator=operator), "utf-8")
    then = "`muragat crawl`" if url else "`muragat site add URL`, then `muragat crawl`"
    said.append(f"archive: {root} is ready; next: {then.replace('muragat ', f'muragat --archive {root} ')}")
    return said


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's process of no known user
        return "muragat"


def _settings(*, contact: str, operator: str) -> str:
    return (
        "# An archive of muragat.\n"
        f"operator = {json.dumps(operator, ensure_ascii=False)}  # who runs this; goes into every WARC\n"
        f"contact = {json.dumps(contact, ensure_ascii=False)}  # mail or page for a site's owner; in the User-Agent\n"
        "warc_size = 1_000_000_000  # bytes at which a WARC is closed and the next one begun\n"
        "warc_age = 86_400  # seconds after which it is, too\n"
        "spool_size = 1_048_576  # bytes of a body beyond which it waits on disk, not in memory\n"
        "\n"
        "# [schedule.nightly]  # `muragat schedule run` starts it\n"
        '# site = "NAME"\n'
        '# every = "6h"  # or: cron = "15 3 * * *"\n'
    )
