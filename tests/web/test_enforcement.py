"""Single sign-on alone, in steps, and every way back; the company's other rules on the page."""

import csv
import io
import re
from datetime import UTC, datetime
from itertools import product

import pytest
from django.contrib.auth.hashers import make_password

from passerelle.audit.models import AuditEvent
from passerelle.directory.links import activation_path
from passerelle.directory.models import Company, User
from passerelle.sso.models import EmergencyCode, Letter, Session
from passerelle.sso.outbox.letters import send_letters
from passerelle.sso.sessions.enforcement import may_use_password, people_with_password
from tests.browsing import Browser
from tests.web.test_passwords import PASSWORD, enter, is_in, with_password
from tests.web.test_security_settings import PAGE, errors_in, fields_of
from tests.world import make_administrator, make_company, make_user

pytestmark = pytest.mark.django_db
CHANGE = "/settings/enforcement/change/"
CODES = "/settings/enforcement/codes/"


@pytest.fixture
def connection(acme):
    return acme.connections.select_related("company").get()


@pytest.fixture
def bob(acme) -> User:
    return with_password(make_user(acme, "bob@acme.example"))


@pytest.fixture
def grace(acme, connection) -> Browser:
    """An administrator who came by single sign-on."""
    browser = Browser()
    browser.sign_in(connection)
    with_password(acme.users.get(email="grace@acme.example"))
    acme.users.filter(email="grace@acme.example").update(is_administrator=True)
    return browser


def go(browser: Browser, step: str):
    return browser.post(CHANGE, {"sso_enforcement": step})


def codes_in(answer) -> list[str]:
    return re.findall(r"\b(?:[0-9A-Z]{5}-){3}[0-9A-Z]{5}\b", answer.content.decode())


def test_whoever_has_not_come_that_way_cannot_switch_it_on(acme, bob):
    alice = Browser().enter(make_administrator(acme))
    answer = go(alice, "everyone")
    assert answer.status_code == 422
    assert "First sign in yourself" in answer.content.decode()
    acme.refresh_from_db()
    assert acme.sso_enforcement == "off"


def test_a_sign_in_through_a_connection_that_was_changed_since_does_not_count(
    acme, connection, grace
):
    fields = fields_of(acme, target_url="https://moved.example/sso")
    assert grace.post(PAGE, fields).status_code == 302
    assert go(grace, "everyone").status_code == 422


def test_having_come_that_way_once_is_not_enough(acme, connection, grace):
    by_password = Browser()
    enter(by_password, "grace@acme.example")
    assert go(by_password, "everyone").status_code == 422
    assert go(grace, "everyone").status_code == 200


def test_without_any_password_nobody_could_come_back_and_it_is_refused(acme, grace):
    User.objects.update(password="!")
    answer = go(grace, "test_users")
    assert answer.status_code == 422
    assert "No administrator has a password" in answer.content.decode()


def test_emergency_access_holds_for_who_tries_single_sign_on_too(acme, bob, grace):
    User.objects.filter(id=bob.id).update(tests_sso=True, breaks_glass=True, is_administrator=True)
    go(grace, "test_users")
    assert is_in_after(bob)


def test_saml_is_not_switched_off_while_it_is_the_only_way_in(acme, bob, grace):
    go(grace, "everyone")
    fields = fields_of(Company.objects.get(id=acme.id))
    del fields["saml_enabled"], fields["automatic_user_provisioning"]
    assert "saml_enabled" in errors_in(grace.post(PAGE, fields))
    # Not even with emergency access: everybody else could come in no more.
    User.objects.filter(id=bob.id).update(is_administrator=True, breaks_glass=True)
    assert "only connection that works" in errors_in(grace.post(PAGE, fields))["saml_enabled"][0]
    go(grace, "off")
    fields["version"] = Company.objects.get(id=acme.id).version
    assert grace.post(PAGE, fields).status_code == 302


def test_with_everybody_only_those_who_break_glass_use_a_password(acme, bob, grace):
    assert is_in_after(bob)
    answer = go(grace, "everyone")
    assert len(set(codes_in(answer))) == 10
    refused = enter(Browser())
    assert refused.status_code == 403
    assert "single sign-on only" in refused.content.decode()
    User.objects.filter(id=bob.id).update(breaks_glass=True)
    assert not is_in_after(bob), "it sleeps while somebody is no administrator"
    User.objects.filter(id=bob.id).update(is_administrator=True)
    assert is_in_after(bob)


