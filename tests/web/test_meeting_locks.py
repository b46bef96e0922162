"""Locks that meet, with real connections: nobody waits for somebody who waits.

On PostgreSQL only: SQLite lets one transaction write at a time.
"""

import threading
from datetime import UTC, datetime
from functools import partial

import pytest
from django.db import connection, connections, transaction

from passerelle.administration import enforcement, settings
from passerelle.administration.connections import trust_certificate
from passerelle.audit.record import OPERATOR
from passerelle.directory import actions, domains
from passerelle.directory.administrators import set_administrator
from passerelle.directory.models import Company, User
from passerelle.oidc import server
from passerelle.oidc.models import Grant
from passerelle.practice_idp.people import Person
from passerelle.sso.models import Session, TrustedDevice
from passerelle.sso.sessions import session as sessions
from passerelle.sso.sessions.entry_locks import close_entry, way_of_connection
from passerelle.sso.sign_in import admit, finish, google, second_factor
from passerelle.sso.sign_in.password_rules import set_password
from tests.browsing import Browser
from tests.oidc.client import RelyingParty
from tests.sso.test_trust_withdrawn import END, another_key, parked
from tests.web.test_passwords import code_after, enter, is_in, set_up, with_password
from tests.web.test_security_settings import PAGE, fields_of
from tests.web.test_taken_away import came_by_sso, change
from tests.world import (
    load_certificate_of,
    make_administrator,
    make_company,
    make_user,
    session_of,
)

pytestmark = pytest.mark.django_db(transaction=True)


running: set[int] = set()
"""The jobs that are not over yet."""
holding: set[int] = set()
"""The threads that hold on until another one waits."""


