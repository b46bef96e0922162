"""Bad requests over real HTTP: a clear answer from a server that goes on serving."""

import http.client
import socket
from urllib.parse import urlsplit

import pytest

from tests.e2e.conftest import sign_ins_of, users_of
from tests.e2e.identity_provider import toml_for
from tests.e2e.passerelle import Passerelle
from tests.e2e.visitor import Visitor

CALLBACK = "/auth/saml/acme/callback"


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    with Passerelle.set_up(tmp_path_factory.mktemp("bad") / "installation") as made:
        made.apply(toml_for("acme"))
        made.serve(workers=1)
        yield made
        assert "Traceback" not in made.log()


def send(service: Passerelle, body: bytes, content_type: str) -> int:
    connection = http.client.HTTPConnection(urlsplit(service.base_url).netloc, timeout=60)
    connection.request("POST", CALLBACK, body, {"Content-Type": content_type})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status


FORM = "application/x-www-form-urlencoded"


def test_a_body_of_thirty_megabytes_is_too_large(service):
    assert send(service, b"SAMLResponse=" + b"A" * 30_000_000, FORM) == 413


def test_a_multipart_body_of_thirty_megabytes_is_too_large(service):
    head = b'--x\r\nContent-Disposition: form-data; name="SAMLResponse"\r\n\r\n'
    body = head + b"A" * 30_000_000 + b"\r\n--x--\r\n"
    assert send(service, body, "multipart/form-data; boundary=x") == 413


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"", FORM),
        (b"SAMLResponse=%ff%fe%00", FORM),
        (b"&".join(b"a%d=1" % n for n in range(5000)), FORM),
        (b"{}", "application/json"),
        (b"\x00\xff" * 100, "application/octet-stream"),
        (b"junk", "multipart/form-data; boundary=x"),
        (b"junk", "multipart/form-data"),
        (b"SAMLResponse=x", "text/plain; charset=nonsense"),
        (b"SAMLResponse=x", FORM + "; charset=utf-16"),
        (b"SAMLResponse=x", FORM + "; charset=no-such-charset"),
    ],
)
def test_a_body_that_is_no_form_is_refused(service, body, content_type):
    assert send(service, body, content_type) == 400


@pytest.mark.parametrize(
    "method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "HEAD", "NONSENSE"]
)
@pytest.mark.parametrize("path", ["/", "/login/", CALLBACK, "/settings/security/"])
def test_no_method_breaks_a_page(service, method, path):
    connection = http.client.HTTPConnection(urlsplit(service.base_url).netloc, timeout=60)
    connection.request(method, path)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    assert answer.status < 500


@pytest.mark.parametrize(
    "path",
    [
        "/%00",
        "/login/%00/",
        "/login/%ff/",
        "/auth/saml/%E2%80%AE/login",
        "/auth/saml/acme/login?next=%00%ff",
        "/auth/saml/acme/finish?code=%00",
        "/auth/saml/acme/finish?code=" + "x" * 5000,
        "/activate/00000000-0000-0000-0000-000000000000/x/",
        "/settings/sign-ins/%00/",
        "/static/../../etc/passwd",
        "/no/such/page",
        "/scim/v2/Users",
        "/metrics",
    ],
)
def test_no_path_breaks_the_service(service, path):
    assert Visitor(service.base_url).get(path).status < 500


@pytest.mark.parametrize("path", ["/", "/auth/saml/acme/metadata", "/health/ready"])
def test_the_host_header_is_never_believed(service, path):
    connection = http.client.HTTPConnection(urlsplit(service.base_url).netloc, timeout=60)
    connection.request("GET", path, headers={"Host": "evil.example"})
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    assert answer.status == 200
    assert "evil.example" not in text + str(answer.headers)


def test_half_a_request_holds_nobody_up(service):
    host, port = urlsplit(service.base_url).netloc.split(":")
    slow = [socket.create_connection((host, int(port))) for _ in range(20)]
    for one in slow:
        one.sendall(b"POST " + CALLBACK.encode() + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n")
    assert Visitor(service.base_url).get("/").status == 200
    for one in slow:
        one.close()


def test_after_all_that_nobody_has_an_account_and_the_attempts_are_counted(service):
    assert users_of(service) == []
    assert len(sign_ins_of(service)) < 20
