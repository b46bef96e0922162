"""Single logout: what ends here ends at the identity provider, and the other way round."""

import base64
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
from lxml import etree

from passerelle import saml
from passerelle.audit.models import AuditEvent
from passerelle.infra.tokens import digest
from passerelle.practice_idp.issue import Issue, build_response
from passerelle.practice_idp.people import Person
from passerelle.saml.xmldsig import sign
from passerelle.sso.connections.connection import addresses_of
from passerelle.sso.connections.keys import signing_key
from passerelle.sso.models import SamlConnection, Session, SignIn
from tests.browsing import Browser
from tests.world import GRACE, idp_of, make_administrator, make_company, make_user
from tests.world import signing_key as idp_key

pytestmark = pytest.mark.django_db
SLO = "https://idp.acme.example/slo"
ADA = Person("u-7", "ada@acme.example", "Ada", "Example", ())
PATH = "/auth/saml/acme/logout"
PERSISTENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
UNSPECIFIED = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"


@pytest.fixture
def acme():
    connection = make_company().connections.select_related("company").get()
    connection.logout_url = SLO
    connection.save()
    return connection


def signed_in(connection, person=GRACE) -> Browser:
    browser = Browser()
    assert browser.sign_in(connection, person).status_code == 302
    return browser


def asked(
    connection,
    *,
    to: str | None = None,
    name: str = GRACE.subject,
    index: str | None = None,
    issuer: str | None = None,
    age: timedelta = timedelta(),
    key: str = "acme",
    name_format: str = PERSISTENT,
):
    """The identity provider's request to sign somebody out, and its signer."""
    ours = addresses_of(connection)
    message = saml.build_logout_request(
        request_id="_from-idp",
        issued_at=datetime.now(UTC) - age,
        destination=to or ours.logout_url,
        sp_entity_id=issuer or connection.idp_entity_id,
        name_id=saml.NameID(name, name_format or UNSPECIFIED),
        session_index=index,
    )
    return message, saml.Signer(idp_key(key).key, idp_key(key).certificate_der)


def sent_by_redirect(connection, *, relay_state: str = "", **how):
    message, signer = asked(connection, **how)
    address = saml.redirect_url(
        addresses_of(connection).logout_url, message, relay_state=relay_state, signer=signer
    )
    return Browser().get(f"{PATH}?{urlsplit(address).query}")


def test_signing_out_here_ends_the_session_and_tells_the_identity_provider(acme):
    browser = signed_in(acme)
    index = Session.objects.get().session_index
    answer = browser.post("/logout/")
    assert answer.status_code == 200
    assert not Session.objects.exists()
    address = answer["Refresh"].partition("url=")[2]
    assert address.startswith(f"{SLO}?SAMLRequest=")
    trusted = (signing_key(acme, now=datetime.now(UTC)).certificate,)
    root = saml.read_redirect(urlsplit(address).query, "SAMLRequest", trusted).element
    assert root.findtext("{*}NameID") == GRACE.subject
    assert root.findtext("{*}SessionIndex") == index
    assert browser.get("/").status_code == 200
    assert "Hello" not in browser.get("/").content.decode()


def test_signing_out_goes_by_post_where_the_identity_provider_wants_that(acme):
    acme.logout_binding = "post"
    acme.save()
    answer = signed_in(acme).post("/logout/")
    [form] = etree.HTML(answer.content.decode()).xpath("//form[@data-post]")
    assert form.get("action") == SLO
    trusted = (signing_key(acme, now=datetime.now(UTC)).certificate,)
    assert saml.read_post(form.xpath("input/@value")[0], trusted)
    assert "form-action https: http:;" in answer["Content-Security-Policy"]


@pytest.mark.parametrize("url", ["", SLO])
def test_a_password_session_ends_here_alone(acme, url):
    acme.logout_url = url
    acme.save()
    browser = Browser().enter(make_user(acme.company, "bob@acme.example"))
    answer = browser.post("/logout/")
    assert answer["Location"] == "/login/acme/"
    assert not Session.objects.exists()


def test_without_an_address_for_it_only_our_session_ends(acme):
    acme.logout_url = ""
    acme.save()
    assert signed_in(acme).post("/logout/")["Location"] == "/login/acme/"
    assert not Session.objects.exists()


def test_the_answer_of_the_identity_provider_leads_to_the_door(acme):
    assert Browser().get(f"{PATH}?SAMLResponse=junk")["Location"] == "/login/acme/"
    assert Browser().post(PATH, {"SAMLResponse": "junk"})["Location"] == "/login/acme/"
    assert Browser().get(PATH)["Location"] == "/login/acme/"


