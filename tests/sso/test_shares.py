"""What goes on in the background goes round by company, and people who wait come first."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from django.contrib.auth.hashers import make_password

from passerelle.administration import follow_metadata
from passerelle.infra.shares import in_turns
from passerelle.sso.models import Letter, SamlConnection
from passerelle.sso.outbox import letters
from passerelle.sso.outbox.letters import queue_letter, send_invitation, send_letters
from tests.browsing import Browser
from tests.world import make_administrator, make_company, make_connection, make_user

A, B, C = (UUID(int=number) for number in range(3))
NOW = datetime.now(UTC)


class Slow:
    """A clock that goes on by what each piece of work takes."""

    def __init__(self) -> None:
        self.time = 0.0

    def __call__(self) -> float:
        return self.time


def done(work: list[tuple[UUID, int]], *, seconds: float, takes: float) -> list[tuple[UUID, int]]:
    clock, order = Slow(), []
    for piece in in_turns(work, company=lambda one: one[0], seconds=seconds, clock=clock):
        order.append(piece)
        clock.time += takes
    return order


def test_one_piece_of_each_company_after_the_other_the_oldest_first():
    work = [(A, 1), (A, 2), (A, 3), (B, 1), (C, 1), (C, 2)]
    assert done(work, seconds=60, takes=1) == [(A, 1), (B, 1), (C, 1), (A, 2), (C, 2), (A, 3)]


def test_a_company_that_has_had_its_time_waits_for_the_next_pass():
    work = [(A, 1), (A, 2), (A, 3), (A, 4), (B, 1)]
    assert done(work, seconds=20, takes=10) == [(A, 1), (B, 1), (A, 2)]
    assert done(work, seconds=20, takes=50) == [(A, 1), (B, 1)]


@pytest.fixture
def globex(db):
    return make_company("globex")


@pytest.fixture
def acme(db):
    return make_company()


def invited(company, number: int, *, many: bool) -> None:
    user = make_user(company, f"p{number}@{company.slug}.example", status="invited")
    send_invitation(user, who="boss", many=many, now=NOW + timedelta(seconds=number / 1000))


def ask_for_another_password(company) -> None:
    bob = make_user(company, f"bob@{company.slug}.example", password=make_password("a long one"))
    queue_letter(
        "password_reset", company, bob.email, now=NOW, email_key=bob.email_key, minutes="60"
    )


def test_letters_that_people_wait_for_go_before_many_invitations(acme, globex, mail, monkeypatch):
    # However slow the machine.
    monkeypatch.setattr(letters, "SECONDS", 3600.0)
    for number in range(60):
        invited(globex, number, many=True)
    invited(acme, 1, many=True)
    invited(globex, 60, many=False)
    ask_for_another_password(acme)
    Letter.objects.filter(kind="password_reset").update(due_at=NOW + timedelta(seconds=1))
    assert send_letters(NOW + timedelta(seconds=2)) == letters.BATCH
    first = [address for people, _message in mail for address in people][:4]
    assert set(first[:2]) == {"bob@acme.example", "p60@globex.example"}
    assert set(first[2:]) == {"p0@globex.example", "p1@acme.example"}


def test_metadata_is_followed_in_turns(acme, globex, monkeypatch):
    for number in range(3):
        make_connection(globex, slug=f"globex-{number}", idp_entity_id=f"https://{number}.example")
    before = NOW - timedelta(hours=1)
    SamlConnection.objects.filter(company=globex).update(
        metadata_url="https://globex.example/m", metadata_due_at=before
    )
    SamlConnection.objects.filter(company=acme).update(
        metadata_url="https://acme.example/m", metadata_due_at=NOW
    )
    followed: list[str] = []
    monkeypatch.setattr(follow_metadata, "follow", lambda one, now: followed.append(one.slug))
    assert follow_metadata.follow_all(NOW + timedelta(seconds=1)) == 5
    assert followed[1] == "acme"


def test_a_company_invites_so_many_an_hour_and_hears_so_kindly(acme, monkeypatch, mail):
    monkeypatch.setattr(letters, "MAX_INVITATIONS", 3)
    alice = Browser().enter(make_administrator(acme))
    lines = "".join(f"i{number}@acme.example\n" for number in range(3))
    fields = {"content": f"email\n{lines}", "confirmed": "1"}
    assert alice.post("/settings/users/import/", fields).status_code == 200
    assert Letter.objects.count() == 3
    for path, sent in (
        ("/settings/users/import/", {"content": "email\nj@acme.example\n", "confirmed": "1"}),
        ("/settings/users/invite/", {"email": "j@acme.example"}),
    ):
        answer = alice.post(path, sent)
        assert answer.status_code == 422
        assert "Within an hour, at most" in answer.content.decode()
    assert not acme.users.filter(email="j@acme.example").exists()


def test_one_address_gets_few_letters_an_hour_from_one_company(acme, globex, mail):
    victim = make_user(acme, "victim@elsewhere.example", status="invited")
    for _ in range(20):
        send_invitation(victim, who="boss", now=NOW)
    assert Letter.objects.count() == letters.MAX_INVITATIONS_TO_ONE
    for number in range(20):
        asking = Browser(REMOTE_ADDR=f"192.0.2.{number}")
        asking.post("/login/acme/forgot/", {"email": "Victim@elsewhere.example"})
    resets = Letter.objects.filter(kind="password_reset")
    assert resets.count() == letters.MAX_RESETS_TO_ONE
    other = make_user(globex, "victim@elsewhere.example", status="invited")
    send_invitation(other, who="boss", now=NOW)
    assert Letter.objects.filter(company=globex).count() == 1
    send_invitation(victim, who="boss", now=NOW + timedelta(hours=1))
    assert Letter.objects.filter(company=acme, kind="invitation").count() == 6


def test_a_company_has_so_many_connections(acme, monkeypatch):
    monkeypatch.setattr("passerelle.web.settings.connection_sentences.MOST", 1)
    alice = Browser().enter(make_administrator(acme))
    for path, sent in (
        ("/settings/connect/", {"product": "keycloak"}),
        ("/settings/security/?connection=new", {"name": "Another"}),
    ):
        answer = alice.post(path, sent)
        assert answer.status_code == 422
        assert "A company has at most 1 connections." in answer.content.decode()
    assert acme.connections.count() == 1


def test_the_page_says_of_an_invitation_that_it_was_mailed_only_where_it_was(acme, mail):
    alice = Browser().enter(make_administrator(acme))
    for number in range(letters.MAX_INVITATIONS_TO_ONE + 1):
        sent = {"email": "carol@acme.example"}
        page = alice.post("/settings/users/invite/", sent, follow=True).content.decode()
        was_mailed = "also sent by e-mail" in page
        assert was_mailed is (number < letters.MAX_INVITATIONS_TO_ONE)
        assert "/activate/" in page
        acme.users.get(email="carol@acme.example").delete()
