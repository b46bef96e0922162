"""Network addresses: who is asking, and whether that is allowed."""

from collections.abc import Iterable
from ipaddress import ip_address, ip_network

from django.conf import settings
from django.http import HttpRequest


def client_address(request: HttpRequest) -> str | None:
    """The address of the browser: what the last untrusted hop says, never more than that."""
    peer = request.META.get("REMOTE_ADDR") or ""
    hops = [peer]
    if is_within(peer, settings.PASSERELLE.trusted_proxies):
        forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "")
        hops = [*(hop.strip() for hop in forwarded.split(",") if hop.strip()), peer]
    while len(hops) > 1 and is_within(hops[-1], settings.PASSERELLE.trusted_proxies):
        hops.pop()
    return _normal(hops[-1])


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


def _normal(address: str) -> str | None:
    """An address in its usual form; an IPv4 address that came as IPv6 becomes one again."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return None
    mapped = getattr(parsed, "ipv4_mapped", None)
    return str(mapped or parsed)