def test_the_identity_provider_ends_all_sessions_of_a_person_and_nobody_elses(acme):
    signed_in(acme)
    signed_in(acme)
    ada = signed_in(acme, ADA)
    answer = sent_by_redirect(acme, relay_state="a&b")
    assert [one.user.email for one in Session.objects.all()] == [ADA.email]
    assert "Hello Ada" in ada.get("/").content.decode()
    assert answer["Location"].startswith(f"{SLO}?SAMLResponse=")
    assert "RelayState=a%26b" in answer["Location"]
    trusted = (signing_key(acme, now=datetime.now(UTC)).certificate,)
    query = urlsplit(answer["Location"]).query
    root = saml.read_redirect(query, "SAMLResponse", trusted).element
    assert root.get("InResponseTo") == "_from-idp"
    [event] = AuditEvent.objects.filter(event="session:ended_by_identity_provider")
    assert (event.target, event.actor) == (GRACE.email, acme.name)


def test_the_identity_provider_ends_the_one_session_that_it_names(acme):
    signed_in(acme)
    first = Session.objects.get()
    signed_in(acme)
    sent_by_redirect(acme, index=first.session_index)
    assert Session.objects.count() == 1
    assert not Session.objects.filter(key_digest=first.key_digest).exists()


def test_the_identity_provider_may_post_its_request(acme):
    signed_in(acme)
    message, signer = asked(acme)
    answer = Browser().post(PATH, {"SAMLRequest": saml.post_field(message, signer=signer)})
    assert not Session.objects.exists()
    assert answer["Location"].startswith(SLO)


CALLBACK = "/auth/saml/acme/callback"


def test_a_request_posted_to_where_sign_ins_arrive_signs_out_too(acme):
    signed_in(acme)
    message, signer = asked(acme, to=addresses_of(acme).acs_url)
    answer = Browser().post(CALLBACK, {"SAMLRequest": saml.post_field(message, signer=signer)})
    assert not Session.objects.exists()
    assert answer["Location"].startswith(SLO)


def test_a_request_redirected_to_where_sign_ins_arrive_signs_out_too(acme):
    signed_in(acme)
    message, signer = asked(acme, to=addresses_of(acme).acs_url)
    address = saml.redirect_url(addresses_of(acme).acs_url, message, signer=signer)
    answer = Browser().get(f"{CALLBACK}?{urlsplit(address).query}")
    assert not Session.objects.exists()
    assert answer["Location"].startswith(SLO)


@pytest.mark.parametrize("field", ["", "junk", base64.b64encode(b"<a/>").decode()])
def test_junk_at_where_sign_ins_arrive_signs_nobody_out(acme, field):
    signed_in(acme)
    browser = Browser(raise_request_exception=False)
    assert browser.get(CALLBACK, {"SAMLRequest": field}).status_code == 400
    assert browser.post(CALLBACK, {"SAMLRequest": field}).status_code == 400
    assert Session.objects.count() == 1


def test_a_request_for_our_other_address_signs_nobody_out(acme):
    signed_in(acme)
    message, signer = asked(acme)
    answer = Browser().post(CALLBACK, {"SAMLRequest": saml.post_field(message, signer=signer)})
    assert answer.status_code == 400
    assert Session.objects.count() == 1


def test_an_answer_about_signing_out_leads_to_the_door_wherever_it_is_posted(acme):
    message = saml.build_logout_response(
        response_id="_from-idp",
        issued_at=datetime.now(UTC),
        destination=addresses_of(acme).acs_url,
        sp_entity_id=acme.idp_entity_id,
        in_response_to="_ours",
    )
    field = saml.post_field(message)
    assert Browser().post(CALLBACK, {"SAMLResponse": field})["Location"] == "/login/acme/"
    assert Browser().post(PATH, {"SAMLResponse": field})["Location"] == "/login/acme/"
    assert not SignIn.objects.exists()


def test_an_answer_about_signing_out_that_is_redirected_to_where_sign_ins_arrive_leaves_no_trace(
    acme,
):
    message = saml.build_logout_response(
        response_id="_answer",
        issued_at=datetime.now(UTC),
        destination=addresses_of(acme).acs_url,
        sp_entity_id=idp_of("acme"),
        in_response_to="_x",
    )
    address = saml.redirect_url(addresses_of(acme).acs_url, message, field="SAMLResponse")
    answer = Browser().get(f"{CALLBACK}?{urlsplit(address).query}")
    assert (answer.status_code, answer["Location"]) == (302, "/login/acme/")
    assert not SignIn.objects.exists()


def test_the_answer_goes_where_the_metadata_says(acme):
    acme.logout_answer_url = "https://idp.acme.example/done"
    acme.save()
    assert sent_by_redirect(acme)["Location"].startswith("https://idp.acme.example/done?")


