"""Fetching from an address that somebody typed: only https, only from outside, bounded."""

import socket
import threading
import time
from uuid import uuid4

import pytest

from passerelle.infra import turns
from passerelle.infra.fetch import FetchError, fetch
from passerelle.saml.xml import MAX_BYTES
from tests.servers.https import LOOPBACK


def problem(url: str, **how) -> str:
    with pytest.raises(FetchError) as failure:
        fetch(url, **how)
    return str(failure.value)


def test_a_document_is_fetched_from_a_server_that_is_trusted(web):
    web.answers["/metadata?a=b"] = (200, b"<a/>")
    assert fetch(web.url("/metadata?a=b"), private_networks=LOOPBACK) == b"<a/>"
    assert web.asked == ["/metadata?a=b"]


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost/",
        "ftp://localhost/",
        "file:///etc/passwd",
        "https://",
        "https://user:password@localhost/",
        "https://[::1/",
        "https://localhost:99999/",
        "",
    ],
)
def test_only_https_addresses_are_fetched(url):
    assert problem(url, private_networks=LOOPBACK)


INSIDE = [
    "127.0.0.1",
    "127.9.9.9",
    "10.0.0.1",
    "192.168.1.1",
    "172.16.0.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "224.0.0.1",
    "255.255.255.255",
    "[::1]",
    "[fe80::1]",
    "[fc00::1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:10.0.0.1]",
    "[::]",
    "2130706433",
    "0x7f000001",
    "0177.0.0.1",
    "127.1",
    "192.0.0.192",
    "192.88.99.1",
    "[fec0::1]",
    "[64:ff9b::a00:1]",
    "[64:ff9b:1::a00:1]",
    "[2002:7f00:1::]",
    "[2001:0:7f00:1::]",
    "[::7f00:1]",
    "[::ffff:0:a00:1]",
    "[2001:4860::5efe:a00:1]",
    "[2001:4860::200:5efe:7f00:1]",
]


@pytest.mark.parametrize("host", INSIDE)
def test_no_address_inside_is_reached_however_it_is_written(host):
    assert problem(f"https://{host}/").startswith("fetch_unreachable")


def test_a_name_that_leads_inside_is_refused(web):
    assert "fetch_unreachable" in problem(web.url("/"))
    assert web.asked == []


def test_a_name_is_refused_when_any_of_its_addresses_is_inside(monkeypatch):
    found = [(2, 1, 6, "", ("203.0.113.9", 443)), (2, 1, 6, "", ("10.0.0.1", 443))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_a, **_k: found)
    assert problem("https://idp.example/") == "fetch_unreachable: idp.example"


@pytest.mark.parametrize(
    ("host", "asked"),
    [
        ("faß.example", "xn--fa-hia.example"),
        ("σίσυφος.example", "xn--kxa6ajbbmh.example"),
        ("bücher.example", "xn--bcher-kva.example"),
    ],
)
def test_a_name_is_asked_for_as_browsers_encode_it(monkeypatch, host, asked):
    names = []

    def nobody(name, *_arguments, **_keywords):
        names.append(name)
        raise OSError

    monkeypatch.setattr(socket, "getaddrinfo", nobody)
    assert problem(f"https://{host}/") == f"fetch_unreachable: {asked}"
    assert names == [asked]


def test_a_name_is_resolved_once_so_that_it_cannot_change_in_between(web, monkeypatch):
    web.answers["/"] = (200, b"x")
    resolve, times = socket.getaddrinfo, []

    def counted(host, *arguments, **keywords):
        if host == "localhost":
            times.append(host)
        return resolve(host, *arguments, **keywords)

    monkeypatch.setattr(socket, "getaddrinfo", counted)
    assert fetch(web.url("/"), private_networks=LOOPBACK) == b"x"
    assert times == ["localhost"]


def test_a_certificate_that_nobody_trusts_is_refused(web, monkeypatch):
    monkeypatch.delenv("SSL_CERT_FILE")
    assert "fetch_untrusted" in problem(web.url("/"), private_networks=LOOPBACK)


def test_a_certificate_of_another_name_is_refused(web, monkeypatch):
    there = [(2, 1, 6, "", ("127.0.0.1", web.port))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_a, **_k: there)
    url = web.url("/", host="idp.example")
    assert "fetch_untrusted" in problem(url, private_networks=LOOPBACK)


@pytest.mark.parametrize("status", [301, 302, 404, 500, 204])
def test_anything_but_the_document_is_refused_and_no_redirect_is_followed(web, status):
    web.answers |= {"/": (status, b""), "/elsewhere": (200, b"x")}
    assert f"fetch_status: {status}" in problem(web.url("/"), private_networks=LOOPBACK)
    assert web.asked == ["/"]


def test_a_document_without_end_is_cut_off(web):
    web.answers["/"] = (200, b"x" * (MAX_BYTES + 1))
    assert "fetch_too_large" in problem(web.url("/"), private_networks=LOOPBACK)


def test_a_server_that_drips_is_not_waited_for(web):
    web.answers["/"], web.slow["/"] = (200, b"x" * 1000), 0.05
    began = time.monotonic()
    assert "fetch_slow: 1" in problem(web.url("/"), private_networks=LOOPBACK, seconds=1)
    # Its end would take twenty seconds or more.
    assert time.monotonic() - began < 15


def test_a_server_that_drips_its_headers_is_not_waited_for_either(web):
    web.drips["/"] = 0.05
    began = time.monotonic()
    assert "fetch_slow: 1" in problem(web.url("/"), private_networks=LOOPBACK, seconds=1)
    # Its end would take twenty seconds or more.
    assert time.monotonic() - began < 15


def test_nobody_there_is_said_so():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert "fetch_no_answer" in problem(f"https://127.0.0.1:{port}/", private_networks=LOOPBACK)
    assert "fetch_unreachable" in problem("https://nobody.invalid/", private_networks=LOOPBACK)


@pytest.fixture
def silent(monkeypatch):
    """A name server that does not answer before it is told to."""
    told, known = threading.Event(), socket.getaddrinfo

    def wait(host, *arguments, **keywords):
        told.wait(20)
        return known("127.0.0.1", *arguments, **keywords)

    monkeypatch.setattr(socket, "getaddrinfo", wait)
    yield told
    told.set()
    while any(one.name == "look-up" for one in threading.enumerate()):
        time.sleep(0.01)


def test_a_name_server_that_never_answers_is_not_waited_for_beyond_the_deadline(silent):
    started = time.monotonic()
    assert problem("https://idp.example/", seconds=0.2).startswith("fetch_slow")
    assert time.monotonic() - started < 2


def test_names_that_hang_are_few_of_one_company_and_few_in_all(silent, monkeypatch):
    monkeypatch.setitem(turns.OF_ONE_COMPANY, "look-up", 2)
    monkeypatch.setattr("passerelle.infra.fetch.looking_up", threading.BoundedSemaphore(3))
    acme, globex = uuid4(), uuid4()

    def asked(company_id) -> str:
        return problem("https://idp.example/", seconds=0.05, company_id=company_id)

    told = [asked(one) for one in (acme, acme, acme, globex, globex)]
    assert told == ["fetch_slow: 0", "fetch_slow: 0", "fetch_busy", "fetch_slow: 0", "fetch_busy"]
    silent.set()
    while any(one.name == "look-up" for one in threading.enumerate()):
        time.sleep(0.01)
    assert asked(acme).startswith("fetch_unreachable")
