"""Ways around what protects an account, each tried by somebody once, and closed."""

import re
from datetime import UTC, datetime, timedelta

import pyotp
import pytest
from django.contrib.auth.hashers import make_password
from django.utils import timezone

from passerelle.audit.record import OPERATOR
from passerelle.config.hashers import Argon2PasswordHasher
from passerelle.directory import actions
from passerelle.directory.links import activation_path, reset_path
from passerelle.directory.models import Company, ExternalIdentity, User
from passerelle.infra import fetch
from passerelle.infra.turns import OF_ONE_COMPANY
from passerelle.practice_idp.people import Person
from passerelle.provisioning import parse_email
from passerelle.sso.models import (
    EmergencyCode,
    Letter,
    RecoveryCode,
    SamlConnection,
    SecondStep,
    Session,
    SetupLink,
    SignIn,
    Totp,
    TrustedDevice,
)
from passerelle.sso.outbox import letters
from passerelle.sso.sign_in import passwords, second_factor
from tests.browsing import Browser, reference_in
from tests.web.test_passwords import (
    OTHER,
    PASSWORD,
    change,
    code_after,
    enter,
    is_in,
    set_up,
    with_password,
)
from tests.web.test_security_settings import PAGE as SECURITY
from tests.web.test_security_settings import fields_of
from tests.web.test_set_up import GUIDE, choose, idp_metadata, make_link, open_link, switch_on
from tests.world import NOW, load_certificate_of, make_company, make_user, session_of

pytestmark = pytest.mark.django_db
IVAN = Person("u-7", "ivan@other.example", "Ivan", "Example", ())


@pytest.fixture
def connection(acme):
    return acme.connections.select_related("company").get()


@pytest.fixture
def bob(acme) -> User:
    return with_password(make_user(acme, "bob@acme.example"))


def unconfirmed() -> None:
    Session.objects.update(confirmed_at=datetime.now(UTC) - timedelta(hours=5))


# Another person's session.


def test_a_session_of_this_morning_neither_invites_an_administrator_nor_sees_the_link(acme, alice):
    invited = make_user(acme, "x@acme.example", status="invited", is_administrator=True)
    unconfirmed()
    sent = alice.post("/settings/users/invite/", {"email": "y@acme.example"})
    assert sent.status_code == 403
    page = alice.get(f"/settings/users/{invited.id}/").content.decode()
    assert "/activate/" not in page
    assert "Show the link to choose a password" in page


@pytest.mark.parametrize(
    "path",
    [
        "invite/",
        "several/do/",
        "USER/approve/",
        "USER/reinstate/",
        "USER/give/",
        "USER/change/reset-factor/",
        "USER/break-glass/",
        "USER/change/remove/",
        "USER/show-link/",
    ],
)
def test_nothing_is_changed_about_accounts_without_confirming(acme, alice, bob, path):
    unconfirmed()
    answer = alice.post("/settings/users/" + path.replace("USER", str(bob.id)))
    assert "Confirm that it is you" in answer.content.decode()


def test_a_file_is_looked_at_but_not_imported_without_confirming(acme, alice):
    unconfirmed()
    sent = {"content": "email\nx@acme.example"}
    assert alice.post("/settings/users/import/", sent).status_code == 200
    done = alice.post("/settings/users/import/", {**sent, "confirmed": "1"})
    assert done.status_code == 403
    assert not User.objects.filter(email="x@acme.example").exists()


def test_whoever_has_an_app_confirms_with_its_code_as_well(acme, bob):
    change(acme, two_factor="required")
    User.objects.filter(id=bob.id).update(is_administrator=True)
    browser = Browser()
    enter(browser)
    secret, _codes = set_up(browser)
    unconfirmed()
    acme.refresh_from_db()
    fields = fields_of(acme, name="Taken over", confirm_password=PASSWORD)
    assert browser.post(SECURITY, fields).status_code == 403
    assert browser.post("/account/app/", {"confirm_password": PASSWORD}).status_code == 403
    fields["confirm_code"] = code_after(secret)
    assert browser.post(SECURITY, fields).status_code == 302


def test_under_single_sign_on_alone_the_password_confirms_nothing(acme, alice):
    admin = User.objects.get(is_administrator=True)
    with_password(admin)
    change(acme, sso_enforcement="everyone")
    Session.objects.update(connection=acme.connections.get())
    unconfirmed()
    sent = alice.post(SECURITY, fields_of(acme, name="X", confirm_password=PASSWORD))
    assert sent.status_code == 403
    assert 'name="confirm_password"' not in sent.content.decode()