WRONG = {
    "from a stranger": {"key": "globex"},
    "in the name of another provider": {"issuer": "https://idp.globex.example/metadata"},
    "from yesterday": {"age": timedelta(days=1)},
}


@pytest.mark.parametrize("how", WRONG.values(), ids=WRONG)
def test_a_request_that_cannot_be_believed_signs_nobody_out(acme, how):
    signed_in(acme)
    answer = sent_by_redirect(acme, **how)
    assert answer.status_code == 400
    assert "could not be carried out" in answer.content.decode()
    assert Session.objects.count() == 1


@pytest.mark.parametrize("field", ["", "junk", base64.b64encode(b"<a/>").decode()])
def test_junk_signs_nobody_out(acme, field):
    signed_in(acme)
    browser = Browser(raise_request_exception=False)
    assert browser.get(PATH, {"SAMLRequest": field}).status_code == 400
    assert browser.post(PATH, {"SAMLRequest": field}).status_code == 400
    assert Session.objects.count() == 1


def test_an_unsigned_request_signs_nobody_out(acme):
    signed_in(acme)
    message, _ = asked(acme)
    assert Browser().post(PATH, {"SAMLRequest": saml.post_field(message)}).status_code == 400
    assert Session.objects.count() == 1


def test_another_companys_provider_signs_nobody_out_here(acme):
    globex = make_company("globex").connections.select_related("company").get()
    signed_in(acme)
    message, signer = asked(globex, key="globex", issuer=idp_of("globex"))
    field = saml.post_field(message, signer=signer)
    assert Browser().post(PATH, {"SAMLRequest": field}).status_code == 400
    Browser().post("/auth/saml/globex/logout", {"SAMLRequest": field})
    assert Session.objects.count() == 1


def test_an_unknown_connection_has_no_logout():
    assert Browser().get("/auth/saml/nobody/logout").status_code == 404


def test_a_request_that_is_sent_again_ends_nothing_that_began_after_it(acme):
    signed_in(acme)
    Session.objects.update(created_at=datetime.now(UTC) + timedelta(minutes=4))
    sent_by_redirect(acme)
    assert Session.objects.exists()


def test_a_relay_state_that_nobody_signed_is_not_answered(acme):
    message, signer = asked(acme)
    address = saml.redirect_url(
        addresses_of(acme).logout_url, message, relay_state="ours", signer=signer
    )
    query = f"{urlsplit(address).query}&Relay%53tate=https://evil.example/"
    assert Browser().get(f"{PATH}?{query}").status_code == 400


def test_a_message_that_is_too_large_or_comes_too_often_is_told_so(acme, monkeypatch):
    monkeypatch.setattr("passerelle.web.sign_in.saml.MAX_REFUSED", 1)
    huge = Browser().post(PATH, {"SAMLRequest": "x" * 3_000_000})
    assert huge.status_code == 413
    assert Browser().post(PATH, {"SAMLRequest": "x"}).status_code == 429


EMAIL = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"


@pytest.mark.parametrize(
    "name", ["grace@acme.example", "GRACE@ACME.example", "\n    Grace@acme.example\n  "]
)
@pytest.mark.parametrize("name_format", [EMAIL, ""])
def test_an_address_in_another_spelling_ends_the_same_sessions(acme, name, name_format):
    sign_in = {"name_id": "Grace@acme.example", "name_id_format": EMAIL}
    Browser().sign_in(acme, GRACE, **sign_in)
    sent_by_redirect(acme, name=name, name_format=name_format)
    assert not Session.objects.exists()


def test_an_identifier_on_a_line_of_its_own_ends_its_sessions(acme):
    signed_in(acme)
    sent_by_redirect(acme, name=f"\n    {GRACE.subject}\n  ")
    assert not Session.objects.exists()


def test_an_identifier_that_is_no_address_is_compared_to_the_letter(acme):
    signed_in(acme)
    sent_by_redirect(acme, name=GRACE.subject.upper())
    assert Session.objects.count() == 1


def test_a_session_of_the_release_before_is_found(acme):
    Browser().sign_in(acme, GRACE, name_id="Grace@acme.example", name_id_format=EMAIL)
    Session.objects.update(name_id_digest=digest("Grace@acme.example"))
    sent_by_redirect(acme, name="Grace@acme.example", name_format=EMAIL)
    assert not Session.objects.exists()


