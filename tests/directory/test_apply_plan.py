"""A plan is carried out whole, recorded, or not at all."""

import pytest
from django.db import transaction

from passerelle.audit.models import AuditEvent
from passerelle.audit.record import Actor
from passerelle.directory.apply import Conflict, Context, apply_plan
from passerelle.directory.models import ExternalIdentity, Membership, User
from passerelle.directory.policy import load_names
from passerelle.provisioning import Plan, parse_email
from passerelle.provisioning.model import (
    ActivateAccount,
    CreateAccount,
    Give,
    Grant,
    LinkIdentity,
    UpdateProfile,
    Withdraw,
)
from tests.directory.commits import committed
from tests.world import NOW, give, idp_of, make_company, make_user

pytestmark = pytest.mark.django_db

GRACE = parse_email("grace@acme.example")
CREATE = CreateAccount(GRACE, "Grace", "Hopper", "active")
LINK = LinkIdentity("u-1")


def plan_for(user, outcome, steps=()):
    return Plan(outcome, str(user.id), steps, account_status=user.status)


@pytest.fixture
def acme():
    return make_company()


def context(company, **fields):
    connection = company.connections.get()
    proper = {
        "company_id": company.id,
        "connection_id": connection.id,
        "idp_entity_id": connection.idp_entity_id,
        "actor": Actor("identity provider", connection.name),
        "origin": "jit",
        "names": load_names(company),
        "now": NOW,
    }
    return Context(**{**proper, **fields})


def defaults(company):
    return Grant(str(company.default_workspace_id), str(company.default_permission_set_id))


def rows():
    """Everything that provisioning writes, to see that nothing was."""
    return (
        sorted(User.objects.values_list("id", "email", "first_name", "status", "last_sign_in_at")),
        sorted(ExternalIdentity.objects.values_list("user_id", "subject")),
        sorted(Membership.objects.values_list("id", "source")),
        AuditEvent.objects.count(),
    )


def test_a_newcomer_is_written_whole_and_recorded_once(acme):
    gives = Give(defaults(acme), "default", "default")
    with committed():
        user = apply_plan(Plan("created", None, (CREATE, LINK, gives)), context(acme))
    user.refresh_from_db()
    assert (user.email, user.status, user.provisioned_by) == ("grace@acme.example", "active", "jit")
    assert (user.created_at, user.last_sign_in_at) == (NOW, NOW)
    assert not user.has_usable_password()
    assert user.identities.get().subject == "u-1"
    assert user.memberships.get().why == "default"
    event = AuditEvent.objects.get()
    assert (event.event, event.target) == ("user:provisioned", "grace@acme.example")
    assert event.details == {
        "status": "active",
        "memberships": [{"workspace": "Production", "permission_set": "Analyst", "why": "default"}],
    }


def test_one_who_waits_has_not_signed_in_yet(acme):
    create = CreateAccount(GRACE, "", "", "pending")
    user = apply_plan(Plan("pending", None, (create, LINK)), context(acme))
    assert (user.status, user.last_sign_in_at) == ("pending", None)


def test_a_plan_without_steps_only_notes_the_time(acme):
    bob = make_user(acme, "bob@acme.example")
    apply_plan(plan_for(bob, "signed_in"), context(acme))
    bob.refresh_from_db()
    assert bob.last_sign_in_at == NOW
    assert AuditEvent.objects.count() == 0


def test_every_step_for_an_account_is_done_and_recorded(acme):
    bob = make_user(acme, "bob@acme.example", status="invited")
    give(bob, source="rule")
    give(bob, source="hand")
    steps = (
        LINK,
        ActivateAccount(),
        UpdateProfile(GRACE, "Grace", None),
        Give(defaults(acme), "invitation", "invited"),
        Withdraw(defaults(acme), "no rule gives it any more"),
    )
    with committed():
        apply_plan(plan_for(bob, "linked", steps), context(acme))
    bob.refresh_from_db()
    assert (bob.email_key, bob.email_domain) == ("grace@acme.example", "acme.example")
    assert (bob.status, bob.first_name) == ("active", "Grace")
    sources = bob.memberships.values_list("source", flat=True)
    assert sorted(sources) == ["hand", "invitation"]
    events = AuditEvent.objects.values_list("event", flat=True)
    assert sorted(events) == [
        "identity:linked",
        "membership:given",
        "membership:withdrawn",
        "user:updated",
    ]
    updated = AuditEvent.objects.get(event="user:updated")
    assert updated.details == {
        "status": ["invited", "active"],
        "email": ["bob@acme.example", "grace@acme.example"],
        "first_name": ["", "Grace"],
    }