# Single sign-on alone.


def test_an_activation_link_is_no_way_around_single_sign_on_alone(acme):
    invited = make_user(acme, "x@acme.example", status="invited")
    change(acme, sso_enforcement="everyone")
    browser = Browser()
    answer = browser.post(activation_path(invited), {"password": PASSWORD})
    assert answer.status_code == 403
    assert not is_in(browser)
    invited.refresh_from_db()
    assert invited.status == "invited"


def test_an_activation_link_is_no_way_around_the_allow_list(acme):
    invited = make_user(acme, "x@acme.example", status="invited")
    change(acme, ip_allowlist=["10.0.0.0/8"])
    assert Browser().post(activation_path(invited), {"password": PASSWORD}).status_code == 403
    assert not Session.objects.exists()


def test_who_waits_for_the_second_step_is_barred_when_it_is_switched_on(acme, bob):
    change(acme, two_factor="required")
    browser = Browser()
    enter(browser)
    change(acme, sso_enforcement="everyone")
    assert browser.get("/login/code/").status_code == 403


def test_open_password_sessions_end_when_it_is_switched_on(acme, connection, bob):
    thief, admin = Browser(), Browser()
    enter(thief)
    admin.sign_in(connection)
    acme.users.update(is_administrator=True)
    admin.post("/settings/enforcement/change/", {"sso_enforcement": "everyone"})
    assert not is_in(thief)
    assert is_in(admin)


def test_the_own_page_makes_no_password_session_out_of_another(acme, connection, bob):
    change(acme, existing_accounts="link")
    browser = Browser()
    browser.sign_in(connection, Person("u-b", "bob@acme.example", "Bob", "E", ()))
    change(acme, sso_enforcement="everyone")
    browser.post("/account/password/", {"current": PASSWORD, "password": OTHER})
    assert not Session.objects.filter(connection=None).exists()
    change(acme, sso_enforcement="off")
    browser.post("/account/password/", {"current": PASSWORD, "password": OTHER})
    assert Session.objects.filter(connection=connection).count() == 1
    assert not Session.objects.filter(connection=None).exists()


def test_a_sign_in_from_before_the_trust_changed_does_not_count(acme, connection):
    grace, other = Browser(), Browser()
    grace.sign_in(connection)
    acme.users.filter(email="grace@acme.example").update(is_administrator=True)
    later = timezone.now() + timedelta(seconds=1)
    SamlConnection.objects.update(trusted_since=later)
    other.sign_in(connection, Person("u-5", "eve@acme.example", "Eve", "E", ()))
    assert (
        grace.post("/settings/enforcement/change/", {"sso_enforcement": "everyone"}).status_code
        == 422
    )


def test_breaking_glass_is_recorded_and_told(acme, bob, alice):
    User.objects.filter(id=bob.id).update(breaks_glass=True, is_administrator=True)
    change(acme, sso_enforcement="everyone")
    enter(Browser())
    assert Letter.objects.get(kind="glass_broken").to == "admin@acme.example"


def test_the_operator_makes_an_administrator_who_can_enter(acme):
    change(acme, sso_enforcement="everyone")
    address = parse_email("op@acme.example")
    assert address is not None
    actions.make_administrator(
        acme, address, password=make_password(PASSWORD), actor=OPERATOR, now=NOW
    )
    browser = Browser()
    enter(browser, "op@acme.example")
    assert is_in(browser)


# The second factor.


@pytest.fixture
def secret(acme, bob) -> str:
    change(acme, two_factor="required")
    browser = Browser()
    enter(browser)
    return set_up(browser)[0]


def test_an_old_password_is_not_replaced_without_the_second_factor(acme, bob, secret):
    change(acme, password_expiry_days=30)
    User.objects.update(password_set_at=datetime.now(UTC) - timedelta(days=31))
    browser = Browser()
    assert enter(browser)["Location"] == "/login/code/"
    answer = browser.post("/login/code/", {"code": code_after(secret)})
    assert "/reset/" in answer["Location"]


