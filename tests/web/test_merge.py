"""One person with two accounts: found by what the provider says of them, and merged."""

from dataclasses import replace

import pytest

from passerelle.audit.models import AuditEvent
from passerelle.audit.record import Actor
from passerelle.directory.actions import remove
from passerelle.directory.models import ExternalIdentity, Membership, Tombstone, User, Workspace
from passerelle.sso.models import Session, SignIn
from tests.browsing import Browser, reference_in
from tests.world import (
    GRACE,
    NOW,
    give,
    make_administrator,
    make_company,
    make_user,
    session_of,
)

pytestmark = pytest.mark.django_db
OBJECT_ID = "http://schemas.microsoft.com/identity/claims/objectidentifier"
MARRIED = replace(GRACE, subject="u-9", email="grace.hopper@acme.example")


@pytest.fixture
def lab(acme) -> Workspace:
    return acme.workspaces.create(name="Lab")


@pytest.fixture
def connection(acme):
    return acme.connections.get()


def said(person, number: str = "4711", name: str = OBJECT_ID) -> dict:
    return {"email": (person.email,), name: (number,)}


def sign_in(connection, person, number: str = "4711", name: str = OBJECT_ID):
    return Browser().sign_in(connection, person, attributes=said(person, number, name))


@pytest.fixture
def both(acme, connection) -> tuple[User, User]:
    """Grace's account, and the one that her new address has made."""
    for person in (GRACE, MARRIED):
        assert sign_in(connection, person).status_code == 302
    return tuple(User.objects.get(email=one.email) for one in (GRACE, MARRIED))


def page(browser, user, other) -> str:
    return browser.get(f"/settings/users/{user.id}/merge/", {"with": other.email}).content.decode()


def post(browser, user, other, **fields):
    sent = {"other": str(other.id), "keep": str(user.id), "do": "merge", **fields}
    return browser.post(f"/settings/users/{user.id}/merge/", sent)


def test_a_newcomer_with_somebodys_object_identifier_is_in_and_shown_as_perhaps_the_same(
    alice, both
):
    _, married = both
    trace = SignIn.objects.latest("time", "id")
    assert trace.outcome == "created"
    assert trace.notes == [{"note": "same_person", "value": GRACE.email}]
    listed = alice.get("/settings/identities/").content.decode()
    assert f"/settings/users/{married.id}/merge/?with=grace%40acme.example" in listed
    shown = alice.get(f"/settings/users/{married.id}/").content.decode()
    assert "This may be a second account of grace@acme.example" in shown
    assert "second account" in alice.get(f"/settings/sign-ins/{trace.reference}/").content.decode()


@pytest.mark.parametrize(
    "name",
    ["employeeNumber", "urn:oid:2.16.840.1.113730.3.1.3", "objectGUID", "subject-id", "OID"],
)
def test_the_attributes_that_tell_people_apart_go_by_their_usual_names(connection, name):
    names = {"subject-id": "urn:oasis:names:tc:SAML:attribute:subject-id"}
    for person in (GRACE, MARRIED):
        sign_in(connection, person, name=names.get(name, name))
    assert ExternalIdentity.objects.get(subject="u-9").duplicate_of.email == GRACE.email


@pytest.mark.parametrize("number", ["", "0", "000", "n/a", "None", "-", "unknown"])
def test_what_stands_for_no_number_makes_nobody_the_same(connection, number):
    for person in (GRACE, MARRIED):
        sign_in(connection, person, number)
    assert not ExternalIdentity.objects.exclude(duplicate_of=None).exists()


def test_the_same_number_at_another_company_or_another_provider_says_nothing(connection, both):
    globex = make_company("globex", provisioning_domains="listed")
    globex.provisioning_domain_list = ["acme.example"]
    globex.version += 1
    globex.save()
    sign_in(globex.connections.get(), GRACE)
    assert ExternalIdentity.objects.get(company=globex).duplicate_of is None


