"""Settings > Security settings: what the page allows, what it refuses, and what it says."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from lxml import html

from passerelle.audit.models import AuditEvent
from passerelle.directory.models import Company
from passerelle.infra.tokens import digest
from passerelle.practice_idp.issue import make_signing_key, write_idp_metadata
from passerelle.saml import load_certificate
from passerelle.sso.connections.keys import make_key
from passerelle.sso.models import ConnectionKey, SamlConnection, Session, SigningCertificate
from passerelle.sso.sessions.session import open_session
from tests.browsing import Browser, as_shown, form_in
from tests.world import (
    NOW,
    load_certificate_of,
    make_administrator,
    make_company,
    make_connection,
    make_user,
    signing_key,
)

pytestmark = pytest.mark.django_db
PAGE = "/settings/security/"


@pytest.fixture
def acme() -> Company:
    return make_company()


def fields_of(company: Company, **changes: object) -> dict[str, object]:
    """The form as the page shows it, with some fields changed; None leaves one out."""
    connection = changes.pop("connection", None) or company.connections.first()
    fields: dict[str, object] = {
        "version": company.version,
        "automatic_user_provisioning": "on" if company.automatic_user_provisioning else None,
        "default_workspace": company.default_workspace_id or "",
        "default_permission_set": company.default_permission_set_id or "",
        "google_client_id": company.google_client_id,
        "google_hosted_domain": company.google_hosted_domain,
    }
    if connection:
        fields |= {
            "saml_enabled": "on",
            "name": connection.name,
            "idp_entity_id": connection.idp_entity_id,
            "target_url": connection.target_url,
        }
    return {name: value for name, value in {**fields, **changes}.items() if value is not None}


def errors_in(answer) -> dict[str, list[str]]:
    return {name: list(map(str, found)) for name, found in answer.context["form"].errors.items()}


def test_switching_off_and_on_again_is_saved_and_recorded(acme, alice):
    alice.post(PAGE, fields_of(acme, automatic_user_provisioning=None))
    acme.refresh_from_db()
    assert not acme.automatic_user_provisioning
    answer = alice.post(PAGE, fields_of(acme, automatic_user_provisioning="on"))
    assert answer.status_code == 302
    acme.refresh_from_db()
    assert acme.automatic_user_provisioning
    details = [event.details for event in AuditEvent.objects.order_by("time", "id")]
    assert details == [
        {"automatic_user_provisioning": [True, False]},
        {"automatic_user_provisioning": [False, True]},
    ]


def test_after_saving_the_page_says_so(acme, alice):
    answer = alice.post(PAGE, fields_of(acme, name="New name"), follow=True)
    assert "Changes saved." in answer.content.decode()
    assert acme.connections.get().name == "New name"


def test_both_selections_are_required(acme, alice):
    answer = alice.post(PAGE, fields_of(acme, default_workspace="", default_permission_set=""))
    assert answer.status_code == 422
    assert errors_in(answer) == {
        "default_workspace": ["Select the workspace that newcomers join."],
        "default_permission_set": ["Select the permission set that newcomers get."],
    }


def test_it_is_refused_together_with_google_sso_whichever_was_first(acme, alice):
    changes = {"google_sso_enabled": "on", "google_client_id": "client"}
    answer = alice.post(PAGE, fields_of(acme, **changes))
    sentence = (
        "Automatic user provisioning and Google SSO cannot be on together. Switch one of them off."
    )
    assert errors_in(answer)["automatic_user_provisioning"] == [sentence]
    assert errors_in(answer)["google_sso_enabled"] == [sentence]
    alice.post(PAGE, fields_of(acme, automatic_user_provisioning=None, **changes))
    acme.refresh_from_db()
    assert acme.google_sso_enabled
    answer = alice.post(PAGE, fields_of(acme, automatic_user_provisioning="on", **changes))
    assert errors_in(answer)["google_sso_enabled"] == [sentence]


def test_google_sso_can_be_set_up_when_provisioning_is_off(acme, alice):
    changes = {
        "automatic_user_provisioning": None,
        "google_sso_enabled": "on",
        "google_client_id": "client",
        "google_hosted_domain": "Acme.Example",
    }
    assert alice.post(PAGE, fields_of(acme, **changes)).status_code == 302
    acme.refresh_from_db()
    assert (acme.google_sso_enabled, acme.google_hosted_domain) == (True, "acme.example")


def test_early_access_closed_shows_the_toggle_disabled_with_whom_to_contact(acme, alice):
    Company.objects.update(jit_provisioning_available=False, automatic_user_provisioning=False)
    page = alice.get(PAGE).content.decode()
    assert "contact early-access@passerelle.example" in page
    assert 'name="automatic_user_provisioning" disabled' in page
    acme.refresh_from_db()
    answer = alice.post(PAGE, fields_of(acme, automatic_user_provisioning="on"))
    [sentence] = errors_in(answer)["automatic_user_provisioning"]
    assert "early access" in sentence
    assert "early-access@passerelle.example" in sentence


@pytest.mark.parametrize(
    ("change", "missing"),
    [
        ({"target_url": ""}, "the Target URL"),
        ({"idp_entity_id": ""}, "the IdP entity ID"),
        ({"saml_enabled": None}, "SAML SSO switched on"),
    ],
)
def test_an_incomplete_connection_is_named_piece_by_piece(acme, alice, change, missing):
    Company.objects.update(automatic_user_provisioning=False)
    on = {"automatic_user_provisioning": "on"}
    answer = alice.post(PAGE, fields_of(acme, **on, **change))
    [sentence] = errors_in(answer)["automatic_user_provisioning"]
    assert sentence == f"SAML SSO must be set up first. What is missing: {missing}."


@pytest.mark.parametrize("field", ["target_url", "idp_entity_id", "saml_enabled"])
def test_what_provisioning_needs_is_refused_beside_the_field_that_was_changed(acme, alice, field):
    changed = None if field == "saml_enabled" else ""
    answer = alice.post(PAGE, fields_of(acme, **{field: changed}))
    [sentence] = errors_in(answer)[field]
    assert "Keep it, or switch automatic user provisioning off as well" in sentence


def test_another_complete_connection_is_enough_for_provisioning(acme, alice):
    make_connection(acme, slug="acme-old")
    assert alice.post(PAGE, fields_of(acme, saml_enabled=None)).status_code == 302


def test_connections_of_one_name_always_stand_in_the_same_order(acme):
    for slug in ("acme-old", "acme-new"):
        make_connection(acme, slug=slug)
    SamlConnection.objects.filter(slug="acme").update(target_url="https://idp.acme.example/moved")
    assert [one.slug for one in acme.connections.all()] == ["acme", "acme-new", "acme-old"]


def test_a_draft_beside_a_complete_connection_stands_in_nobodys_way(acme, alice):
    make_connection(acme, slug="aaa", enabled=False, idp_entity_id="")
    SamlConnection.objects.filter(slug="aaa").update(name="AAA")
    page = alice.get(PAGE)
    assert page.context["connection"].slug == "acme"
    fields = fields_of(acme, connection=SamlConnection.objects.get(slug="aaa"), saml_enabled=None)
    assert alice.post(f"{PAGE}?connection=aaa", fields).status_code == 302


def test_the_last_certificate_cannot_be_removed_while_it_is_on(acme, alice):
    fingerprint = SigningCertificate.objects.get().fingerprint
    answer = alice.post(PAGE, fields_of(acme, removed_certificates=[fingerprint]))
    [sentence] = errors_in(answer)["removed_certificates"]
    assert "a certificate" in sentence
    assert SigningCertificate.objects.count() == 1


def test_the_only_certificate_stays_while_people_sign_in_with_it(acme, alice):
    make_user(acme, "bob@acme.example", is_administrator=True, password="argon2$x")
    off = {"automatic_user_provisioning": None}
    fingerprint = SigningCertificate.objects.get().fingerprint
    answer = alice.post(PAGE, fields_of(acme, **off, removed_certificates=[fingerprint]))
    [sentence] = errors_in(answer)["removed_certificates"]
    assert sentence.startswith("This is the only certificate")
    gone = fields_of(acme, **off, removed_certificates=[fingerprint], saml_enabled=None)
    assert alice.post(PAGE, gone).status_code == 302


def test_the_last_way_in_stays_when_no_administrator_has_a_password(acme, alice):
    off = {"automatic_user_provisioning": None, "saml_enabled": None}
    answer = alice.post(PAGE, fields_of(acme, **off))
    [sentence] = errors_in(answer)["saml_enabled"]
    assert "not even you" in sentence
    make_user(acme, "bob@acme.example", is_administrator=True, password="argon2$x")
    assert alice.post(PAGE, fields_of(acme, **off)).status_code == 302


def test_it_cannot_be_switched_on_with_an_expired_certificate_but_stays_on(acme, alice):
    SigningCertificate.objects.update(not_after=NOW.replace(year=2020))
    assert alice.post(PAGE, fields_of(acme, name="Renamed")).status_code == 302
    acme.refresh_from_db()
    alice.post(PAGE, fields_of(acme, automatic_user_provisioning=None))
    acme.refresh_from_db()
    answer = alice.post(PAGE, fields_of(acme, automatic_user_provisioning="on"))
    [sentence] = errors_in(answer)["automatic_user_provisioning"]
    assert "a certificate that has not expired" in sentence


def test_without_a_connection_it_says_that_one_is_missing(alice, acme):
    acme.connections.all().delete()
    answer = alice.post(PAGE, fields_of(acme))
    [sentence] = errors_in(answer)["automatic_user_provisioning"]
    assert "a SAML connection" in sentence


def test_a_connection_is_made_from_pasted_metadata(alice, acme):
    acme.connections.all().delete()
    document = write_idp_metadata(
        entity_id="https://new.example/idp",
        sso_url="https://new.example/sso",
        certificate_der=signing_key("new").certificate_der,
    )
    answer = alice.post(
        PAGE, fields_of(acme, saml_enabled="on", name="Acme SSO", metadata=document.decode())
    )
    assert answer.status_code == 302, errors_in(answer)
    made = acme.connections.get()
    assert (made.slug, made.idp_entity_id) == ("acme", "https://new.example/idp")
    assert made.target_url == "https://new.example/sso"
    assert made.certificates.count() == 1


def test_the_metadata_file_can_be_uploaded(alice, acme, tmp_path):
    path = tmp_path / "idp.xml"
    path.write_bytes(
        write_idp_metadata(
            entity_id="https://other.example/idp",
            sso_url="https://other.example/sso",
            certificate_der=signing_key("other").certificate_der,
        )
    )
    with path.open("rb") as file:
        answer = alice.post(PAGE, fields_of(acme, metadata_file=file))
    assert answer.status_code == 302, errors_in(answer)
    assert acme.connections.get().idp_entity_id == "https://other.example/idp"


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("metadata", "hello", "This is not SAML metadata, or not all of it"),
        ("metadata", "<html/>", "This is a web page (“<html>”), not metadata."),
        ("new_certificates", "not a certificate", "This is not a certificate in PEM form"),
        ("target_url", "javascript:alert(1)", "Enter the address of the identity provider"),
        ("google_hosted_domain", "no domain", "Enter one such as acme.example"),
        ("name", "", "Enter the text of the sign-in button"),
        ("default_workspace", "nonsense", "Select one from the list"),
        ("version", "one", "Enter a whole number"),
        ("name", "x" * 151, "at most 150 characters"),
    ],
)
def test_a_wrong_value_is_refused_beside_its_field_and_nothing_changes(
    acme, alice, field, value, sentence
):
    answer = alice.post(PAGE, fields_of(acme, **{field: value}))
    assert answer.status_code == 422
    assert sentence in " ".join(errors_in(answer)[field])
    assert not AuditEvent.objects.exists()


def test_a_second_certificate_is_added_beside_the_first(acme, alice):
    pem = load_certificate(make_signing_key(name="next", now=NOW).certificate_der).pem
    assert alice.post(PAGE, fields_of(acme, new_certificates=pem)).status_code == 302
    assert SigningCertificate.objects.count() == 2


def test_someone_else_saved_in_the_meantime_and_nothing_is_lost(acme, alice):
    fields = fields_of(acme, name="Mine")
    alice.post(PAGE, fields_of(acme, name="Theirs"))
    answer = alice.post(PAGE, fields)
    assert answer.status_code == 422
    page = answer.content.decode()
    assert "These settings were saved elsewhere" in page
    assert 'value="Mine"' in page
    assert "Theirs" in page
    assert acme.connections.get().name == "Theirs"
    acme.refresh_from_db()
    assert f'name="version" value="{acme.version}"' in page
    assert alice.post(PAGE, {**fields, "version": acme.version}).status_code == 302
    assert acme.connections.get().name == "Mine"


def test_an_untested_connection_says_so_and_can_be_tested(alice):
    page = alice.get(PAGE).content.decode()
    assert "Not tested yet" in page
    assert 'formaction="/settings/security/trial/?connection=acme"' in page


def test_only_an_administrator_may(acme):
    member = Browser().enter(make_user(acme, "bob@acme.example"))
    assert member.get(PAGE).status_code == 403
    assert member.post(PAGE, fields_of(acme, name="Hers")).status_code == 403
    assert acme.connections.get().name == "Acme SSO"


def test_a_stranger_is_led_to_the_sign_in_page_and_back(acme):
    answer = Browser().get(PAGE)
    assert (answer.status_code, answer["Location"]) == (
        302,
        "/login/?next=%2Fsettings%2Fsecurity%2F",
    )
    assert Browser().post(PAGE).status_code == 302
    assert Browser().post(PAGE, fields_of(acme)).status_code == 403


def test_another_company_cannot_reach_the_workspace_or_the_connection(acme):
    globex = make_company("globex")
    mallory = Browser().enter(make_administrator(globex))
    answer = mallory.post(PAGE, fields_of(globex, default_workspace=acme.default_workspace_id))
    assert "default_workspace" in errors_in(answer)
    for path in ("", "key/", "metadata/"):
        answer = mallory.post(
            f"{PAGE}{path}?connection=acme", fields_of(globex, name="Mallory was here")
        )
        assert answer.status_code == 404
    assert acme.connections.get().keys.count() == 0
    assert acme.connections.get().name == "Acme SSO"


def test_without_the_forms_token_nothing_is_changed(acme):
    browser = Browser(enforce_csrf_checks=True).enter(make_administrator(acme))
    answer = browser.post(PAGE, fields_of(acme, name="Forged"))
    assert answer.status_code == 403
    assert "Nothing was changed" in answer.content.decode()
    assert acme.connections.get().name == "Acme SSO"


def test_an_administrator_who_is_suspended_is_out_at_once(acme):
    administrator = make_administrator(acme)
    browser = Browser().enter(administrator)
    administrator.status = "suspended"
    administrator.save()
    assert browser.get(PAGE).status_code == 302


def test_the_page_stays_small_and_asks_little_of_the_database(alice, django_assert_max_num_queries):
    with django_assert_max_num_queries(14):
        page = alice.get(PAGE)
    assert len(page.content) < 50_000


def test_the_page_in_french_uses_the_words_of_the_product(acme):
    browser = Browser("fr").enter(make_administrator(acme))
    page = browser.get(PAGE).content.decode()
    for words in (
        "Paramètres de sécurité",
        "Approvisionnement automatique des utilisateurs",
        "Espace de travail par défaut",
        "Ensemble d’autorisations par défaut",
        "Enregistrer les modifications",
    ):
        assert words in page


def test_the_session_ends_after_its_minutes_without_use(acme):
    administrator = make_administrator(acme)
    browser = Browser().enter(administrator)
    ended = datetime.now(UTC) - timedelta(seconds=1)
    administrator.sessions.update(expires_at=ended)
    assert browser.get(PAGE).status_code == 302


ADVANCED = {
    "advanced": "on",
    "request_binding": "post",
    "sign_requests": "on",
    "force_authn": "on",
    "authn_contexts": "urn:a\r\nurn:b",
    "name_id_format": "urn:c",
    "subject_attribute": "uid",
    "email_attribute": "courriel",
    "first_name_attribute": "prénom",
    "last_name_attribute": "nom",
    "value_separator": ";",
    "allow_cbc": "on",
    "logout_url": "https://idp.acme.example/slo",
    "logout_binding": "post",
    "logout_answer_url": "https://idp.acme.example/done",
}


def test_everything_about_a_connection_is_saved_and_shown_again(acme, alice):
    assert alice.post(PAGE, fields_of(acme, **ADVANCED)).status_code == 302
    row = acme.connections.get()
    assert row.authn_contexts == "urn:a urn:b"
    assert (row.request_binding, row.logout_binding) == ("post", "post")
    assert row.sign_requests and row.force_authn and row.allow_cbc
    page = alice.get(PAGE).content.decode()
    assert (row.value_separator, row.absent_is_empty) == (";", False)
    for value in ("urn:c", "courriel", "prénom", ";", "https://idp.acme.example/done"):
        assert f'value="{value}"' in page
    acme.refresh_from_db()
    assert "saved=nothing" in alice.post(PAGE, fields_of(acme, **ADVANCED))["Location"]


def test_a_new_connection_takes_what_is_no_longer_sent_as_empty(acme, alice):
    for path in (PAGE, f"{PAGE}?connection=new"):
        page = html.fromstring(alice.get(path).content.decode())
        [box] = page.xpath("//input[@name='absent_is_empty']")
        assert box.get("checked") is not None


def test_a_form_without_the_folded_part_leaves_it_alone(acme, alice):
    alice.post(PAGE, fields_of(acme, **ADVANCED))
    acme.refresh_from_db()
    alice.post(PAGE, fields_of(acme, name="Renamed"))
    assert acme.connections.get().email_attribute == "courriel"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("logout_url", "javascript:alert(1)"),
        ("logout_answer_url", "//idp.acme.example"),
        ("email_attribute", "a\x07b"),
        ("request_binding", "soap"),
        ("target_url", "https://idp.acme.example/\x01sso"),
        ("target_url", "https://a b/"),
        ("target_url", "https://x:99999/"),
        ("name", "A\x07cme"),
    ],
)
def test_a_wrong_setting_is_refused_beside_its_field(acme, alice, field, value):
    answer = alice.post(PAGE, fields_of(acme, **{**ADVANCED, field: value}))
    assert answer.status_code == 422
    assert field in errors_in(answer)
    assert acme.connections.get().email_attribute == ""


def test_a_second_connection_is_added(acme, alice):
    page = alice.get(f"{PAGE}?connection=new").content.decode()
    assert "/auth/saml/acme-2/callback" in page
    fields = fields_of(
        acme,
        name="Paris",
        idp_entity_id="https://idp.paris.example",
        target_url="https://idp.paris.example/sso",
        **{"domains": [str(acme.domains.get().id)], "advanced": "on"},
    )
    assert alice.post(f"{PAGE}?connection=new", fields).status_code == 302
    paris = SamlConnection.objects.get(slug="acme-2")
    assert (paris.name, acme.domains.get().connection) == ("Paris", paris)


def test_a_typed_certificate_is_kept_beside_metadata(acme, alice):
    key = make_signing_key(name="next", now=datetime.now(UTC))
    document = write_idp_metadata(
        entity_id="https://idp.acme.example/metadata",
        sso_url="https://idp.acme.example/sso",
        certificate_der=signing_key("acme").certificate_der,
    )
    pem = load_certificate(key.certificate_der).pem
    fields = fields_of(acme, metadata=document.decode(), new_certificates=pem)
    assert alice.post(PAGE, fields).status_code == 302
    assert SigningCertificate.objects.count() == 2


def test_only_a_name_makes_a_connection_that_waits_to_be_completed(alice, acme):
    SamlConnection.objects.all().delete()
    fields = fields_of(acme, automatic_user_provisioning=None, name="Soon", saml_enabled="on")
    assert alice.post(PAGE, fields).status_code == 302
    assert SamlConnection.objects.get().name == "Soon"
    assert "What is missing:" in alice.get(PAGE).content.decode()


def test_a_file_that_is_too_large_is_said_to_be(acme, alice):
    large = SimpleUploadedFile("idp.xml", b"x" * (5 * 1024 * 1024))
    answer = alice.post(PAGE, {**fields_of(acme), "metadata_file": large})
    assert answer.status_code == 422
    assert "too large" in errors_in(answer)["metadata_file"][0]


def test_a_long_entity_id_in_metadata_is_refused_by_name(acme, alice):
    document = write_idp_metadata(
        entity_id="https://idp.example/" + "x" * 1024,
        sso_url="https://idp.acme.example/sso",
        certificate_der=signing_key("acme").certificate_der,
    )
    answer = alice.post(PAGE, fields_of(acme, metadata=document.decode()))
    assert "too long" in errors_in(answer)["metadata"][0]


def test_after_a_change_of_trust_the_connection_counts_as_untested(acme, alice):
    SamlConnection.objects.update(last_success_at=NOW)
    assert "Working" in alice.get(PAGE).content.decode()
    alice.post(PAGE, fields_of(acme, target_url="https://idp.acme.example/other"))
    assert "Not tested yet" in alice.get(PAGE).content.decode()


def test_the_page_tells_of_an_attempt_that_was_refused_last(acme, alice):
    connection = acme.connections.select_related("company").get()
    Browser().sign_in(connection)
    assert "Last attempt refused" not in alice.get(PAGE).content.decode()
    Browser().sign_in(connection, fault="expired")
    assert "Last attempt refused" in alice.get(PAGE).content.decode()


def test_a_key_is_rotated_from_the_page(acme, alice):
    connection = acme.connections.select_related("company").get()
    make_key(connection, now=NOW)
    answer = alice.post(f"{PAGE}key/?connection=acme", follow=True)
    assert "A new key was made" in answer.content.decode()
    assert ConnectionKey.objects.count() == 2
    for _ in range(4):
        answer = alice.post(f"{PAGE}key/?connection=acme", follow=True)
    assert "Try again in ten minutes" in answer.content.decode()
    # The first one was made long ago.
    assert ConnectionKey.objects.count() == 4


@pytest.mark.parametrize("path", ["key/", "metadata/"])
def test_only_an_administrator_of_the_company_decides_about_keys_and_metadata(acme, path):
    member = Browser().enter(make_user(acme, "bob@acme.example"))
    assert member.post(f"{PAGE}{path}?connection=acme").status_code == 403
    assert Browser().post(f"{PAGE}{path}?connection=acme").status_code == 302
    globex = make_company("globex")
    SamlConnection.objects.filter(company=globex).delete()
    mallory = Browser().enter(make_administrator(globex))
    SamlConnection.objects.update(metadata_held="<a/>")
    mallory.post(f"{PAGE}{path}?connection=acme", {"decision": "dismiss"})
    assert not ConnectionKey.objects.exists()
    assert SamlConnection.objects.get(slug="acme").metadata_held == "<a/>"


def test_held_metadata_is_shown_with_its_differences_and_decided(acme, alice):
    document = write_idp_metadata(
        entity_id="https://idp.acme.example/metadata",
        sso_url="https://moved.acme.example/sso",
        certificate_der=signing_key("acme").certificate_der,
    )
    SamlConnection.objects.update(metadata_held=document.decode())
    page = alice.get(PAGE).content.decode()
    assert "https://moved.acme.example/sso" in page
    at, shown = (
        f"{PAGE}metadata/?connection=acme",
        re.search(r'name="shown" value="(\w+)"', page)[1],
    )
    unseen = alice.post(at, {"decision": "accept", "shown": "another"}, follow=True)
    assert "has changed again in the meantime" in unseen.content.decode()
    assert acme.connections.get().target_url == "https://idp.acme.example/sso"
    alice.post(at, {"decision": "accept", "shown": shown})
    assert acme.connections.get().target_url == "https://moved.acme.example/sso"


def test_a_company_with_the_longest_name_can_have_several_connections():
    company = make_company("a" * 60)
    browser = Browser().enter(make_administrator(company))
    for number in range(3):
        company.refresh_from_db()
        provider = f"https://idp.example/{number}"
        fields = fields_of(company, name=f"SSO {number}", idp_entity_id=provider)
        assert browser.post(PAGE + "?connection=new", fields).status_code == 302
    assert company.connections.count() == 4


def test_nothing_is_done_to_a_connection_that_is_not_there(acme, alice):
    keys = acme.connections.get().keys.count()
    for path in ("", "key/", "metadata/"):
        assert alice.post(f"{PAGE}{path}?connection=gone", fields_of(acme)).status_code == 404
    assert acme.connections.get().keys.count() == keys


@pytest.mark.parametrize(
    ("field", "value"),
    [("target_url", ""), ("idp_entity_id", ""), ("removed_certificates", "all")],
)
def test_a_connection_that_people_use_is_not_broken_by_a_save(acme, alice, field, value):
    """With another connection beside it, that provisioning could go on by."""
    make_connection(acme, slug="other")
    connection = acme.connections.get(slug="acme")
    changed = connection.certificates.get().fingerprint if value == "all" else value
    answer = alice.post(f"{PAGE}?connection=acme", fields_of(acme, **{field: changed}))
    [sentence] = errors_in(answer)[field]
    assert "switch SAML SSO off" in sentence
    off = fields_of(acme, **{field: changed, "saml_enabled": None})
    assert alice.post(f"{PAGE}?connection=acme", off).status_code == 302


def test_without_a_workspace_the_list_leads_to_where_one_is_made(alice, acme):
    Company.objects.filter(id=acme.id).update(
        automatic_user_provisioning=False, default_workspace=None, default_permission_set=None
    )
    acme.workspaces.all().delete()
    assert "There is none yet: make a workspace" in alice.get(PAGE).content.decode()


def test_the_summary_names_the_field_of_each_mistake(acme, alice):
    page = alice.post(PAGE, fields_of(acme, target_url="nowhere")).content.decode()
    assert '<a href="#target_url">Target URL:</a> Enter the address' in page


@pytest.fixture
def busy(acme) -> Company:
    """Acme with something in every list, so that each is sent and compared."""
    domain = acme.domains.get()
    domain.connection = acme.connections.get()
    domain.save()
    acme.domains.create(company=acme, name="b.example", verified_at=NOW)
    acme.connections.update(authn_contexts="urn:a urn:b", subject_attribute="uid")
    acme.ip_allowlist = ["127.0.0.0/8", "10.0.0.0/8"]
    acme.provisioning_domains = "listed"
    acme.provisioning_domain_list = ["acme.example", "b.example"]
    acme.password_expiry_days, acme.session_minutes = 0, 600
    acme.save()
    return acme


def test_a_page_that_nobody_touched_says_what_is_saved(busy, alice):
    assert alice.post(PAGE, as_shown(alice, PAGE))["Location"].endswith("saved=nothing")


def test_what_one_did_not_touch_is_what_the_other_saved(busy, alice):
    fields = as_shown(alice, PAGE)
    theirs = {**fields, "session_minutes": ["500"], "name": ["Theirs"], "ip_allowlist": [""]}
    assert alice.post(PAGE, theirs).status_code == 302
    answer = alice.post(
        PAGE, {**fields, "password_reuse": ["5"], "target_url": ["https://x.example/"]}
    )
    assert answer.status_code == 422
    page = answer.content.decode()
    assert "These settings were saved elsewhere" in page
    # Of the two that were entered here it says what is saved; of nothing else.
    assert set(answer.context["form"].theirs) == {"password_reuse", "target_url"}
    again = form_in(page)
    assert again["session_minutes"] == ["500"]
    assert again["password_reuse"] == ["5"]
    assert alice.post(PAGE, again).status_code == 302
    busy.refresh_from_db()
    assert (busy.session_minutes, busy.password_reuse, busy.ip_allowlist) == (500, 5, [])
    connection = busy.connections.get()
    assert (connection.name, connection.target_url) == ("Theirs", "https://x.example/")


def test_what_both_touched_is_asked_and_the_second_wins(busy, alice):
    fields = as_shown(alice, PAGE)
    alice.post(PAGE, {**fields, "session_minutes": ["500"]})
    answer = alice.post(PAGE, {**fields, "session_minutes": ["400"]})
    assert answer.context["form"].theirs == {"session_minutes": 500}
    again = form_in(answer.content.decode())
    assert again["session_minutes"] == ["400"]
    assert alice.post(PAGE, again).status_code == 302
    busy.refresh_from_db()
    assert busy.session_minutes == 400


def test_without_knowing_what_a_page_showed_everything_that_differs_is_said(busy, alice):
    fields = as_shown(alice, PAGE)
    alice.post(PAGE, {**fields, "session_minutes": ["500"]})
    answer = alice.post(PAGE, {**fields, "shown_values": ["x"], "password_reuse": ["5"]})
    assert answer.context["form"].theirs == {"session_minutes": 500, "password_reuse": 3}


def test_saving_says_how_many_sessions_it_ended(acme, alice):
    connection = acme.connections.get()
    pem = load_certificate_of("another").pem
    open_session(make_user(acme, "bob@acme.example"), connection=connection, now=datetime.now(UTC))
    another = {"idp_entity_id": "https://other.example/x", "new_certificates": pem}
    answer = alice.post(PAGE, fields_of(acme, **another), follow=True)
    assert "1 open session has ended." in answer.content.decode()
    idle = datetime.now(UTC) - timedelta(days=2)
    open_session(make_user(acme, "eve@acme.example"), connection=connection, now=idle)
    third = {"idp_entity_id": "https://third.example/x", "new_certificates": pem}
    answer = alice.post(PAGE, fields_of(acme, **third), follow=True)
    assert "have ended" not in answer.content.decode()
    assert "has ended" not in answer.content.decode()
    for junk in ("x", "9" * 5000, "-1", "²"):
        assert alice.get(PAGE, {"saved": "changed", "ended": junk}).status_code == 200


def test_google_that_is_not_complete_is_said_to_be_so_after_saving(acme, alice):
    fields = fields_of(
        acme, automatic_user_provisioning=None, google_sso_enabled="on", google_client_id="client"
    )
    page = alice.post(PAGE, fields, follow=True).content.decode()
    assert "Google SSO is not complete: nobody can sign in by it yet." in page


def test_whoever_saves_fewer_minutes_than_they_have_been_idle_stays_signed_in(acme, alice):
    key = alice.cookies[settings.SESSION_COOKIE].value
    then = datetime.now(UTC) - timedelta(minutes=4)
    Session.objects.filter(key_digest=digest(key)).update(last_seen_at=then)
    assert alice.post(PAGE, rules_of(acme, session_minutes=2)).status_code == 302
    assert alice.get(PAGE).status_code == 200


@pytest.mark.parametrize("minutes", ["99999", "9999", "0", "no number"])
def test_minutes_that_cannot_be_get_one_sentence_with_all_limits(acme, alice, minutes):
    answer = alice.post(PAGE, rules_of(acme, session_minutes=minutes))
    assert "Enter a whole number from 1 to 1440" in answer.content.decode()


def rules_of(acme, **changes) -> dict[str, object]:
    """The form with the sections about rules, networks and the second factor."""
    rules = {
        "rules": "on",
        "password_min_length": acme.password_min_length,
        "password_reuse": acme.password_reuse,
        "password_expiry_days": acme.password_expiry_days,
        "session_minutes": acme.session_minutes,
        "two_factor": acme.two_factor,
        "ip_allowlist": "\n".join(acme.ip_allowlist),
    }
    return fields_of(acme, **{**rules, **changes})
