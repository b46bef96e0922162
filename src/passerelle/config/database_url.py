"""The address of a PostgreSQL database, as libpq writes it: one host or several."""

from typing import Any
from urllib.parse import urlsplit

import dj_database_url

USUAL_PORT = 5432


def read_database_url(url: str) -> dict[str, Any]:
    """Django's settings for it. Raises ValueError for an address that cannot be read.

    What stands behind the question mark is for libpq: `sslmode`, `target_session_attrs`.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("postgres", "postgresql"):
        raise ValueError(f"scheme {parts.scheme!r}")
    who, at, where = parts.netloc.rpartition("@")
    # Each host is read by itself: Python takes several for one with a strange port.
    hosts = [urlsplit(f"//{one}") for one in where.split(",")]
    if any(host.port == 0 for host in hosts) or (
        len(hosts) > 1 and not all(h.hostname for h in hosts)
    ):
        raise ValueError("a host without a name, or port 0")
    try:
        settings: dict[str, Any] = {
            **dj_database_url.parse(parts._replace(netloc=f"{who}{at}{hosts[0].netloc}").geturl())
        }
    except dj_database_url.ParseError as error:
        raise ValueError(str(error)) from error
    if len(hosts) > 1:
        settings["HOST"] = ",".join(host.hostname or "" for host in hosts)
        settings["PORT"] = ",".join(str(host.port or USUAL_PORT) for host in hosts)
    return settings
