"""The rules that the database itself holds, whatever the code above it does."""

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import ProtectedError

from passerelle.directory.models import Company, Membership, ProvisioningRule, User, Workspace
from tests.directory.commits import committed
from tests.world import NOW, give, make_company, make_rule, make_user

pytestmark = pytest.mark.django_db


def refused(**changes):
    """Whether the database refuses these columns for Acme."""
    with pytest.raises(IntegrityError), transaction.atomic():
        Company.objects.filter(slug="acme").update(**changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"default_workspace": None},
        {"default_permission_set": None},
        {"jit_provisioning_available": False},
        {"google_sso_enabled": True},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_automatic_provisioning_needs_both_selections_early_access_and_no_google_sso(changes):
    make_company()
    refused(**changes)
    off = Company.objects.filter(slug="acme")
    assert off.update(automatic_user_provisioning=False, **changes) == 1
    refused(automatic_user_provisioning=True)


@pytest.mark.parametrize(
    ("minutes", "two_factor", "allowed"),
    [
        (0, "optional", False),
        (1, "optional", True),
        (1440, "optional", True),
        (1441, "optional", False),
        (1441, "required", True),
        (10080, "required", True),
        (10081, "required", False),
        (0, "required", False),
    ],
)
def test_a_session_lasts_a_day_or_a_week_with_two_factors(minutes, two_factor, allowed):
    make_company()
    changes = {"session_minutes": minutes, "two_factor": two_factor}
    if allowed:
        assert Company.objects.update(**changes) == 1
    else:
        refused(**changes)


@pytest.mark.parametrize("name", ["default_workspace", "default_permission_set"])
@pytest.mark.parametrize("automatic", [True, False])
def test_a_default_cannot_be_deleted(name, automatic):
    acme = make_company(automatic_user_provisioning=automatic)
    with pytest.raises(ProtectedError):
        getattr(acme, name).delete()


@pytest.mark.parametrize("name", ["workspace", "permission_set"])
def test_the_target_of_a_rule_cannot_be_deleted(name):
    acme = make_company()
    make_rule(acme, "lab", workspace="Lab", permission_set="Viewer")
    with pytest.raises(ProtectedError):
        getattr(acme.rules.get(), name).delete()


@pytest.mark.parametrize("name", ["workspace", "permission_set"])
def test_what_a_membership_gives_cannot_be_deleted(name):
    acme = make_company(
        automatic_user_provisioning=False, default_workspace=None, default_permission_set=None
    )
    membership = give(make_user(acme, "bob@acme.example"))
    with pytest.raises(ProtectedError):
        getattr(membership, name).delete()


@pytest.mark.parametrize("table", ["workspace", "permissionset"])
def test_not_even_by_hand_in_the_database(table):
    acme = make_company()
    # What it is made of may go: it is the reference that holds it.
    acme.default_permission_set.permissions.clear()
    with pytest.raises(IntegrityError), committed(), connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM directory_{table}")


def test_what_nothing_uses_can_be_deleted():
    acme = make_company()
    Workspace.objects.create(company=acme, name="Old").delete()
    assert acme.workspaces.count() == 1


def test_a_company_has_an_address_once():
    acme, globex = make_company(), make_company("globex")
    make_user(acme, "bob@acme.example")
    make_user(globex, "bob@acme.example")
    with pytest.raises(IntegrityError), transaction.atomic():
        make_user(acme, "BOB@acme.example")


def test_a_status_is_one_of_four():
    make_user(make_company(), "bob@acme.example")
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.update(status="retired")


def test_a_right_has_a_known_source_and_each_source_once():
    bob = make_user(make_company(), "bob@acme.example")
    give(bob)
    give(bob, source="rule")
    with pytest.raises(IntegrityError), transaction.atomic():
        give(bob)
    with pytest.raises(IntegrityError), transaction.atomic():
        Membership.objects.filter(source="rule").update(source="magic")


@pytest.mark.parametrize("condition", [{}, {"equals": "a", "matches": "a"}])
def test_a_rule_has_exactly_one_condition(condition):
    acme = make_company()
    with pytest.raises(IntegrityError), transaction.atomic():
        ProvisioningRule.objects.create(
            company=acme,
            position=0,
            attribute="groups",
            workspace=acme.default_workspace,
            permission_set=acme.default_permission_set,
            **condition,
        )


def test_a_name_is_once_in_a_company_and_free_in_another():
    acme, globex = make_company(), make_company("globex")
    Workspace.objects.create(company=acme, name="Lab")
    Workspace.objects.create(company=globex, name="Lab")
    with pytest.raises(IntegrityError), transaction.atomic():
        Workspace.objects.create(company=acme, name="Lab")


def test_the_version_and_the_time_of_a_company_are_always_there():
    assert make_company().version == 1
    assert Company.objects.get().created_at == NOW
