"""Who asks, and by which scheme, as far as proxies that are trusted say."""

import pytest
from django.test import RequestFactory

from passerelle.infra.network import network_of
from passerelle.web.frame.client import came_by, client_address

PROXY, INNER = "10.0.0.1", "10.0.0.2"


@pytest.fixture(autouse=True)
def _trusted(settings):
    settings.PASSERELLE = settings.PASSERELLE.model_copy(update={"trusted_proxies": (PROXY, INNER)})


def asked(peer: str = PROXY, **headers: str):
    names = {f"HTTP_X_FORWARDED_{name.upper()}": value for name, value in headers.items()}
    return RequestFactory().get("/", REMOTE_ADDR=peer, **names)


@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("198.51.100.7, 203.0.113.9", "203.0.113.9"),
        (f"203.0.113.9, {INNER}", "203.0.113.9"),
        ("2001:DB8::1", "2001:db8::1"),
        # What a client writes before that is nobody's matter.
        ("\xff, , nonsense, 203.0.113.9", "203.0.113.9"),
    ],
)
def test_the_last_hop_that_is_not_trusted_is_the_address(forwarded, address):
    assert client_address(asked(**{"for": forwarded})) == address


@pytest.mark.parametrize(
    "forwarded",
    [
        *("", " ", ",", "203.0.113.9,", "203.0.113.9\xff", "\xff", f"nonsense, {INNER}"),
        *("unknown", "203.0.113.9:443", "203.0.113.256", "_hidden", f", {PROXY}"),
    ],
)
def test_a_hop_that_cannot_be_read_is_nobody_and_never_the_proxy(forwarded):
    assert client_address(asked(**{"for": forwarded})) is None


def test_all_who_are_unknown_share_one_limit():
    assert network_of(client_address(asked(**{"for": ""}))) == ""


def test_without_the_header_the_proxy_itself_asks():
    assert client_address(asked()) == PROXY


def test_nobody_else_is_believed():
    request = asked("203.0.113.9", **{"for": "198.51.100.7"}, proto="https")
    assert client_address(request) == "203.0.113.9"
    assert came_by(request) is None


@pytest.mark.parametrize("proto", ["https", "HTTPS", " https ", "http, https"])
def test_a_proxy_says_that_the_browser_came_by_tls(proto):
    assert came_by(asked(**{"for": "203.0.113.9"}, proto=proto)) == "https"


def test_of_a_chain_the_proxy_that_the_browser_spoke_to_counts():
    chain = {"for": f"203.0.113.9, {INNER}"}
    assert came_by(asked(**chain, proto="https, http")) == "https"
    assert came_by(asked(**chain, proto="http, http")) == "http"
    # The browser's own word, with one proxy behind it.
    assert came_by(asked(**{"for": "203.0.113.9"}, proto="https, http")) == "http"
    # One value is the first proxy's, handed on.
    assert came_by(asked(**chain, proto="https")) == "https"
    # As many as there are proxies, not one more.
    assert came_by(asked(**chain, proto="https, http, http")) == "http"


@pytest.mark.parametrize("proto", ["", "\xff", "wss", "https,"])
def test_a_scheme_that_cannot_be_read_is_not_tls(proto):
    assert came_by(asked(**{"for": "203.0.113.9"}, proto=proto)) != "https"
