"""Where a sign-in may lead: only to this site."""

from urllib.parse import SplitResult, urlsplit, urlunsplit

from django.conf import settings
from django.utils.http import url_has_allowed_host_and_scheme

MAX_LENGTH = 2000
_PORTS = {"http": 80, "https": 443}


def safe_next(path: str | None) -> str:
    """The path if it is one of this site, otherwise nothing, which means the dashboard."""
    if not path or len(path) > MAX_LENGTH or not path.startswith("/") or not path.isprintable():
        return ""
    return path if url_has_allowed_host_and_scheme(path, allowed_hosts=None) else ""


def own_path(address: str) -> str:
    """The path in what a provider names, a path or our own full address; otherwise nothing."""
    if len(address) > MAX_LENGTH or not address.isprintable():
        return ""
    try:
        parts = urlsplit(address)
        ours = _origin(parts) == _origin(urlsplit(settings.PASSERELLE.base_url))
    except ValueError:
        return ""
    return safe_next(urlunsplit(("", "", parts.path or "/", *parts[3:])) if ours else address)


def _origin(parts: SplitResult) -> tuple[str, str | None, int | None, bool]:
    """Scheme, host and port as a browser compares them, and whether a user name hides the host."""
    port = parts.port or _PORTS.get(parts.scheme)
    return parts.scheme, parts.hostname, port, "@" in parts.netloc
