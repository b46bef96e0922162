"""Network addresses: who is asking, and whether that is allowed."""

from collections.abc import Iterable
from ipaddress import ip_address, ip_network

from django.conf import settings
from django.http import HttpRequest


def client_address(request: HttpRequest) -> str | None:
    """The address of the browser: what the last untrusted hop says, never more than that.

    None when that hop cannot be read. The proxy's own address would be a lie then, and is trusted.
    """
    return _normal(_hops(request)[-1])


def came_by(request: HttpRequest) -> str | None:
    """The scheme by which the browser came, as the proxies say; None when none of them does.

    Each proxy of a chain writes its own behind the others: the one that the browser spoke to
    counts, as far as it is trusted.
    """
    if request.scheme == "https":
        return "https"
    if not is_within(request.META.get("REMOTE_ADDR"), settings.PASSERELLE.trusted_proxies):
        return None
    written = request.META.get("HTTP_X_FORWARDED_PROTO")
    if written is None:
        return None
    schemes = [one.strip().lower() for one in written.split(",")]
    trusted = len(_all_hops(request)) - len(_hops(request))
    return str(schemes[max(len(schemes) - max(trusted, 1), 0)])


def _hops(request: HttpRequest) -> list[str]:
    """From the browser, as it says itself, to the last hop that we do not trust."""
    hops = _all_hops(request)
    while len(hops) > 1 and is_within(hops[-1], settings.PASSERELLE.trusted_proxies):
        hops.pop()
    return hops


def _all_hops(request: HttpRequest) -> list[str]:
    peer = request.META.get("REMOTE_ADDR") or ""
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR")
    # A header that is there, but empty, is a hop that cannot be read.
    if forwarded is None or not is_within(peer, settings.PASSERELLE.trusted_proxies):
        return [peer]
    return [*(hop.strip() for hop in forwarded.split(",")), peer]


def is_within(address: str | None, networks: Iterable[str]) -> bool:
    normal = _normal(address or "")
    if normal is None:
        return False
    return any(ip_address(normal) in ip_network(network, strict=False) for network in networks)


def network_of(address: str | None) -> str:
    """What one subscriber holds: an IPv4 address, or the /64 around an IPv6 address."""
    normal = _normal(address or "")
    if normal is None or ":" not in normal:
        return normal or ""
    return str(ip_network(f"{normal}/64", strict=False))


WIDER = {56: 4, 48: 16}
"""What a subscriber may hold instead of a /64, each with how many times as much it may do."""


def networks_of(address: str | None) -> tuple[tuple[str, int], ...]:
    """The network of an address and those around it, each with how many times as much it may do."""
    narrow, normal = network_of(address), _normal(address or "")
    if normal is None or ":" not in normal:
        return ((narrow, 1),)
    wider = (
        (str(ip_network(f"{normal}/{size}", strict=False)), times) for size, times in WIDER.items()
    )
    return ((narrow, 1), *wider)


def _normal(address: str) -> str | None:
    """An address in its usual form; an IPv4 address that came as IPv6 becomes one again."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return None
    mapped = getattr(parsed, "ipv4_mapped", None)
    return str(mapped or parsed)