def test_accounts_of_before_are_found_at_the_next_sign_in(connection, both):
    ExternalIdentity.objects.update(person_mark="", duplicate_of=None)
    sign_in(connection, GRACE)
    assert not ExternalIdentity.objects.exclude(duplicate_of=None).exists()
    sign_in(connection, MARRIED)
    found = ExternalIdentity.objects.exclude(duplicate_of=None).get()
    assert (found.user.email, found.duplicate_of.email) == (MARRIED.email, GRACE.email)


def test_another_address_does_not_let_a_suspended_person_in(connection, alice):
    sign_in(connection, GRACE)
    User.objects.filter(email=GRACE.email).update(status="suspended")
    refused = sign_in(connection, MARRIED)
    row = SignIn.objects.get(reference=reference_in(refused))
    assert (row.reason, row.user.email) == ("user_suspended", GRACE.email)
    assert not User.objects.filter(email=MARRIED.email).exists()
    page = alice.get(f"/settings/sign-ins/{row.reference}/").content.decode()
    assert "A suspended account has the same employee number" in page
    alice.post(f"/settings/sign-ins/{row.reference}/admit/")
    assert sign_in(connection, MARRIED).status_code == 302


def test_nor_a_removed_one_until_they_are_admitted_again(acme, connection, alice):
    sign_in(connection, GRACE)
    remove(User.objects.get(email=GRACE.email), tombstone=True, actor=Actor("user", "a"), now=NOW)
    reference = reference_in(sign_in(connection, MARRIED))
    assert SignIn.objects.get(reference=reference).reason == "user_removed"
    alice.post(f"/settings/sign-ins/{reference}/admit/")
    assert sign_in(connection, MARRIED).status_code == 302
    assert Tombstone.objects.count() == 2


TEAM = [replace(GRACE, subject=f"c-{n}", email=f"c{n}@acme.example") for n in range(4)]


@pytest.mark.parametrize("fate", ["suspended", "removed"])
def test_a_number_that_several_people_have_shuts_nobody_out(connection, fate):
    for person in TEAM[:3]:
        sign_in(connection, person, "contractor")
    first = User.objects.get(email=TEAM[0].email)
    if fate == "suspended":
        User.objects.filter(id=first.id).update(status="suspended")
    else:
        remove(first, tombstone=True, actor=Actor("user", "a"), now=NOW)
    assert sign_in(connection, TEAM[3], "contractor").status_code == 302
    assert SignIn.objects.latest("time", "id").notes == []


def test_an_account_is_linked_although_a_removed_person_had_the_number(acme, connection):
    sign_in(connection, GRACE)
    gone = User.objects.get(email=GRACE.email)
    remove(gone, tombstone=True, actor=Actor("user", "a"), now=NOW)
    make_user(acme, MARRIED.email)
    assert sign_in(connection, MARRIED).status_code == 302


def test_the_identifier_that_was_linked_last_stays_however_else_they_signed_in(alice, both):
    grace, married = both
    User.objects.filter(id=grace.id).update(last_sign_in_at=NOW.replace(year=2040))
    assert "the older identity u-1 of the other account is deleted" in page(alice, married, grace)
    post(alice, grace, married)
    assert ExternalIdentity.objects.get().subject == "u-9"


def test_a_pair_is_listed_once_with_the_newer_account_first(alice, connection, both):
    sign_in(connection, GRACE)
    assert ExternalIdentity.objects.exclude(duplicate_of=None).count() == 2
    listed = alice.get("/settings/identities/").content.decode()
    assert listed.count("Compare and merge…") == 1
    assert "/merge/?with=grace%40acme.example" in listed


def test_merged_the_person_keeps_the_old_account_and_comes_by_the_new_identifier(
    alice, connection, both, lab
):
    grace, married = both
    extra = give(married, workspace="Lab")
    key = session_of(grace, now=NOW)
    assert post(alice, grace, married)["Location"] == f"/settings/users/{grace.id}/?done=merge"
    assert not User.objects.filter(id=married.id).exists()
    assert ExternalIdentity.objects.get().subject == "u-9"
    assert Membership.objects.get(id=extra.id).user == grace
    assert Membership.objects.filter(user=grace, source="default").count() == 1
    assert not Session.objects.filter(user=grace).exists() and key
    assert sign_in(connection, MARRIED).status_code == 302
    grace.refresh_from_db()
    assert grace.email == MARRIED.email
    assert {row.user_id for row in SignIn.objects.all()} == {grace.id}


