"""What a file says of connections beyond the least, and what it takes from metadata."""

import pytest
from django.db import connection as database

from passerelle.administration.follow_metadata import decide, follow_all, held_difference
from passerelle.audit.record import OPERATOR
from passerelle.directory.models import Company, Domain
from passerelle.saml import load_certificate
from passerelle.sso.connections.connection import certificate_row
from passerelle.sso.connections.keys import new_private_key
from passerelle.sso.models import ConnectionKey, SamlConnection
from tests.configfile.files import metadata_of
from tests.world import NOW, load_certificate_of, signing_key

pytestmark = pytest.mark.django_db
FILE = """
[[companies]]
slug = "acme"
name = "Acme"

  [[companies.domains]]
  name = "acme.example"
  verified = true
  {domain}

  [[companies.saml]]
  slug = "acme"
  name = "Acme SSO"
  metadata_file = "idp-metadata.xml"
  {more}
"""
SERVICES = (
    '<md:SingleLogoutService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"'
    ' Location="https://idp.acme.example/slo" ResponseLocation="https://idp.acme.example/done"/>'
)


def file(more: str = "", domain: str = "") -> str:
    return FILE.format(more=more, domain=domain)


def connection() -> SamlConnection:
    return SamlConnection.objects.get()


def with_services(content: bytes, *, signed: bool = False) -> bytes:
    content = content.replace(b"<md:NameIDFormat", SERVICES.encode() + b"<md:NameIDFormat")
    if signed:
        content = content.replace(
            b"<md:IDPSSODescriptor ", b'<md:IDPSSODescriptor WantAuthnRequestsSigned="true" '
        )
    return content


def test_metadata_says_where_to_log_out_and_whether_to_sign(operator):
    operator.write("idp-metadata.xml", with_services(metadata_of("acme"), signed=True))
    operator.apply(file())
    row = connection()
    assert (row.logout_url, row.logout_binding) == ("https://idp.acme.example/slo", "post")
    assert row.logout_answer_url == "https://idp.acme.example/done"
    assert row.sign_requests
    assert row.request_binding == "redirect"


def test_the_file_wins_over_metadata(operator):
    operator.write("idp-metadata.xml", with_services(metadata_of("acme"), signed=True))
    operator.apply(file('sign_requests = false\n  logout_url = "https://other.example/slo"'))
    assert not connection().sign_requests
    assert connection().logout_url == "https://other.example/slo"


def test_a_provider_that_takes_requests_by_post_only_gets_them_so(operator):
    content = metadata_of("acme").replace(b"HTTP-Redirect", b"HTTP-POST")
    operator.write("idp-metadata.xml", content)
    operator.apply(file())
    assert connection().request_binding == "post"


def test_a_new_connection_has_a_key_and_an_old_one_keeps_it(
    operator, monkeypatch, django_capture_on_commit_callbacks
):
    inside, around = [], len(database.savepoint_ids)

    def noted():
        inside.append(len(database.savepoint_ids) - around)
        return new_private_key()

    monkeypatch.setattr("passerelle.sso.connections.keys.new_private_key", noted)
    with django_capture_on_commit_callbacks(execute=True):
        operator.apply(file())
    # The company's row is free again: a key takes a moment.
    assert inside == [0]
    key = ConnectionKey.objects.get()
    operator.apply(file("force_authn = true"))
    assert ConnectionKey.objects.get() == key


def test_a_domain_leads_to_a_connection_of_the_company(operator):
    operator.apply(file(domain='connection = "acme"'))
    assert Domain.objects.get().connection == connection()
    operator.apply(file())
    assert Domain.objects.get().connection is None


def test_certificates_that_were_learnt_from_followed_metadata_stay(operator):
    text = file('metadata_url = "https://idp.acme.example/metadata"')
    operator.apply(text)
    row = connection()
    assert row.metadata_due_at is not None
    learnt = certificate_row(row, load_certificate_of("next"))
    learnt.from_metadata = True
    learnt.save()
    assert operator.apply(text) == ["0 changes"]
    assert row.certificates.count() == 2
    operator.apply(file())
    assert row.certificates.count() == 1


def followed(web, document: bytes) -> SamlConnection:
    """The connection after its metadata was read, and accepted where that had to be asked."""
    web.answers["/metadata"] = (200, document)
    SamlConnection.objects.update(metadata_due_at=NOW)
    follow_all(NOW)
    if held := held_difference(connection(), now=NOW):
        decide(connection(), accept=True, shown=held.digest, actor=OPERATOR, now=NOW)
    return connection()


def test_a_file_does_not_undo_what_metadata_has_replaced_since(operator, web):
    text = file(f'metadata_url = "{web.url("/metadata")}"')
    operator.apply(text)
    moved = metadata_of("acme").replace(b"acme.example/sso", b"acme.example/moved")
    assert followed(web, with_services(moved, signed=True)).target_url.endswith("/moved")
    assert operator.apply(text) == ["0 changes"]
    row = connection()
    assert row.target_url.endswith("/moved")
    assert row.sign_requests