def is_in_after(user: User) -> bool:
    browser = Browser()
    enter(browser, user.email)
    return is_in(browser)


def test_first_only_those_who_try_it(acme, bob, grace):
    eve = with_password(make_user(acme, "eve@acme.example", tests_sso=True))
    go(grace, "test_users")
    assert is_in_after(bob)
    assert not is_in_after(eve)


def test_the_page_says_who_would_be_shut_out(acme, bob, grace):
    page = grace.get("/settings/enforcement/").content.decode()
    assert "1 person has not come by single sign-on" in page
    assert "bob@acme.example" in page
    assert "grace@acme.example</a></li>" not in page


def test_an_emergency_code_undoes_it_once_and_tells_the_others(acme, bob, grace, settings):
    ours = settings.PASSERELLE.model_copy(update={"email_url": "smtp://127.0.0.1:25"})
    settings.PASSERELLE = ours
    [code, *_] = codes_in(go(grace, "everyone"))
    door = Browser().get("/login/acme/").content.decode()
    assert "/login/acme/emergency/" in door
    wrong = Browser().post("/login/acme/emergency/", {"code": "AAAAA-BBBBB-CCCCC-DDDDD"})
    assert wrong.status_code == 422
    typed = code.lower().replace("-", " ")
    done = Browser().post("/login/acme/emergency/", {"code": typed})
    assert "Passwords are allowed again" in done.content.decode()
    assert is_in_after(bob)
    assert Browser().post("/login/acme/emergency/", {"code": code}).status_code == 422
    used = AuditEvent.objects.get(event="security_settings:emergency_code_used")
    assert used.actor_kind == "emergency code"
    assert Letter.objects.filter(kind="enforcement", to="grace@acme.example").exists()


def test_a_code_is_not_spent_where_passwords_are_allowed(acme, grace):
    [code, *_] = codes_in(grace.post(CODES))
    answer = Browser().post("/login/acme/emergency/", {"code": code})
    assert answer.status_code == 422
    assert "Passwords are allowed already" in answer.content.decode()
    assert acme.emergency_codes.filter(used_at=None).count() == 10


def test_new_codes_are_asked_for_while_old_ones_count(acme, grace):
    page = "/settings/enforcement/"
    assert "stop working at once" not in grace.get(page).content.decode()
    grace.post(CODES)
    assert "The 10 unused codes that your company has kept stop" in grace.get(page).content.decode()


def test_the_letter_says_that_an_emergency_code_was_entered(acme, grace, settings):
    ours = settings.PASSERELLE.model_copy(update={"demo": True})
    settings.PASSERELLE = ours
    [code, *_] = codes_in(go(grace, "everyone"))
    Browser().post("/login/acme/emergency/", {"code": code})
    send_letters(datetime.now(UTC))
    [letter] = Letter.objects.filter(kind="enforcement", sent_at__isnull=False)
    assert "An emergency code was entered from 127.0.0.1" in letter.body


def test_emergency_access_without_a_password_brings_a_link_to_choose_one(acme, grace, settings):
    """It would let nobody in before; and nobody but administrators gets it."""
    settings.PASSERELLE = settings.PASSERELLE.model_copy(update={"demo": True})
    user = acme.users.get(email="grace@acme.example")
    User.objects.filter(id=user.id).update(password="!")
    assert go(grace, "everyone").status_code == 422
    page = f"/settings/users/{user.id}/"
    grace.post(f"{page}break-glass/", {"value": "on"})
    shown = grace.get(page).content.decode()
    assert "worth nothing before they have chosen a password" in shown
    link = re.search(r"/activate/[^<\s]+", shown)
    assert link is not None
    send_letters(datetime.now(UTC))
    letter = Letter.objects.get(kind="invitation")
    assert "has given you emergency access to Acme" in letter.body
    # Both are good; a second later each is written anew.
    assert f"/activate/{user.id}/" in letter.body
    assert Browser().post(link[0], {"password": PASSWORD}).status_code == 302
    assert Browser().get(link[0]).status_code == 410
    grace.sign_in(acme.connections.select_related("company").get())
    assert go(grace, "everyone").status_code == 200
    assert is_in_after(user)


