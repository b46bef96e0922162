"""Where a sign-in may lead: only to this site."""

from django.utils.http import url_has_allowed_host_and_scheme

MAX_LENGTH = 2000


def safe_next(path: str | None) -> str:
    """The path if it is one of this site, otherwise nothing, which means the dashboard."""
    if not path or len(path) > MAX_LENGTH or not path.startswith("/") or not path.isprintable():
        return ""
    return path if url_has_allowed_host_and_scheme(path, allowed_hosts=None) else ""
