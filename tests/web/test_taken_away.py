"""What is taken away from somebody stays away: whatever they had begun, or kept for later."""

import re
from datetime import UTC, datetime

import pytest

from passerelle.administration import enforcement, follow_metadata
from passerelle.audit.models import AuditEvent
from passerelle.audit.record import OPERATOR
from passerelle.directory import actions
from passerelle.directory.administrators import set_flag
from passerelle.directory.links import activation_path, reset_path
from passerelle.directory.models import Company, User
from passerelle.infra.fetch import FetchError
from passerelle.practice_idp.issue import write_idp_metadata
from passerelle.provisioning import parse_email
from passerelle.sso.models import Letter, Session
from passerelle.sso.sessions.enforcement import has_way_back
from passerelle.sso.sign_in import password_rules
from passerelle.web.frame import confirm
from passerelle.web.settings import connection_form
from passerelle.web.settings.guide_form import GuideForm
from passerelle.web.sign_in import password_help
from tests.browsing import Browser
from tests.web.test_passwords import PASSWORD, enter, is_in, with_password
from tests.web.test_security_settings import PAGE, fields_of
from tests.world import load_certificate_of, make_administrator, make_user, signing_key

USERS = "/settings/users/"


@pytest.fixture
def alice(acme) -> Browser:
    return Browser().enter(with_password(make_administrator(acme)))


def change(company: Company, **fields) -> None:
    Company.objects.filter(id=company.id).update(**fields)


def came_by_sso(acme, **fields) -> tuple[Browser, User]:
    browser = Browser()
    browser.sign_in(acme.connections.select_related("company").get())
    user = acme.users.get(email="grace@acme.example")
    User.objects.filter(id=user.id).update(**fields)
    user.refresh_from_db()
    return browser, user


# Whoever waited for something is asked again.


@pytest.mark.django_db
@pytest.mark.parametrize("page", ["settings", "guide"])
def test_an_administrator_unmade_while_metadata_is_read_saves_nothing(
    acme, alice, monkeypatch, page
):
    connection = acme.connections.get()

    def meanwhile(*_given, **_how):
        User.objects.filter(email="admin@acme.example").update(is_administrator=False)
        raise FetchError("fetch_slow", "10")

    monkeypatch.setattr(connection_form, "fetch_for", meanwhile)
    pem = load_certificate_of("evil").pem
    another = {"idp_entity_id": "https://evil.example/metadata", "new_certificates": pem}
    fields = fields_of(acme) | another
    path = PAGE if page == "settings" else f"/settings/connect/{connection.slug}/"
    # What was fetched may have been of no use: the form is saved with what was typed.
    monkeypatch.setattr(
        connection_form.ConnectionForm,
        "clean_metadata_url",
        lambda form: _waited(meanwhile, form),
        raising=False,
    )
    answer = alice.post(path, fields)
    assert answer.status_code == 403
    connection.refresh_from_db()
    assert "evil" not in connection.idp_entity_id


def _waited(meanwhile, form) -> str:
    try:
        meanwhile()
    except FetchError:
        return str(form.cleaned_data.get("metadata_url", ""))
    return ""


@pytest.mark.django_db
def test_a_session_is_looked_up_again_when_the_body_has_arrived(acme, alice, monkeypatch):
    """The body is sent slowly, and the account is suspended before its end."""
    from django.http import HttpRequest

    real = HttpRequest._load_post_and_files

    def slowly(request) -> None:
        User.objects.filter(email="admin@acme.example").update(status="suspended")
        real(request)

    monkeypatch.setattr("django.core.handlers.wsgi.WSGIRequest._load_post_and_files", slowly)
    answer = alice.post(f"{USERS}invite/", {"email": "friend@acme.example"})
    assert answer.status_code == 403
    assert "Your session has ended" in answer.content.decode()
    assert not User.objects.filter(email="friend@acme.example").exists()


