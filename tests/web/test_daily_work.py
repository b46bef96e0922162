"""An administrator's ordinary day: a lost laptop, a forgotten password, an auditor."""

from datetime import UTC, datetime, timedelta

import pytest

from passerelle.administration.enforcement import undo_by_code
from passerelle.audit.events import EventName
from passerelle.audit.models import AuditEvent
from passerelle.audit.record import OPERATOR, Entry, record
from passerelle.directory import actions
from passerelle.directory.links import activation_path
from passerelle.directory.models import Company, User
from passerelle.infra.tokens import digest
from passerelle.sso.models import EmergencyCode, SetupLink, TrustedDevice
from passerelle.sso.sign_in.password_rules import password_problem
from tests.browsing import Browser
from tests.web.test_passwords import PASSWORD, is_in, with_password
from tests.web.test_security_settings import fields_of
from tests.world import NOW, give, make_administrator, make_company, make_user

pytestmark = pytest.mark.django_db
USERS, AUDIT = "/settings/users/", "/settings/audit/"


@pytest.fixture
def bob(acme) -> User:
    return with_password(make_user(acme, "bob@acme.example", first_name="Bob"))


def enter(password: str):
    fields = {"email": "bob@acme.example", "password": password}
    return Browser().post("/login/acme/", fields)


def remembered(user: User) -> None:
    TrustedDevice.objects.create(
        company=user.company,
        user=user,
        digest=digest("x"),
        created_at=datetime.now(UTC),
        expires_at=datetime.now(UTC) + timedelta(days=30),
    )


def events(browser: Browser, **filters) -> list[str]:
    """What the page of the audit log lists, newest first."""
    return [row[0].event for row in browser.get(AUDIT, filters).context["shown"]]


def test_a_lost_laptop_is_signed_out_and_remembered_no_more(alice, bob):
    remembered(bob)
    assert "End every session, forget browsers" in alice.get(f"{USERS}{bob.id}/").content.decode()
    alice.post(f"{USERS}{bob.id}/sign-out/")
    assert not TrustedDevice.objects.exists()
    ended = AuditEvent.objects.get(event="user:sessions_ended")
    assert ended.details == {"sessions": 0, "remembered_browsers": 1}
    page = alice.get(f"{USERS}{bob.id}/?done=sign-out").content.decode()
    assert "remembered browsers are forgotten" in page


def test_whoever_signs_out_everywhere_else_is_remembered_nowhere(bob):
    remembered(bob)
    assert Browser().enter(bob).post("/account/sessions/", {"others": ""}).status_code == 302
    assert not TrustedDevice.objects.exists()


def test_who_forgot_the_password_gets_a_link_without_any_mail(alice, bob):
    browser = Browser().enter(bob)
    page = f"{USERS}{bob.id}/"
    assert "Make a link to choose another password" in alice.get(page).content.decode()
    asked = alice.get(f"{page}change/replace-password/").content.decode()
    assert "The password stops working at once" in asked
    assert alice.post(f"{page}change/replace-password/").status_code == 302
    assert not is_in(browser)
    assert "do not match" in enter(PASSWORD).content.decode()
    shown = alice.get(page)
    link = shown.context["link"]
    assert "/activate/" in link
    path = link[link.index("/activate/") :]
    assert "Hand the link below over" in alice.get(f"{page}?done=replace-password").content.decode()
    again = Browser().post(path, {"password": PASSWORD})
    assert again.status_code == 422
    assert "You had this password lately" in again.content.decode()
    chosen = Browser().post(path, {"password": "another long phrase"})
    assert chosen.status_code == 302
    assert enter("another long phrase").status_code == 302
    assert AuditEvent.objects.filter(event="user:password_changed", target=bob.email).exists()


def test_who_comes_by_single_sign_on_needs_no_such_link(acme, alice):
    Browser().sign_in(acme.connections.select_related("company").get())
    grace = with_password(User.objects.get(email="grace@acme.example"))
    path = f"{USERS}{grace.id}/change/replace-password/"
    assert "Make a link" not in alice.get(f"{USERS}{grace.id}/").content.decode()
    assert alice.post(path).status_code == 404
    grace.refresh_from_db()
    assert grace.has_password


def test_nobody_ends_their_own_password(acme):
    boss = with_password(make_administrator(acme, "boss@globex.example"))
    browser = Browser().enter(boss)
    assert browser.post(f"{USERS}{boss.id}/change/replace-password/").status_code == 404
    assert "Make a link to choose" not in browser.get(f"{USERS}{boss.id}/").content.decode()
    boss.refresh_from_db()
    assert boss.has_password


@pytest.mark.parametrize(
    "password",
    ["bobby1234", "bob12345", "BOBbob!2026", "example2026!", "bob.example.2026", "acmebob2026"],
)
def test_a_password_of_one_s_own_names_and_some_digits_is_refused(acme, password):
    user = make_user(acme, "bob@acme.example", first_name="Bob", last_name="Example")
    refused = bool(password_problem(user, password))
    assert refused == (password != "bobby1234")


