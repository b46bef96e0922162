"""No sign-in takes the place of somebody else's without a word, whoever began it."""

import html
import re
from datetime import UTC, datetime, timedelta

import pytest
from django.conf import settings

from passerelle.directory.models import User
from passerelle.infra.tokens import digest
from passerelle.practice_idp.people import Person
from passerelle.sso.models import PendingSignIn, Session, SignIn
from tests.browsing import Browser
from tests.world import make_administrator, make_company, respond_to

pytestmark = pytest.mark.django_db

MALLORY = Person("m-1", "mallory@globex.example", "Mallory", "Example", ())
ALICE = "alice@acme.example"


@pytest.fixture
def globex():
    connection = make_company(slug="globex").connections.get()
    connection.idp_initiated = True
    connection.save()
    return connection


@pytest.fixture
def alice():
    return make_administrator(make_company(), ALICE)


def browser_of(alice) -> Browser:
    return Browser(enforce_csrf_checks=True).enter(alice)


def sent(browser, connection, person=MALLORY) -> str:
    """A page somewhere posts the answer from this browser; return where it is led."""
    field = respond_to(connection, person, request_id=None, now=datetime.now(UTC))
    return browser.post_response(connection, field)["Location"]


def shown_in(answer) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())).split())


def token_in(answer) -> str:
    return re.findall(r'name="csrfmiddlewaretoken" value="([^"]+)"', answer.content.decode())[0]


def signed_in(browser) -> list[str]:
    """Whose session the browser holds; nobody's, once that has ended."""
    key = browser.cookies[settings.SESSION_COOKIE].value
    mine = Session.objects.filter(key_digest=digest(key))
    return list(mine.values_list("user__email", flat=True))


def test_she_stays_who_she_is_and_is_asked(alice, globex):
    browser = browser_of(alice)
    answer = browser.get(sent(browser, globex))
    assert answer.status_code == 200
    assert signed_in(browser) == [ALICE]
    said = shown_in(answer)
    assert "You are signed in to Acme as alice@acme.example." in said
    assert "This browser is about to sign in to Globex as mallory@globex.example." in said
    assert "Go on as mallory@globex.example" in said
    assert 'href="/">Stay signed in as alice@acme.example</a>' in answer.content.decode()


def test_she_is_asked_in_french(alice, globex):
    browser = Browser("fr").enter(alice)
    said = shown_in(browser.get(sent(browser, globex)))
    assert "Continuer avec le compte mallory@globex.example" in said
    assert "Garder le compte alice@acme.example" in said


def test_asking_leaves_nothing_behind_however_often(alice, globex):
    browser = browser_of(alice)
    address = sent(browser, globex)
    before = PendingSignIn.objects.values().get()
    assert [browser.get(address).status_code for _ in range(3)] == [200] * 3
    assert PendingSignIn.objects.values().get() == before
    assert not User.objects.filter(email=MALLORY.email).exists()
    assert not SignIn.objects.exists()
    assert Session.objects.count() == 1


def test_going_on_ends_her_session_and_opens_the_other(alice, globex):
    browser = browser_of(alice)
    address = sent(browser, globex)
    token = token_in(browser.get(address))
    answer = browser.post(address, {"csrfmiddlewaretoken": token})
    assert (answer.status_code, answer["Location"]) == (302, "/")
    assert Session.objects.count() == 1
    assert signed_in(browser) == [MALLORY.email]


def test_going_on_twice_gives_nothing_more(alice, globex):
    browser = browser_of(alice)
    address = sent(browser, globex)
    token = token_in(browser.get(address))
    browser.post(address, {"csrfmiddlewaretoken": token})
    before = Session.objects.values().get()
    answer = browser.post(address, {"csrfmiddlewaretoken": token})
    assert (answer.status_code, answer["Location"]) == (302, "/")
    assert Session.objects.values().get() == before
    browser.cookies.pop(settings.SESSION_COOKIE)
    assert browser.get(address).status_code == 403


