"""Network addresses, and the networks that they are in."""

from collections.abc import Iterable
from ipaddress import ip_address, ip_network


def is_within(address: str | None, networks: Iterable[str]) -> bool:
    normal = usual_form(address or "")
    if normal is None:
        return False
    return any(ip_address(normal) in ip_network(network, strict=False) for network in networks)


def network_of(address: str | None) -> str:
    """What one subscriber holds: an IPv4 address, or the /64 around an IPv6 address."""
    normal = usual_form(address or "")
    if normal is None or ":" not in normal:
        return normal or ""
    return str(ip_network(f"{normal}/64", strict=False))


WIDER = {56: 4, 48: 16}
"""What a subscriber may hold instead of a /64, each with how many times as much it may do."""


def networks_of(address: str | None) -> tuple[tuple[str, int], ...]:
    """The network of an address and those around it, each with how many times as much it may do."""
    narrow, normal = network_of(address), usual_form(address or "")
    if normal is None or ":" not in normal:
        return ((narrow, 1),)
    wider = (
        (str(ip_network(f"{normal}/{size}", strict=False)), times) for size, times in WIDER.items()
    )
    return ((narrow, 1), *wider)


def usual_form(address: str) -> str | None:
    """An address in its usual form; an IPv4 address that came as IPv6 becomes one again."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return None
    mapped = getattr(parsed, "ipv4_mapped", None)
    return str(mapped or parsed)
