"""Headers as they come over a connection, byte for byte."""

import pytest

from passerelle.practice_idp.people import Person
from tests.e2e.identity_provider import IdentityProvider, toml_for
from tests.e2e.passerelle import Passerelle
from tests.e2e.visitor import Visitor
from tests.e2e.wire import ask, connect

ADA = Person("u-ada", "ada@acme.example", "Ada", "Example")


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """Behind a proxy on this machine, which metrics are open to."""
    folder = tmp_path_factory.mktemp("headers") / "installation"
    with Passerelle.set_up(folder, PASSERELLE_TRUSTED_PROXIES="127.0.0.1") as made:
        made.apply(toml_for("acme"))
        made.serve(workers=1)
        yield made
        assert "Traceback" not in made.log()


def test_without_a_forwarded_address_this_machine_asks(service):
    assert ask(service, "/metrics")[0] == 200


@pytest.mark.parametrize(
    "lines",
    [
        [b"X-Forwarded-For: 203.0.113.9"],
        [b"X-Forwarded-For: 203.0.113.9\xff"],
        [b"X-Forwarded-For: \xff"],
        [b"X-Forwarded-For:"],
        [b"X-Forwarded-For: 127.0.0.1", b"X-Forwarded-For: 203.0.113.9"],
        [b"X-Forwarded-For: 127.0.0.1", b"X-Forwarded-For: \xe9"],
        [b"X-Forwarded-For: 203.0.113.9", b"X_Forwarded_For: 127.0.0.1"],
        [b"X_Forwarded_For: 127.0.0.1", b"X-Forwarded-For: 203.0.113.9"],
        [b"X-Forwarded-For: 203.0.113.9", b"X-Forwarded_For: 127.0.0.1"],
    ],
)
def test_whatever_a_client_forwards_it_is_not_this_machine(service, lines):
    assert ask(service, "/metrics", *lines)[0] == 404


def test_a_cookie_of_a_sibling_with_any_bytes_keeps_nobody_out(service):
    visitor = Visitor(service.base_url, cookies={"sibling": "caf\xe9", "other": "\xff\x80"})
    provider = IdentityProvider(service.base_url)
    answer = visitor.deliver("acme", provider.respond(ADA, request_id=visitor.start("acme")))
    assert answer.status == 302
    assert "Ada" in visitor.get("/").body
    both = [b"Cookie: sibling=\xff", b"Cookie: passerelle_language=fr; more=\xe9"]
    assert '<html lang="fr"' in ask(service, "/", *both)[1]


def test_what_other_headers_hold_breaks_nothing(service):
    names = (b"User-Agent", b"Accept-Language", b"Referer", b"Origin", b"Content-Type", b"X_Y")
    assert ask(service, "/", *(name + b": \xff\xe9\x80" for name in names))[0] == 200


def test_http_2_is_not_spoken_so_no_idle_connection_of_it_stays(service):
    with connect(service) as connection:
        connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0")
        received = b"".join(iter(lambda: connection.recv(65536), b""))
    assert received == b"" or received.startswith(b"HTTP/1.1 4")


def test_an_idle_connection_is_closed(service):
    with connect(service) as connection:
        connection.sendall(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")
        assert connection.recv(65536) == b""


def test_what_is_not_among_the_files_is_not_kept_and_sets_nothing(service):
    for path in ("/static/no-such.css", "/static/", "/static/settings/security/"):
        status, answer = ask(service, path)
        head = answer.partition("\r\n\r\n")[0].lower()
        assert status == 404
        assert "cache-control: no-store" in head
        assert "set-cookie" not in head
        assert "csrf" not in answer.lower()


def test_files_come_whole_and_may_be_kept(service):
    page = ask(service, "/")[1]
    [script] = [part.split('"')[0] for part in page.split('src="')[1:]][:1]
    status, answer = ask(service, script)
    head, _, body = answer.partition("\r\n\r\n")
    assert status == 200
    assert f"content-length: {len(body.encode())}\r\n" in f"{head.lower()}\r\n"
    assert "max-age=31536000" in head