@pytest.mark.parametrize("event", ["new password", "factor reset", "sessions ended", "suspended"])
def test_a_second_step_that_waits_ends_with_what_it_stands_on(acme, bob, alice, event):
    change(acme, two_factor="required")
    thief = Browser()
    enter(thief)
    bob.refresh_from_db()
    if event == "new password":
        Browser().post(reset_path(bob), {"password": OTHER})
    elif event == "factor reset":
        alice.post(f"/settings/users/{bob.id}/change/reset-factor/")
    elif event == "sessions ended":
        alice.post(f"/settings/users/{bob.id}/sign-out/")
    else:
        alice.post(f"/settings/users/{bob.id}/change/suspend/")
    assert thief.get("/login/code/").status_code == 410
    assert not SecondStep.objects.exists()


def test_a_browser_that_is_not_let_in_is_not_remembered_either(acme, bob, secret, monkeypatch):
    browser = Browser()
    enter(browser)
    right = second_factor.check_code

    def meanwhile(user, code, *, now):
        found = right(user, code, now=now)
        with_password(User.objects.get(id=bob.id), OTHER)
        return found

    monkeypatch.setattr(second_factor, "check_code", meanwhile)
    sent = {"code": code_after(secret), "remember": "on"}
    assert browser.post("/login/code/", sent).status_code == 422
    assert not TrustedDevice.objects.exists()


def test_another_app_forgets_the_devices_that_the_old_one_vouched_for(acme, bob, secret):
    browser = Browser()
    enter(browser)
    browser.post("/login/code/", {"code": code_after(secret), "remember": "on"})
    assert TrustedDevice.objects.count() == 1
    page = browser.post("/account/app/").content.decode()
    new = re.search(r'name="secret" value="([A-Z2-7]{32})"', page)[1]
    browser.post("/account/app/", {"secret": new, "code": pyotp.TOTP(new).now()})
    assert not TrustedDevice.objects.exists()


def test_who_guesses_codes_does_not_lock_the_owner_out(acme, bob, secret):
    thief = Browser()
    enter(thief)
    for _ in range(12):
        thief.post("/login/code/", {"code": "000000"})
    code = "AAAAABBBBBCCCCC"
    from passerelle.infra.tokens import digest

    RecoveryCode.objects.create(company=acme, user=bob, digest=digest(code))
    owner = Browser()
    enter(owner)
    owner.post("/login/code/", {"code": code})
    assert is_in(owner)


def test_guessing_while_an_app_is_set_up_is_limited_too(acme, bob):
    change(acme, two_factor="required")
    browser = Browser()
    enter(browser)
    for _ in range(30):
        browser.post("/login/code/", {"code": "000000"})
    assert SignIn.objects.filter(reason="second_factor_wrong").count() <= 10


def test_after_the_secret_key_was_changed_recovery_codes_still_let_in(acme, bob, secret, settings):
    from passerelle.infra.tokens import digest

    code = "AAAAABBBBBCCCCC"
    RecoveryCode.objects.create(company=acme, user=bob, digest=digest(code))
    Totp.objects.update(sealed_secret="v1:AAAA")
    browser = Browser()
    enter(browser)
    assert browser.post("/login/code/", {"code": "123456"}).status_code == 422
    browser.post("/login/code/", {"code": code})
    assert is_in(browser)


def test_very_long_names_still_make_a_page(bob):
    company = bob.company
    change(company, two_factor="required", name="会" * 150)
    browser = Browser()
    enter(browser)
    assert browser.get("/login/code/").status_code == 200


# Passwords.


def test_a_password_by_older_rules_is_really_changed(acme, bob):
    hasher = Argon2PasswordHasher()
    hasher.time_cost = 1
    User.objects.filter(id=bob.id).update(password=hasher.encode(PASSWORD, hasher.salt()))
    browser = Browser()
    enter(browser)
    User.objects.filter(id=bob.id).update(password=hasher.encode(PASSWORD, hasher.salt()))
    answer = browser.post("/account/password/", {"current": PASSWORD, "password": OTHER})
    assert answer["Location"].endswith("done=password")
    assert enter(Browser(), password=PASSWORD).status_code == 422
    last = Browser()
    enter(last, password=OTHER)
    assert is_in(last)


def test_who_only_came_by_single_sign_on_gets_no_password_by_mail(acme, connection, mailoutbox):
    Browser().sign_in(connection)
    Browser().post("/login/acme/forgot/", {"email": "grace@acme.example"})
    letters.send_letters(datetime.now(UTC))
    assert not Letter.objects.filter(sent_at__isnull=False).exists()


