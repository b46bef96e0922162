"""Locks that meet, with real connections: nobody waits for somebody who waits.

On PostgreSQL only: SQLite lets one transaction write at a time.
"""

import threading
import time
from datetime import UTC, datetime

import pytest
from django.db import connections

from passerelle.audit.record import OPERATOR
from passerelle.dashboard.views import door
from passerelle.directory import actions
from passerelle.directory.models import Company, User
from passerelle.sso import enforcement
from passerelle.sso.models import Session
from tests.browsing import Browser
from tests.dashboard.test_local_sign_in import enter, is_in, with_password
from tests.dashboard.test_taken_away import came_by_sso, change
from tests.world import make_company, make_user, session_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def acme():
    return make_company()


def at_once(*jobs) -> list:
    found: list = [None] * len(jobs)

    def one(number: int) -> None:
        try:
            found[number] = jobs[number]()
        except Exception as error:
            found[number] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=one, args=(number,)) for number in range(len(jobs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return found


@pytest.fixture
def enforcing(acme, monkeypatch):
    """Everybody has to use single sign-on, slowly: after the lock there is a second to meet."""
    _browser, grace = came_by_sso(acme, is_administrator=True, breaks_glass=True)
    with_password(grace)
    session = Session.objects.select_related("user__company").get(user=grace)
    started = threading.Event()
    real = enforcement.end_closed_sessions

    def slow(company: Company) -> None:
        started.set()
        time.sleep(0.5)
        real(company)

    monkeypatch.setattr(enforcement, "end_closed_sessions", slow)

    def enforce() -> str:
        now = datetime.now(UTC)
        row = Company.objects.get(id=acme.id)
        enforcement.change_enforcement(row, "everyone", session=session, actor=OPERATOR, now=now)
        return "enforced"

    return enforce, started


def test_suspending_somebody_meanwhile_is_not_undone(acme, enforcing):
    enforce, started = enforcing
    bob = with_password(make_user(acme, "bob@acme.example"))
    session_of(bob, now=datetime.now(UTC))

    def suspend() -> str:
        started.wait(5)
        now = datetime.now(UTC)
        actions.suspend(User.objects.get(id=bob.id), actor=OPERATOR, now=now)
        return "suspended"

    assert at_once(enforce, suspend) == ["enforced", "suspended"]


def test_a_sign_in_in_a_browser_with_an_old_session_breaks_nothing(acme, enforcing, monkeypatch):
    enforce, started = enforcing
    with_password(make_user(acme, "bob@acme.example"))
    browser = Browser()
    enter(browser)
    real = door._open

    def opening(*given):
        answer = real(*given)
        time.sleep(1)
        return answer

    monkeypatch.setattr(door, "_open", opening)

    def again() -> int:
        started.wait(5)
        return enter(browser).status_code

    enforced, status = at_once(enforce, again)
    assert enforced == "enforced"
    assert status in (302, 403)
    assert not is_in(browser)


def test_a_code_and_new_codes_at_once(acme):
    now = datetime.now(UTC)
    codes = enforcement.make_codes(acme, actor=OPERATOR, now=now)
    change(acme, sso_enforcement="everyone")

    def undo() -> object:
        row = Company.objects.get(id=acme.id)
        return enforcement.undo_by_code(row, codes[0], address=None, now=now)

    def make() -> object:
        row = Company.objects.get(id=acme.id)
        return len(enforcement.make_codes(row, actor=OPERATOR, now=now))

    for _ in range(5):
        undone, made = at_once(undo, make)
        assert undone in (True, False)
        assert made == 10


def test_who_commits_after_the_closing_is_not_in_again_after_the_opening(
    acme, enforcing, monkeypatch
):
    enforce, _started = enforcing
    bob = with_password(make_user(acme, "bob@acme.example"))
    real, ready, browser = door._open, threading.Event(), Browser()

    def opening(*given):
        answer = real(*given)
        ready.set()
        time.sleep(1.5)
        return answer

    monkeypatch.setattr(door, "_open", opening)

    def after() -> str:
        ready.wait(5)
        return enforce()

    _entered, enforced = at_once(lambda: enter(browser), after)
    assert enforced == "enforced"
    assert Session.objects.filter(user=bob).exists()
    [code, *_] = enforcement.make_codes(acme, actor=OPERATOR, now=datetime.now(UTC))
    Browser().post("/login/acme/emergency/", {"code": code})
    assert Company.objects.get(id=acme.id).sso_enforcement == "off"
    assert not is_in(browser)
