"""Many first sign-ins at once, over several server processes, on both databases."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from passerelle.practice_idp.people import Person
from tests.e2e.conftest import sign_ins_of, users_of
from tests.e2e.identity_provider import IdentityProvider, toml_for
from tests.e2e.passerelle import Passerelle
from tests.e2e.visitor import Answer, Visitor

ADA = Person("u-ada", "ada@acme.example", "Ada", "Example")


@pytest.fixture
def service(installation: Passerelle) -> Passerelle:
    installation.apply(toml_for("acme"))
    installation.serve(workers=2)
    return installation


def all_at_once(service: Passerelle, people: list[Person], **said: object) -> list[Answer]:
    """Everybody stands at the callback before the first one is let go on."""
    provider = IdentityProvider(service.base_url)

    def prepare(person: Person) -> tuple[Visitor, str]:
        visitor = Visitor(service.base_url)
        return visitor, provider.respond(person, request_id=visitor.start("acme"), **said)

    def enter(prepared: tuple[Visitor, str]) -> Answer:
        visitor, response = prepared
        return visitor.deliver("acme", response)

    with ThreadPoolExecutor(max_workers=50) as pool:
        return list(pool.map(enter, list(pool.map(prepare, people))))


def test_fifty_first_sign_ins_of_one_person_make_one_account_and_no_error(service):
    answers = all_at_once(service, [ADA] * 50)
    assert {answer.status for answer in answers} == {302}
    [user] = users_of(service)
    assert user["memberships"] == [{"workspace": "Production", "permission_set": "Analyst"}]
    assert [one["name_id"] for one in user["identities"]] == ["u-ada"]
    outcomes = sorted(one["outcome"] for one in sign_ins_of(service))
    assert outcomes == ["created"] + ["signed_in"] * 49


def test_two_subjects_racing_with_one_email_end_as_one_account_and_one_conflict(service):
    people = [Person(f"u-{n % 2}", "shared@acme.example", "Sam", "Example") for n in range(20)]
    answers = all_at_once(service, people)
    [user] = users_of(service)
    assert len(user["identities"]) == 1
    winner = user["identities"][0]["name_id"]
    statuses = {(p.subject == winner, a.status) for p, a in zip(people, answers, strict=True)}
    assert statuses == {(True, 302), (False, 403)}
    reasons = {one["reason"] for one in sign_ins_of(service) if one["outcome"] == "refused"}
    assert reasons == {"identity_conflict"}


def test_one_subject_racing_with_two_emails_is_one_account_without_an_orphan(service):
    people = [Person("u-1", f"name{n % 2}@acme.example", "Sam", "Example") for n in range(20)]
    answers = all_at_once(service, people)
    assert {answer.status for answer in answers} == {302}
    [user] = users_of(service)
    assert [one["name_id"] for one in user["identities"]] == ["u-1"]


def test_forty_different_people_at_once_all_get_in(service):
    people = [Person(f"u-{n}", f"person{n}@acme.example", "Sam", "Example") for n in range(40)]
    assert {answer.status for answer in all_at_once(service, people)} == {302}
    assert len(users_of(service)) == 40


def test_a_server_killed_in_the_middle_leaves_no_half_account(service):
    people = [Person(f"u-{n}", f"person{n}@acme.example", "Sam", "Example") for n in range(60)]
    assert service.server is not None
    group = service.server.process.pid
    with ThreadPoolExecutor(max_workers=2) as pool:
        racing = pool.submit(_until_the_server_dies, service, people)
        _wait_for_some_accounts(service)
        os.killpg(group, signal.SIGKILL)
        racing.result()
    service.stop()
    users = users_of(service)
    assert users
    for user in users:
        assert user["status"] == "active"
        assert len(user["identities"]) == 1
        assert user["memberships"] == [{"workspace": "Production", "permission_set": "Analyst"}]
    created = [one for one in sign_ins_of(service) if one["outcome"] == "created"]
    assert len(created) == len(users)
    service.serve()
    answer = all_at_once(service, [people[0]])[0]
    assert answer.status == 302


def _until_the_server_dies(service: Passerelle, people: list[Person]) -> None:
    provider = IdentityProvider(service.base_url)

    def one(person: Person) -> None:
        with suppress(OSError, AssertionError):
            visitor = Visitor(service.base_url)
            request_id = visitor.start("acme")
            visitor.deliver("acme", provider.respond(person, request_id=request_id))

    with ThreadPoolExecutor(max_workers=8) as pool:
        list(pool.map(one, people))


def _wait_for_some_accounts(service: Passerelle) -> None:
    while not users_of(service):
        pass


def test_two_tabs_of_one_browser_both_get_in(service):
    visitor, provider = Visitor(service.base_url), IdentityProvider(service.base_url)
    first, second = visitor.start("acme"), visitor.start("acme")
    responses = [provider.respond(ADA, request_id=one) for one in (first, second)]
    parked = [
        visitor.post("/auth/saml/acme/callback", {"SAMLResponse": one}, cross_site=True)
        for one in responses
    ]
    answers = [visitor.get(one.location) for one in parked]
    assert [answer.status for answer in answers] == [302, 302]
    assert len(users_of(service)) == 1