def test_strangers_do_not_use_up_somebodys_letters(acme, bob):
    for number in range(40):
        Browser(REMOTE_ADDR="203.0.113.9").post(
            "/login/acme/forgot/", {"email": f"x{number}@acme.example"}
        )
    for _ in range(8):
        Browser(REMOTE_ADDR="203.0.113.9").post(
            "/login/acme/forgot/", {"email": "bob@acme.example"}
        )
    Letter.objects.all().delete()
    Browser(REMOTE_ADDR="198.51.100.7").post("/login/acme/forgot/", {"email": "bob@acme.example"})
    assert Letter.objects.count() == 1


def test_reinstating_approves_nobody(acme, alice):
    waiting = make_user(acme, "new@acme.example", status="pending")
    alice.post(f"/settings/users/{waiting.id}/change/suspend/")
    alice.post(f"/settings/users/{waiting.id}/reinstate/")
    waiting.refresh_from_db()
    assert waiting.status == "pending"


# Set-up links.


@pytest.fixture
def path(alice) -> str:
    choose(alice)
    return make_link(alice)


def test_a_link_is_over_once_the_connection_was_on_even_if_it_goes_off_again(acme, alice, path):
    ivan = open_link(path)
    ivan.post("/setup/", {"metadata": idp_metadata().decode()})
    draft = acme.connections.get(slug="acme-2")
    fields = {
        "version": Company.objects.get(id=acme.id).version,
        "name": "Okta",
        "idp_entity_id": draft.idp_entity_id,
        "target_url": draft.target_url,
    }
    on = alice.post(f"{SECURITY}?connection=acme-2", {**fields, "saml_enabled": "on"})
    assert on.status_code == 302, on.content.decode()
    SamlConnection.objects.filter(slug="acme-2").update(enabled=False)
    assert ivan.get("/setup/").status_code == 404
    assert not SetupLink.objects.exists()


def test_what_is_switched_on_meanwhile_is_not_switched_off_by_a_holder(
    acme, alice, path, monkeypatch
):
    ivan = open_link(path)
    ivan.post("/setup/", {"metadata": idp_metadata().decode()})
    from passerelle.web.settings import connection_form

    read = connection_form.ConnectionForm._read_metadata

    def slowly(self, values):
        read(self, values)
        if "evil" in values.get("target_url", ""):
            switch_on(alice)

    monkeypatch.setattr(connection_form.ConnectionForm, "_read_metadata", slowly)
    ivan.post("/setup/", {"target_url": "https://evil.example/sso", "idp_entity_id": "evil"})
    connection = acme.connections.get(slug="acme-2")
    assert connection.enabled
    assert connection.target_url == "https://idp.new.example/sso"


def test_an_administrator_switches_on_only_what_they_looked_at(acme, alice, path):
    ivan = open_link(path)
    ivan.post("/setup/", {"metadata": idp_metadata().decode()})
    shown = re.search(r'name="shown" value="(\w+)"', alice.get(GUIDE).content.decode())[1]
    changed = {"target_url": "https://evil.example/sso", "idp_entity_id": "https://evil.example"}
    changed["new_certificates"] = load_certificate_of("evil").pem
    assert ivan.post("/setup/", changed).status_code == 302
    sent = alice.post(f"{GUIDE}switch/", {"shown": shown})
    assert "done=other" in sent["Location"]
    assert not acme.connections.get(slug="acme-2").enabled
    assert "have changed since you looked" in alice.get(sent["Location"]).content.decode()


def test_a_holder_reaches_only_what_the_guide_shows(acme, alice, path):
    domain = acme.domains.get()
    domain.connection = acme.connections.get(slug="acme")
    domain.save()
    ivan = open_link(path)
    more = {
        "advanced": "on",
        "allow_cbc": "on",
        "email_attribute": "evil",
        "logout_url": "https://evil.example/",
        "domains": [str(domain.id)],
        "saml_enabled": "on",
        "idp_initiated": "on",
    }
    ivan.post("/setup/", {"metadata": idp_metadata().decode(), **more})
    draft = acme.connections.get(slug="acme-2")
    values = (draft.allow_cbc, draft.email_attribute, draft.enabled, draft.idp_initiated)
    assert values == (False, "", False, False)
    domain.refresh_from_db()
    assert domain.connection.slug == "acme"


