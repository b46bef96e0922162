"""`apply` makes the installation match the file."""

from datetime import UTC, datetime

import pytest

from passerelle.audit.models import AuditEvent
from passerelle.directory.models import (
    Application,
    Company,
    Domain,
    Membership,
    Permission,
    ProvisioningRule,
    User,
)
from passerelle.sso.models import Letter, SamlConnection, SigningCertificate
from passerelle.sso.sessions.session import find_session, open_session
from tests.browsing import Browser
from tests.configfile.files import (
    EXAMPLE,
    MODELS,
    OFF,
    OPEN,
    REPORTS,
    changed,
    everything,
    expired_key,
    metadata_of,
    pem_of,
)
from tests.world import NOW, idp_of, make_company, make_user, signing_key

pytestmark = pytest.mark.django_db


def test_the_example_makes_a_company_whose_people_can_sign_in(operator):
    lines = operator.apply(EXAMPLE)
    assert "+ company acme" in lines
    assert "+ acme: workspace Production" in lines
    assert "+ acme: rule groups = platform-admins: Administrator in Production" in lines
    assert "~ acme: provisioning.automatic_user_provisioning: false → true" in lines
    assert lines[-1] == f"{len(lines) - 1} changes"
    acme = Company.objects.get()
    assert (acme.slug, acme.name, acme.automatic_user_provisioning) == ("acme", "Acme", True)
    assert acme.default_workspace.name == "Production"
    assert acme.ip_allowlist == ["203.0.113.0/24"]
    connection = acme.connections.get()
    assert connection.idp_entity_id == "https://idp.acme.example/metadata"
    assert connection.target_url == "https://idp.acme.example/sso"
    assert connection.certificates.get().pem == pem_of("acme")
    assert acme.domains.get().verified_at


def test_applying_twice_changes_nothing(operator):
    operator.apply(EXAMPLE)
    before = everything()
    assert operator.apply(EXAMPLE) == ["0 changes"]
    assert everything() == before


def test_a_dry_run_tells_the_changes_and_makes_none(operator):
    before = everything()
    dry = operator.apply(EXAMPLE, "--dry-run")
    assert everything() == before
    assert operator.apply(EXAMPLE) == dry


def test_a_dry_run_refuses_what_the_real_one_would(operator):
    path = operator.write("passerelle.toml", EXAMPLE + "\n[oops]\n")
    status, _, err = operator.run("apply", path, "--dry-run")
    assert status == 2
    assert "oops" in err


def test_a_dry_run_sees_what_is_in_use(operator):
    operator.apply(EXAMPLE)
    member(Company.objects.get())
    text = changed(EXAMPLE, '"Production"', '"Lab"', 4)
    path = operator.write("passerelle.toml", text)
    status, _, err = operator.run("apply", path, "--dry-run")
    assert (status, "in use" in err) == (2, True)


def test_every_change_is_one_line(operator):
    operator.apply(EXAMPLE)
    text = changed(EXAMPLE, 'name = "Acme"', 'name = "Acme Ltd"')
    text = changed(text, '["dashboards.view", "reports.export"]', '["reports.export"]')
    text = changed(text, "verified = true", "verified = false")
    text = changed(text, "session_minutes = 1440", "session_minutes = 60")
    text = changed(text, 'domains = "known"', 'domains = ["b.example", "A.example"]')
    assert operator.apply(text, "--allow-removals") == [
        "~ acme: name: Acme → Acme Ltd",
        "~ acme: permission set Analyst: permissions: [dashboards.view, reports.export]"
        " → [reports.export]",
        "~ acme: domain acme.example: verified: true → false",
        "~ acme: provisioning.domains: known → [a.example, b.example]",
        "~ acme: security.session_minutes: 1440 → 60",
        "5 changes",
    ]
    assert Company.objects.get().version == 3