@pytest.mark.django_db
@pytest.mark.parametrize("what", ["suspended", "signed out", "removed", "unmade", "moved away"])
def test_whoever_loses_it_while_the_password_is_hashed_does_nothing_any_more(
    acme, monkeypatch, what
):
    with_password(make_administrator(acme))
    browser = Browser()
    enter(browser, "admin@acme.example")
    Session.objects.update(confirmed_at=None)
    real = confirm.confirm_by_password
    rows = User.objects.filter(email="admin@acme.example")
    takes = {
        "suspended": lambda: rows.update(status="suspended"),
        "signed out": lambda: Session.objects.all().delete(),
        "removed": lambda: rows.delete(),
        "unmade": lambda: rows.update(is_administrator=False),
        "moved away": lambda: change(acme, ip_allowlist=["203.0.113.0/24"]),
    }

    def meanwhile(*given, **how) -> bool:
        confirmed = real(*given, **how)
        takes[what]()
        return confirmed

    monkeypatch.setattr(confirm, "confirm_by_password", meanwhile)
    sent = {"email": "friend@acme.example", "is_administrator": "on"}
    answer = browser.post(f"{USERS}invite/", {**sent, "confirm_password": PASSWORD})
    assert answer.status_code == 403
    assert not User.objects.filter(email="friend@acme.example").exists()


# What an administrator gave to others.


@pytest.fixture
def carol(acme) -> User:
    return with_password(make_user(acme, "carol@acme.example", is_administrator=True))


@pytest.mark.django_db
@pytest.mark.parametrize("verb", ["suspend", "demote", "remove"])
def test_the_set_up_links_of_somebody_who_is_no_administrator_any_more_end(
    acme, alice, carol, verb
):
    unopened, opened, whose = set_up_link(carol), set_up_link(carol), set_up_link(alice)
    holder = Browser()
    holder.post(opened)
    assert holder.get("/setup/").status_code == 200
    assert "Set-up links that they made" in (
        alice.get(f"{USERS}{carol.id}/change/{verb}/").content.decode()
    )
    alice.post(f"{USERS}{carol.id}/change/{verb}/")
    assert Browser().get(unopened).status_code == 404
    assert holder.get("/setup/").status_code == 404
    assert Browser().get(whose).status_code == 200
    if verb != "remove":
        alice.post(f"{USERS}{carol.id}/{'reinstate' if verb == 'suspend' else 'change/promote'}/")
        assert holder.get("/setup/").status_code == 404
    ended = AuditEvent.objects.filter(event="connection:setup_link_revoked")
    assert ended.count() == 2


@pytest.mark.django_db
def test_a_link_in_the_name_of_nobody_opens_nothing(acme, alice):
    """Whoever made it is gone, or unmade by another way than the page."""
    link = set_up_link(alice)
    User.objects.filter(is_administrator=True).update(is_administrator=False)
    assert Browser().get(link).status_code == 404


@pytest.mark.django_db
@pytest.mark.parametrize("verb", ["suspend", "demote", "remove"])
def test_links_to_become_an_administrator_end_with_one_who_has_seen_them(acme, alice, carol, verb):
    """Any administrator sees them on the page: who is none any more may have kept one."""
    browser = Browser().enter(carol)
    for email, given in (("x@else.example", {"is_administrator": "on"}), ("y@acme.example", {})):
        browser.post(f"{USERS}invite/", {"email": email, **given})
    invited = [acme.users.get(email=one) for one in ("x@else.example", "y@acme.example")]
    links = [activation_path(one) for one in invited]
    alice.post(f"{USERS}{carol.id}/change/{verb}/")
    assert [Browser().get(one).status_code for one in links] == [410, 200]
    page = alice.get(f"{USERS}{invited[0].id}/").content.decode()
    [link] = re.findall(r"/activate/[^\"<\s]+", page)
    assert Browser().get(link).status_code == 200


def set_up_link(who: User | Browser) -> str:
    browser = who if isinstance(who, Browser) else Browser().enter(who)
    guide = browser.post("/settings/connect/", {"product": "other"})["Location"]
    page = browser.post(f"{guide}link/").content.decode()
    return re.findall(r"/setup/[\w-]{20,}/", page)[0]


# Emergency access.


