"""A service behind a real proxy that ends TLS, and what `check --deploy` sees through it."""

import json

import pytest

from tests.e2e.passerelle import Passerelle
from tests.servers import processes
from tests.servers.tls_proxy import TlsProxy, tls_proxy


@pytest.fixture(scope="module")
def proxy(tmp_path_factory):
    with tls_proxy(tmp_path_factory.mktemp("proxy"), 0) as running:
        yield running


@pytest.fixture(scope="module")
def service(proxy, tmp_path_factory):
    with Passerelle.set_up(
        tmp_path_factory.mktemp("proxied") / "installation",
        PASSERELLE_BASE_URL=proxy.url,
        PASSERELLE_TRUSTED_PROXIES="127.0.0.1",
        SSL_CERT_FILE=str(proxy.certificate),
    ) as made:
        made.serve(workers=1)
        proxy.leads_to = made.port
        yield made


def seen(service: Passerelle) -> dict[str, object]:
    """What the check says of the public address."""
    try:
        text = service.run("check", "--deploy", "--json")
    except processes.ServerError as error:
        text = str(error).partition("ended with status 1:\n")[2]
    return next(one for one in json.loads(text)["checks"] if one["check"] == "public_address")


@pytest.mark.parametrize("said", ["https", "HTTPS"])
def test_an_address_that_answers_is_said_to_answer(service, proxy: TlsProxy, said):
    proxy.says = {"X-Forwarded-Proto": said}
    found = seen(service)
    assert (found["passed"], found["detail"]) == (True, f"{proxy.url}/ answers 200")


@pytest.mark.parametrize(
    ("says", "detail"),
    [
        ({"X-Forwarded-Proto": "https, http"}, "the proxy sends X-Forwarded-Proto: https, http"),
        ({"X-Forwarded-Proto": "a<b"}, "the proxy sends X-Forwarded-Proto: a<b"),
        ({}, "the proxy sends no such header"),
        ({"X-Forwarded-Proto": "http"}, "leads to itself"),
    ],
)
def test_a_proxy_that_does_not_say_https_is_found(service, proxy: TlsProxy, says, detail):
    proxy.says = says
    found = seen(service)
    assert found["passed"] is False
    assert detail in str(found["detail"])
    assert "X-Forwarded-Proto: https" in str(found["fix"])


def test_a_proxy_that_leads_nowhere_is_found(service, proxy: TlsProxy, monkeypatch):
    monkeypatch.setattr(proxy, "leads_to", processes.free_port())
    found = seen(service)
    assert (found["passed"], found["detail"]) == (False, f"{proxy.url}/ answers 502")


def test_an_address_that_cannot_be_reached_from_here_fails_nothing(service, monkeypatch):
    nowhere = f"https://localhost:{processes.free_port()}"
    monkeypatch.setitem(service.environment, "PASSERELLE_BASE_URL", nowhere)
    found = seen(service)
    assert found["passed"] is True
    assert f"{nowhere} cannot be asked from here" in str(found["detail"])