def test_emergency_access_is_found_in_the_audit_log_where_it_is_looked_for(acme, alice):
    ada = with_password(make_administrator(acme, "ada@acme.example"))
    alice.post(f"{USERS}{ada.id}/break-glass/", {"value": "on"})
    page = alice.get(f"{AUDIT}?event=user:administrator_changed").content.decode()
    assert "ada@acme.example" in page


def test_an_auditor_finds_who_got_a_right_in_a_workspace_and_when(acme, alice, bob):
    workspace, permission_set = acme.workspaces.get(), acme.permission_sets.get()
    alice.post(
        f"{USERS}{bob.id}/give/", {"workspace": workspace.id, "permission_set": permission_set.id}
    )
    carol = make_user(acme, "carol@acme.example")
    give(carol)
    actions.remove(carol, tombstone=True, actor=OPERATOR, now=NOW)
    assert events(alice, target="production") == ["user:removed", "membership:given"]
    page = alice.get(f"{AUDIT}?target=production").content.decode()
    assert "Production / Analyst" in page  # What Carol lost.
    removed = AuditEvent.objects.get(event="user:removed")
    assert removed.details["memberships"] == ["Production / Analyst"]
    today = datetime.now(UTC).date()
    assert "membership:given" in events(alice, since=today, until=today)
    tomorrow = today + timedelta(days=1)
    assert events(alice, since=tomorrow, until=tomorrow) == []
    csv = alice.get(f"{AUDIT}audit.csv?since={tomorrow}").getvalue().decode()
    assert "membership:given" not in csv
    for junk in ("x", "9999-12-31", "2026-13-40", "0001-01-01", "²"):
        assert alice.get(AUDIT, {"since": junk, "until": junk}).status_code == 200


def test_quotes_and_accents_are_found_in_details_too(acme, alice):
    workspace = acme.workspaces.get()
    alice.post(f"/settings/workspaces/{workspace.id}/", {"name": 'Étage "2"'})
    alice.post(f"/settings/workspaces/{workspace.id}/", {"name": "Lyon"})
    found = events(alice, target='Étage "2"', event="workspace:renamed")
    assert found == ["workspace:renamed", "workspace:renamed"]


def test_an_invitation_says_when_it_opens_a_domain(acme, alice):
    def page_of(email: str) -> str:
        answer = alice.post(f"{USERS}invite/", {"email": email}, follow=True)
        return answer.content.decode()

    sentence = "counts as a domain of the company"
    assert sentence in page_of("ann@outside.example")
    assert sentence not in page_of("ann@gmail.com")
    assert sentence not in page_of("ann@acme.example")
    Company.objects.update(provisioning_domains="verified")
    assert sentence not in page_of("eve@other.example")


def test_the_settings_name_the_domains_that_count(acme, alice):
    make_user(acme, "ann@outside.example", provisioned_by="invitation")
    make_user(acme, "jit@elsewhere.example", provisioned_by="jit")
    make_user(acme, "public@gmail.com", provisioned_by="invitation")
    page = alice.get("/settings/security/").content.decode()
    assert "For e-mail addresses at acme.example, outside.example." in page


def test_after_an_emergency_code_the_pages_say_so_until_somebody_chooses_again(acme, alice):
    Company.objects.update(sso_enforcement="everyone")
    User.objects.update(breaks_glass=True)
    EmergencyCode.objects.create(company=acme, digest=digest("AAAAABBBBBCCCCCDDDDD"))
    assert undo_by_code(
        acme, "AAAAA-BBBBB-CCCCC-DDDDD", address="203.0.113.7", now=datetime.now(UTC)
    )
    for path in ("/", "/settings/enforcement/"):
        assert "let everybody use passwords again" in alice.get(path).content.decode()
    # To stay so is a choice as well.
    alice.post("/settings/enforcement/change/", {"sso_enforcement": "off"})
    for path in ("/", "/settings/enforcement/"):
        assert "let everybody use passwords again" not in alice.get(path).content.decode()


def test_a_connection_that_was_handed_back_is_on_the_dashboard(acme, alice):
    connection = acme.connections.get()
    SetupLink.objects.create(
        company=acme,
        connection=connection,
        token_digest=digest("y"),
        made_by="alice",
        expires_at=NOW,
        finished_at=NOW,
    )
    sentence = "waits to be switched on"
    assert sentence not in alice.get("/").content.decode()
    acme.connections.update(enabled=False)
    page = alice.get("/").content.decode()
    assert sentence in page
    assert "/settings/connect/acme/" in page
    # People have come through it already: it was switched off on purpose.
    user = make_user(acme, "bob@acme.example")
    user.identities.create(
        company=acme, connection=connection, idp_entity_id="x", subject="1", created_at=NOW
    )
    assert sentence not in alice.get("/").content.decode()