def test_giving_what_is_there_already_is_no_error(acme):
    bob = make_user(acme, "bob@acme.example")
    give(bob, source="rule")
    steps = (Give(defaults(acme), "rule", "groups = a"),)
    apply_plan(plan_for(bob, "signed_in", steps), context(acme))
    assert bob.memberships.count() == 1


def conflicts(plan, acme):
    """The plan meets a conflict, and everything is as it was."""
    before = rows()
    with transaction.atomic():
        with pytest.raises(Conflict):
            apply_plan(plan, context(acme))
        # The transaction goes on: it can read again, plan again and write.
        assert rows() == before


def test_a_newcomer_whose_address_was_taken_meanwhile_leaves_nothing(acme):
    make_user(acme, "GRACE@acme.example")
    gives = Give(defaults(acme), "default", "default")
    conflicts(Plan("created", None, (CREATE, LINK, gives)), acme)


def test_a_newcomer_whose_identity_was_taken_meanwhile_leaves_nothing(acme):
    other = make_user(acme, "other@acme.example")
    apply_plan(plan_for(other, "linked", (LINK,)), context(acme))
    gives = Give(defaults(acme), "default", "default")
    conflicts(Plan("created", None, (CREATE, LINK, gives)), acme)


def test_an_account_that_was_linked_meanwhile_is_left_alone(acme):
    bob = make_user(acme, "bob@acme.example", status="invited")
    apply_plan(plan_for(bob, "linked", (LinkIdentity("u-2"),)), context(acme))
    conflicts(plan_for(bob, "linked", (LINK, ActivateAccount())), acme)


def test_an_identity_that_was_linked_to_another_meanwhile_is_left_alone(acme):
    bob = make_user(acme, "bob@acme.example")
    other = make_user(acme, "other@acme.example")
    apply_plan(plan_for(other, "linked", (LINK,)), context(acme))
    conflicts(plan_for(bob, "linked", (LINK, UpdateProfile(first_name="B"))), acme)


@pytest.mark.parametrize("steps", [(), (LINK,)], ids=["known", "just linked"])
def test_a_new_address_that_was_taken_meanwhile_changes_nothing(acme, steps):
    bob = make_user(acme, "bob@acme.example")
    make_user(acme, "grace@acme.example")
    update = UpdateProfile(GRACE, "Grace")
    conflicts(plan_for(bob, "linked", (*steps, update)), acme)


def test_the_same_subject_and_address_in_another_company_is_no_conflict(acme):
    globex = make_company("globex")
    plan = Plan("created", None, (CREATE, LINK))
    apply_plan(plan, context(acme))
    apply_plan(plan, context(globex, idp_entity_id=idp_of("acme")))
    assert User.objects.filter(email_key=GRACE.key).count() == 2


def test_a_plan_cannot_touch_an_account_of_another_company(acme):
    mallory = make_user(make_company("globex"), "mallory@globex.example")
    with pytest.raises(Conflict):
        apply_plan(plan_for(mallory, "signed_in"), context(acme))


def test_a_plan_for_an_account_that_was_suspended_meanwhile_is_a_conflict(acme):
    bob = make_user(acme, "bob@acme.example", status="invited")
    plan = plan_for(bob, "linked", (LINK, ActivateAccount()))
    bob.status = "suspended"
    bob.save()
    conflicts(plan, acme)
    bob.refresh_from_db()
    assert bob.status == "suspended"


def test_a_plan_for_an_account_that_is_gone_is_a_conflict(acme):
    bob = make_user(acme, "bob@acme.example")
    plan = plan_for(bob, "signed_in")
    bob.delete()
    conflicts(plan, acme)
