"""LemonLDAP::NG, set up by our guide alone, signs people in and out."""

import re
from collections.abc import Iterator
from dataclasses import astuple

import pytest

from passerelle.saml.consoles import CONSOLES
from tests.integrations.guided import set_up_lemonldap
from tests.integrations.ours import SLUG, Ours, asks_for_a_password, carried, is_in
from tests.servers.forms import new_session, visit
from tests.servers.lemonldap import SP, LemonLDAP, console_words


@pytest.fixture(scope="module")
def ours(lemonldap: LemonLDAP, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ours]:
    made = Ours.connected_to(lemonldap.metadata(), tmp_path_factory.mktemp("ours"))
    with made.installation:
        set_up_lemonldap(lemonldap, made)
        yield made


def test_a_label_that_the_console_does_not_have_is_refused(lemonldap):
    for label in ("Options > Security > NameID", "Signature > Exported attributes"):
        with pytest.raises(KeyError):
            lemonldap.option(label)


def test_every_label_of_the_explanations_is_one_of_the_console():
    words = {*console_words().values(), "(partner)"}
    for label in astuple(CONSOLES["lemonldap"])[1:]:
        assert set(label.split(" > ")) <= words, label


def test_a_newcomer_signs_in_from_our_page(ours, lemonldap):
    visitor, answer = ours.sign_in(lemonldap, new_session(), "grace")
    assert (answer.status, answer.location) == (302, "/?hello"), ours.last_sign_in
    assert "Hello Grace" in visitor.get("/").body
    assert ours.person("grace")["last_name"] == "Hopper"


def test_a_newcomer_signs_in_from_the_provider(ours, lemonldap):
    visitor = ours.visitor()
    start = lemonldap.idp_initiated_url(ours.entity_id)
    answer = visitor.bring(lemonldap.sign_in(new_session(), start, "ada"))
    assert (answer.status, answer.location) == (302, "/"), ours.last_sign_in
    assert "Hello Ada" in visitor.get("/").body


def test_the_same_person_keeps_the_same_account(ours, lemonldap):
    for _ in range(2):
        assert ours.sign_in(lemonldap, new_session(), "linus")[1].status == 302
    assert ours.last_sign_in["outcome"] == "signed_in"


def test_names_in_any_script_arrive_as_they_are(ours, lemonldap):
    visitor, _ = ours.sign_in(lemonldap, new_session(), "zoe")
    assert "Hello Zoé 美玲" in visitor.get("/").body
    assert ours.person("zoe")["last_name"] == "O'Brien & Ñandú-Gøran"


def test_signing_out_here_signs_out_there(ours, lemonldap):
    at_idp = new_session()
    visitor, _ = ours.sign_in(lemonldap, at_idp, "grace")
    address = ours.sign_out(visitor)
    assert not is_in(visitor)
    assert carried(at_idp, visit(at_idp, address)), "it leads back to our sign-in page"
    assert asks_for_a_password(at_idp, visitor.get(f"/auth/saml/{SLUG}/login").location)


def test_signing_out_there_signs_out_here(ours, lemonldap):
    at_idp = new_session()
    visitor, _ = ours.sign_in(lemonldap, at_idp, "grace")
    assert is_in(visitor)
    lemonldap.sign_out(at_idp)
    assert not is_in(visitor)


def test_metadata_that_has_ended_goes_on(ours, lemonldap):
    """It keeps what was loaded once; nothing reads our metadata again."""
    loaded = lemonldap.settings["samlSPMetaDataXML"][SP]["samlSPMetaDataXML"]
    ended = re.sub('validUntil="[^"]+"', 'validUntil="2020-01-01T00:00:00Z"', loaded)
    assert ended != loaded
    lemonldap.settings["samlSPMetaDataXML"] = {SP: {"samlSPMetaDataXML": ended}}
    lemonldap.restart()
    assert ours.sign_in(lemonldap, new_session(), "grace")[1].status == 302


def test_metadata_of_another_address_is_refused_as_another_audience(ours, lemonldap):
    right = lemonldap.settings["samlSPMetaDataXML"][SP]["samlSPMetaDataXML"]
    wrong = right.replace(f'entityID="{ours.entity_id}"', 'entityID="https://other.example/sp"')
    lemonldap.settings["samlSPMetaDataXML"] = {SP: {"samlSPMetaDataXML": wrong}}
    lemonldap.restart()
    start = lemonldap.idp_initiated_url("https://other.example/sp")
    assert ours.visitor().bring(lemonldap.sign_in(new_session(), start, "ada")).status == 403
    assert ours.last_sign_in["reason"] == "audience_mismatch"
    lemonldap.settings["samlSPMetaDataXML"] = {SP: {"samlSPMetaDataXML": right}}
    lemonldap.restart()