def test_a_certificate_that_is_added_is_counted_not_printed(operator):
    operator.apply(EXAMPLE)
    operator.write("next.pem", pem_of("next"))
    text = changed(
        EXAMPLE,
        'metadata_file = "idp-metadata.xml"',
        f"""entity_id = "https://idp.acme.example/metadata"
  target_url = "https://idp.acme.example/sso"
  certificates = ['''{pem_of("acme")}''', "next.pem"]""",
    )
    assert operator.apply(text) == [
        "~ acme: SAML connection acme: certificates: 1 certificate → 2 certificates",
        "1 changes",
    ]
    assert SigningCertificate.objects.count() == 2
    operator.apply(EXAMPLE)
    assert SigningCertificate.objects.get().pem == pem_of("acme")


def test_metadata_is_read_again_each_time(operator):
    operator.apply(EXAMPLE)
    operator.write("idp-metadata.xml", metadata_of("acme", entity_id="https://new.example/"))
    assert operator.apply(EXAMPLE) == [
        "~ acme: SAML connection acme: entity_id: https://idp.acme.example/metadata"
        " → https://new.example/",
        "1 changes",
    ]


def test_rules_are_compared_one_by_one_and_in_their_order(operator):
    start, rule = EXAMPLE.split("    [[companies.provisioning.rules]]")
    rule, end = rule.split("  [companies.google_sso]")
    table, other = "    [[companies.provisioning.rules]]", rule.replace("platform-", "lab-")

    def file(*rules):
        return start + "".join(table + one for one in rules) + "  [companies.google_sso]" + end

    operator.apply(file(rule))
    line = "rule groups = lab-admins: Administrator in Production"
    assert operator.apply(file(rule, other)) == [f"+ acme: {line}", "1 changes"]
    assert operator.apply(file(other, rule)) == ["~ acme: rules: their order", "1 changes"]
    assert list(ProvisioningRule.objects.values_list("equals", flat=True)) == [
        "lab-admins",
        "platform-admins",
    ]
    assert operator.apply(file(other, rule, rule)) == ["~ acme: rules: their order", "1 changes"]
    assert operator.apply(file(rule)) == [
        f"- acme: {line}",
        "~ acme: rules: their order",
        "2 changes",
    ]


def test_applications_come_change_and_go_with_the_file(operator):
    operator.apply(EXAMPLE)
    assert operator.apply(EXAMPLE + REPORTS) == ["+ acme: application Reports", "1 changes"]
    row = Application.objects.get()
    assert row.url == "https://reports.acme.example/"
    assert [one.name for one in row.workspaces.all()] == ["Production"]
    text = EXAMPLE + REPORTS.replace('  workspace = "Production"\n', "")
    assert operator.apply(text) == [
        "~ acme: application Reports: workspaces: [Production] → []",
        "1 changes",
    ]
    assert Application.objects.get().id == row.id
    none = changed(EXAMPLE, 'name = "Acme"\n', 'name = "Acme"\napplications = []\n')
    assert operator.apply(none, "--allow-removals") == [
        "- acme: application Reports",
        "1 changes",
    ]


def test_an_application_goes_together_with_the_workspace_it_was_for(operator):
    table = "  [[companies.workspaces]]\n"
    lab = changed(EXAMPLE, table, f'{table}  name = "Lab"\n{table}')
    operator.apply(lab + REPORTS.replace("Production", "Lab"))
    assert "is in use by" in operator.refused(EXAMPLE)
    none = changed(EXAMPLE, 'name = "Acme"\n', 'name = "Acme"\napplications = []\n')
    assert operator.apply(none, "--allow-removals") == [
        "- acme: workspace Lab",
        "- acme: application Reports",
        "2 changes",
    ]


def member(company):
    user = make_user(company, "bob@acme.example")
    Membership.objects.create(
        company=company,
        user=user,
        workspace=company.workspaces.get(name="Production"),
        permission_set=company.permission_sets.get(name="Analyst"),
        source="hand",
        granted_at=NOW,
    )
    return user