def test_emergency_access_is_for_administrators(acme, bob, grace):
    answer = grace.post(f"/settings/users/{bob.id}/break-glass/", {"value": "on"})
    assert answer.status_code == 422
    bob.refresh_from_db()
    assert not bob.breaks_glass


def test_a_link_to_choose_a_password_ends_with_emergency_access(acme, grace):
    user = acme.users.get(email="grace@acme.example")
    User.objects.filter(id=user.id).update(password="!", breaks_glass=True)
    user.refresh_from_db()
    link = activation_path(user)
    assert Browser().get(link).status_code == 200
    grace.post(f"/settings/users/{user.id}/break-glass/", {"value": "off"})
    assert Browser().get(link).status_code == 410


def test_a_code_of_another_company_opens_nothing(acme, bob, grace):
    make_company("globex", sso_enforcement="everyone")
    [code, *_] = codes_in(go(grace, "everyone"))
    Browser().post("/login/globex/emergency/", {"code": code})
    assert Company.objects.get(slug="globex").sso_enforcement == "everyone"
    assert Company.objects.get(slug="acme").sso_enforcement == "everyone"


def test_codes_cannot_be_guessed(acme, grace):
    go(grace, "everyone")
    for _ in range(21):
        page = Browser().post("/login/acme/emergency/", {"code": "x"}).content.decode()
    assert "Too many failed attempts" in page


def test_codes_are_kept_as_digests_and_new_ones_replace_them(acme, grace):
    first = codes_in(go(grace, "everyone"))
    assert not EmergencyCode.objects.filter(digest__in=first).exists()
    second = codes_in(grace.post(CODES))
    assert not set(first) & set(second)
    assert Browser().post("/login/acme/emergency/", {"code": first[0]}).status_code == 422


def test_each_change_is_recorded_and_told_to_the_other_administrators(acme, grace, settings):
    ours = settings.PASSERELLE.model_copy(update={"email_url": "smtp://127.0.0.1:25"})
    settings.PASSERELLE = ours
    make_administrator(acme)
    go(grace, "test_users")
    event = AuditEvent.objects.get(event="security_settings:enforcement_changed")
    assert event.details == {"sso_enforcement": ["off", "test_users"]}
    assert [one.to for one in Letter.objects.all()] == ["admin@acme.example"]


def test_members_and_other_companies_may_not(acme, bob):
    member = Browser().enter(bob)
    assert member.get("/settings/enforcement/").status_code == 403
    assert go(member, "off").status_code == 403
    assert member.post(f"/settings/users/{bob.id}/break-glass/").status_code == 403
    mallory = Browser().enter(make_administrator(make_company("globex")))
    assert mallory.post(f"/settings/users/{bob.id}/break-glass/").status_code == 404


def test_an_unknown_step_is_none(grace):
    assert go(grace, "sideways").status_code == 422


# The other rules, on the Security settings page.


RULES = {
    "rules": "on",
    "password_min_length": "12",
    "password_reuse": "5",
    "password_expiry_days": "0",
    "session_minutes": "60",
    "two_factor": "optional",
    "ip_allowlist": "",
}


def save(browser: Browser, acme, **changes):
    return browser.post(PAGE, fields_of(acme, **{**RULES, **changes}))


def test_the_rules_are_saved_with_the_rest(acme, alice):
    assert save(alice, acme, password_complexity="on").status_code == 302
    acme.refresh_from_db()
    assert (acme.password_min_length, acme.password_complexity, acme.session_minutes) == (
        12,
        True,
        60,
    )
    changed = AuditEvent.objects.get(event="security_settings:changed").details
    assert changed["password_min_length"] == [8, 12]


