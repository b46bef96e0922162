"""SimpleSAMLphp, a real identity provider that we did not write, signs people in."""

import html
import re
import urllib.parse

import pytest

from tests.e2e.conftest import sign_ins_of, users_of
from tests.e2e.identity_provider import toml_for
from tests.e2e.passerelle import Passerelle
from tests.e2e.visitor import Visitor
from tests.servers.forms import new_session, visit
from tests.servers.processes import ServerError
from tests.servers.simplesamlphp import SimpleSAMLphp


@pytest.fixture
def service(installation: Passerelle, simplesamlphp: SimpleSAMLphp) -> Passerelle:
    """Set up from the provider's real metadata, and the provider from ours."""
    (installation.state / "idp-metadata.xml").write_bytes(simplesamlphp.metadata())
    text = toml_for("acme", idp_initiated=True)
    start, end = text.index("  entity_id"), text.index("  idp_initiated")
    installation.apply(text[:start] + '  metadata_file = "idp-metadata.xml"\n' + text[end:])
    installation.serve(workers=1)
    metadata = Visitor(installation.base_url).get("/auth/saml/acme/metadata")
    simplesamlphp.register(metadata.body.encode())
    return installation


def our_metadata(service):
    return Visitor(service.base_url).get("/auth/saml/acme/metadata").body.encode()


def sp_initiated(service, simplesamlphp, username, **answer):
    if answer:
        metadata = Visitor(service.base_url).get("/auth/saml/acme/metadata")
        simplesamlphp.register(metadata.body.encode(), **answer)
    visitor = Visitor(service.base_url)
    location = visitor.get("/auth/saml/acme/login?next=/%3Fhello").location
    return visitor, visitor.bring(simplesamlphp.sign_in(new_session(), location, username))


def test_a_newcomer_signs_in_from_our_page_and_is_in(service, simplesamlphp):
    visitor, answer = sp_initiated(service, simplesamlphp, "grace")
    assert (answer.status, answer.location) == (302, "/?hello")
    assert "Hello Grace" in visitor.get("/").body
    [user] = users_of(service)
    assert (user["email"], user["provisioned_by"]) == ("grace@acme.example", "jit")
    assert user["memberships"] == [{"workspace": "Production", "permission_set": "Analyst"}]


def test_a_newcomer_signs_in_from_the_provider_and_is_in(service, simplesamlphp):
    entity_id = f"{service.base_url}/auth/saml/acme/metadata"
    start = simplesamlphp.idp_initiated_url(entity_id)
    visitor = Visitor(service.base_url)
    answer = visitor.bring(simplesamlphp.sign_in(new_session(), start, "ada"))
    assert (answer.status, answer.location) == (302, "/")
    assert "Hello Ada" in visitor.get("/").body


def test_names_in_any_script_arrive_as_they_were_sent(service, simplesamlphp):
    visitor, _ = sp_initiated(service, simplesamlphp, "zoe")
    assert "Hello Zoé 美玲" in visitor.get("/").body
    [user] = users_of(service)
    assert user["last_name"] == "O'Brien & Ñandú-Gøran"


@pytest.mark.parametrize(
    "answer",
    [
        {"sign_assertion": True},
        {"sign_response": True, "sign_assertion": False},
        {"sign_response": True, "sign_assertion": True},
        {"signature_algorithm": "rsa-sha384"},
        {"signature_algorithm": "rsa-sha512"},
        {"name_id": "persistent"},
    ],
    ids=lambda answer: " ".join(f"{key}={value}" for key, value in answer.items()),
)
def test_whatever_it_signs_and_however_it_names_people(service, simplesamlphp, answer):
    _, first = sp_initiated(service, simplesamlphp, "linus", **answer)
    _, second = sp_initiated(service, simplesamlphp, "linus")
    assert (first.status, second.status) == (302, 302)
    assert [one["outcome"] for one in sign_ins_of(service)] == ["signed_in", "created"]
    assert len(users_of(service)) == 1


@pytest.mark.parametrize(
    "answer",
    [
        {"encrypt": True, "sign_response": True},
        {"encrypt": True, "sign_response": True, "sign_assertion": False},
        {"encrypt_name_id": True},
        {"encrypt": True, "encrypt_name_id": True, "sign_response": True},
    ],
    ids=lambda answer: " ".join(answer),
)
def test_what_it_encrypts_with_the_key_in_our_metadata_is_read(service, simplesamlphp, answer):
    visitor, done = sp_initiated(service, simplesamlphp, "zoe", **answer)
    assert done.status == 302
    assert "Hello Zoé 美玲" in visitor.get("/").body