def answered(acme, answer):
    """The status codes and the message of our answer."""
    trusted = (signing_key(acme, now=datetime.now(UTC)).certificate,)
    query = urlsplit(answer["Location"]).query
    root = saml.read_redirect(query, "SAMLResponse", trusted).element
    codes = [one.get("Value").rpartition(":")[2] for one in root.iter("{*}StatusCode")]
    return codes, root.findtext(".//{*}StatusMessage")


def test_an_answer_says_whether_a_session_was_ended(acme, caplog):
    signed_in(acme)
    assert answered(acme, sent_by_redirect(acme)) == (["Success"], None)
    again = sent_by_redirect(acme)
    assert answered(acme, again) == (["Success"], "No session was open here.")
    assert "named no open session" in caplog.text


def test_an_answer_about_nobody_says_so(acme, caplog):
    codes, message = answered(acme, sent_by_redirect(acme, name="nobody"))
    assert codes == ["Responder", "UnknownPrincipal"]
    assert message == "Nobody is known here by this NameID."
    assert "named nobody" in caplog.text


def test_where_people_are_known_by_an_attribute_no_name_id_is_unknown(acme):
    acme.subject_attribute = "uid"
    acme.save()
    assert answered(acme, sent_by_redirect(acme, name="nobody"))[0] == ["Success"]


def test_our_request_repeats_the_whole_name_id(acme):
    browser = signed_in(acme)
    qualifiers = {"name_qualifier": "urn:idp", "sp_name_qualifier": "urn:sp", "sp_provided_id": "7"}
    Session.objects.update(**qualifiers)
    address = browser.post("/logout/")["Refresh"].partition("url=")[2]
    trusted = (signing_key(acme, now=datetime.now(UTC)).certificate,)
    root = saml.read_redirect(urlsplit(address).query, "SAMLRequest", trusted).element
    name_id = root.find("{*}NameID")
    names = ("NameQualifier", "SPNameQualifier", "SPProvidedID")
    assert [name_id.get(name) for name in names] == ["urn:idp", "urn:sp", "7"]


def test_a_session_keeps_the_whole_name_id(acme):
    now = datetime.now(UTC)
    browser = Browser()
    request_id = browser.start(acme)
    field = respond_with_qualifiers(acme, request_id, now)
    browser.get(browser.post_response(acme, field)["Location"])
    session = Session.objects.get()
    kept = (session.name_qualifier, session.sp_name_qualifier, session.sp_provided_id)
    assert kept == ("urn:idp", "urn:sp", "7")


def respond_with_qualifiers(acme, request_id, now):
    """A response of the connection's provider whose NameID has everything that one can have."""
    ours = addresses_of(acme)
    issue = Issue(
        idp_entity_id=acme.idp_entity_id,
        audience=ours.sp_entity_id,
        acs_url=ours.acs_url,
        person=GRACE,
        now=now,
        response_id="_r",
        assertion_id="_a",
        in_response_to=request_id,
    )
    root = build_response(issue)
    [name_id] = root.iter("{*}NameID")
    name_id.set("NameQualifier", "urn:idp")
    name_id.set("SPNameQualifier", "urn:sp")
    name_id.set("SPProvidedID", "7")
    sign(root, idp_key("acme").key, idp_key("acme").certificate_der)
    return base64.b64encode(etree.tostring(root)).decode()


@pytest.mark.usefixtures("within_the_hour")
def test_a_refused_request_appears_among_the_sign_ins(acme):
    sent_by_redirect(acme, key="globex")
    sent_by_redirect(acme, key="globex")
    row = SignIn.objects.get()
    assert (row.reason, row.count, row.checks[0]["check"]) == ("signature_invalid", 2, "logout")
    admin = Browser().enter(make_administrator(acme.company))
    page = admin.get(f"/settings/sign-ins/{row.reference}/").content.decode()
    assert "Sign-out asked for by the identity provider" in page


def test_refused_requests_and_refused_responses_are_counted_apart(acme):
    Browser().post(PATH, {"SAMLRequest": "x"})
    Browser().post("/auth/saml/acme/callback", {"SAMLResponse": "x"})
    assert SignIn.objects.count() == 2


def test_a_connection_that_is_off_tells_nobody_who_is_known(acme):
    """Whoever sets it up by a link has a key that it trusts, and could ask for anybody."""
    signed_in(acme)
    SamlConnection.objects.update(enabled=False)
    answers = [sent_by_redirect(acme, name=name) for name in (GRACE.subject, "nobody")]
    assert [one.status_code for one in answers] == [400, 400]
    message, signer = asked(acme)
    posted = Browser().post(PATH, {"SAMLRequest": saml.post_field(message, signer=signer)})
    assert posted.status_code == 400
    assert Session.objects.exists()
    assert {row.reason for row in SignIn.objects.filter(outcome="refused")} == {
        "connection_disabled"
    }
