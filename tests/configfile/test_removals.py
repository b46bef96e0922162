"""What the file does not speak of stays; what people use is removed only where that is allowed."""

import re

import pytest

from passerelle.audit.models import AuditEvent
from passerelle.configfile.desired import OMITTABLE
from passerelle.directory.models import Company, Domain, Permission, ProvisioningRule
from tests.configfile.files import EXAMPLE, OFF, REPORTS, changed, everything

pytestmark = pytest.mark.django_db
ONLY_NAMED = '[[companies]]\nslug = "acme"\nname = "Acme"\n'
EMPTIED = (
    ONLY_NAMED
    + "".join(
        f"{one} = []\n"
        for one in ("workspaces", "permission_sets", "domains", "applications", "saml")
    )
    + "[companies.provisioning]\nrules = []\n[companies.google_sso]\n[companies.security]\n"
)


def test_what_the_file_does_not_speak_of_is_left_as_it_stands(operator):
    operator.apply(EXAMPLE + REPORTS)
    before = {model: rows for model, rows in everything().items() if model is not Permission}
    catalogue = EXAMPLE[: EXAMPLE.index("[[companies]]")]
    assert operator.apply(catalogue + ONLY_NAMED) == ["0 changes"]
    assert operator.apply(catalogue + ONLY_NAMED.replace('"Acme"', '"Acme Ltd"')) == [
        "~ acme: name: Acme → Acme Ltd",
        "1 changes",
    ]
    after = everything()
    assert {model for model in before if after[model] != before[model]} == {Company, AuditEvent}


@pytest.mark.parametrize("table", OMITTABLE)
def test_a_file_of_one_table_changes_nothing_else(operator, table):
    operator.apply(EXAMPLE + REPORTS)
    whole = operator.export()
    of_table = re.findall(rf"^ +\[+companies\.{table}\b.*?\n\n", whole + "\n\n", re.M | re.S)
    switch = "jit_provisioning_available = true\n" if table.startswith("jit") else ""
    assert of_table or switch
    catalogue = whole[: whole.index("[[companies]]")]
    assert operator.apply(catalogue + ONLY_NAMED + switch + "".join(of_table)) == ["0 changes"]


def test_a_list_that_the_file_has_is_whole_and_so_is_a_table(operator):
    operator.apply(EXAMPLE)
    lines = operator.apply(EMPTIED, "--allow-removals")
    acme = Company.objects.get()
    assert "- acme: workspace Production" in lines
    assert "- acme: SAML connection acme" in lines
    assert (acme.workspaces.count(), acme.permission_sets.count()) == (0, 0)
    assert (acme.domains.count(), acme.connections.count(), acme.rules.count()) == (0, 0, 0)
    assert (acme.automatic_user_provisioning, acme.default_workspace) == (False, None)
    assert (acme.ip_allowlist, acme.google_client_id) == ([], "")
    assert Permission.objects.count() == 6


def test_what_people_may_be_using_is_taken_away_only_where_that_is_allowed(operator):
    operator.apply(EXAMPLE + REPORTS)
    before = everything()
    refused = operator.refused(EMPTIED)
    assert refused == (
        "this takes away what people may be using: acme: SAML connection acme is removed; "
        "acme: domain acme.example is removed; acme: application Reports is removed; "
        "acme: provisioning.automatic_user_provisioning is switched off. Nothing was changed: put "
        "it into the file, or apply it with --allow-removals"
    )
    assert everything() == before
    # A dry run shows all of it, and says what it would take.
    path = operator.write("passerelle.toml", EMPTIED)
    status, out, err = operator.run("apply", path, "--dry-run")
    assert (status, "- acme: application Reports" in out.splitlines()) == (0, True)
    assert err.endswith("is switched off. It needs --allow-removals\n")
    assert everything() == before


@pytest.mark.parametrize(
    ("old", "new", "lost"),
    [
        ("idp_initiated = true", "enabled = false", "SAML connection acme is not enabled any more"),
        ("verified = true", "verified = false", "domain acme.example is not verified any more"),
        ("_available = true", "_available = false", "jit_provisioning_available is switched off"),
    ],
)
def test_what_is_switched_off_is_told_before(operator, old, new, lost):
    operator.apply(OFF)
    assert f"acme: {lost}." in operator.refused(changed(OFF, old, new))


RULES_OF_THEIR_OWN = """
    [[companies.provisioning.rules]]
    attribute = "groups"
    equals = "bosses"
    administrator = true
    sync = "first_sign_in"

    [[companies.provisioning.rules]]
    attribute = "scim.groups"
    equals = "Platform"
    workspace = "Production"
    permission_set = "Administrator"

  [companies.google_sso]"""


def test_rules_make_administrators_and_say_when_they_count(operator):
    operator.apply(EXAMPLE)
    text = changed(EXAMPLE, "  [companies.google_sso]", RULES_OF_THEIR_OWN)
    assert operator.apply(text) == [
        "+ acme: rule groups = bosses: administrator, at the first sign-in",
        "+ acme: rule scim.groups = Platform: Administrator in Production",
        "2 changes",
    ]
    assert operator.apply(operator.export()) == ["0 changes"]
    rule = ProvisioningRule.objects.get(administrator=True)
    assert (rule.workspace, rule.sync) == (None, "first_sign_in")


@pytest.mark.parametrize(
    ("old", "new", "wrong"),
    [
        ("    administrator = true\n", "", "expected workspace and permission_set"),
        (
            "    administrator = true\n",
            '    administrator = true\n    workspace = "Production"\n',
            "expected no workspace and no permission_set",
        ),
        ('"groups"\n    equals = "bosses"', '"scim.groups"\n    equals = "b"', "expected neither"),
        ('"first_sign_in"', '"sometimes"', "expected 'always' or 'first_sign_in'"),
    ],
)
def test_what_a_rule_cannot_say_is_refused(operator, old, new, wrong):
    text = changed(EXAMPLE, "  [companies.google_sso]", changed(RULES_OF_THEIR_OWN, old, new))
    assert wrong in operator.refused(text)


def test_a_domain_stays_although_the_connection_it_led_to_goes(operator):
    led = changed(OFF, "verified = true", 'verified = true\n  connection = "acme"')
    operator.apply(led)
    operator.apply(ONLY_NAMED + "saml = []\n", "--allow-removals")
    assert Domain.objects.get().connection is None