@pytest.mark.django_db
def test_emergency_access_goes_with_administration(acme, alice):
    _browser, grace = came_by_sso(acme, is_administrator=True, breaks_glass=True, password="!")
    link = activation_path(grace)
    assert Browser().get(link).status_code == 200
    alice.post(f"{USERS}{grace.id}/change/demote/")
    grace.refresh_from_db()
    assert not grace.breaks_glass
    assert Browser().get(link).status_code == 410
    details = AuditEvent.objects.get(event="user:administrator_changed").details
    assert details["breaks_glass"] == [True, False]


@pytest.mark.django_db
def test_a_link_that_was_ended_does_not_live_again(acme, alice):
    alice.post(f"{USERS}invite/", {"email": "bob@acme.example"})
    bob = acme.users.get(email="bob@acme.example")
    link = activation_path(bob)
    for verb in ("change/suspend/", "reinstate/"):
        assert Browser().get(link).status_code == (200 if "suspend" in verb else 410)
        alice.post(f"{USERS}{bob.id}/{verb}")
    assert Browser().get(link).status_code == 410
    _browser, grace = came_by_sso(acme, is_administrator=True, password="!")
    alice.post(f"{USERS}{grace.id}/break-glass/", {"value": "on"})
    grace.refresh_from_db()
    link = activation_path(grace)
    for value in ("off", "on"):
        alice.post(f"{USERS}{grace.id}/break-glass/", {"value": value})
    assert Browser().get(link).status_code == 410


@pytest.mark.django_db
@pytest.mark.parametrize(
    "event", ["suspended and reinstated", "signed out everywhere", "signed out elsewhere", "moved"]
)
def test_a_mailed_link_for_another_password_ends_for_good(acme, alice, event):
    bob = with_password(make_user(acme, "bob@acme.example"))
    link = reset_path(bob)
    assert Browser().get(link).status_code == 200
    if event == "suspended and reinstated":
        alice.post(f"{USERS}{bob.id}/change/suspend/")
        alice.post(f"{USERS}{bob.id}/reinstate/")
    elif event == "signed out everywhere":
        alice.post(f"{USERS}{bob.id}/sign-out/")
    elif event == "signed out elsewhere":
        Browser().enter(bob).post("/account/sessions/", {"others": "1"})
    else:
        bob.set_email(parse_email("robert@acme.example"))
        bob.save()
    assert Browser().get(link).status_code == 410
    bob.refresh_from_db()
    assert Browser().get(reset_path(bob)).status_code == 200


@pytest.mark.django_db
def test_a_link_that_single_sign_on_ended_does_not_live_again_without_the_identity(acme, alice):
    bob = with_password(make_user(acme, "grace@acme.example"))
    alice.post(f"{USERS}{bob.id}/change/replace-password/")
    bob.refresh_from_db()
    link = activation_path(bob)
    assert Browser().get(link).status_code == 200
    Browser().sign_in(acme.connections.select_related("company").get())
    assert Browser().get(link).status_code == 410
    [identity] = bob.identities.all()
    alice.post(f"{USERS}{bob.id}/change/unlink/", {"identity": str(identity.id)})
    assert not bob.identities.exists()
    assert Browser().get(link).status_code == 410


@pytest.mark.django_db
def test_no_password_is_set_by_a_link_that_ended_while_it_was_hashed(acme, monkeypatch):
    bob = with_password(make_user(acme, "bob@acme.example"))
    before, link = bob.password, reset_path(bob)

    def meanwhile(_password: str) -> str:
        actions.end_sessions(bob, actor=OPERATOR, now=datetime.now(UTC))
        return "argon2$made"

    monkeypatch.setattr(password_rules, "hash_of", meanwhile)
    assert Browser().post(link, {"password": PASSWORD + " 2"}).status_code == 410
    bob.refresh_from_db()
    assert bob.password == before


@pytest.mark.django_db
def test_the_password_is_not_set_when_emergency_access_went_while_it_was_hashed(acme, monkeypatch):
    _browser, grace = came_by_sso(acme, is_administrator=True, breaks_glass=True, password="!")

    def meanwhile(_password: str) -> str:
        User.objects.filter(id=grace.id).update(breaks_glass=False)
        return "argon2$made"

    monkeypatch.setattr(password_rules, "hash_of", meanwhile)
    assert Browser().post(activation_path(grace), {"password": PASSWORD}).status_code == 410
    grace.refresh_from_db()
    assert not grace.has_password