def test_people_without_any_right_are_found(acme, alice, bob):
    give(make_user(acme, "carol@acme.example"))
    page = alice.get(f"{USERS}?workspace=none").content.decode()
    assert "bob@acme.example" in page
    assert "carol@acme.example" not in page


def test_who_belongs_to_no_workspace_is_told_whom_to_ask(acme, alice, bob):
    page = Browser().enter(bob).get("/").content.decode()
    assert "mailto:admin@acme.example" in page


def test_an_app_on_the_same_device_is_opened_by_a_link(bob):
    browser = Browser().enter(bob)
    page = browser.post("/account/app/", follow=True).content.decode()
    assert 'href="otpauth://totp/' in page


def test_a_refusal_for_somebody_s_account_says_nothing_of_the_connection(acme, alice):
    connection = acme.connections.select_related("company").get()
    Browser().sign_in(connection)
    actions.suspend(User.objects.get(email="grace@acme.example"), actor=OPERATOR, now=NOW)
    assert Browser().sign_in(connection).status_code == 403
    assert "Last attempt refused" not in alice.get("/settings/security/").content.decode()
    for fault in ("expired", "no_email"):
        assert Browser().sign_in(connection, fault=fault).status_code in (302, 403)
        if fault == "expired":
            assert "Last attempt refused" in alice.get("/settings/security/").content.decode()


def test_a_waiting_newcomer_can_be_declined_from_where_they_are_approved(acme, alice):
    acme.newcomers = "approve"
    acme.version += 1
    acme.save()
    Browser().sign_in(acme.connections.select_related("company").get())
    user = User.objects.get(email="grace@acme.example")
    reference = user.sign_ins.get().reference
    page = alice.get(f"/settings/sign-ins/{reference}/").content.decode()
    assert f"{USERS}{user.id}/change/remove/" in page


def test_no_other_company_is_told_of(acme, alice, bob):
    globex = make_company("globex")
    mallory = Browser().enter(make_administrator(globex))
    for verb in ("replace-password", "remove"):
        assert mallory.post(f"{USERS}{bob.id}/change/{verb}/").status_code == 404
    alice.post(f"{USERS}{bob.id}/sign-out/")
    assert "bob@acme.example" not in mallory.get(f"{AUDIT}?target=bob").content.decode()


def test_what_a_configuration_file_changed_is_read_line_by_line(acme, alice):
    lines = [f"~ acme: security.password_reuse: {number} → {number + 1}" for number in range(20)]
    entry = Entry(EventName.CONFIGURATION_APPLIED, "acme", {"changes": lines})
    record([entry], company_id=acme.id, actor=OPERATOR, now=NOW)
    page = alice.get(AUDIT).content.decode()
    assert "security.password_reuse: 14 → 15" in page
    assert "security.password_reuse: 15 → 16" not in page
    assert "and 5 more, in the download" in page


def test_our_own_metadata_is_recognised_where_the_provider_s_belongs(acme, alice):
    ours = Browser().get("/auth/saml/acme/metadata").content.decode()
    for path in ("/settings/security/?connection=acme", "/settings/connect/acme/"):
        fields = {**fields_of(acme), "metadata": ours}
        answer = alice.post(path, fields)
        assert answer.status_code == 422
        assert "This is our own metadata" in answer.content.decode()


def test_a_link_that_ended_does_not_live_again_by_emergency_access(acme, alice):
    Browser().sign_in(acme.connections.select_related("company").get())
    grace = User.objects.get(email="grace@acme.example")
    grace.identities.all().delete()
    old = activation_path(grace)
    grace.identities.create(
        company=acme, idp_entity_id="x", subject="u-1", created_at=grace.created_at
    )
    assert Browser().get(old).status_code == 410
    alice.post(f"{USERS}{grace.id}/change/promote/")
    alice.post(f"{USERS}{grace.id}/break-glass/", {"value": "on"})
    assert Browser().get(old).status_code == 410
    grace.refresh_from_db()
    assert Browser().get(activation_path(grace)).status_code == 200


def test_a_link_that_would_let_nobody_in_is_not_offered(alice, bob):
    page = f"{USERS}{bob.id}/"
    Company.objects.update(sso_enforcement="test_users")
    User.objects.filter(id=bob.id).update(tests_sso=True)
    assert "Make a link to choose" not in alice.get(page).content.decode()
    assert alice.post(f"{page}change/replace-password/").status_code == 404
    bob.refresh_from_db()
    assert bob.has_password


def test_whoever_types_somebody_s_address_is_not_them_in_the_security_events(alice, bob):
    enter("wrong")
    csv = alice.get("/settings/events.csv").getvalue().decode()
    [line] = [one for one in csv.splitlines() if "password_wrong" in one]
    assert line.count("bob@acme.example") == 1
