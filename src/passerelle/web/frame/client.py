"""Who is asking, and how they came: as the last hop says that is trusted, and no more."""

from django.conf import settings
from django.http import HttpRequest

from passerelle.infra.network import is_within, usual_form


def client_address(request: HttpRequest) -> str | None:
    """The address of the browser: what the last untrusted hop says, never more than that.

    None when that hop cannot be read. The proxy's own address would be a lie then, and is trusted.
    """
    return usual_form(_hops(request)[-1])


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
