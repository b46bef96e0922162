"""Settings > Connect your identity provider, and the link that hands it to somebody else."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils.html import escape

from passerelle.administration.follow_metadata import follow
from passerelle.audit.models import AuditEvent
from passerelle.configfile.apply import apply_file
from passerelle.configfile.document import ConfigurationFile
from passerelle.practice_idp.issue import write_idp_metadata
from passerelle.saml import load_certificate
from passerelle.sso.connections.connection import trusted_certificates
from passerelle.sso.connections.guides import GUIDES
from passerelle.sso.models import FailedAttempts, SamlConnection, SetupLink, Trial
from passerelle.web.settings import security
from passerelle.web.settings.guide_form import GuideForm
from passerelle.web.settings.security_save import MAX_SAVES
from tests.browsing import Browser, as_shown, form_in
from tests.world import (
    make_administrator,
    make_company,
    make_user,
    respond_to,
    signing_key,
)

from .test_security_settings import PAGE, fields_of

pytestmark = pytest.mark.django_db
CHOOSE = "/settings/connect/"
GUIDE = "/settings/connect/acme-2/"
HALF_AN_HOUR = timedelta(minutes=30)


def idp_metadata() -> bytes:
    return write_idp_metadata(
        entity_id="https://idp.new.example/metadata",
        sso_url="https://idp.new.example/sso",
        certificate_der=signing_key("acme").certificate_der,
    )


def values_of(connection) -> dict[str, str]:
    names = ("name", "idp_entity_id", "target_url")
    return {name: getattr(connection, name) for name in names}


def switch_on(alice: Browser):
    """As the page that she looks at has it."""
    page = alice.get(GUIDE).content.decode()
    shown = re.search(r'name="shown" value="([0-9a-f]+)"', page)
    return alice.post(f"{GUIDE}switch/", {"shown": shown[1] if shown else ""})


def choose(alice: Browser, product: str = "okta"):
    sent = alice.post(CHOOSE, {"product": product})
    assert sent.status_code == 302
    return sent["Location"]


@pytest.mark.parametrize("product", GUIDES)
@pytest.mark.parametrize("language", ["en", "fr"])
def test_each_product_has_its_own_words_and_our_values(acme, product, language):
    alice = Browser(language=language).enter(make_administrator(acme))
    page = alice.get(choose(alice, product)).content.decode()
    assert "/auth/saml/acme-2/" in page
    for label, _ in (*GUIDES[product].fields, *GUIDES[product].group_values):
        assert escape(label) in page
    assert len(page.encode()) < 50_000


def test_choosing_reserves_the_addresses_and_changes_nothing_for_anybody(acme, alice):
    assert choose(alice) == GUIDE
    assert choose(alice) == GUIDE
    draft = acme.connections.get(slug="acme-2")
    assert not draft.enabled
    assert "acme-2" not in Browser().get("/login/acme/").content.decode()


def test_an_unknown_product_asks_again(alice):
    assert alice.post(CHOOSE, {"product": "none"}).status_code == 422


def test_the_whole_guide(acme, alice):
    choose(alice)
    saved = alice.post(GUIDE, {"metadata": idp_metadata().decode(), "name": "New SSO"})
    assert saved.status_code == 302, saved.content.decode()
    page = alice.get(GUIDE).content.decode()
    assert "https://idp.new.example/metadata" in page
    assert "It was not tested yet" in page
    alice.post(f"{GUIDE}trial/")
    trial = Trial.objects.get()
    draft = acme.connections.select_related("company").get(slug="acme-2")
    draft.slug = "acme"
    key_of_acme = respond_to(
        draft,
        request_id=trial.request_id,
        now=datetime.now(UTC),
        idp_entity_id="https://idp.new.example/metadata",
        acs_url="http://127.0.0.1:8000/auth/saml/acme-2/callback",
        audience="http://127.0.0.1:8000/auth/saml/acme-2/metadata",
    )
    draft.slug = "acme-2"
    result = alice.get(alice.post_response(draft, key_of_acme)["Location"]).content.decode()
    assert "It works" in result
    assert "The last test worked" in alice.get(GUIDE).content.decode()
    assert switch_on(alice).status_code == 302
    assert acme.connections.get(slug="acme-2").enabled
    assert "New SSO" in Browser().get("/login/acme/").content.decode()


def test_what_is_incomplete_is_neither_tested_nor_switched_on(acme, alice):
    choose(alice)
    assert alice.post(f"{GUIDE}trial/").status_code == 302
    assert alice.post(f"{GUIDE}switch/").status_code == 302
    assert not Trial.objects.exists()
    assert not acme.connections.get(slug="acme-2").enabled


def test_a_wrong_entry_stands_beside_its_field_and_nothing_is_lost(acme, alice):
    choose(alice)
    sent = alice.post(GUIDE, {"metadata": "<no>", "name": "Kept"})
    page = sent.content.decode()
    assert sent.status_code == 422
    assert 'id="metadata-error"' in page
    assert 'value="Kept"' in page


# The link.


def test_links_to_hand_on_begin_with_the_public_address(acme, alice, settings):
    """Behind a proxy that ends TLS, the request itself looks like plain http."""
    choose(alice)
    public = {"base_url": "https://sso.example", "trusted_proxies": ("127.0.0.1",), "demo": False}
    settings.PASSERELLE = settings.PASSERELLE.model_copy(update=public)
    by_tls = {"X-Forwarded-Proto": "https"}
    page = alice.post(f"{GUIDE}link/", headers=by_tls).content.decode()
    assert "https://sso.example/setup/" in page
    invited = alice.post("/settings/users/invite/", {"email": "carol@acme.example"}, headers=by_tls)
    page = alice.get(invited["Location"], headers=by_tls).content.decode()
    assert "https://sso.example/activate/" in page


def make_link(alice: Browser) -> str:
    page = alice.post(f"{GUIDE}link/").content.decode()
    return re.search(r"/setup/[\w-]+/", page)[0]


def open_link(path: str) -> Browser:
    ivan = Browser()
    assert "Begin" in ivan.get(path).content.decode()
    assert ivan.post(path)["Location"] == "/setup/"
    return ivan


@pytest.fixture
def path(alice) -> str:
    choose(alice)
    return make_link(alice)


def events() -> list[str]:
    return [one.split(":")[1] for one in AuditEvent.objects.values_list("event", flat=True)]


def test_a_stranger_sets_the_connection_up_and_the_company_switches_it_on(acme, alice, path):
    ivan = open_link(path)
    assert ivan.post("/setup/", {"metadata": idp_metadata().decode()}).status_code == 302
    assert "https://idp.new.example/metadata" in ivan.get("/setup/").content.decode()
    assert acme.connections.get(slug="acme-2").idp_entity_id == "https://idp.new.example/metadata"
    assert "Refresh" in ivan.post("/setup/trial/").headers
    trial = Trial.objects.get()
    assert "No answer yet" in ivan.get(f"/setup/trial/{trial.id}/").content.decode()
    assert "Thank you" in ivan.post("/setup/done/").content.decode()
    assert ivan.get("/setup/").status_code == 404
    assert not acme.connections.get(slug="acme-2").enabled
    assert events()[-3:] == ["setup_link_opened", "changed", "setup_link_finished"]
    assert switch_on(alice).status_code == 302
    assert acme.connections.get(slug="acme-2").enabled


SECURITY = "/settings/security/"


def test_saving_by_link_holds_nobody_up_who_saves_the_security_settings(acme, alice, path):
    ivan = open_link(path)
    fields = as_shown(alice, SECURITY)
    assert ivan.post("/setup/", {"metadata": idp_metadata().decode()}).status_code == 302
    assert alice.post(SECURITY, {**fields, "session_minutes": ["500"]}).status_code == 302
    acme.refresh_from_db()
    assert acme.session_minutes == 500


def test_what_was_saved_by_link_is_not_overwritten_on_the_page_of_the_same_connection(
    acme, alice, path
):
    ivan, page = open_link(path), f"{SECURITY}?connection=acme-2"
    fields = as_shown(alice, page)
    ivan.post("/setup/", {"metadata": idp_metadata().decode()})
    answer = alice.post(page, {**fields, "session_minutes": ["500"]})
    assert answer.status_code == 422
    assert "These settings were saved elsewhere" in answer.content.decode()
    again = form_in(answer.content.decode())
    assert alice.post(page, again).status_code == 302
    draft = acme.connections.get(slug="acme-2")
    assert draft.idp_entity_id == "https://idp.new.example/metadata"


def test_what_a_link_changes_while_the_page_is_being_saved_is_not_overwritten(
    acme, alice, monkeypatch
):
    choose(alice)
    page = f"{SECURITY}?connection=acme-2"
    fields, real = as_shown(alice, page), security.save_security

    def slowly(*arguments, **keywords):
        acme.connections.filter(slug="acme-2").update(target_url="https://idp.new.example/other")
        return real(*arguments, **keywords)

    monkeypatch.setattr(security, "save_security", slowly)
    answer = alice.post(page, {**fields, "session_minutes": ["500"]})
    assert answer.status_code == 422
    assert "These settings were saved elsewhere" in answer.content.decode()


def test_what_a_link_saved_counts_as_soon_as_the_connection_is_on(acme, alice, path):
    """Certificates are remembered for each version of the settings; a link does not raise it."""
    ivan = open_link(path)
    ivan.post("/setup/", {"metadata": idp_metadata().decode()})
    draft = acme.connections.select_related("company").get(slug="acme-2")
    assert len(trusted_certificates(draft)) == 1
    other = load_certificate(signing_key("other").certificate_der)
    ivan.post("/setup/", {"new_certificates": other.pem, **values_of(draft)})
    assert len(trusted_certificates(draft)) == 2


def test_by_one_link_so_much_is_saved_in_an_hour_and_not_more(acme, alice, path):
    ivan, before = open_link(path), AuditEvent.objects.count()
    for number in range(MAX_SAVES):
        assert ivan.post("/setup/", {"name": f"Okta {number}"}).status_code == 302
    answer = ivan.post("/setup/", {"name": "Okta for the last time"})
    assert answer.status_code == 429
    [counted] = FailedAttempts.objects.filter(window_ends__gt=datetime.now(UTC) + HALF_AN_HOUR)
    page = answer.content.decode()
    assert f"You can save again from {counted.window_ends:%H:%M} UTC." in page
    assert 'value="Okta for the last time"' in page
    assert AuditEvent.objects.count() == before + MAX_SAVES
    # What changes nothing is no save.
    assert ivan.post("/setup/", {"name": f"Okta {MAX_SAVES - 1}"}).status_code == 302
    FailedAttempts.objects.update(window_ends=datetime.now(UTC) - timedelta(seconds=1))
    assert ivan.post("/setup/", {"name": "Okta for the last time"}).status_code == 302


def test_who_saved_too_often_by_a_link_is_told_so_in_french(acme, alice, path):
    ivan = Browser("fr")
    ivan.post(path)
    for number in range(MAX_SAVES + 1):
        answer = ivan.post("/setup/", {"name": f"Okta {number}"})
    assert "Vous pourrez de nouveau enregistrer à partir de" in answer.content.decode()


def test_a_test_by_link_tells_nothing_of_the_accounts(acme, alice, path):
    ivan = open_link(path)
    ivan.post("/setup/", {"metadata": idp_metadata().decode()})
    ivan.post("/setup/trial/")
    draft = acme.connections.select_related("company").get(slug="acme-2")
    draft.slug = "acme"
    field = respond_to(
        draft,
        request_id=Trial.objects.get().request_id,
        now=datetime.now(UTC),
        idp_entity_id="https://idp.new.example/metadata",
        acs_url="http://127.0.0.1:8000/auth/saml/acme-2/callback",
        audience="http://127.0.0.1:8000/auth/saml/acme-2/metadata",
    )
    draft.slug = "acme-2"
    page = ivan.get(ivan.post_response(draft, field)["Location"]).content.decode()
    assert "It works" in page
    assert "Production" not in page
    assert "Create the account" not in page


def test_a_link_opens_once(path):
    open_link(path)
    assert Browser().get(path).status_code == 404
    assert Browser().post(path).status_code == 404


def test_looking_at_a_link_does_not_use_it_up(path):
    assert Browser().get(path).status_code == 200
    assert Browser().get(path).status_code == 200
    open_link(path)


def test_a_link_ends_when_it_is_revoked_replaced_or_old(acme, alice, path):
    ivan = open_link(path)
    alice.post(f"{GUIDE}link/", {"revoke": "1"})
    assert ivan.get("/setup/").status_code == 404
    old, new = make_link(alice), make_link(alice)
    assert Browser().get(old).status_code == 404
    judy = open_link(new)
    SetupLink.objects.update(expires_at=datetime.now(UTC) - timedelta(seconds=1))
    assert judy.get("/setup/").status_code == 404


def test_a_link_never_reaches_a_connection_that_is_on(acme, alice, path):
    ivan = open_link(path)
    ivan.post("/setup/", {"metadata": idp_metadata().decode()})
    switch_on(alice)
    assert ivan.get("/setup/").status_code == 404
    assert ivan.post("/setup/", {"name": "Evil"}).status_code == 404
    alice.post("/settings/connect/acme/link/")
    assert not SetupLink.objects.filter(connection__slug="acme").exists()


def test_a_link_opens_nothing_else(alice, path):
    ivan = open_link(path)
    for page in ("/settings/security/", "/settings/users/", GUIDE):
        assert ivan.get(page).status_code == 302
    assert ivan.cookies[settings.SETUP_COOKIE]["httponly"]


@pytest.mark.parametrize("way", ["", "trial/", "done/"])
def test_without_the_cookie_there_is_nothing(way):
    assert Browser().post(f"/setup/{way}").status_code == 404


def test_another_company_and_a_member_reach_neither_guide_nor_link(acme, alice, path):
    mallory = Browser().enter(make_administrator(make_company("globex")))
    member = Browser().enter(make_user(acme, "bob@acme.example"))
    assert mallory.get(GUIDE).status_code == 404
    for way in ("", "trial/", "switch/", "link/"):
        assert mallory.post(f"{GUIDE}{way}").status_code == 404
        assert member.post(f"{GUIDE}{way}").status_code == 403
    assert member.post(CHOOSE, {"product": "okta"}).status_code == 403


def test_a_connection_that_is_off_is_deleted_and_one_that_is_on_is_not(acme, alice):
    choose(alice)
    assert alice.post(f"{GUIDE}delete/")["Location"].endswith("done=deleted")
    alice.post("/settings/connect/acme/delete/")
    assert list(acme.connections.values_list("slug", flat=True)) == ["acme"]


def test_what_is_typed_is_looked_at_and_not_saved(acme, alice):
    choose(alice)
    good = alice.post(f"{GUIDE}check/", {"metadata": idp_metadata().decode()}).content.decode()
    assert "This can be used" in good
    assert "https://idp.new.example/metadata" in good
    assert "1 certificate, valid until" in good
    bad = alice.post(f"{GUIDE}check/", {"metadata": "<no>"}).content.decode()
    assert 'class="wrong"' in bad
    half = alice.post(f"{GUIDE}check/", {"idp_entity_id": "https://x.example"}).content.decode()
    assert "Still missing: the Target URL, a certificate" in half
    assert acme.connections.get(slug="acme-2").idp_entity_id == ""


def test_a_holder_is_not_told_what_else_stands_at_an_address(acme, alice, path, monkeypatch):
    page = b"<html><head><title>Inner wiki</title></head></html>"
    monkeypatch.setattr("passerelle.web.settings.guide_form.fetch_for", lambda *_, **__: page)
    monkeypatch.setattr("passerelle.web.settings.connection_form.fetch_for", lambda *_, **__: page)
    fields = {"metadata_url": "https://wiki.acme.example/"}
    told = open_link(path).post("/setup/check/", fields).content.decode()
    assert "This is not SAML metadata, or not all of it" in told
    assert "Inner wiki" not in told
    assert "Inner wiki" in alice.post(f"{GUIDE}check/", fields).content.decode()


@pytest.mark.parametrize("beside", ["metadata", "metadata_file"])
def test_an_address_of_the_inside_is_not_saved_beside_metadata_that_is_given(
    acme, path, web, beside
):
    """The follower would ask it, from where this service stands."""
    web.answers["/metadata"] = (200, idp_metadata())
    given = {
        "metadata": idp_metadata().decode(),
        "metadata_file": SimpleUploadedFile("metadata.xml", idp_metadata()),
    }
    fields = {"metadata_url": web.url("/metadata"), beside: given[beside]}
    assert open_link(path).post("/setup/", fields).status_code == 422
    assert acme.connections.get(slug="acme-2").metadata_url == ""
    assert web.asked == []


@pytest.fixture
def followed_by_link(acme, path, web, monkeypatch) -> SamlConnection:
    """An address of a holder that was public when it was saved, and leads inside since."""
    monkeypatch.setattr(GuideForm, "_fetched", lambda *_: idp_metadata())
    web.answers["/metadata"] = (200, idp_metadata())
    fields = {"metadata_url": web.url("/metadata")}
    assert open_link(path).post("/setup/", fields).status_code == 302
    return acme.connections.get(slug="acme-2")


def test_what_a_holder_has_followed_is_asked_for_in_public_networks_only(followed_by_link, web):
    follow(followed_by_link, now=datetime.now(UTC))
    followed_by_link.refresh_from_db()
    assert followed_by_link.metadata_problem.startswith("fetch_unreachable")
    assert web.asked == []


@pytest.mark.parametrize("way", ["switch", "guide", "settings", "file"])
def test_until_an_administrator_stands_for_the_address(
    acme, alice, followed_by_link, web, way, tmp_path
):
    row = followed_by_link
    if way == "switch":
        assert switch_on(alice)["Location"].endswith("done=on")
    elif way == "guide":
        fields = {"name": row.name, "metadata_url": row.metadata_url}
        fields |= {"idp_entity_id": row.idp_entity_id, "target_url": row.target_url}
        assert alice.post(GUIDE, fields).status_code == 302
    elif way == "settings":
        acme.refresh_from_db()
        fields = fields_of(acme, connection=row, metadata_url=row.metadata_url)
        assert alice.post(f"{PAGE}?connection=acme-2", fields).status_code == 302
    else:
        path = tmp_path / "passerelle.toml"
        path.write_text(
            '[[companies]]\nslug = "acme"\nname = "Acme"\n[[companies.saml]]\n'
            f'slug = "acme-2"\nname = "{row.name}"\nmetadata_url = "{row.metadata_url}"\n'
        )
        acme.automatic_user_provisioning = False
        acme.save()
        apply_file(
            ConfigurationFile(path), dry_run=False, allow_removals=True, now=datetime.now(UTC)
        )
    row.refresh_from_db()
    follow(row, now=datetime.now(UTC))
    row.refresh_from_db()
    assert row.metadata_problem == ""


def test_a_holder_has_entries_looked_at_too(alice, path):
    ivan = open_link(path)
    page = ivan.post("/setup/check/", {"metadata": idp_metadata().decode()}).content.decode()
    assert "This can be used" in page
    assert Browser().post("/setup/check/").status_code == 404


def test_looking_at_several_products_leaves_one_draft(acme, alice):
    for product in ("okta", "entra", "other"):
        page = choose(alice, product)
    assert page == GUIDE
    draft = acme.connections.get(slug="acme-2")
    assert (draft.product, draft.name) == ("other", "Acme SSO 2")
    alice.post(GUIDE, {"metadata": idp_metadata().decode(), "name": "New SSO"})
    assert choose(alice, "okta") != GUIDE


def test_two_buttons_are_called_differently(acme, alice):
    choose(alice, "other")
    answer = alice.post(GUIDE, {"metadata": idp_metadata().decode(), "name": "ACME sso"})
    assert answer.status_code == 422
    assert "people could not tell the two buttons apart" in answer.content.decode()
    assert acme.connections.get(slug="acme-2").name == "Acme SSO 2"
    # Those that are called alike already can be saved all the same.
    acme.connections.update(name="Acme SSO")
    fields = {"metadata": idp_metadata().decode(), "name": "Acme SSO"}
    assert alice.post(GUIDE, fields).status_code == 302


def test_the_guide_says_what_switching_on_means_where_newcomers_get_accounts(acme, alice):
    choose(alice, "other")
    alice.post(GUIDE, {"metadata": idp_metadata().decode(), "name": "New SSO"})
    assert "for the first time gets an account at once" in alice.get(GUIDE).content.decode()
    acme.newcomers = "approve"
    acme.save()
    assert "for the first time waits for your approval" in alice.get(GUIDE).content.decode()
    acme.automatic_user_provisioning = False
    acme.save()
    assert "for the first time" not in alice.get(GUIDE).content.decode()


def test_what_is_still_missing_is_said_first(acme, alice):
    choose(alice)
    page = alice.post(GUIDE, {"name": "New SSO"}, follow=True).content.decode()
    assert "Saved, but not complete." in page
    assert "the metadata of the identity provider" in page


def test_what_did_not_work_in_a_test_is_switched_on_only_by_who_says_so(acme, alice):
    choose(alice)
    alice.post(GUIDE, {"metadata": idp_metadata().decode(), "name": "New SSO"})
    page = alice.get(GUIDE).content.decode()
    assert "Switch it on without a test that worked" in page
    assert "may be refused" in page
    switch_on(alice)
    assert "Switch it off" in alice.get(GUIDE).content.decode()


def test_nothing_is_handed_over_before_it_is_complete(acme, alice):
    choose(alice)
    made = alice.post(f"{GUIDE}link/").content.decode()
    link = re.search(r"/setup/[\w-]{20,}/", made)
    assert link is not None
    ivan = Browser()
    ivan.post(link[0])
    assert "First complete step 3" in ivan.get("/setup/").content.decode()
    assert ivan.post("/setup/done/").status_code == 302
    assert acme.connections.get(slug="acme-2").setup_link.finished_at is None


def test_metadata_of_google_has_no_address(acme, alice):
    assert 'id="metadata_url"' not in alice.get(choose(alice, "google")).content.decode()
    assert 'id="metadata_url"' in alice.get(choose(alice, "okta")).content.decode()


def test_a_draft_with_which_something_was_done_stays_what_it_is(acme, alice):
    choose(alice)
    alice.post(GUIDE, {"name": "Acme Staff"})
    assert choose(alice, "entra") != GUIDE
    draft = acme.connections.get(slug="acme-2")
    assert (draft.product, draft.name) == ("okta", "Acme Staff")
