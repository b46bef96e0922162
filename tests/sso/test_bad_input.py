"""Whatever arrives at the addresses of SAML: a clear answer, a trace, and nothing written."""

import base64
from datetime import UTC, datetime, timedelta
from random import Random
from string import ascii_letters

import pytest
from django.conf import settings
from django.db import OperationalError
from django.db.models import F

from passerelle.directory.models import Company, User
from passerelle.practice_idp.people import Person
from passerelle.sso.models import AuthnRequest, PendingSignIn, SamlConnection, Session, SignIn
from tests.browsing import Browser, reference_in
from tests.world import GRACE, make_administrator, make_company, make_connection, respond_to

pytestmark = pytest.mark.django_db
CALLBACK = "/auth/saml/acme/callback"


def acme_connection(company):
    return company.connections.select_related("company").get(slug=company.slug)


@pytest.fixture
def acme():
    return acme_connection(make_company())


def encoded(text: bytes) -> str:
    return base64.b64encode(text).decode()


NESTED = b"<a>" * 5000 + b"</a>" * 5000
DOCTYPE = b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'
LOGOUT = (
    b'<samlp:LogoutRequest xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" ID="_1" '
    b'Version="2.0"/>'
)


@pytest.mark.parametrize(
    ("fields", "status", "reason"),
    [
        ({}, 400, "malformed_message"),
        ({"SAMLResponse": ""}, 400, "malformed_message"),
        ({"SAMLResponse": "junk"}, 400, "malformed_message"),
        ({"SAMLResponse": "é\x00\ud7ff"}, 400, "malformed_message"),
        ({"SAMLResponse": encoded(b"")}, 400, "malformed_message"),
        ({"SAMLResponse": encoded(b"not xml")}, 400, "malformed_message"),
        ({"SAMLResponse": encoded(b"\xff\xfe\x00")}, 400, "malformed_message"),
        ({"SAMLResponse": encoded(NESTED)}, 400, "malformed_message"),
        (
            {"SAMLResponse": encoded(b'<?xml version="1.0" encoding="x\0y"?><a/>')},
            400,
            "malformed_message",
        ),
        (
            {"SAMLResponse": encoded(b'<?xml version="1.0" encoding="x\x07y"?><a/>')},
            400,
            "malformed_message",
        ),
        ({"SAMLResponse": encoded(DOCTYPE)}, 400, "doctype_forbidden"),
        ({"SAMLResponse": encoded(b"<html/>")}, 400, "wrong_message"),
        ({"SAMLResponse": encoded(LOGOUT)}, 400, "wrong_message"),
        ({"SAMLResponse": "A" * 3_500_000}, 413, "message_too_large"),
        ({"SAMLResponse": "A" * 30_000_000}, 413, "message_too_large"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_is_no_response_is_refused_kept_and_changes_nothing(acme, fields, status, reason):
    answer = Browser(raise_request_exception=False).post(CALLBACK, fields)
    assert answer.status_code == status
    row = SignIn.objects.get(reference=reference_in(answer))
    assert (row.reason, row.email, row.outcome) == (reason, None, "refused")
    assert not User.objects.exists()


@pytest.mark.parametrize(
    ("fault", "status", "reason"),
    [
        ("expired", 403, "expired"),
        ("clock_ahead", 403, "not_yet_valid"),
        ("audience", 403, "audience_mismatch"),
        ("recipient", 403, "recipient_mismatch"),
        ("issuer", 403, "issuer_mismatch"),
        ("unsigned", 400, "signature_missing"),
        ("stranger", 400, "certificate_unknown"),
        ("changed", 400, "signature_invalid"),
        ("wrapped", 400, "assertion_count"),
        ("two", 400, "assertion_count"),
        ("status", 403, "status_not_success"),
        ("no_email", 403, "email_missing"),
        ("odd_email", 403, "email_invalid"),
        ("transient", 403, "subject_unstable"),
        ("no_name_id", 403, "name_id_missing"),
    ],
)
@pytest.mark.parametrize("language", ["en", "fr"])
def test_every_fault_ends_on_a_page_with_its_reference(acme, fault, status, reason, language):
    answer = Browser(language).sign_in(acme, fault=fault)
    assert answer.status_code == status
    row = SignIn.objects.get(reference=reference_in(answer))
    assert row.reason == reason
    assert not User.objects.exists()
    assert not Session.objects.exists()
    text = answer.content.decode()
    assert "Traceback" not in text
    assert "saml:" not in text


def test_the_same_response_lets_nobody_in_twice(acme):
    browser = Browser()
    field = respond_to(acme, request_id=browser.start(acme), now=datetime.now(UTC))
    browser.get(browser.post_response(acme, field)["Location"])
    answer = Browser().post_response(acme, field)
    assert SignIn.objects.get(reference=reference_in(answer)).reason == "assertion_replayed"


def test_a_second_assertion_for_an_answered_request_is_refused(acme):
    browser = Browser()
    request_id = browser.start(acme)
    browser.post_response(acme, respond_to(acme, request_id=request_id, now=datetime.now(UTC)))
    answer = browser.post_response(
        acme, respond_to(acme, request_id=request_id, now=datetime.now(UTC))
    )
    assert SignIn.objects.get(reference=reference_in(answer)).reason == "request_unknown"


def test_a_response_to_a_request_that_nobody_made_is_refused(acme):
    field = respond_to(acme, request_id="_never", now=datetime.now(UTC))
    answer = Browser().post_response(acme, field)
    assert answer.status_code == 403
    assert SignIn.objects.get(reference=reference_in(answer)).reason == "request_unknown"


def test_a_request_of_another_connection_is_not_known_here(acme):
    other = acme_connection(make_company("globex"))
    request_id = Browser().start(other)
    answer = Browser().post_response(
        acme, respond_to(acme, request_id=request_id, now=datetime.now(UTC))
    )
    assert SignIn.objects.get(reference=reference_in(answer)).reason == "request_unknown"


def test_a_sign_in_that_takes_a_quarter_of_an_hour_has_ended(acme):
    browser = Browser()
    request_id = browser.start(acme)
    AuthnRequest.objects.update(expires_at=datetime.now(UTC) - timedelta(seconds=1))
    answer = browser.post_response(
        acme, respond_to(acme, request_id=request_id, now=datetime.now(UTC))
    )
    assert SignIn.objects.get(reference=reference_in(answer)).reason == "request_expired"


def test_an_answer_to_no_request_is_refused_unless_the_connection_allows_it(acme):
    field = respond_to(acme, request_id=None, now=datetime.now(UTC))
    answer = Browser().post_response(acme, field)
    assert SignIn.objects.get(reference=reference_in(answer)).reason == "unsolicited_refused"
    acme.idp_initiated = True
    acme.save()
    browser = Browser()
    field = respond_to(acme, request_id=None, now=datetime.now(UTC))
    answer = browser.post_response(acme, field, RelayState="/?from=idp")
    assert browser.get(answer["Location"])["Location"] == "/?from=idp"


def test_the_link_to_finish_is_worthless_in_another_browser(acme):
    victim, attacker = Browser(), Browser()
    field = respond_to(acme, request_id=attacker.start(acme), now=datetime.now(UTC))
    link = attacker.post_response(acme, field)["Location"]
    answer = victim.get(link)
    assert answer.status_code == 403
    assert SignIn.objects.get(reference=reference_in(answer)).reason == "browser_mismatch"
    assert settings.SESSION_COOKIE not in victim.cookies
    assert attacker.get(link).status_code == 302


def test_a_response_posted_by_another_browser_does_not_sign_it_in(acme):
    started, other = Browser(), Browser()
    field = respond_to(acme, request_id=started.start(acme), now=datetime.now(UTC))
    link = other.post_response(acme, field)["Location"]
    answer = other.get(link)
    assert SignIn.objects.get(reference=reference_in(answer)).reason == "browser_mismatch"


def test_an_unsolicited_link_to_finish_is_bound_to_its_browser_too(acme):
    acme.idp_initiated = True
    acme.save()
    field = respond_to(acme, request_id=None, now=datetime.now(UTC))
    link = Browser().post_response(acme, field)["Location"]
    assert Browser().get(link).status_code == 403


def test_a_code_works_once_and_for_a_minute(acme):
    browser = Browser()
    field = respond_to(acme, request_id=browser.start(acme), now=datetime.now(UTC))
    link = browser.post_response(acme, field)["Location"]
    assert browser.get(link).status_code == 302
    del browser.cookies[settings.SESSION_COOKIE]
    assert browser.get(link).status_code == 403
    late = Browser()
    field = respond_to(acme, request_id=late.start(acme), now=datetime.now(UTC))
    link = late.post_response(acme, field)["Location"]
    PendingSignIn.objects.update(expires_at=datetime.now(UTC) - timedelta(seconds=1))
    assert SignIn.objects.get(reference=reference_in(late.get(link))).reason == "request_expired"


def test_a_code_is_kept_as_a_digest_only(acme):
    browser = Browser()
    field = respond_to(acme, request_id=browser.start(acme), now=datetime.now(UTC))
    code = browser.post_response(acme, field)["Location"].partition("code=")[2]
    assert code not in PendingSignIn.objects.get().code_digest


@pytest.mark.parametrize(
    "next_path",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "\\\\evil.example",
        "javascript:alert(1)",
        "http:///evil.example",
        "///evil.example",
        "/\tevil.example\n",
        "x" * 5000,
    ],
)
def test_a_sign_in_leads_nowhere_but_to_this_site(acme, next_path):
    answer = Browser().sign_in(acme, next_path=next_path)
    assert (answer.status_code, answer["Location"]) == (302, "/")


@pytest.mark.parametrize(
    ("relay_state", "next_path"),
    [
        ("/reports?a=1", "/reports?a=1"),
        ("http://127.0.0.1:8000/reports?a=1#b", "/reports?a=1#b"),
        ("HTTP://127.0.0.1:8000/reports", "/reports"),
        ("http://127.0.0.1:8000", "/"),
        ("https://127.0.0.1:8000/reports", "/"),
        ("http://127.0.0.1/reports", "/"),
        ("http://127.0.0.1:8000@evil.example/", "/"),
        ("http://evil@127.0.0.1:8000/reports", "/"),
        ("http://127.0.0.1:8000//evil.example/", "/"),
        ("http://127.0.0.1:8000/\\evil.example/", "/"),
        ("http://127.0.0.1:99999/", "/"),
        ("http://[::1/", "/"),
        ("//127.0.0.1:8000/reports", "/"),
        ("javascript:alert(1)", "/"),
    ],
)
def test_relay_state_with_our_own_address_is_followed(acme, relay_state, next_path):
    acme.idp_initiated = True
    acme.save()
    field = respond_to(acme, request_id=None, now=datetime.now(UTC))
    browser = Browser()
    answer = browser.get(browser.post_response(acme, field, RelayState=relay_state)["Location"])
    assert answer["Location"] == next_path
    notes = [] if relay_state.lower().endswith(":8000") or next_path != "/" else [relay_state]
    assert [one["value"] for one in SignIn.objects.get().notes] == notes


def test_a_response_in_an_address_leaves_a_trace(acme):
    answer = Browser().get("/auth/saml/acme/callback", {"SAMLResponse": "x"})
    assert answer.status_code == 400
    row = SignIn.objects.get(reference=reference_in(answer))
    assert (row.reason, row.checks[0]["received"]) == (
        "malformed_message",
        "one in an address (HTTP-Redirect)",
    )
    admin = Browser().enter(make_administrator(acme.company))
    page = admin.get(f"/settings/sign-ins/{row.reference}/").content.decode()
    assert "choose HTTP-POST as the binding" in page


@pytest.mark.parametrize("made_up", ["_constant", "x" * 200, "_trial"])
def test_a_request_that_nobody_made_is_told_so(acme, made_up):
    field = respond_to(acme, request_id=made_up, now=datetime.now(UTC))
    answer = Browser().post_response(acme, field)
    row = SignIn.objects.get(reference=reference_in(answer))
    assert row.reason == "request_unknown"
    assert "not connected correctly" in answer.content.decode()
    admin = Browser().enter(make_administrator(acme.company))
    page = admin.get(f"/settings/sign-ins/{row.reference}/").content.decode()
    assert f"a request that nobody made here: {made_up}" in page


def test_relay_state_leads_nowhere_but_to_this_site(acme):
    acme.idp_initiated = True
    acme.save()
    browser = Browser()
    field = respond_to(acme, request_id=None, now=datetime.now(UTC))
    answer = browser.post_response(acme, field, RelayState="https://evil.example/")
    assert browser.get(answer["Location"])["Location"] == "/"


def test_an_unknown_connection_is_an_address_where_nothing_is(acme):
    browser = Browser()
    for path in ("login", "metadata", "finish?code=x"):
        assert browser.get(f"/auth/saml/nowhere/{path}").status_code == 404
    answer = browser.post("/auth/saml/nowhere/callback", {"SAMLResponse": "x"})
    assert answer.status_code == 404


def test_the_callback_takes_a_post_and_finish_one_of_our_own_only(acme):
    assert Browser().get(CALLBACK)["Location"] == "/login/acme/"
    stranger = Browser(enforce_csrf_checks=True)
    assert stranger.post("/auth/saml/acme/finish?code=x").status_code == 403
    assert stranger.put("/auth/saml/acme/finish?code=x").status_code == 403
    assert Browser().put("/auth/saml/acme/finish?code=x").status_code == 405
    assert not SignIn.objects.exists()


@pytest.mark.parametrize("change", [{"enabled": False}, {"target_url": ""}, {"idp_entity_id": ""}])
def test_a_connection_that_is_off_or_incomplete_says_so(acme, change):
    for name, value in change.items():
        setattr(acme, name, value)
    acme.save()
    answer = Browser().get("/auth/saml/acme/login")
    assert answer.status_code == 403
    assert SignIn.objects.get(reference=reference_in(answer)).reason == "connection_disabled"


@pytest.mark.usefixtures("within_the_hour")
def test_identical_junk_is_counted_in_one_row(acme):
    for _ in range(5):
        Browser().post(CALLBACK, {"SAMLResponse": "junk"})
    assert SignIn.objects.get().count == 5


def test_forged_cookies_are_no_session(acme):
    browser = Browser()
    browser.cookies[settings.SESSION_COOKIE] = "forged" * 20
    assert "Hello" not in browser.get("/").content.decode()
    assert browser.get("/settings/security/").status_code == 302


def test_a_fresh_session_key_is_made_at_each_sign_in(acme):
    browser = Browser()
    browser.cookies[settings.SESSION_COOKIE] = "fixed by an attacker"
    browser.sign_in(acme)
    assert browser.cookies[settings.SESSION_COOKIE].value != "fixed by an attacker"
    first = browser.cookies[settings.SESSION_COOKIE].value
    browser.sign_in(acme)
    assert browser.cookies[settings.SESSION_COOKIE].value != first


def test_another_companys_provider_cannot_sign_people_in_here(acme):
    globex = acme_connection(make_company("globex"))
    browser = Browser()
    request_id = browser.start(acme)
    field = respond_to(globex, GRACE, request_id=request_id, now=datetime.now(UTC))
    answer = browser.post_response(acme, field)
    assert SignIn.objects.get(reference=reference_in(answer)).reason == "certificate_unknown"


def test_an_email_of_another_company_stays_outside_its_domains(acme):
    make_company("globex")
    person = Person("u-9", "boss@globex.example", "Boss", "Example")
    answer = Browser().sign_in(acme, person)
    assert SignIn.objects.get(reference=reference_in(answer)).reason == "domain_not_allowed"
    assert "globex.example" in answer.content.decode()


def test_a_second_connection_of_the_company_signs_in_too(acme):
    second = make_connection(acme.company, slug="acme-new")
    assert Browser().sign_in(second).status_code == 302


def rare(count: int) -> str:
    """Letters of four bytes each that no compression makes less of."""
    return "".join(map(chr, Random(1).choices(range(0x20000, 0x2A6D0), k=count)))


@pytest.mark.parametrize("subject", ["x" * 513, "字" * 513, "x" * 1024, rare(385)])
def test_an_identifier_that_is_too_long_is_refused_by_name(acme, subject):
    answer = Browser(raise_request_exception=False).sign_in(acme, name_id=subject)
    assert answer.status_code == 403
    assert SignIn.objects.get(reference=reference_in(answer)).reason == "subject_too_long"
    assert not User.objects.exists()


def test_the_longest_identifier_fits_whatever_it_is_written_in(acme):
    assert Browser().sign_in(acme, name_id="字" * 512).status_code == 302


def test_the_longest_identifier_of_the_longest_provider_fits(acme):
    """An index of the database holds both, in bytes."""
    provider = "https://" + "".join(Random(2).choices(ascii_letters, k=1016))
    SamlConnection.objects.update(idp_entity_id=provider)
    Company.objects.update(version=F("version") + 1)
    acme.refresh_from_db()
    assert Browser().sign_in(acme, name_id=rare(384)).status_code == 302
    assert Browser().sign_in(acme, name_id=rare(384)).status_code == 302


def test_an_assertion_stays_used_when_its_connection_is_made_anew(acme):
    company = acme.company
    acme.idp_initiated = True
    acme.save()
    field = respond_to(acme, request_id=None, now=datetime.now(UTC))
    assert Browser().post_response(acme, field).status_code == 303
    acme.delete()
    again = acme_connection_of(make_connection(company, slug="acme", idp_initiated=True))
    answer = Browser().post_response(again, field)
    assert SignIn.objects.get(reference=reference_in(answer)).reason == "assertion_replayed"


def acme_connection_of(connection):
    return type(connection).objects.select_related("company").get(id=connection.id)


def test_a_database_that_does_not_answer_a_session_is_overload(acme, monkeypatch):
    def silent(*_arguments, **_keywords):
        raise OperationalError("no connection")

    monkeypatch.setattr("passerelle.web.frame.middleware.find_session", silent)
    browser = Browser(raise_request_exception=False)
    browser.cookies[settings.SESSION_COOKIE] = "x"
    answer = browser.get("/")
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