def test_nobody_goes_on_for_her(alice, globex):
    browser = browser_of(alice)
    address = sent(browser, globex)
    browser.get(address)
    assert browser.post(address).status_code == 403
    assert signed_in(browser) == [ALICE]
    assert PendingSignIn.objects.count() == 1


def test_in_another_browser_going_on_is_refused(alice, globex):
    address = sent(browser_of(alice), globex)
    thief = Browser().enter(alice)
    answer = thief.post(address)
    assert answer.status_code == 403
    assert SignIn.objects.get().reason == "browser_mismatch"
    assert signed_in(thief) == [ALICE]


def test_after_a_minute_it_is_too_late_to_go_on(alice, globex):
    browser = browser_of(alice)
    address = sent(browser, globex)
    token = token_in(browser.get(address))
    PendingSignIn.objects.update(expires_at=datetime.now(UTC) - timedelta(seconds=1))
    answer = browser.post(address, {"csrfmiddlewaretoken": token})
    assert answer.status_code == 403
    assert SignIn.objects.get().reason == "request_expired"
    assert signed_in(browser) == [ALICE]


def test_what_is_refused_is_refused_at_once(alice, globex):
    browser = browser_of(alice)
    address = sent(browser, globex, Person("x", "x@elsewhere.example", "X", "Example", ()))
    assert browser.get(address).status_code == 403
    assert signed_in(browser) == [ALICE]


def test_who_is_not_signed_in_comes_straight_in(globex):
    browser = Browser()
    answer = browser.get(sent(browser, globex))
    assert (answer.status_code, answer["Location"]) == (302, "/")
    assert signed_in(browser) == [MALLORY.email]


def test_whose_session_ended_comes_straight_in(alice, globex):
    browser = browser_of(alice)
    Session.objects.update(expires_at=datetime.now(UTC) - timedelta(seconds=1))
    assert browser.get(sent(browser, globex)).status_code == 302
    assert signed_in(browser) == [MALLORY.email]


def test_the_same_person_comes_straight_in(globex):
    browser = Browser()
    browser.get(sent(browser, globex))
    assert browser.get(sent(browser, globex)).status_code == 302
    assert signed_in(browser) == [MALLORY.email]
    assert Session.objects.count() == 1


def test_a_colleague_is_asked_about_too(globex):
    browser = Browser()
    browser.get(sent(browser, globex))
    grace = Person("g-1", "grace@globex.example", "Grace", "Example", ())
    assert browser.get(sent(browser, globex, grace)).status_code == 200
    assert signed_in(browser) == [MALLORY.email]


def test_a_page_that_begins_a_sign_in_for_her_puts_her_into_no_other_account(alice, globex):
    """A foreign page leads her browser to the start; the provider answers without a question."""
    browser = browser_of(alice)
    answer = browser.sign_in(globex, MALLORY)
    assert answer.status_code == 200
    assert "Stay signed in as alice@acme.example" in shown_in(answer)
    assert signed_in(browser) == [ALICE]
    assert not User.objects.filter(email=MALLORY.email).exists()


def test_who_began_it_and_means_it_goes_on(alice, globex):
    browser = browser_of(alice)
    request_id = browser.start(globex, next_path="/account/")
    field = respond_to(globex, MALLORY, request_id=request_id, now=datetime.now(UTC))
    address = browser.post_response(globex, field)["Location"]
    token = token_in(browser.get(address))
    answer = browser.post(address, {"csrfmiddlewaretoken": token})
    assert (answer.status_code, answer["Location"]) == (302, "/account/")
    assert signed_in(browser) == [MALLORY.email]
    assert Session.objects.count() == 1


def test_who_signs_in_again_is_never_asked(globex):
    browser = Browser()
    assert [browser.sign_in(globex, MALLORY).status_code for _ in range(2)] == [302, 302]
    assert signed_in(browser) == [MALLORY.email]


def test_who_signed_out_comes_straight_in_as_somebody_else(alice, globex):
    browser = Browser().enter(alice)
    browser.post("/logout/")
    assert browser.sign_in(globex, MALLORY).status_code == 302
    assert signed_in(browser) == [MALLORY.email]