@pytest.mark.parametrize(
    "url", ["https://localhost/x", "https://127.0.0.1:8443/x", "https://10.0.0.1/x"]
)
def test_a_holder_learns_nothing_of_the_inside(acme, path, settings, url):
    networks = {"private_networks": ("127.0.0.0/8", "10.0.0.0/8")}
    settings.PASSERELLE = settings.PASSERELLE.model_copy(update=networks)
    page = open_link(path).post("/setup/", {"metadata_url": url}).content.decode()
    [sentence] = re.findall(r'id="metadata_url-error"[^>]*>.*?</span>([^<]*)<', page)
    assert sentence.startswith("That address cannot be read from here.")


def test_a_holder_sees_no_test_of_the_administrator(acme, alice, path):
    ivan = open_link(path)
    ivan.post("/setup/", {"metadata": idp_metadata().decode()})
    from passerelle.sso.models import Trial

    draft = acme.connections.get(slug="acme-2")
    Trial.objects.create(
        company=acme,
        connection=draft,
        request_id="_trial.x",
        slug="acme-2",
        settings={"idp_entity_id": draft.idp_entity_id, "target_url": draft.target_url},
        certificates=[one.pem for one in draft.certificates.all()],
        provisioning={},
        created_at=NOW,
        expires_at=NOW,
        answered_at=NOW,
        result={"outcome": "refused", "reason": "user_suspended"},
    )
    assert "The last test failed" not in ivan.get("/setup/").content.decode()
    assert "The last test failed" in alice.get(GUIDE).content.decode()


# Admitting.


def refused_reference(connection, person: Person = IVAN) -> str:
    return reference_in(Browser().sign_in(connection, person))


def admit(alice: Browser, reference: str) -> None:
    alice.post(f"/settings/sign-ins/{reference}/admit/")


@pytest.mark.parametrize(
    "changes",
    [
        {"idp_entity_id": "https://another.example"},
        {"subject_attribute": "email"},
        {"enabled": False},
    ],
)
def test_nobody_is_admitted_through_a_connection_that_means_somebody_else_now(
    acme, connection, alice, changes
):
    reference = refused_reference(connection)
    SamlConnection.objects.update(**changes)
    Company.objects.update(version=50)
    admit(alice, reference)
    assert not ExternalIdentity.objects.filter(user__email="ivan@other.example").exists()


def test_a_long_identifier_stays_whole(acme, connection, alice):
    person = Person("u" * 250, "ivan@other.example", "Ivan", "E", ())
    admit(alice, refused_reference(connection, person))
    assert ExternalIdentity.objects.get(user__email="ivan@other.example").subject == "u" * 250


# The rest.


@pytest.mark.parametrize("sort", ["newest", "seen"])
def test_a_cursor_at_the_edge_of_time_is_none(alice, sort):
    query = {"sort": sort, "after": "0001-01-01T00:00:00+23:59_x"}
    assert alice.get("/settings/users/", query).status_code == 200


def test_a_test_sign_in_works_behind_an_allow_list(acme, alice):
    change(acme, ip_allowlist=["127.0.0.0/8"])
    fields = fields_of(acme, rules="on", ip_allowlist="127.0.0.0/8")
    sent = alice.post("/settings/security/trial/?connection=acme", fields)
    assert sent.status_code == 200


def test_a_strange_browser_is_no_error(acme, bob):
    browser = Browser()
    browser.defaults["HTTP_USER_AGENT"] = "a\0b" + "x" * 500
    enter(browser)
    assert is_in(browser)


def test_members_confirm_at_the_identity_provider_too(acme, connection):
    browser = Browser()
    browser.sign_in(connection)
    assert browser.get("/account/confirmed/").status_code == 200


def test_emergency_codes_are_ten_however_they_are_made(acme, alice):
    for _ in range(3):
        alice.post("/settings/enforcement/codes/")
    assert EmergencyCode.objects.count() == 10


def test_a_proved_domain_stays_proved_when_the_file_does_not_vouch_for_it(acme):
    from passerelle.configfile.settings import company_settings

    domain = acme.domains.get()
    domain.is_proved = True
    domain.save()
    assert company_settings(acme)["domains"][0]["verified"] is False


