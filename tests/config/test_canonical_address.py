"""Plain requests are led to the public address, and never in a circle."""

import logging

import pytest
from django.test import Client

BASE = "https://sso.example"


@pytest.fixture(autouse=True)
def _public(settings):
    settings.ALLOWED_HOSTS = ["sso.example"]
    settings.PASSERELLE = settings.PASSERELLE.model_copy(
        update={"base_url": BASE, "trusted_proxies": ("10.0.0.1",), "demo": False}
    )


def get(client=None, peer="10.0.0.1", **headers):
    return (client or Client()).get("/health/", REMOTE_ADDR=peer, headers=headers)


def refused(answer, caplog) -> str:
    """The words for the operator."""
    assert (answer.status_code, answer.get("Location")) == (503, None)
    assert "PASSERELLE_TRUSTED_PROXIES" in answer.content.decode()
    assert "X-Forwarded-Proto" in answer.content.decode()
    [record] = [one for one in caplog.records if one.levelno == logging.ERROR][:1]
    return record.getMessage()


def test_a_plain_request_is_led_there_but_not_for_good():
    for sent in ({"peer": "203.0.113.9"}, {"X-Forwarded-Proto": "http"}):
        answer = get(**sent)
        assert (answer.status_code, answer["Location"]) == (302, f"{BASE}/health/")


@pytest.mark.parametrize("received", ["https, http", "HTTPS, http", "", "on", "<b>https</b>"])
def test_a_header_that_says_neither_is_named_instead(received, caplog):
    answer = get(**{"X-Forwarded-Proto": received})
    assert repr(received) in refused(answer, caplog)
    assert "<b>" not in answer.content.decode()


def test_a_proxy_that_says_nothing_is_named(caplog):
    assert "10.0.0.1 sends no X-Forwarded-Proto" in refused(get(), caplog)


def test_a_proxy_that_is_not_trusted_is_named(caplog):
    answer = get(peer="10.0.0.9", **{"X-Forwarded-Proto": "https"})
    assert "PASSERELLE_TRUSTED_PROXIES does not name 10.0.0.9" in refused(answer, caplog)


@pytest.mark.parametrize("sent", [{"peer": "10.0.0.9"}, {"X-Forwarded-Proto": "http"}])
def test_a_browser_that_was_led_there_and_comes_back_goes_in_no_circle(sent, caplog):
    browser = Client()
    assert get(browser, **sent).status_code == 302
    refused(get(browser, **sent), caplog)


@pytest.mark.django_db
@pytest.mark.parametrize("said", ["https", "HTTPS"])
def test_what_came_by_tls_is_answered(said):
    assert get(**{"X-Forwarded-Proto": said}).status_code == 404
