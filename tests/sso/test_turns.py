"""Slow and large things give way: no company, and no stranger, takes all threads or all memory."""

import threading
from datetime import UTC, datetime

import pytest

from passerelle.directory.domains import Unproved, look_record_up
from passerelle.directory.models import Domain
from passerelle.infra import turns
from passerelle.practice_idp.issue import make_signing_key
from passerelle.sso.models import FailedAttempts, SignIn
from tests.browsing import Browser
from tests.configfile.files import metadata_of
from tests.world import NOW, make_company, respond_to

pytestmark = pytest.mark.django_db


@pytest.fixture
def connection():
    return make_company().connections.get()


def test_of_large_messages_two_are_read_at_once_and_the_next_is_told_to_try_again(
    connection, monkeypatch
):
    monkeypatch.setattr(turns, "PATIENCE", 0.01)
    large = "x" * (turns.LARGE + 1)
    with turns.reading(large), turns.reading(large):
        answer = Browser().post("/auth/saml/acme/callback", {"SAMLResponse": large})
        assert (answer.status_code, answer["Retry-After"] != "") == (503, True)
        assert Browser().sign_in(connection).status_code == 302
    answer = Browser().post("/auth/saml/acme/callback", {"SAMLResponse": large})
    assert answer.status_code == 400


def test_a_large_message_that_waits_gets_its_turn(connection):
    large, order = "x" * (turns.LARGE + 1), []
    holding, done = threading.Event(), threading.Event()

    def hold() -> None:
        with turns.reading(large), turns.reading(large):
            holding.set()
            done.wait(10)
            order.append("first")

    def ask() -> None:
        with turns.reading(large):
            order.append("second")

    threads = [threading.Thread(target=hold), threading.Thread(target=ask)]
    threads[0].start()
    assert holding.wait(10)
    threads[1].start()
    done.set()
    for one in threads:
        one.join(10)
    assert order == ["first", "second"]


def test_after_too_many_refusals_an_address_is_not_looked_at_but_answers_still_are(
    connection, monkeypatch
):
    monkeypatch.setattr("passerelle.sso.sign_in.saml.MAX_REFUSED", 3)
    monkeypatch.setattr("passerelle.web.sign_in.saml.MAX_REFUSED", 3)
    browser = Browser()
    request_id = browser.start(connection)
    for _ in range(4):
        Browser().post("/auth/saml/acme/callback", {"SAMLResponse": "PHgvPg=="})
    before = FailedAttempts.objects.get().count
    monkeypatch.setattr("passerelle.saml.judge", lambda *_arguments: pytest.fail("it was judged"))
    unsolicited = respond_to(connection, request_id=None, now=datetime.now(UTC))
    assert browser.post_response(connection, unsolicited).status_code == 429
    assert FailedAttempts.objects.get().count == before
    monkeypatch.undo()
    field = respond_to(connection, request_id=request_id, now=datetime.now(UTC))
    assert browser.post_response(connection, field).status_code == 303


@pytest.mark.parametrize("where", ["logout", "callback"])
def test_after_too_many_refusals_logout_requests_are_not_looked_at_either(
    connection, monkeypatch, where
):
    monkeypatch.setattr("passerelle.web.sign_in.saml.MAX_REFUSED", 3)
    path, asked = f"/auth/saml/acme/{where}", {"SAMLRequest": "PHgvPg=="}
    assert [Browser().post(path, asked).status_code for _ in range(4)] == [400] * 3 + [429]
    before = FailedAttempts.objects.get().count, SignIn.objects.get().count
    for name in ("read_post", "read_redirect"):
        monkeypatch.setattr(f"passerelle.saml.{name}", lambda *_given: pytest.fail("it was read"))
    assert Browser().post(path, asked).status_code == 429
    assert Browser().get(path, asked).status_code == 429
    assert (FailedAttempts.objects.get().count, SignIn.objects.get().count) == before
    elsewhere = Browser(REMOTE_ADDR="192.0.2.7", raise_request_exception=False)
    with pytest.raises(pytest.fail.Exception, match="it was read"):
        elsewhere.post(path, asked)


def test_a_company_has_few_records_looked_up_at_once(connection, monkeypatch):
    monkeypatch.setitem(turns.OF_ONE_COMPANY, "fetch", 1)
    ours = Domain.objects.create(company=connection.company, name="more.acme.example")
    with turns.turn_of(ours.company_id), pytest.raises(Unproved, match="busy"):
        look_record_up(ours)


def test_who_waits_for_metadata_holds_up_no_large_message(connection, monkeypatch):
    """The provider signs with a new key, and its metadata comes slowly."""
    connection.metadata_url = "https://slow.example/metadata"
    connection.save()
    monkeypatch.setattr(turns, "LARGE", 100)
    monkeypatch.setattr(turns, "PATIENCE", 0.01)
    asked = []

    def slow(*_arguments, **_keywords):
        asked.append(1)
        with turns.reading("x" * 101), turns.reading("x" * 101):
            return metadata_of("acme", key=make_signing_key(name="new", now=NOW))

    monkeypatch.setattr("passerelle.administration.follow_metadata.fetch_for", slow)
    stranger = make_signing_key(name="stranger", now=NOW)
    monkeypatch.setattr("tests.world.signing_key", lambda _slug: stranger)
    assert Browser().sign_in(connection).status_code == 400
    assert asked == [1]
