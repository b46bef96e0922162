"""Addresses that applications name: where people are sent back to, and hosts behind a proxy."""

import re
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from django.conf import settings

from passerelle.infra.domain_names import encode_domain

LONGEST = 500
_PORTS = {"http": 80, "https": 443}
_NOT_IN_A_HOST = re.compile(r"[/@?#\\ ]")


def is_redirect_uri(text: str) -> bool:
    """Whether people may be sent back there: the web, or an application's own scheme (RFC 8252).

    A scheme of one's own has a dot, as a reversed domain has: no browser runs it as a script.
    """
    parts = _split(text)
    if parts is None or "#" in text or "@" in parts.netloc:
        return False
    if parts.scheme in _PORTS:
        return bool(parts.hostname)
    return "." in parts.scheme


def is_registered(address: str, registered: list[str]) -> bool:
    """Exactly one of them; on loopback the port is the program's to choose (RFC 8252 §7.3)."""
    if address in registered:
        return True
    loose = _without_port(address)
    return loose is not None and any(_without_port(known) == loose for known in registered)


def _without_port(address: str) -> tuple[str, ...] | None:
    parts = _split(address)
    if parts is None or parts.scheme != "http" or "@" in parts.netloc:
        return None
    try:
        # Not `localhost`: what that is, somebody else may say.
        loopback = ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return None
    return (str(parts.hostname), parts.path, parts.query, parts.fragment) if loopback else None


def _split(text: str) -> SplitResult | None:
    if not text or len(text) > LONGEST or not text.isprintable() or " " in text or "\\" in text:
        return None
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return None
    return parts


def normal_host(text: str) -> str | None:
    """A host as it is stored and compared, with its port where that is not the usual one."""
    typed = text.strip().lower().rstrip(".")
    if not typed or len(typed) > 260 or not typed.isprintable() or _NOT_IN_A_HOST.search(typed):
        return None
    try:
        parts = urlsplit(f"//{typed}")
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if not host:
        return None
    name = _normal_name(host)
    if name is None:
        return None
    return name if port in (None, *_PORTS.values()) else f"{name}:{port}"


def _normal_name(host: str) -> str | None:
    try:
        address = ip_address(host)
    except ValueError:
        return host if host == "localhost" else encode_domain(host)
    return f"[{address}]" if address.version == 6 else str(address)


def is_our_host(host: str) -> bool:
    """Whether this is where Passerelle itself is: it guards no pages of its own."""
    return host == normal_host(urlsplit(settings.PASSERELLE.base_url).netloc)
