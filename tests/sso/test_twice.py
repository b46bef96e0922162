"""The same answer twice: back and Continue, or a form that is sent twice within a second."""

from datetime import UTC, datetime, timedelta

import pytest

from passerelle.sso.models import PendingSignIn, Session, SignIn
from tests.browsing import Browser, reference_in
from tests.world import make_company, respond_to

pytestmark = pytest.mark.django_db


@pytest.fixture
def connection():
    return make_company(slug="acme").connections.get()


def answered(connection) -> tuple[Browser, str]:
    browser = Browser()
    request_id = browser.start(connection)
    return browser, respond_to(connection, request_id=request_id, now=datetime.now(UTC))


def test_sent_again_by_somebody_who_is_in_it_leads_to_the_dashboard(connection):
    browser, field = answered(connection)
    browser.get(browser.post_response(connection, field)["Location"])
    answer = browser.post_response(connection, field)
    assert (answer.status_code, answer["Location"]) == (302, "/")
    assert Session.objects.count() == 1


def test_the_post_itself_says_nothing_since_no_cookie_comes_with_it(connection):
    browser, field = answered(connection)
    browser.get(browser.post_response(connection, field)["Location"])
    answer = Browser().post("/auth/saml/acme/callback", {"SAMLResponse": field})
    assert answer.status_code == 303
    assert answer["Location"].startswith("/auth/saml/acme/again?about=")


def test_sent_again_by_somebody_else_it_is_refused_with_a_reference(connection):
    browser, field = answered(connection)
    browser.get(browser.post_response(connection, field)["Location"])
    answer = Browser().post_response(connection, field)
    assert answer.status_code == 403
    assert SignIn.objects.get(reference=reference_in(answer)).reason == "assertion_replayed"


def test_sent_twice_within_a_second_either_of_the_two_gets_in(connection):
    for chosen in (0, 1):
        browser, field = answered(connection)
        links = [browser.post_response(connection, field)["Location"] for _ in range(2)]
        assert len(set(links)) == 2
        answer = browser.get(links[chosen])
        assert (answer.status_code, answer["Location"]) == (302, "/")
    assert not SignIn.objects.filter(outcome="refused").exists()


def test_the_copy_is_worth_nothing_in_another_browser(connection):
    browser, field = answered(connection)
    browser.post_response(connection, field)
    thief = Browser()
    thief.start(connection)
    answer = thief.get(thief.post_response(connection, field)["Location"])
    assert answer.status_code == 403
    assert not Session.objects.exists()


def test_copies_are_few(connection):
    browser, field = answered(connection)
    for _ in range(10):
        browser.post_response(connection, field)
    assert PendingSignIn.objects.count() == 3


def test_an_answer_that_nobody_asked_for_is_not_parked_again(connection):
    connection.idp_initiated = True
    connection.save()
    field = respond_to(connection, request_id=None, now=datetime.now(UTC))
    assert Browser().post_response(connection, field).status_code == 303
    assert Browser().post_response(connection, field).status_code == 403
    assert PendingSignIn.objects.count() == 1


def test_one_that_waited_too_long_is_not_parked_again(connection):
    browser, field = answered(connection)
    browser.post_response(connection, field)
    PendingSignIn.objects.update(expires_at=datetime.now(UTC) - timedelta(seconds=1))
    assert browser.post_response(connection, field).status_code == 403


@pytest.mark.parametrize("about", ["", "x", "IjEi:1abc:xyz"])
def test_an_address_that_was_made_up_leads_to_the_sign_in_page(connection, about):
    answer = Browser().get("/auth/saml/acme/again", {"about": about})
    assert (answer.status_code, answer["Location"]) == (302, "/login/acme/")
    assert Browser().get("/auth/saml/nobody/again", {"about": about}).status_code == 404
