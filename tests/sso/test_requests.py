"""What a request asks for, how it travels, and what is read in the answer."""

import base64
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from lxml import etree

from passerelle import saml
from passerelle.directory.models import Domain, User
from passerelle.practice_idp.people import Person
from passerelle.saml import xmldsig
from passerelle.sso.connections.idp_metadata import settings_of
from passerelle.sso.connections.keys import signing_key
from passerelle.sso.models import Session, SignIn, SigningCertificate
from tests.browsing import Browser, reference_in
from tests.configfile.files import metadata_of
from tests.world import GRACE, make_company, make_connection, respond_to

pytestmark = pytest.mark.django_db
PASSWORD = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"
ADA = Person("u-7", "ada@acme.example", "Ada", "Example", ())


@pytest.fixture
def acme():
    return make_company().connections.select_related("company").get()


def changed(connection, **fields):
    for name, value in fields.items():
        setattr(connection, name, value)
    connection.save()
    return connection


def test_a_signed_request_is_verified_with_the_key_in_our_metadata(acme):
    changed(acme, sign_requests=True)
    answer = Browser().get("/auth/saml/acme/login")
    query = urlsplit(answer["Location"]).query
    trusted = (signing_key(acme, now=datetime.now(UTC)).certificate,)
    read = saml.read_redirect(query, "SAMLRequest", trusted)
    assert read.element.get("AssertionConsumerServiceURL").endswith("/auth/saml/acme/callback")
    metadata = etree.fromstring(Browser().get("/auth/saml/acme/metadata").content)
    assert metadata.find("{*}SPSSODescriptor").get("AuthnRequestsSigned") == "true"


@pytest.mark.parametrize("signed", [False, True])
def test_a_request_by_post_is_a_form_that_may_lead_there_only(acme, signed):
    changed(acme, request_binding="post", sign_requests=signed)
    browser = Browser()
    answer = browser.get("/auth/saml/acme/login")
    assert answer.status_code == 200
    assert "form-action https: http:;" in answer["Content-Security-Policy"]
    assert settings.BINDING_COOKIE in browser.cookies
    page = etree.HTML(answer.content.decode())
    [form] = page.xpath("//form[@data-post]")
    assert form.get("action") == "https://idp.acme.example/sso"
    [field] = form.xpath("input[@name='SAMLRequest']/@value")
    root = etree.fromstring(base64.b64decode(field))
    signature = root.find("{http://www.w3.org/2000/09/xmldsig#}Signature")
    assert (signature is not None) is signed
    if signed:
        assert xmldsig.verify(signature, (signing_key(acme, now=datetime.now(UTC)).certificate,))


def test_a_request_asks_for_what_the_connection_wishes(acme):
    changed(acme, force_authn=True, name_id_format="urn:x", authn_contexts=f"urn:y {PASSWORD}")
    answer = Browser().get("/auth/saml/acme/login")
    root = Browser.request_in(answer)
    assert root.get("ForceAuthn") == "true"
    assert root.find("{*}NameIDPolicy").get("Format") == "urn:x"
    assert [one.text for one in root.iter("{*}AuthnContextClassRef")] == ["urn:y", PASSWORD]


def test_an_answer_that_was_not_authenticated_as_asked_is_refused(acme):
    changed(acme, authn_contexts="urn:oasis:names:tc:SAML:2.0:ac:classes:X509")
    answer = Browser().sign_in(acme)
    assert SignIn.objects.get(reference=reference_in(answer)).reason == "authn_context_mismatch"
    changed(acme, authn_contexts=PASSWORD, force_authn=True)
    assert Browser().sign_in(acme).status_code == 302


def test_an_old_authentication_does_not_do_where_a_new_one_was_demanded(acme):
    changed(acme, force_authn=True)
    browser = Browser()
    request_id = browser.start(acme)
    early = datetime.now(UTC) - timedelta(seconds=90)
    field = respond_to(acme, request_id=request_id, now=early)
    answer = browser.post_response(acme, field)
    assert SignIn.objects.get(reference=reference_in(answer)).reason == "authentication_too_old"


def test_the_attributes_that_a_connection_names_are_read(acme):
    changed(acme, email_attribute="courriel", first_name_attribute="prenom")
    said = {"courriel": ("grace@acme.example",), "prenom": ("Grâce",), "email": ("x@y.example",)}
    assert Browser().sign_in(acme, attributes=said).status_code == 302
    user = User.objects.get()
    assert (user.email, user.first_name) == ("grace@acme.example", "Grâce")


def test_a_session_ends_when_the_identity_provider_says_so(acme):
    now = datetime.now(UTC)
    ends = now + timedelta(minutes=7)
    assert Browser().sign_in(acme, session_ends=ends).status_code == 302
    session = Session.objects.get()
    assert session.expires_at == session.ends_at == ends.replace(microsecond=0)


def test_a_certificate_tells_when_it_was_seen_last(acme):
    assert SigningCertificate.objects.get().last_seen_at is None
    Browser().sign_in(acme)
    assert SigningCertificate.objects.get().last_seen_at is not None


def test_an_address_leads_to_the_connection_of_its_domain(acme):
    other = make_connection(acme.company, slug="acme-paris")
    make_company("globex")
    Domain.objects.create(
        company=acme.company, name="paris.example", verified_at=acme.created_at, connection=other
    )
    answer = Browser().post("/login/", {"email": "ada@paris.example", "next": "/settings/users/"})
    assert answer["Location"].endswith("/auth/saml/acme-paris/login?next=%2Fsettings%2Fusers%2F")
    changed(other, enabled=False)
    answer = Browser().post("/login/", {"email": "ada@paris.example"})
    assert answer["Location"] == "/login/acme/"


def test_both_connections_of_a_company_let_people_in_each_its_own(acme):
    other = make_connection(acme.company, slug="acme-paris")
    page = Browser().get("/login/acme/").content.decode()
    assert "/auth/saml/acme/login" in page
    assert "/auth/saml/acme-paris/login" in page
    paris = type(other).objects.select_related("company").get(id=other.id)
    assert Browser().sign_in(acme, GRACE).status_code == 302
    assert Browser().sign_in(paris, ADA).status_code == 302
    assert User.objects.count() == 2


def test_each_binding_has_its_own_address(acme):
    metadata = metadata_of("acme").replace(
        b"</md:IDPSSODescriptor>",
        b'<md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" '
        b'Location="https://idp.acme.example/by-post"/></md:IDPSSODescriptor>',
    )
    for name, value in settings_of(saml.read_idp_metadata(metadata)).items():
        setattr(acme, name, value)
    acme.save()
    redirected = Browser().get("/auth/saml/acme/login")["Location"]
    acme.request_binding = "post"
    acme.save()
    posted = Browser().get("/auth/saml/acme/login").content.decode()
    assert redirected.startswith(f"{acme.target_url}?SAMLRequest=")
    assert 'action="https://idp.acme.example/by-post"' in posted