@pytest.mark.django_db
def test_giving_it_is_told_to_the_others_once_and_choosing_a_password_to_the_person(
    acme, alice, settings
):
    settings.PASSERELLE = settings.PASSERELLE.model_copy(update={"demo": True})
    make_user(acme, "other@acme.example", is_administrator=True)
    _browser, grace = came_by_sso(acme, is_administrator=True, password="!")
    for _ in range(2):
        alice.post(f"{USERS}{grace.id}/break-glass/", {"value": "on"})
    told = Letter.objects.filter(kind="emergency_access").values_list("to", flat=True)
    assert sorted(told) == ["grace@acme.example", "other@acme.example"]
    assert Letter.objects.filter(kind="invitation").count() == 1
    grace.refresh_from_db()
    Browser().post(activation_path(grace), {"password": PASSWORD})
    assert Letter.objects.filter(kind="password_changed", to="grace@acme.example").exists()


@pytest.mark.django_db
def test_a_password_is_taken_away_from_who_has_another_way_in(acme, alice):
    by_sso, grace = came_by_sso(acme)
    with_password(grace)
    assert "change/remove-password/" in alice.get(f"{USERS}{grace.id}/").content.decode()
    browser = Browser()
    enter(browser, grace.email)
    alice.post(f"{USERS}{grace.id}/change/remove-password/")
    assert not is_in(browser)
    assert not is_in(by_sso)
    assert enter(Browser(), grace.email).status_code == 422
    assert AuditEvent.objects.filter(event="user:password_removed").exists()


@pytest.mark.django_db
@pytest.mark.parametrize("identity", [True, False])
def test_a_password_stays_with_who_could_not_come_in_without_it(acme, identity):
    _by_sso, grace = came_by_sso(acme, is_administrator=True)
    if not identity:
        grace.identities.all().delete()
    with_password(grace)
    change(acme, automatic_user_provisioning=False)
    acme.connections.update(enabled=False)
    browser = Browser()
    enter(browser, grace.email)
    page = f"{USERS}{grace.id}/"
    assert "change/remove-password/" not in browser.get(page).content.decode()
    answer = browser.post(f"{page}change/remove-password/")
    assert answer.status_code == 422
    assert "could not come in any more" in answer.content.decode()
    grace.refresh_from_db()
    assert grace.has_password


@pytest.mark.django_db
def test_emergency_access_that_slept_is_not_woken_by_administration(acme, alice):
    bob = with_password(make_user(acme, "bob@acme.example", breaks_glass=True))
    alice.post(f"{USERS}{bob.id}/change/promote/")
    bob.refresh_from_db()
    assert (bob.is_administrator, bob.breaks_glass) == (True, False)


@pytest.mark.django_db
def test_what_came_by_a_closed_way_does_not_come_back_with_emergency_access(acme):
    bob = with_password(make_user(acme, "bob@acme.example", is_administrator=True))
    left = Browser()
    enter(left)
    change(acme, sso_enforcement="everyone")
    browser, _grace = came_by_sso(acme, is_administrator=True)
    assert browser.post(f"{USERS}{bob.id}/break-glass/", {"value": "on"}).status_code == 302
    assert not is_in(left)


# The last way back.


@pytest.mark.django_db
@pytest.mark.parametrize("way", ["break-glass", "demote", "suspend", "remove", "remove-password"])
@pytest.mark.parametrize("several", [False, True])
def test_the_last_way_back_from_single_sign_on_alone_stays(acme, way, several):
    browser, grace = came_by_sso(acme, is_administrator=True)
    breaker = with_password(make_administrator(acme))
    User.objects.filter(id=breaker.id).update(breaks_glass=True)
    provider = acme.connections.get().idp_entity_id
    breaker.identities.create(
        company=acme, idp_entity_id=provider, subject="breaker", created_at=datetime.now(UTC)
    )
    change(acme, sso_enforcement="everyone")
    if several and way in ("suspend", "remove"):
        answer = browser.post(f"{USERS}several/do/", {"verb": way, "user": [str(breaker.id)]})
    elif way == "break-glass":
        answer = browser.post(f"{USERS}{breaker.id}/break-glass/", {"value": "off"})
    else:
        answer = browser.post(f"{USERS}{breaker.id}/change/{way}/")
    assert answer.status_code == 422
    assert "no administrator would be left who can sign in" in answer.content.decode()
    breaker.refresh_from_db()
    assert (breaker.status, breaker.may_break_glass, breaker.has_password) == ("active", True, True)
    with_password(grace)
    User.objects.filter(id=grace.id).update(breaks_glass=True)
    assert browser.post(f"{USERS}{breaker.id}/change/suspend/").status_code == 302