def test_what_is_in_use_is_not_removed_and_nothing_changes(operator):
    operator.apply(EXAMPLE)
    member(Company.objects.get())
    before = everything()
    text = changed(EXAMPLE, '"Production"', '"Lab"', 4)
    assert operator.refused(changed(text, '"Acme"', '"Acme Ltd"')) == (
        "workspace Production of company acme is in use by 1 membership: change those first"
    )
    assert everything() == before


def test_users_are_untouched(operator):
    operator.apply(EXAMPLE)
    bob = member(Company.objects.get())
    users = User.objects.values().get()
    operator.apply(changed(EXAMPLE, '"Acme"', '"Acme Ltd"'))
    assert User.objects.values().get() == users
    assert bob.memberships.count() == 1


def test_companies_that_the_file_does_not_name_are_untouched(operator):
    operator.apply(EXAMPLE)
    make_company("globex")
    before = everything()
    operator.apply(changed(EXAMPLE, '"Acme"', '"Acme Ltd"'))
    after = everything()
    assert {model for model in MODELS if after[model] != before[model]} == {Company, AuditEvent}
    operator.apply(EXAMPLE[: EXAMPLE.index("[[companies]]")])
    assert {model: len(rows) for model, rows in everything().items()} == {
        model: len(rows) for model, rows in after.items()
    }


def test_a_whole_file_or_nothing(operator):
    operator.apply(EXAMPLE)
    before = everything()
    second = changed(EXAMPLE, '"acme"', '"globex"', 2)[EXAMPLE.index("[[companies]]") :]
    second = changed(second, 'default_workspace = "Production"', 'default_workspace = "Nowhere"')
    error = operator.refused(changed(EXAMPLE, '"Acme"', '"Acme Ltd"') + second)
    assert "default_workspace" in error
    assert everything() == before


def test_a_permission_that_another_company_uses_cannot_go(operator):
    operator.apply(EXAMPLE)
    make_company("globex")
    text = changed(EXAMPLE, '"reports.export"', '"reports.read"', 2)
    assert operator.refused(text) == (
        "permission reports.export, which the file leaves out, is in use by permission set "
        "Analyst of company globex"
    )


def test_the_default_catalogue_is_there_when_the_file_declares_none(operator):
    assert operator.apply("") == ["0 changes"]
    assert list(Permission.objects.values_list("key", flat=True)) == [
        "dashboards.view",
        "dashboards.edit",
        "reports.view",
        "reports.export",
        "members.view",
        "members.manage",
    ]


def test_a_change_holds_at_the_next_request_of_a_worker_that_is_running(operator):
    connection = SamlConnection.objects.select_related("company")
    operator.apply(OFF)
    assert Browser().sign_in(connection.get()).status_code == 403
    operator.apply(OPEN)
    assert Browser().sign_in(connection.get()).status_code == 302
    operator.write("idp-metadata.xml", metadata_of("other", entity_id=idp_of("acme")))
    operator.apply(OPEN)
    assert Browser().sign_in(connection.get()).status_code == 400


