"""My account: what a person sees of themselves, and may change."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from passerelle.audit.models import AuditEvent
from passerelle.directory.models import User
from passerelle.sso.models import Session
from passerelle.sso.sessions.session import MOST_OPEN, open_session
from tests.browsing import Browser
from tests.world import (
    GRACE,
    give,
    make_administrator,
    make_company,
    make_rule,
    make_user,
    session_of,
)

pytestmark = pytest.mark.django_db
PAGE = "/account/"


@pytest.fixture
def connection(acme):
    return acme.connections.select_related("company").get()


@pytest.fixture
def grace(connection) -> Browser:
    browser = Browser()
    browser.sign_in(connection)
    return browser


@pytest.fixture
def bob(acme) -> User:
    return make_user(acme, "bob@acme.example", first_name="Bob")


def test_a_newcomer_is_welcomed_and_told_whom_to_ask(acme, grace):
    make_administrator(acme)
    page = grace.get("/").content.decode()
    assert "Welcome to Acme" in page
    assert "mailto:admin@acme.example" in page
    User.objects.update(created_at=datetime.now(UTC) - timedelta(days=2))
    assert "Welcome to Acme" not in grace.get("/").content.decode()


def test_who_was_invited_is_not_told_that_their_sign_in_made_the_account(bob):
    assert "Welcome to Acme" not in Browser().enter(bob).get("/").content.decode()


def test_each_right_says_why(acme, connection, bob):
    make_rule(acme, "analysts", workspace="Lab", permission_set="Researcher")
    browser = Browser()
    browser.sign_in(connection)
    page = browser.get(PAGE).content.decode()
    assert "Your identity provider says of you: groups = analysts." in page
    make_company("globex")
    given = give(bob)
    given.why = "admin@acme.example"
    given.save()
    page = Browser().enter(bob).get(PAGE).content.decode()
    assert "admin@acme.example gave it to you." in page


def test_the_default_says_that_everybody_new_gets_it(grace):
    assert "Everybody who is new here gets it." in grace.get(PAGE).content.decode()


def test_a_name_that_comes_from_the_identity_provider_is_changed_there(grace):
    page = grace.get(PAGE).content.decode()
    assert 'name="first_name"' not in page
    grace.post(f"{PAGE}name/", {"first_name": "X", "last_name": "Y"})
    assert User.objects.get(email="grace@acme.example").first_name == "Grace"


def test_a_name_that_is_kept_here_is_changed_here(bob):
    browser = Browser().enter(bob)
    sent = browser.post(f"{PAGE}name/", {"first_name": "Robert", "last_name": "Example"})
    assert sent.status_code == 302
    bob.refresh_from_db()
    assert bob.shown_name == "Robert Example"
    assert AuditEvent.objects.get(event="user:updated").details["name"][0] == "Bob"


def test_a_name_keeps_the_joiners_inside_its_words(bob):
    name = "امیر\u200cحسین"
    Browser().enter(bob).post(f"{PAGE}name/", {"first_name": name})
    bob.refresh_from_db()
    assert bob.first_name == name


@pytest.mark.parametrize("name", ["x" * 151, "a\0b", "a\u200d"])
def test_a_name_that_is_none_is_refused_with_a_sentence(bob, name):
    sent = Browser().enter(bob).post(f"{PAGE}name/", {"first_name": name})
    assert sent.status_code == 422
    assert "at most 150 characters" in sent.content.decode()


def test_the_language_follows_the_person_to_another_browser(connection, grace):
    grace.post("/language/", {"language": "fr"})
    other = Browser()
    other.sign_in(connection)
    assert 'lang="fr"' in other.get("/").content.decode()


def test_a_language_chosen_in_a_browser_stays_there(connection, grace):
    grace.post("/language/", {"language": "fr"})
    other = Browser()
    other.post("/language/", {"language": "en"})
    other.sign_in(connection)
    assert 'lang="en"' in other.get("/").content.decode()


def test_sessions_are_seen_and_ended_one_by_one_or_all_others(bob):
    browser = Browser().enter(bob)
    for _ in range(3):
        session_of(bob, now=datetime.now(UTC))
    page = browser.get(PAGE).content.decode()
    assert page.count("Sign out there") == 3
    assert "this browser" in page
    other = Session.objects.filter(user=bob).order_by("-created_at").first()
    browser.post(f"{PAGE}sessions/", {"session": other.key_digest})
    assert Session.objects.filter(user=bob).count() == 3
    browser.post(f"{PAGE}sessions/", {"others": "1"})
    assert Session.objects.filter(user=bob).count() == 1
    assert browser.get(PAGE).status_code == 200


@pytest.mark.parametrize("is_own", [True, False])
def test_of_many_sessions_those_used_last_are_shown_and_only_what_is_shown_is_read(
    acme, bob, is_own
):
    browser = Browser().enter(bob if is_own else make_administrator(acme))
    now = datetime.now(UTC)
    Session.objects.bulk_create(
        Session(
            company=acme,
            user=bob,
            key_digest=f"{number}",
            name_id="n" * 1000,
            created_at=now,
            last_seen_at=now - timedelta(minutes=5, seconds=number),
            expires_at=now + timedelta(hours=1),
        )
        for number in range(300)
    )
    with CaptureQueriesContext(database) as captured:
        page = browser.get(PAGE if is_own else f"/settings/users/{bob.id}/").content.decode()
    count = 301 if is_own else 300
    assert f"These are the 50 used last, of {count} that are open." in page
    assert 'value="48"' in page and 'value="50"' not in page
    read = [one["sql"] for one in captured.captured_queries if "last_seen_at" in one["sql"]]
    assert [sql for sql in read if '"session_index"' in sql or '"metadata_held"' in sql] == read[:1]
    assert len(page) < 50_000


def test_a_person_has_so_many_sessions_and_those_used_longest_ago_end(acme, connection, grace):
    user = User.objects.get(email=GRACE.email)
    [first] = user.sessions.all()
    for _ in range(MOST_OPEN + 5):
        open_session(user, connection=connection, now=datetime.now(UTC))
    assert user.sessions.count() == MOST_OPEN
    assert not user.sessions.filter(key_digest=first.key_digest).exists()


def test_nobody_ends_the_sessions_of_somebody_else(acme, bob):
    alice = make_administrator(acme)
    session_of(alice, now=datetime.now(UTC))
    theirs = Session.objects.get(user=alice)
    Browser().enter(bob).post(f"{PAGE}sessions/", {"session": theirs.key_digest})
    assert Session.objects.filter(user=alice).exists()


@pytest.mark.parametrize("way", ["", "name/", "sessions/"])
def test_strangers_are_led_to_the_sign_in_page(way):
    answer = Browser().post(PAGE + way) if way else Browser().get(PAGE)
    assert answer["Location"].startswith("/login/")


def test_where_a_session_was_opened_is_kept(connection):
    browser = Browser()
    browser.defaults["HTTP_USER_AGENT"] = "Mozilla/5.0 (X11; Linux x86_64) Firefox/128.0"
    browser.sign_in(connection)
    session = Session.objects.get()
    assert session.address == "127.0.0.1"
    assert "Firefox, Linux" in browser.get(PAGE).content.decode()


def test_an_administrator_finds_what_waits_on_the_dashboard(acme, connection):
    alice = Browser().enter(make_administrator(acme))
    make_user(acme, "new@acme.example", status="pending")
    Browser().sign_in(connection, fault="expired")
    page = alice.get("/").content.decode()
    assert "You administer Acme" in page
    assert "1 person waits for your decision" in page
    assert "1 sign-in refused in the last 24 hours" in page
    assert "You belong to no workspace" not in page


@pytest.mark.parametrize(
    ("path", "page"),
    [
        ("/account/app/", "/account/"),
        ("/account/password/", "/account/"),
        ("/settings/users/several/", "/settings/users/"),
        ("/settings/enforcement/codes/", "/settings/enforcement/"),
        ("/settings/connect/acme/link/", "/settings/connect/acme/"),
    ],
)
def test_switching_the_language_where_a_button_led_comes_back_to_the_page(acme, path, page):
    alice = Browser().enter(make_administrator(acme))
    back = alice.post("/language/", {"language": "fr", "next": path})
    assert alice.get(back["Location"])["Location"] == page