@pytest.mark.django_db
def test_codes_are_a_way_back_only_for_an_administrator_with_a_password(acme):
    enforcement.make_codes(acme, actor=OPERATOR, now=datetime.now(UTC))
    change(acme, sso_enforcement="everyone")
    acme.refresh_from_db()
    assert not has_way_back(acme)
    with_password(make_administrator(acme))
    assert has_way_back(acme)
    acme.emergency_codes.all().delete()
    assert not has_way_back(acme)


@pytest.mark.django_db
def test_a_right_emergency_code_counts_however_many_wrong_ones_came_before(acme, monkeypatch):
    monkeypatch.setattr(password_help, "MAX_EMERGENCY", 1)
    [code, *_] = enforcement.make_codes(acme, actor=OPERATOR, now=datetime.now(UTC))
    change(acme, sso_enforcement="everyone")
    for _ in range(3):
        Browser().post("/login/acme/emergency/", {"code": "wrong"})
    assert Browser().post("/login/acme/emergency/", {"code": code}).status_code == 200


# Sessions that came by what is trusted no longer.


@pytest.mark.django_db
def test_another_identity_provider_ends_the_sessions_of_the_old_one_but_ones_own(acme, alice):
    by_sso, _grace = came_by_sso(acme)
    pem = load_certificate_of("new").pem
    another = {"idp_entity_id": "https://new.example/metadata", "new_certificates": pem}
    fields = fields_of(acme) | another
    assert alice.post(PAGE, fields).status_code == 302
    assert not is_in(by_sso)
    assert is_in(alice)


def other_metadata() -> bytes:
    return write_idp_metadata(
        entity_id="https://new.example/metadata",
        sso_url="https://new.example/sso",
        certificate_der=signing_key("new").certificate_der,
    )


@pytest.mark.django_db
def test_another_identity_provider_by_the_guide_ends_them_too(acme, alice):
    by_sso, _grace = came_by_sso(acme)
    sent = {"name": "Acme SSO", "metadata": other_metadata().decode()}
    assert alice.post("/settings/connect/acme/", sent).status_code == 302
    assert not is_in(by_sso)
    assert is_in(alice)


@pytest.mark.django_db
def test_another_identity_provider_that_was_held_ends_them_when_it_is_accepted(acme, alice):
    by_sso, _grace = came_by_sso(acme)
    row = acme.connections.select_related("company").get()
    row.metadata_url, row.metadata_held = "https://idp.example/m", other_metadata().decode()
    row.save()
    found = follow_metadata.held_difference(row, now=datetime.now(UTC))
    sent = {"decision": "accept", "shown": found.digest}
    alice.post("/settings/security/metadata/?connection=acme", sent)
    assert acme.connections.get().idp_entity_id == "https://new.example/metadata"
    assert not is_in(by_sso)


@pytest.mark.django_db
def test_a_connection_that_is_switched_on_meanwhile_is_not_emptied_by_the_guide(
    acme, alice, monkeypatch
):
    acme.connections.update(enabled=False)
    real = GuideForm.is_valid

    def meanwhile(form: GuideForm) -> bool:
        valid = real(form)
        acme.connections.update(enabled=True)
        return valid

    monkeypatch.setattr(GuideForm, "is_valid", meanwhile)
    empty = {"name": "Acme SSO", "idp_entity_id": "", "target_url": ""}
    answer = alice.post("/settings/connect/acme/", empty)
    assert answer.status_code == 422
    assert "switched on in the meantime" in answer.content.decode()
    assert acme.connections.get().idp_entity_id


