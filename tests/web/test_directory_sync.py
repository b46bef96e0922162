"""Settings > Directory sync: tokens are made, shown once, and revoked."""

import re

import pytest
from django.utils import timezone

from passerelle.audit.models import AuditEvent
from passerelle.directory.models import MachineToken
from passerelle.directory.tokens import find_token
from tests.browsing import Browser
from tests.scim.client import Provisioner
from tests.world import make_administrator, make_company, make_user

pytestmark = pytest.mark.django_db
PAGE = "/settings/directory-sync/"


def token_in(page: str) -> str:
    found = re.search(r'<textarea readonly rows="1" id="token">([^<]+)<', page)
    return found[1] if found else ""


def test_a_token_is_shown_once_and_lets_a_client_in(acme, alice):
    made = alice.post(PAGE, {"name": " Okta  prod ", "expires": "90"}, follow=True)
    token = token_in(made.content.decode())
    assert token.startswith("psr_")
    row = find_token(token, scope="scim", now=timezone.now())
    assert row.name == "Okta prod" and row.expires_at
    assert token not in repr(MachineToken.objects.values())
    assert token_in(alice.get(PAGE).content.decode()) == ""
    event = AuditEvent.objects.get(event="token:made")
    assert (event.target, token in repr(event.details)) == ("Okta prod", False)


def test_a_revoked_token_is_refused_at_once(acme, alice):
    okta = Provisioner(acme)
    okta.get("/Users")
    row = MachineToken.objects.get()
    page = alice.post(f"{PAGE}{row.id}/revoke/", follow=True).content.decode()
    assert "The token is revoked." in page
    okta.get("/Users", status=401)
    assert alice.post(f"{PAGE}{row.id}/revoke/").status_code == 404
    assert AuditEvent.objects.filter(event="token:revoked").exists()


def test_what_has_come_stands_there_with_its_size(acme, alice):
    okta = Provisioner(acme)
    okta.add_group("Analysts", okta.add("bob")["id"])
    page = alice.get(PAGE).content.decode()
    assert "1 person is looked after by your identity provider." in page
    assert "Analysts" in page
    assert "Okta" in page
    # And in the audit log it is named as what did it.
    assert "Directory sync, with the token Okta" in alice.get("/settings/audit/").content.decode()


@pytest.mark.parametrize("name", ["", " ", "x" * 151])
def test_a_token_needs_a_name(acme, alice, name):
    answer = alice.post(PAGE, {"name": name})
    assert answer.status_code == 422
    assert not MachineToken.objects.exists()


def test_only_administrators_of_the_company_make_and_revoke_tokens(acme, alice):
    Provisioner(acme, name="Acme’s own")
    row = MachineToken.objects.get()
    bob = Browser().enter(make_user(acme, "bob@acme.example"))
    mallory = Browser().enter(make_administrator(make_company("globex")))
    assert bob.get(PAGE).status_code == 403
    assert bob.post(PAGE, {"name": "x"}).status_code == 403
    assert bob.post(f"{PAGE}{row.id}/revoke/").status_code == 403
    assert mallory.post(f"{PAGE}{row.id}/revoke/").status_code == 404
    assert "Acme’s own" not in mallory.get(PAGE).content.decode()
    assert MachineToken.objects.count() == 1
