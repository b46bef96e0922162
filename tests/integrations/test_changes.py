"""What changes at a provider after it was set up: its keys, and its people."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.integrations.guided import set_up_keycloak, set_up_lemonldap
from tests.integrations.ours import SLUG, Ours, hidden, is_in, submitted
from tests.servers.forms import new_session
from tests.servers.keycloak import Keycloak
from tests.servers.lemonldap import LemonLDAP
from tests.servers.people import Person
from tests.servers.tls_proxy import TlsProxy, tls_proxy

pytestmark = pytest.mark.xdist_group("keycloak")
HEDY = Person("hedy", "Hedy", "Lamarr", ("analysts",))
LOOPBACK = "127.0.0.0/8,::1/128"


@contextmanager
def following(idp: Keycloak | LemonLDAP, folder: Path) -> Iterator[tuple[Ours, TlsProxy]]:
    """An installation that reads a provider's metadata at an address with TLS."""
    address = urlsplit(idp.metadata_url)
    assert address.port
    with tls_proxy(folder, address.port) as proxy:
        # A provider that stands behind a proxy knows its own address.
        proxy.says["Host"] = address.netloc
        made = Ours.connected_to(
            idp.metadata(),
            folder / "ours",
            follows=proxy.url + address.path,
            SSL_CERT_FILE=str(proxy.certificate),
            PASSERELLE_PRIVATE_NETWORKS=LOOPBACK,
        )
        with made.installation:
            yield made, proxy


@pytest.fixture
def at_keycloak(keycloak: Keycloak, tmp_path: Path) -> Iterator[tuple[Ours, TlsProxy]]:
    keycloak.enrol(HEDY)
    with following(keycloak, tmp_path) as (ours, proxy):
        set_up_keycloak(keycloak, ours, imported=True)
        yield ours, proxy
        keycloak.remove_client(ours.entity_id)


@pytest.fixture
def at_lemonldap(lemonldap: LemonLDAP, tmp_path: Path) -> Iterator[tuple[Ours, TlsProxy]]:
    lemonldap.enrol(HEDY)
    with following(lemonldap, tmp_path) as (ours, proxy):
        set_up_lemonldap(lemonldap, ours)
        yield ours, proxy


def test_keycloak_signs_with_a_new_key_and_the_next_person_is_let_in(at_keycloak, keycloak):
    ours, proxy = at_keycloak
    assert ours.sign_in(keycloak, new_session(), "hedy")[1].status == 302
    read = len(proxy.asked)
    with keycloak.another_key():
        visitor, answer = ours.sign_in(keycloak, new_session(), "hedy")
    assert answer.status == 302, ours.last_sign_in
    assert is_in(visitor)
    assert len(proxy.asked) > read


def test_lemonldap_changes_all_its_keys_and_an_administrator_takes_them_over(
    at_lemonldap, lemonldap
):
    ours, proxy = at_lemonldap
    assert ours.sign_in(lemonldap, new_session(), "hedy")[1].status == 302
    lemonldap.renew_key()
    lemonldap.restart()
    read = len(proxy.asked)
    _, answer = ours.sign_in(lemonldap, new_session(), "hedy")
    assert answer.status == 400, ours.last_sign_in
    assert len(proxy.asked) > read
    boss = ours.administrator()
    shown = boss.get(f"/settings/sign-ins/{answer.reference}/").body
    # It sends no certificate with its signature.
    assert f"The metadata at {proxy.url}" in shown
    assert "Look at the change" in shown
    page = f"/settings/security/?connection={SLUG}"
    digest = hidden("shown", boss.get(page).body)
    action = f"/settings/security/metadata/?connection={SLUG}"
    assert submitted(boss, page, action, shown=digest, decision="accept").status == 302
    visitor, answer = ours.sign_in(lemonldap, new_session(), "hedy")
    assert answer.status == 302, ours.last_sign_in
    assert is_in(visitor)


def now_knows(idp: Keycloak | LemonLDAP, person: Person) -> None:
    idp.enrol(person)
    if isinstance(idp, LemonLDAP):
        idp.restart()


def sent_without_groups(ours: Ours, idp: Keycloak | LemonLDAP) -> bytes:
    """Take the last group away, which takes the rights away, and give it back."""
    assert ours.sign_in(idp, new_session(), "hedy")[1].status == 302
    assert ours.workspaces("hedy") == {"Analysis"}
    now_knows(idp, replace(HEDY, groups=()))
    visitor = ours.visitor()
    sent = ours.sent(visitor, idp, new_session(), "hedy")
    assert visitor.bring(sent).status == 302
    assert ours.workspaces("hedy") == set()
    now_knows(idp, HEDY)
    assert ours.sign_in(idp, new_session(), "hedy")[1].status == 302
    assert ours.workspaces("hedy") == {"Analysis"}
    return sent.xml


def test_rights_go_with_the_last_group_of_which_keycloak_says_nothing(at_keycloak, keycloak):
    ours, _ = at_keycloak
    keycloak.type(ours.entity_id, "Keys > Encrypt assertions", "Off")
    sent = sent_without_groups(ours, keycloak)
    assert b'"urn:oid:1.2.840.113549.1.9.1"' in sent
    assert b'"groups"' not in sent


def test_rights_go_with_the_last_group_for_which_lemonldap_sends_no_value(at_lemonldap, lemonldap):
    ours, _ = at_lemonldap
    sent = sent_without_groups(ours, lemonldap)
    assert re.search(rb'<saml:Attribute Name="groups"[^>]*/>', sent)


def test_somebody_made_anew_in_keycloak_is_let_in_once_an_administrator_says_who_it_is(
    at_keycloak, keycloak
):
    ours, _ = at_keycloak
    assert ours.sign_in(keycloak, new_session(), "hedy")[1].status == 302
    keycloak.remove("hedy")
    keycloak.enrol(HEDY)
    assert_is_let_in_once_the_identifier_is_replaced(ours, keycloak)


def test_lemonldap_loses_its_persistent_sessions_and_an_administrator_says_who_it_is(
    at_lemonldap, lemonldap
):
    ours, _ = at_lemonldap
    assert ours.sign_in(lemonldap, new_session(), "hedy")[1].status == 302
    lemonldap.lose_persistent_sessions()
    assert_is_let_in_once_the_identifier_is_replaced(ours, lemonldap)


def assert_is_let_in_once_the_identifier_is_replaced(ours: Ours, idp: Keycloak | LemonLDAP) -> None:
    before = ours.person("hedy")
    [known] = before["identities"]
    _, answer = ours.sign_in(idp, new_session(), "hedy")
    assert (answer.status, ours.last_sign_in["reason"]) == (403, "identity_conflict")
    boss = ours.administrator()
    page = f"/settings/sign-ins/{answer.reference}/"
    shown = hidden("known", boss.get(page).body)
    assert shown == known["name_id"]
    done = submitted(boss, page, f"{page}identity/", known=shown)
    assert (done.status, done.location) == (302, f"{page}?done=replaced")
    visitor, answer = ours.sign_in(idp, new_session(), "hedy")
    assert answer.status == 302, ours.last_sign_in
    assert is_in(visitor)
    after = ours.person("hedy")
    assert after["memberships"] == before["memberships"]
    assert after["created_at"] == before["created_at"]
    [replaced] = after["identities"]
    assert replaced["name_id"] != known["name_id"]