@pytest.mark.django_db
def test_everybody_who_came_through_a_connection_is_signed_out_at_once(acme, alice):
    by_sso, _grace = came_by_sso(acme)
    assert "1 open session came through it" in alice.get(PAGE).content.decode()
    alice.post("/settings/security/sessions/?connection=acme")
    assert not is_in(by_sso)
    assert is_in(alice)
    assert AuditEvent.objects.filter(event="user:sessions_ended", target="Acme SSO").exists()


# Somebody else was quicker.


@pytest.mark.django_db
def test_a_late_click_neither_revives_nor_breaks_an_account(acme):
    now = datetime.now(UTC)
    bob = make_user(acme, "bob@acme.example")
    by = {"actor": OPERATOR, "now": now}
    actions.suspend(bob, **by)
    late = User.objects.get(id=bob.id)
    actions.reinstate(bob, **by)
    actions.suspend(bob, **by)
    assert late.status == "suspended"
    stale = User.objects.get(id=bob.id)
    actions.reinstate(bob, **by)
    actions.reinstate(stale, **by)
    bob.refresh_from_db()
    assert bob.status == "active"
    gone = User.objects.get(id=bob.id)
    actions.remove(bob, tombstone=True, **by)
    for verb in (actions.suspend, actions.reinstate):
        with pytest.raises(actions.Gone):
            verb(gone, **by)
    with pytest.raises(actions.Gone):
        set_flag(gone, "tests_sso", True, **by)


@pytest.mark.django_db
def test_suspended_from_an_old_row_it_is_reinstated_as_it_really_was(acme):
    now = datetime.now(UTC)
    bob = make_user(acme, "bob@acme.example", status="invited", password="!")
    stale = User.objects.get(id=bob.id)
    User.objects.filter(id=bob.id).update(status="active", password="argon2$x")
    actions.suspend(stale, actor=OPERATOR, now=now)
    actions.reinstate(stale, actor=OPERATOR, now=now)
    bob.refresh_from_db()
    assert (bob.status, bob.password) == ("active", "argon2$x")


@pytest.mark.django_db
def test_what_is_decided_is_held_against_the_company_as_it_is_behind_the_lock(acme, monkeypatch):
    """Somebody undoes the step while the same step is on its way: it is not “nothing changed”."""
    browser, grace = came_by_sso(acme, is_administrator=True)
    with_password(grace)
    change(acme, sso_enforcement="test_users")
    real = Company.locked

    def meanwhile(company_id) -> Company:
        monkeypatch.setattr(Company, "locked", real)
        change(acme, sso_enforcement="off")
        return real(company_id)

    monkeypatch.setattr(Company, "locked", meanwhile)
    browser.post("/settings/enforcement/change/", {"sso_enforcement": "test_users"})
    acme.refresh_from_db()
    assert acme.sso_enforcement == "test_users"


# Where passwords are allowed, too, an administrator can always come in.


@pytest.mark.django_db
@pytest.mark.parametrize("verb", ["demote", "suspend", "remove"])
def test_the_only_administrator_who_can_sign_in_stays_one(acme, verb):
    change(acme, automatic_user_provisioning=False)
    acme.connections.update(enabled=False)
    boss = with_password(make_administrator(acme, "boss@acme.example"))
    grace = make_administrator(acme, "grace@acme.example")
    browser = Browser().enter(boss)
    answer = browser.post(f"{USERS}{boss.id}/change/{verb}/")
    assert answer.status_code == 422
    assert "no administrator would be left who can sign in" in answer.content.decode()
    several = {"verb": "suspend", "user": [str(boss.id)]}
    if verb == "suspend":
        assert browser.post(f"{USERS}several/do/", several).status_code == 422
    boss.refresh_from_db()
    assert (boss.is_administrator, boss.status) == (True, "active")
    with_password(grace)
    assert browser.post(f"{USERS}{boss.id}/change/{verb}/").status_code == 302