def at_once(*jobs) -> list:
    found: list = [None] * len(jobs)
    running.update(range(len(jobs)))

    def one(number: int) -> None:
        try:
            found[number] = jobs[number]()
        except Exception as error:
            found[number] = error
        finally:
            running.discard(number)
            connections.close_all()

    threads = [threading.Thread(target=one, args=(number,)) for number in range(len(jobs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(90)
    return found


def until_somebody_waits() -> None:
    """Hold what is held until another job waits for it, or none is left that could."""
    me = threading.get_ident()
    holding.add(me)
    while len(running) > len(holding) and not waits():
        threading.Event().wait(0.01)
    holding.discard(me)


def waits() -> bool:
    """Whether anybody in this database waits for a lock."""
    with connection.cursor() as cursor:
        # Within a transaction PostgreSQL looks once, unless it is told to look again.
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute(
            "SELECT EXISTS (SELECT 1 FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock')"
        )
        return cursor.fetchone() == (True,)


@pytest.fixture
def enforcing(acme, monkeypatch):
    """Everybody has to use single sign-on; with the lock held, somebody else comes along."""
    _browser, grace = came_by_sso(acme, is_administrator=True, breaks_glass=True)
    with_password(grace)
    session = Session.objects.select_related("user__company").get(user=grace)
    started = threading.Event()
    real = settings.end_closed_sessions

    def slow(company: Company) -> None:
        started.set()
        until_somebody_waits()
        real(company)

    monkeypatch.setattr(settings, "end_closed_sessions", slow)

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
        started.wait(30)
        now = datetime.now(UTC)
        actions.suspend(User.objects.get(id=bob.id), actor=OPERATOR, now=now)
        return "suspended"

    assert at_once(enforce, suspend) == ["enforced", "suspended"]


def test_a_sign_in_in_a_browser_with_an_old_session_breaks_nothing(acme, enforcing, monkeypatch):
    enforce, started = enforcing
    with_password(make_user(acme, "bob@acme.example"))
    browser = Browser()
    enter(browser)
    real = admit.open_session

    def opening(*given, **how):
        key = real(*given, **how)
        until_somebody_waits()
        return key

    monkeypatch.setattr(admit, "open_session", opening)

    def again() -> int:
        started.wait(30)
        return enter(browser).status_code

    enforced, status = at_once(enforce, again)
    assert enforced == "enforced"
    assert status in (302, 403)
    assert not is_in(browser)


def test_a_code_and_new_codes_at_once(acme):
    now = datetime.now(UTC)

    def undo() -> object:
        row = Company.objects.get(id=acme.id)
        return enforcement.undo_by_code(row, codes[0], address=None, now=now)

    def make() -> object:
        row = Company.objects.get(id=acme.id)
        return len(enforcement.make_codes(row, actor=OPERATOR, now=now))

    for _ in range(5):
        codes = enforcement.make_codes(acme, actor=OPERATOR, now=now)
        change(acme, sso_enforcement="everyone")
        undone, made = at_once(undo, make)
        acme.refresh_from_db()
        assert undone == (acme.sso_enforcement == "off")
        assert made == 10
        assert acme.emergency_codes.count() == 10


def test_who_commits_after_the_closing_is_not_in_again_after_the_opening(
    acme, enforcing, monkeypatch
):
    enforce, _started = enforcing
    bob = with_password(make_user(acme, "bob@acme.example"))
    real, ready, browser = admit.open_session, threading.Event(), Browser()

    def opening(*given, **how):
        key = real(*given, **how)
        ready.set()
        until_somebody_waits()
        return key

    monkeypatch.setattr(admit, "open_session", opening)

    def after() -> str:
        ready.wait(30)
        return enforce()

    _entered, enforced = at_once(lambda: enter(browser), after)
    assert enforced == "enforced"
    assert Session.objects.filter(user=bob).exists()
    [code, *_] = enforcement.make_codes(acme, actor=OPERATOR, now=datetime.now(UTC))
    Browser().post("/login/acme/emergency/", {"code": code})
    assert Company.objects.get(id=acme.id).sso_enforcement == "off"
    assert not is_in(browser)


# Whoever has waited for the lock is asked again behind it.


@pytest.mark.parametrize("verb", ["demote", "suspend"])
def test_nobody_clings_to_power_by_asking_without_end(acme, verb):
    """What changes nothing for somebody in power would undo their fall, if it waited for it."""
    boss = Browser().enter(with_password(make_administrator(acme, "boss@acme.example")))
    mine = {"demote": "change/promote/", "suspend": "reinstate/"}[verb]
    for number in range(3):
        mallory = make_administrator(acme, f"mallory{number}@acme.example")
        browsers = [Browser().enter(mallory) for _ in range(3)]
        stop, asked = threading.Event(), threading.Semaphore(0)

        def cling(
            browser: Browser, page: str, stop: threading.Event, asked: threading.Semaphore
        ) -> None:
            while not stop.is_set():
                browser.post(page)
                asked.release()

        def fall(page: str, stop: threading.Event, asked: threading.Semaphore) -> int:
            for _ in range(3):
                asked.acquire(timeout=30)
            status = boss.post(page).status_code
            # Three may have been under way; the next three are from afterwards.
            for _ in range(6):
                asked.acquire(timeout=30)
            stop.set()
            return status

        page = f"/settings/users/{mallory.id}/"
        jobs = [partial(cling, one, page + mine, stop, asked) for one in browsers]
        *_clung, status = at_once(*jobs, partial(fall, f"{page}change/{verb}/", stop, asked))
        assert status == 302
        mallory.refresh_from_db()
        assert not (mallory.is_administrator and mallory.status == "active")


def test_emergency_codes_are_not_made_by_who_is_suspended_while_they_wait(acme):
    with_password(make_administrator(acme, "boss@acme.example"))
    mallory = make_administrator(acme, "mallory@acme.example")
    browser, locked = Browser().enter(mallory), threading.Event()

    def suspend() -> None:
        with transaction.atomic():
            row = User.objects.get(id=mallory.id)
            actions.suspend(row, actor=OPERATOR, now=datetime.now(UTC))
            locked.set()
            until_somebody_waits()

    def codes() -> int:
        locked.wait(30)
        return browser.post("/settings/enforcement/codes/").status_code

    _suspended, status = at_once(suspend, codes)
    assert status == 403
    assert not acme.emergency_codes.exists()


# Each of these begins with the company's row.


def test_two_files_with_the_same_people_in_opposite_order(acme):
    names = [f"p{number}" for number in range(60)]

    def bring(browser: Browser, names: list[str]) -> int:
        lines = [f"{one}@acme.example,Production,Analyst" for one in names]
        content = "\n".join(["email,workspace,permission_set", *lines])
        sent = {"confirmed": "1", "content": content}
        return browser.post("/settings/users/import/", sent).status_code

    one = Browser().enter(make_administrator(acme))
    two = Browser().enter(make_administrator(acme, "two@acme.example"))
    assert at_once(partial(bring, one, names), partial(bring, two, names[::-1])) == [200, 200]
    assert acme.users.count() == 62


def test_a_domain_goes_while_its_connection_does(acme, monkeypatch):
    connection, domain = acme.connections.get(), acme.domains.get()
    domain.connection = connection
    domain.save()
    acme.connections.update(enabled=False)
    change(acme, automatic_user_provisioning=False)
    alice = Browser().enter(make_administrator(acme))
    gone, real = threading.Event(), domains.record

    def slowly(*given, **how) -> None:
        gone.set()
        until_somebody_waits()
        real(*given, **how)

    monkeypatch.setattr(domains, "record", slowly)

    def remove() -> str:
        row = acme.domains.get()
        domains.remove_domain(row, actor=OPERATOR, now=datetime.now(UTC))
        return "removed"

    def delete() -> int:
        gone.wait(30)
        return alice.post("/settings/connect/acme/delete/").status_code

    assert at_once(remove, delete) == ["removed", 302]


def test_a_certificate_is_accepted_while_the_guide_saves_the_same(acme, monkeypatch):
    alice = Browser().enter(make_administrator(acme))
    certificate = load_certificate_of("new")
    inserted, real = threading.Event(), settings.insert_or_nothing

    def slowly(row) -> bool:
        found = real(row)
        inserted.set()
        until_somebody_waits()
        return found

    monkeypatch.setattr(settings, "insert_or_nothing", slowly)

    def trust() -> str:
        row = acme.connections.get()
        by = {"actor": OPERATOR, "now": datetime.now(UTC)}
        trust_certificate(row, certificate, **by)
        return "trusted"

    def save() -> int:
        inserted.wait(30)
        row = acme.connections.get()
        sent = {"idp_entity_id": row.idp_entity_id, "target_url": row.target_url}
        sent |= {"name": row.name, "new_certificates": certificate.pem}
        return alice.post("/settings/connect/acme/", sent).status_code

    assert at_once(trust, save) == ["trusted", 302]
    assert acme.connections.get().certificates.count() == 2


@pytest.fixture
def finishing(monkeypatch):
    """A sign-in that has opened its session and is not through yet; set once it is there."""
    opened = threading.Event()
    real = finish.open_session

    def slowly(*given, **how):
        key = real(*given, **how)
        opened.set()
        until_somebody_waits()
        return key

    monkeypatch.setattr(finish, "open_session", slowly)
    return opened


def test_who_is_coming_in_while_a_stolen_key_is_removed_and_all_signed_out_is_out(acme, finishing):
    alice = Browser().enter(make_administrator(acme))
    mallory, address = parked(acme)

    def put_out():
        finishing.wait(30)
        saved = alice.post(PAGE, another_key(acme)).status_code
        return saved, alice.post(END).status_code

    came, done = at_once(lambda: mallory.get(address).status_code, put_out)
    assert (came, done) == (302, (302, 302))
    assert not is_in(mallory)


def test_who_is_coming_in_while_another_provider_takes_over_is_out(acme, finishing):
    alice = Browser().enter(make_administrator(acme))
    mallory, address = parked(acme)

    def take_over():
        finishing.wait(30)
        fields = another_key(acme) | {"idp_entity_id": "https://other.example/metadata"}
        return alice.post(PAGE, fields).status_code

    assert at_once(lambda: mallory.get(address).status_code, take_over) == [302, 302]
    assert not is_in(mallory)


def test_who_is_coming_in_while_all_of_their_sessions_are_ended_is_out(acme, finishing):
    before, grace = came_by_sso(acme)
    finishing.clear()
    alice = Browser().enter(make_administrator(acme))
    again, address = parked(acme)

    def put_out():
        finishing.wait(30)
        return alice.post(f"/settings/users/{grace.id}/sign-out/").status_code

    assert at_once(lambda: again.get(address).status_code, put_out) == [302, 302]
    assert not is_in(again)
    assert not is_in(before)


def test_many_finish_at_once_without_waiting_for_each_other(acme, monkeypatch):
    # Each goes on when all of them are there: if one waited for another, nobody would.
    together, real = threading.Barrier(4, timeout=30), finish.open_session

    def opening(*given, **how):
        key = real(*given, **how)
        together.wait()
        return key

    monkeypatch.setattr(finish, "open_session", opening)
    people = [Person(f"u-{n}", f"p{n}@acme.example", "P", str(n), ()) for n in range(4)]
    waiting = [parked(acme, person) for person in people]
    jobs = [partial(browser.get, address) for browser, address in waiting]
    answers = at_once(*jobs)
    assert [answer.status_code for answer in answers] == [302] * 4


def test_saml_goes_off_while_the_only_administrator_with_a_password_is_unmade(acme):
    boss = with_password(make_administrator(acme, "boss@acme.example"))
    browser, _grace = came_by_sso(acme, is_administrator=True)
    change(acme, automatic_user_provisioning=False)
    acme.refresh_from_db()
    locked = threading.Event()

    def unmake():
        with transaction.atomic():
            user = User.objects.get(id=boss.id)
            set_administrator(user, False, actor=OPERATOR, now=datetime.now(UTC))
            locked.set()
            until_somebody_waits()

    def off():
        locked.wait(30)
        return browser.post(PAGE, fields_of(acme, saml_enabled=None)).status_code

    assert at_once(unmake, off) == [None, 422]
    assert acme.connections.get().enabled


def test_a_name_that_is_changed_while_the_account_is_removed(acme):
    bob = with_password(make_user(acme, "bob@acme.example"))
    browser = Browser().enter(bob)
    locked = threading.Event()

    def remove():
        with transaction.atomic():
            actions.remove(bob, tombstone=True, actor=OPERATOR, now=datetime.now(UTC))
            locked.set()
            until_somebody_waits()

    def rename():
        locked.wait(30)
        return browser.post("/account/name/", {"first_name": "B", "last_name": ""}).status_code

    assert at_once(remove, rename) == [None, 302]


def come_while_it_is_closed(browser: Browser, address: str) -> list:
    """Whether the answer was there while Acme's connection was being closed; and its status."""
    held, seen = threading.Event(), threading.Event()

    def close_the_way():
        with transaction.atomic():
            close_entry(way_of_connection("acme"))
            held.set()
            until_somebody_waits()
            return seen.is_set()

    def come():
        held.wait(30)
        answer = browser.get(address)
        seen.set()
        return answer.status_code

    return at_once(close_the_way, come)


def test_whoever_may_finish_waits_until_the_way_is_closed(acme):
    browser, address = parked(acme)
    assert come_while_it_is_closed(browser, address) == [False, 302]


def test_junk_a_strange_browser_and_another_company_s_code_wait_for_nobody(acme):
    _browser, address = parked(acme)
    elsewhere, theirs = parked(make_company("globex"))
    ours = theirs.replace("/globex/", "/acme/")
    for browser, path in (
        (Browser(), "/auth/saml/acme/finish?code=junk"),
        (Browser(), address),
        (elsewhere, ours),
    ):
        assert come_while_it_is_closed(browser, path) == [True, 403]


def test_who_comes_by_google_while_its_domain_changes_is_out(acme, monkeypatch):
    change(
        acme,
        automatic_user_provisioning=False,
        google_sso_enabled=True,
        google_client_id="client",
        google_hosted_domain="acme.example",
        google_client_secret=google.sealed_secret(acme, "secret"),
    )
    acme.refresh_from_db()
    alice = Browser().enter(with_password(make_administrator(acme)))
    make_user(acme, "bob@acme.example")
    request = google.GoogleRequest(company=acme, next="")
    opened = threading.Event()
    real = google.open_session

    def slowly(*given, **how):
        key = real(*given, **how)
        opened.set()
        until_somebody_waits()
        return key

    monkeypatch.setattr(google, "open_session", slowly)
    claims = {"sub": "g-1", "email": "bob@acme.example", "hd": "acme.example"}
    place = sessions.Browser("127.0.0.1", "")

    def come_by_google():
        return google._enter(request, claims, [], place, datetime.now(UTC)).session_key

    def change_the_domain():
        opened.wait(30)
        other = {"google_sso_enabled": "on", "google_hosted_domain": "other.example"}
        return alice.post(PAGE, fields_of(acme, **other)).status_code

    key, saved = at_once(come_by_google, change_the_domain)
    assert saved == 302
    assert sessions.find_session(key, now=datetime.now(UTC)) is None


def test_who_is_coming_in_while_saml_goes_off_and_on_again_is_out(acme, finishing):
    change(acme, automatic_user_provisioning=False)
    acme.refresh_from_db()
    alice = Browser().enter(with_password(make_administrator(acme)))
    make_user(acme, "grace@acme.example")
    mallory, address = parked(acme)

    def off_and_on():
        finishing.wait(30)
        done = []
        for enabled in (None, "on"):
            acme.refresh_from_db()
            done.append(alice.post(PAGE, fields_of(acme, saml_enabled=enabled)).status_code)
        return done

    assert at_once(lambda: mallory.get(address).status_code, off_and_on) == [302, [302, 302]]
    assert acme.connections.get().enabled
    assert not is_in(mallory)


def test_a_browser_is_not_remembered_beyond_a_password_that_changes_meanwhile(acme, monkeypatch):
    bob = with_password(make_user(acme, "bob@acme.example"))
    change(acme, two_factor="required")
    browser = Browser()
    enter(browser)
    secret, _codes = set_up(browser)
    browser.post("/logout/")
    enter(browser)
    real, reached = second_factor.trust_device, threading.Event()

    def slowly(*given, **named):
        reached.set()
        until_somebody_waits()
        return real(*given, **named)

    monkeypatch.setattr(second_factor, "trust_device", slowly)

    def come() -> int:
        sent = {"code": code_after(secret), "remember": "on"}
        return browser.post("/login/code/", sent).status_code

    def change_password() -> bool:
        reached.wait(30)
        row = User.objects.select_related("company").get(id=bob.id)
        return set_password(row, "quite another passphrase", now=datetime.now(UTC))

    assert at_once(come, change_password) == [302, True]
    assert not TrustedDevice.objects.exists()
    assert not is_in(browser)


def test_a_copied_refresh_token_ends_what_is_given_at_the_same_moment(acme, monkeypatch):
    bob = make_user(acme, "bob@acme.example")
    reports = RelyingParty.made(acme)
    first = reports.sign_in(Browser().enter(bob), scope="openid offline_access")["refresh_token"]
    second = reports.refresh(first).json()["refresh_token"]
    started, real = threading.Event(), server.new_token_of

    def slow(*given, **keywords):
        made = real(*given, **keywords)
        started.set()
        until_somebody_waits()
        return made

    def replay():
        started.wait(60)
        return reports.refresh(first).status_code

    monkeypatch.setattr(server, "new_token_of", slow)
    assert at_once(lambda: reports.refresh(second).status_code, replay) == [200, 400]
    assert not Grant.objects.exists()