def test_sessions_of_somebody_are_still_ended_one_by_one(acme, bob, alice):
    session_of(bob, now=datetime.now(UTC))
    alice.post(f"/settings/users/{bob.id}/sign-out/")
    assert not Session.objects.filter(user=bob).exists()


# What ends with what it stood on.


@pytest.mark.parametrize("flag", ["break-glass", "test-sso"])
def test_who_loses_the_password_way_is_out_at_once(acme, bob, alice, flag):
    if flag == "break-glass":
        User.objects.filter(id=bob.id).update(breaks_glass=True, is_administrator=True)
        change(acme, sso_enforcement="everyone")
    else:
        change(acme, sso_enforcement="test_users")
    browser = Browser()
    enter(browser)
    assert is_in(browser)
    fields = {"value": ""} if flag == "break-glass" else {"value": "on"}
    with_password(User.objects.get(email="admin@acme.example"))
    User.objects.filter(is_administrator=True).update(breaks_glass=True)
    alice.post(f"/settings/users/{bob.id}/{flag}/", fields)
    assert not is_in(browser)
    assert alice.get("/settings/users/").status_code == 200


def test_another_password_session_of_who_switches_it_on_ends_too(acme, connection):
    admin, thief = Browser(), Browser()
    admin.sign_in(connection)
    grace = with_password(acme.users.get(email="grace@acme.example"))
    User.objects.filter(id=grace.id).update(is_administrator=True)
    thief.enter(grace)
    admin.post("/settings/enforcement/change/", {"sso_enforcement": "everyone"})
    assert is_in(admin)
    assert not is_in(thief)


def test_an_invitation_that_lies_waits_for_nobody_who_came_meanwhile(acme, connection):
    user = make_user(acme, "grace@acme.example", status="invited")
    letters.send_invitation(user, who="Alice", now=NOW)
    User.objects.filter(id=user.id).update(status="active")
    letters.send_letters(datetime.now(UTC))
    assert Letter.objects.get().sent_at is None


def test_who_comes_by_single_sign_on_waits_for_no_password(acme, connection):
    Browser().sign_in(connection)
    grace = acme.users.get(email="grace@acme.example")
    assert Browser().get(activation_path(grace)).status_code == 410


def test_a_rehash_does_not_undo_a_password_that_was_set_meanwhile(bob):
    from passerelle.sso.sign_in.passwords import _rehash

    stale = User.objects.get(id=bob.id)
    with_password(bob, OTHER)
    now = User.objects.get(id=bob.id).password
    _rehash(stale, PASSWORD)
    assert User.objects.get(id=bob.id).password == now


def test_who_changes_the_own_password_is_told(bob):
    Browser().enter(bob).post("/account/password/", {"current": PASSWORD, "password": OTHER})
    assert Letter.objects.get(kind="password_changed").to == "bob@acme.example"


def test_one_letter_that_cannot_be_written_holds_up_no_other(acme, bob):
    put = {"company": acme, "to": "x@acme.example", "created_at": NOW}
    Letter.objects.create(kind="no_such_letter", values={}, due_at=NOW, **put)
    letters.queue_letter("password_changed", acme, "bob@acme.example", now=NOW, language="en")
    letters.send_letters(NOW)
    assert Letter.objects.get(sent_at=NOW).to == "bob@acme.example"


@pytest.mark.parametrize(
    ("path", "page"),
    [
        ("/settings/domains/ID/prove/", "/settings/domains/"),
        ("/settings/users/ID/sign-out/", "/settings/users/ID/"),
        ("/account/passkeys/ID/remove/", "/account/"),
        ("/account/sessions/", "/account/"),
    ],
)
def test_a_reload_where_a_button_led_comes_to_the_page_with_the_button(alice, bob, path, page):
    answer = alice.get(path.replace("ID", str(bob.id)), follow=True)
    assert answer.status_code == 200
    assert answer.request["PATH_INFO"] == page.replace("ID", str(bob.id))


# What changes while a password is hashed.


@pytest.fixture
def meanwhile(monkeypatch):
    """Do something between the moment a password is found right and the answer."""

    def during(what) -> None:
        right = passwords.is_hash_of

        def slowly(password, encoded):
            found = right(password, encoded)
            what()
            return found

        monkeypatch.setattr(passwords, "is_hash_of", slowly)

    return during