ENDS = {
    "off": changed(OFF, "idp_initiated = true", "enabled = false"),
    "gone": changed(OFF, '[[companies.saml]]\n  slug = "acme"', '[[companies.saml]]\n  slug = "b"'),
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_a_connection_that_ends_takes_its_sessions_along(operator, end):
    operator.apply(OPEN)
    bob = member(Company.objects.get())
    connection = SamlConnection.objects.get()
    now = datetime.now(UTC)
    key = open_session(bob, connection=connection, now=now)
    assert find_session(key, now=now)
    operator.apply(end, "--allow-removals")
    assert find_session(key, now=now) is None


def test_an_installation_s_change_is_recorded(operator):
    operator.apply(EXAMPLE)
    event = AuditEvent.objects.get()
    assert (event.event, event.actor, event.target) == (
        "configuration:applied",
        "command line",
        "acme",
    )
    assert "+ acme: workspace Production" in event.details["changes"]


def test_an_expired_certificate_does_not_stop_what_is_on_already(operator):
    operator.apply(EXAMPLE)
    operator.write("idp-metadata.xml", metadata_of("acme", key=expired_key()))
    assert operator.apply(EXAMPLE)[-1] != "0 changes"
    assert Company.objects.get().automatic_user_provisioning


def test_a_domain_that_the_company_has_proved_stays(operator):
    operator.apply(EXAMPLE)
    acme = Company.objects.get()
    Domain.objects.create(company=acme, name="acme.test", verified_at=NOW, is_proved=True)
    assert operator.apply(EXAMPLE) == ["0 changes"]
    operator.apply(changed(EXAMPLE, 'name = "Acme"', 'name = "Acme Ltd"'))
    assert Domain.objects.get(name="acme.test").verified_at


def test_whoever_is_barred_by_the_file_is_not_in_any_more(operator):
    operator.apply(OPEN)
    acme = Company.objects.get()
    bob = make_user(acme, "bob@acme.example")
    key = open_session(bob, connection=None, now=NOW)
    through = open_session(bob, connection=acme.connections.get(), now=NOW)
    operator.apply(changed(OPEN, 'sso_enforcement = "off"', 'sso_enforcement = "everyone"'))
    assert find_session(key, now=NOW) is None
    assert find_session(through, now=NOW)


def test_sessions_by_google_end_when_the_file_switches_it_off(operator):
    on = changed(OPEN, "automatic_user_provisioning = true", "automatic_user_provisioning = false")
    operator.apply(changed(on, "enabled = false", "enabled = true"))
    bob = make_user(Company.objects.get(), "bob@acme.example")
    key = open_session(bob, connection=None, by_google=True, now=NOW)
    assert find_session(key, now=NOW)
    operator.apply(on, "--allow-removals")
    assert find_session(key, now=NOW) is None


def test_a_connection_that_trusts_others_now_has_to_prove_itself_again(operator):
    operator.apply(EXAMPLE)
    SamlConnection.objects.update(last_success_at=NOW, trusted_since=None)
    operator.apply(changed(EXAMPLE, 'name = "Acme SSO"', 'name = "Acme door"'))
    assert SamlConnection.objects.get().last_success_at
    operator.write("idp-metadata.xml", metadata_of("acme", key=signing_key("globex")))
    operator.apply(changed(EXAMPLE, 'name = "Acme SSO"', 'name = "Acme door"'))
    connection = SamlConnection.objects.get()
    assert connection.last_success_at is None
    assert connection.trusted_since


def test_a_change_of_enforcement_by_the_file_is_told_to_the_administrators(operator, settings):
    ours = settings.PASSERELLE.model_copy(update={"email_url": "smtp://127.0.0.1:25"})
    settings.PASSERELLE = ours
    operator.apply(OPEN)
    make_user(Company.objects.get(), "ada@acme.example", is_administrator=True)
    enforced = changed(OPEN, 'sso_enforcement = "off"', 'sso_enforcement = "everyone"')
    operator.apply(enforced)
    operator.apply(enforced)
    operator.apply(OPEN)
    told = [one.values["after"] for one in Letter.objects.order_by("created_at")]
    assert told == ["everyone", "off"]


def test_single_sign_on_alone_needs_a_connection_that_people_can_use(operator):
    enforced = changed(OPEN, 'sso_enforcement = "off"', 'sso_enforcement = "everyone"')
    on, off = (f"automatic_user_provisioning = {value}" for value in ("true", "false"))
    incomplete = changed(changed(enforced, on, off), 'metadata_file = "idp-metadata.xml"', "")
    assert "expected off without a complete SAML connection" in operator.refused(incomplete)


def test_another_identity_provider_by_the_file_ends_the_sessions_of_the_old_one(operator):
    operator.apply(EXAMPLE)
    SamlConnection.objects.update(idp_entity_id="https://old.example/metadata")
    connection = SamlConnection.objects.select_related("company").get()
    bob = make_user(connection.company, "bob@acme.example")
    key = open_session(bob, connection=connection, now=NOW)
    operator.apply(EXAMPLE)
    assert find_session(key, now=NOW) is None