def test_the_audit_log_says_what_became_of_what(alice, both, lab):
    grace, married = both
    give(married, workspace="Lab")
    post(alice, grace, married)
    event = AuditEvent.objects.get(event="user:merged")
    assert (event.target, event.actor) == (GRACE.email, "admin@acme.example")
    assert event.details == {
        "merged": MARRIED.email,
        "identities": ["u-9"],
        "memberships": ["Lab / Analyst"],
    }
    assert "Accounts merged" in alice.get("/settings/audit/").content.decode()


def test_the_other_way_round_the_account_that_stays_keeps_its_newer_identifier(alice, both):
    grace, married = both
    post(alice, married, grace)
    identity = ExternalIdentity.objects.get()
    assert (identity.subject, identity.user, identity.duplicate_of) == ("u-9", married, None)


def test_before_it_is_done_the_page_shows_who_would_get_and_lose_what(alice, both, lab):
    grace, married = both
    give(married, workspace="Lab")
    shown = page(alice, married, grace)
    assert "The identity provider sends the same employee number" in shown
    assert "gets the identity u-9" in shown and "loses the identity u-1" in shown
    assert "gets Lab / Analyst" in shown
    # The older account is the one that is proposed.
    assert f'value="{grace.id}"\n aria-describedby="account-2" checked' in shown


def test_administration_and_passwords_do_not_go_over(alice, both):
    grace, married = both
    User.objects.filter(id=married.id).update(is_administrator=True, password="argon2$something")
    assert "does not become an administrator" in page(alice, grace, married)
    post(alice, grace, married)
    grace.refresh_from_db()
    assert not grace.is_administrator and not grace.has_password


def test_the_last_administrator_is_not_merged_away(acme, alice, both):
    grace, _ = both
    admin = User.objects.get(email="admin@acme.example")
    answer = post(alice, grace, admin)
    assert answer.status_code == 422
    assert "This is the last active administrator" in answer.content.decode()
    assert User.objects.filter(id=admin.id).exists()


def test_different_people_are_offered_no_more(alice, connection, both):
    grace, married = both
    post(alice, married, grace, do="apart")
    for person in (GRACE, MARRIED):
        sign_in(connection, person)
    assert SignIn.objects.latest("time", "id").notes == []
    assert "Nobody seems to have two" in alice.get("/settings/identities/").content.decode()
    assert AuditEvent.objects.get(event="user:kept_apart").details == {"other": GRACE.email}
    assert User.objects.filter(email__in=[GRACE.email, MARRIED.email]).count() == 2


@pytest.mark.parametrize(
    ("address", "problem"),
    [
        ("nobody@acme.example", "No account here has this address"),
        ("grace@acme.example", "That is this account"),
        ("grace", "Enter an e-mail address"),
        ("bob@globex.example", "No account here has this address"),
    ],
)
def test_any_two_accounts_can_be_compared_and_a_wrong_address_is_explained(
    alice, both, address, problem
):
    make_user(make_company("globex"), "bob@globex.example")
    grace, _ = both
    answer = alice.get(f"/settings/users/{grace.id}/merge/", {"with": address})
    assert answer.status_code == 422 and problem in answer.content.decode()
    assert alice.get(f"/settings/users/{grace.id}/merge/").status_code == 200


def test_neither_of_the_two_is_an_answer_that_merges_nothing(alice, both):
    grace, married = both
    assert post(alice, grace, married, keep="somebody else").status_code == 422
    assert User.objects.filter(id__in=[grace.id, married.id]).count() == 2


def test_only_an_administrator_of_the_company_can(acme, both):
    grace, married = both
    mallory = Browser().enter(make_administrator(make_company("globex")))
    somebody = Browser().enter(make_user(acme, "somebody@acme.example"))
    assert post(mallory, grace, married).status_code == 404
    assert post(somebody, grace, married).status_code == 403
    assert User.objects.filter(id__in=[grace.id, married.id]).count() == 2