@pytest.mark.parametrize(
    ("changes", "field", "sentence"),
    [
        ({"session_minutes": "1441"}, "session_minutes", "from 1 to 1440 (a day); up to 10080"),
        ({"session_minutes": "0"}, "session_minutes", "from 1 to 1440 (a day); up to 10080"),
        ({"session_minutes": "10081", "two_factor": "required"}, "session_minutes", "10080"),
        ({"password_min_length": "7"}, "password_min_length", "from 8 to 128"),
        ({"password_min_length": "many"}, "password_min_length", "from 8 to 128"),
        ({"ip_allowlist": "10.0.0.0/33"}, "ip_allowlist", "is no network"),
        ({"ip_allowlist": "203.0.113.0/24"}, "ip_allowlist", "This would shut you out"),
        ({"two_factor": "maybe"}, "two_factor", "not one of the available choices"),
    ],
)
def test_what_does_not_fit_is_refused_beside_its_field(acme, alice, changes, field, sentence):
    answer = save(alice, acme, **changes)
    assert answer.status_code == 422
    assert any(sentence in one for one in errors_in(answer)[field])
    acme.refresh_from_db()
    assert acme.session_minutes == 1440


def test_a_week_goes_with_a_second_factor_for_everybody(acme, alice):
    sent = save(alice, acme, session_minutes="10080", two_factor="required")
    assert sent.status_code == 302


def test_an_allow_list_with_the_own_network_is_saved_and_holds(acme, alice, bob):
    assert save(alice, acme, ip_allowlist="127.0.0.0/8\n2001:db8::1").status_code == 302
    acme.refresh_from_db()
    assert acme.ip_allowlist == ["127.0.0.0/8", "2001:db8::1/128"]
    stranger = Browser(REMOTE_ADDR="203.0.113.9")
    assert enter(stranger).status_code == 403


def test_a_header_does_not_make_a_network(acme, alice):
    spoofed = {"HTTP_X_FORWARDED_FOR": "203.0.113.5", "HTTP_FORWARDED": "for=203.0.113.5"}
    answer = alice.post(
        PAGE, fields_of(acme, **{**RULES, "ip_allowlist": "203.0.113.0/24"}), **spoofed
    )
    assert "This would shut you out: you come from 127.0.0.1" in answer.content.decode()


# Security events.


def test_events_are_downloaded_as_csv_oldest_first(acme, connection, alice, bob):
    Browser().sign_in(connection)
    Browser().sign_in(connection, fault="expired")
    enter(Browser())
    rows = downloaded(alice)
    kinds = [row["event"] for row in rows]
    assert "user:provisioned" in kinds
    assert "sign_in:created" in kinds
    refused = next(row for row in rows if row["event"] == "sign_in:refused")
    assert (refused["reason"], refused["person"]) == ("expired", "grace@acme.example")
    assert [row["time"] for row in rows] == sorted(row["time"] for row in rows)


def downloaded(browser: Browser) -> list[dict[str, str]]:
    answer = browser.get("/settings/events.csv")
    return list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode())))


def test_events_of_another_company_are_not_there(acme, connection):
    Browser().sign_in(connection)
    mallory = Browser().enter(make_administrator(make_company("globex")))
    assert downloaded(mallory) == []


def test_sessions_end_after_the_minutes_of_the_company(acme, bob):
    Company.objects.update(session_minutes=5)
    browser = Browser()
    enter(browser)
    ends = Session.objects.get(user=bob).expires_at
    assert (ends - datetime.now(UTC)).total_seconds() < 301


def test_a_password_that_was_hashed_elsewhere_is_none(acme):
    foreign = make_password(PASSWORD).replace("argon2", "md5", 1)
    make_user(acme, "old@acme.example", password=foreign)
    assert enter(Browser(), "old@acme.example").status_code == 422


@pytest.mark.parametrize("enforcement", Company.Enforcement.values)
def test_whose_password_counts_is_the_same_in_a_list_as_for_one(acme, enforcement):
    Company.objects.update(sso_enforcement=enforcement)
    acme.refresh_from_db()
    flags = ("is_administrator", "breaks_glass", "tests_sso")
    for number, values in enumerate(product((True, False), repeat=3)):
        user = make_user(acme, f"p{number}@acme.example", **dict(zip(flags, values, strict=True)))
        with_password(user)
    make_user(acme, "no-password@acme.example")
    with_password(make_user(acme, "away@acme.example", status="suspended"))
    everybody = acme.users.filter(status="active").select_related("company")
    expected = {user.email for user in everybody if user.has_password and may_use_password(user)}
    assert {user.email for user in people_with_password(acme)} == expected