def test_what_a_file_says_itself_stays_whatever_metadata_says(operator, web):
    text = file(f'sign_requests = true\n  metadata_url = "{web.url("/metadata")}"')
    operator.apply(text)
    for document in (metadata_of("acme"), with_services(metadata_of("acme"))):
        assert followed(web, document).sign_requests
        assert operator.apply(text) == ["0 changes"]


def test_an_address_of_metadata_is_enough(operator, web):
    text = file(f'metadata_url = "{web.url("/metadata")}"').replace(
        'metadata_file = "idp-metadata.xml"', ""
    )
    operator.apply(text)
    row = followed(web, metadata_of("acme"))
    assert (row.target_url, row.certificates.count()) == ("https://idp.acme.example/sso", 1)
    assert operator.apply(text) == ["0 changes"]


def test_provisioning_is_possible_once_metadata_has_completed_the_connection(operator, web):
    text = file(f'metadata_url = "{web.url("/metadata")}"').replace(
        'metadata_file = "idp-metadata.xml"', ""
    )
    text = text.replace('name = "Acme"', 'name = "Acme"\njit_provisioning_available = true', 1)
    names = """
  [[companies.workspaces]]
  name = "Production"
  [[companies.permission_sets]]
  name = "Analyst"
  [companies.provisioning]
  automatic_user_provisioning = true
  default_workspace = "Production"
  default_permission_set = "Analyst"
"""
    assert "what is missing: entity_id" in operator.refused(text + names)
    operator.apply(text)
    followed(web, metadata_of("acme"))
    assert "0 changes" not in operator.apply(text + names)
    assert Company.objects.get().automatic_user_provisioning


def test_certificates_that_metadata_withdrew_are_not_brought_back(operator, web):
    text = file(f'metadata_url = "{web.url("/metadata")}"')
    operator.apply(text)
    followed(web, metadata_of("acme"))
    followed(web, metadata_of("acme", key=signing_key("next")))
    assert operator.apply(text) == ["0 changes"]
    [certificate] = connection().certificates.all()
    assert certificate.fingerprint == load_certificate_of("next").fingerprint


def test_a_file_that_names_another_provider_keeps_no_key_of_the_one_before(operator, web):
    text = file(f'metadata_url = "{web.url("/metadata")}"')
    operator.apply(text)
    followed(web, metadata_of("acme"))
    moved = metadata_of("acme", key=signing_key("new")).replace(
        b"https://idp.acme.example/metadata", b"https://new.example/metadata"
    )
    operator.write("idp-metadata.xml", moved)
    operator.apply(text)
    [certificate] = connection().certificates.all()
    assert certificate.fingerprint == load_certificate_of("new").fingerprint
    assert connection().idp_entity_id == "https://new.example/metadata"


def test_a_file_can_say_that_there_is_no_logout(operator):
    operator.write("idp-metadata.xml", with_services(metadata_of("acme")))
    operator.apply(file('logout_url = ""\n  logout_answer_url = ""'))
    assert connection().logout_url == ""


def test_too_many_certificates_are_refused(operator):
    many = [signing_key(f"many-{number}").certificate_der for number in range(21)]
    pems = "\n".join(load_certificate(one).pem for one in many)
    operator.write("many.pem", pems.encode())
    assert "at most 20 certificates" in operator.refused(file('certificates = ["many.pem"]'))


WRONG = {
    "an address of metadata without TLS": 'metadata_url = "http://idp.acme.example/"',
    "a context with a space": 'authn_contexts = ["a b"]',
    "too many contexts": f"authn_contexts = {['urn:x'] * 11}",
    "an unknown binding": 'request_binding = "soap"',
    "a logout address that is none": 'logout_url = "javascript:alert(1)"',
    "an address with a control character": 'logout_url = "https://idp.example/\\u0001"',
    "an entity ID of ours with a control character": 'sp_entity_id = "urn:x\\u0001y"',
    "an attribute over two lines": 'email_attribute = "a\\nb"',
}


@pytest.mark.parametrize("more", WRONG.values(), ids=WRONG)
def test_a_wrong_value_changes_nothing_and_is_named(operator, more):
    key = more.partition(" ")[0]
    assert f"saml[0].{key}" in operator.refused(file(more))
    assert not SamlConnection.objects.exists()


def test_a_domain_cannot_lead_to_a_connection_that_is_not_there(operator):
    problem = operator.refused(file(domain='connection = "globex"'))
    assert "domains[0].connection: expected one of this company's saml: acme" in problem


def test_metadata_that_ended_is_refused(operator):
    content = metadata_of("acme").replace(
        b"<md:EntityDescriptor ", b'<md:EntityDescriptor validUntil="2020-01-01T00:00:00Z" '
    )
    operator.write("idp-metadata.xml", content)
    assert "metadata_expired" in operator.refused(file())