def test_an_old_password_opens_no_session_that_outlives_its_change(acme, bob, meanwhile):
    meanwhile(lambda: with_password(User.objects.get(id=bob.id), OTHER))
    browser = Browser()
    assert enter(browser).status_code == 422
    assert not Session.objects.exists()


@pytest.mark.parametrize(
    "changes", [{"sso_enforcement": "everyone"}, {"ip_allowlist": ["10.0.0.0/8"]}]
)
def test_a_bar_that_is_put_up_meanwhile_holds(acme, bob, meanwhile, changes):
    meanwhile(lambda: change(Company.objects.get(id=acme.id), **changes))
    assert enter(Browser()).status_code == 403
    assert not Session.objects.exists()


def test_a_second_factor_that_is_required_meanwhile_is_asked_for(acme, bob, meanwhile):
    meanwhile(lambda: change(Company.objects.get(id=acme.id), two_factor="required"))
    assert enter(Browser())["Location"] == "/login/code/"


@pytest.mark.parametrize("what", ["suspended", "removed"])
def test_who_is_suspended_or_removed_meanwhile_does_not_enter(acme, bob, meanwhile, what):
    found = User.objects.filter(id=bob.id)
    meanwhile(found.delete if what == "removed" else lambda: found.update(status="suspended"))
    assert enter(Browser()).status_code == 422
    assert not Session.objects.exists()


def test_whoever_is_no_administrator_any_more_confirms_nothing(acme, alice, meanwhile):
    admin = with_password(User.objects.get(is_administrator=True))
    unconfirmed()
    meanwhile(lambda: User.objects.filter(id=admin.id).update(is_administrator=False))
    sent = {"email": "y@acme.example", "confirm_password": PASSWORD}
    assert alice.post("/settings/users/invite/", sent).status_code == 403
    assert not User.objects.filter(email="y@acme.example").exists()


def test_a_session_that_ends_meanwhile_confirms_nothing(acme, alice, meanwhile):
    with_password(User.objects.get(is_administrator=True))
    unconfirmed()
    meanwhile(Session.objects.all().delete)
    sent = {"email": "y@acme.example", "confirm_password": PASSWORD}
    assert alice.post("/settings/users/invite/", sent).status_code == 403
    assert not User.objects.filter(email="y@acme.example").exists()


# Closed, and opened again.


def test_a_session_by_a_connection_that_was_off_once_does_not_come_back(acme, connection, alice):
    with_password(User.objects.get(is_administrator=True))
    browser = Browser()
    browser.sign_in(connection)
    fields = fields_of(Company.objects.get(id=acme.id))
    off = {name: value for name, value in fields.items() if name != "saml_enabled"}
    off.pop("automatic_user_provisioning", None)
    assert alice.post(SECURITY, off).status_code == 302
    SamlConnection.objects.update(enabled=True)
    assert not is_in(browser)


def test_shorter_minutes_hold_for_sessions_that_are_open(acme, bob):
    browser = Browser()
    enter(browser)
    Session.objects.update(last_seen_at=datetime.now(UTC) - timedelta(minutes=40))
    assert is_in(browser)
    Session.objects.update(last_seen_at=datetime.now(UTC) - timedelta(minutes=40))
    change(Company.objects.get(id=acme.id), session_minutes=15)
    assert not is_in(browser)


def test_the_operators_password_leaves_no_other_way_behind(acme, bob):
    TrustedDevice.objects.create(
        company=acme, user=bob, digest="x", expires_at=NOW + timedelta(days=900), created_at=NOW
    )
    address = parse_email("bob@acme.example")
    assert address is not None
    actions.make_administrator(
        acme, address, password=make_password(OTHER), actor=OPERATOR, now=NOW
    )
    assert not TrustedDevice.objects.exists()


# Threads and connections.


def test_a_company_keeps_few_requests_waiting_for_other_servers(acme, monkeypatch):
    monkeypatch.setitem(OF_ONE_COMPANY, "fetch", 1)
    globex = make_company("globex")

    def inside(url, **keywords):
        if url != "first":
            return b"fetched"
        with pytest.raises(fetch.FetchError, match="fetch_busy"):
            fetch.fetch_for(acme.id, "second")
        return fetch.fetch_for(globex.id, "third")

    monkeypatch.setattr(fetch, "fetch", inside)
    assert fetch.fetch_for(acme.id, "first") == b"fetched"
    assert fetch.fetch_for(acme.id, "again") == b"fetched"