def test_cbc_without_a_signature_around_it_is_accepted_only_where_that_is_allowed(
    service, simplesamlphp
):
    _, refused = sp_initiated(service, simplesamlphp, "grace", encrypt=True)
    assert refused.status == 400
    assert sign_ins_of(service)[0]["reason"] == "algorithm_forbidden"
    configuration = (service.state / "passerelle.toml").read_text()
    service.apply(configuration.replace('name = "Acme SSO"', 'name = "Acme SSO"\nallow_cbc = true'))
    _, done = sp_initiated(service, simplesamlphp, "grace", encrypt=True)
    assert (done.status, done.location) == (302, "/?hello")


def test_it_validates_the_requests_that_we_sign(service, simplesamlphp):
    configuration = (service.state / "passerelle.toml").read_text()
    service.apply(
        configuration.replace('name = "Acme SSO"', 'name = "Acme SSO"\nsign_requests = true')
    )
    _, done = sp_initiated(service, simplesamlphp, "grace", validate_requests=True)
    assert done.status == 302
    service.apply(configuration)
    with pytest.raises(ServerError):
        sp_initiated(service, simplesamlphp, "grace", validate_requests=True)


def test_a_rotated_key_decrypts_what_was_encrypted_for_either(service, simplesamlphp):
    encrypted = {"encrypt": True, "sign_response": True}
    sp_initiated(service, simplesamlphp, "grace", **encrypted)
    service.run("keys", "rotate", "acme")
    # The provider still has our old metadata, and then reads the new.
    visitor = Visitor(service.base_url)
    location = visitor.get("/auth/saml/acme/login").location
    assert visitor.bring(simplesamlphp.sign_in(new_session(), location, "grace")).status == 302
    assert sp_initiated(service, simplesamlphp, "grace", **encrypted)[1].status == 302


def test_signing_out_here_signs_out_there(service, simplesamlphp):
    simplesamlphp.register(our_metadata(service), validate_logout=True)
    visitor, at_idp = Visitor(service.base_url), new_session()
    start = visitor.get("/auth/saml/acme/login").location
    visitor.bring(simplesamlphp.sign_in(at_idp, start, "grace"))
    token = re.search('name="csrfmiddlewaretoken" value="([^"]+)"', visitor.get("/").body)
    answer = visitor.post("/logout/", {"csrfmiddlewaretoken": token[1]})
    address = html.unescape(re.search('class="button" href="([^"]+)"', answer.body)[1])
    assert "Hello" not in visitor.get("/").body
    assert visit(at_idp, address), "the provider leads back to our sign-in page"
    again = visit(at_idp, visitor.get("/auth/saml/acme/login").location)
    assert any("password" in form.fields for form in again)


def test_signing_out_there_signs_out_here(service, simplesamlphp):
    simplesamlphp.register(our_metadata(service), validate_logout=True)
    visitor, at_idp = Visitor(service.base_url), new_session()
    start = visitor.get("/auth/saml/acme/login").location
    visitor.bring(simplesamlphp.sign_in(at_idp, start, "grace"))
    assert "Hello Grace" in visitor.get("/").body
    back = urllib.parse.quote(f"{simplesamlphp.url}/index.php")
    visit(at_idp, f"{simplesamlphp.url}/saml2/idp/SingleLogoutService.php?ReturnTo={back}")
    assert "Hello" not in visitor.get("/").body


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({"name_id": "transient"}, "subject_unstable"),
        ({"signature_algorithm": "rsa-sha1"}, "algorithm_forbidden"),
        ({"sign_assertion": False}, "signature_missing"),
    ],
)
def test_what_cannot_be_relied_upon_is_refused_with_its_reason(
    service, simplesamlphp, answer, reason
):
    _, refused = sp_initiated(service, simplesamlphp, "grace", **answer)
    [trace] = sign_ins_of(service)
    assert (trace["outcome"], trace["reason"]) == ("refused", reason)
    assert trace["reference"] == refused.reference
    assert users_of(service) == []