@pytest.mark.django_db
def test_an_administrator_who_comes_by_single_sign_on_is_a_way_in_as_well(acme):
    boss = with_password(make_administrator(acme, "boss@globex.example"))
    make_administrator(acme, "grace@globex.example")
    browser = Browser().enter(boss)
    assert browser.post(f"{USERS}{boss.id}/change/demote/").status_code == 422
    # With an address at a verified domain they would be linked at their first sign-in.
    make_administrator(acme, "ada@acme.example")
    assert browser.post(f"{USERS}{boss.id}/change/demote/").status_code == 302


@pytest.mark.django_db
def test_metadata_by_which_no_administrator_could_come_is_not_accepted(acme):
    _browser, grace = came_by_sso(acme, is_administrator=True)
    browser = Browser().enter(grace)
    acme.domains.all().delete()
    connection = acme.connections.get()
    held = write_idp_metadata(
        entity_id="https://other.example/idp",
        sso_url="https://other.example/sso",
        certificate_der=signing_key("other").certificate_der,
    )
    connection.metadata_url = "https://idp.acme.example/metadata"
    connection.metadata_held = held.decode()
    connection.save()
    address = "/settings/security/metadata/?connection=acme"
    shown = {"decision": "accept", "shown": digest_of_held(browser)}
    assert "way-back" in browser.post(address, shown)["Location"]
    connection.refresh_from_db()
    assert connection.idp_entity_id != "https://other.example/idp"
    with_password(grace)
    assert "metadata" in browser.post(address, shown)["Location"].split("saved=")[1]
    connection.refresh_from_db()
    assert connection.idp_entity_id == "https://other.example/idp"


@pytest.mark.django_db
def test_the_guide_takes_no_last_way_in_either(acme):
    _browser, grace = came_by_sso(acme, is_administrator=True)
    browser = Browser().enter(grace)
    change(acme, existing_accounts="refuse")
    connection = acme.connections.get()
    fields = {"name": connection.name, "idp_entity_id": "https://other.example/idp"}
    fields["target_url"] = connection.target_url
    fields["new_certificates"] = load_certificate_of("another").pem
    answer = browser.post("/settings/connect/acme/", fields)
    assert answer.status_code == 422
    assert "No administrator could sign in any more" in answer.content.decode()
    connection.refresh_from_db()
    assert connection.idp_entity_id != "https://other.example/idp"
    with_password(grace)
    assert browser.post("/settings/connect/acme/", fields).status_code == 302


@pytest.mark.django_db
def test_another_attribute_that_tells_people_apart_takes_no_last_way_in(acme):
    _browser, grace = came_by_sso(acme, is_administrator=True)
    browser = Browser().enter(grace)
    fields = fields_of(acme) | {"advanced": "on", "subject_attribute": "email"}
    answer = browser.post(PAGE, fields)
    assert answer.status_code == 422
    assert acme.connections.get().subject_attribute == ""
    with_password(grace)
    assert browser.post(PAGE, fields).status_code == 302


@pytest.mark.django_db
def test_the_domain_by_which_administrators_could_come_stays(acme):
    grace = make_administrator(acme, "grace@acme.example")
    browser = Browser().enter(grace)
    domain = acme.domains.get()
    answer = browser.post(f"/settings/domains/{domain.id}/remove/", follow=True)
    assert "Nothing was removed." in answer.content.decode()
    assert acme.domains.exists()
    with_password(grace)
    browser.post(f"/settings/domains/{domain.id}/remove/")
    assert not acme.domains.exists()


def digest_of_held(browser) -> str:
    """What the page shows, as its form says it."""
    page = browser.get("/settings/security/?connection=acme").content.decode()
    found = re.search(r'name="shown" value="([^"]+)"', page)
    assert found
    return found[1]


@pytest.mark.django_db
def test_a_link_of_before_does_not_make_its_holder_an_administrator(acme, alice):
    bob = make_user(acme, "bob@acme.example", status="invited", password=User.no_password())
    kept = activation_path(bob)
    assert Browser().get(kept).status_code == 200
    alice.post(f"/settings/users/{bob.id}/change/promote/")
    assert Browser().get(kept).status_code == 410
    bob.refresh_from_db()
    assert Browser().get(activation_path(bob)).status_code == 200
