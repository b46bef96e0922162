"""Keycloak, set up by our guide alone, signs people in and out."""

from collections.abc import Iterator

import pytest

from passerelle.sso.guides import GUIDES
from tests.integrations.ours import SLUG, Ours, asks_for_a_password, carried, is_in
from tests.servers.forms import new_session, visit
from tests.servers.keycloak import ATTRIBUTES, Keycloak
from tests.servers.processes import ServerError

pytestmark = pytest.mark.xdist_group("keycloak")
GUIDE = GUIDES["keycloak"]
FRONT = "Settings > Logout settings > Front channel logout"
LEFT_BY_THE_IMPORT = {
    "Settings > IDP-Initiated SSO URL name",
    "Settings > Use metadata descriptor URL",
    "Settings > Metadata descriptor URL",
    "Keys > Client signature required",
}


@pytest.fixture(scope="module")
def keycloak(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keycloak]:
    with Keycloak.start(tmp_path_factory.mktemp("keycloak")) as running:
        yield running


@pytest.fixture(scope="module", params=["imported", "by hand"])
def ours(
    request: pytest.FixtureRequest, keycloak: Keycloak, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Ours]:
    made = Ours.connected_to(keycloak.metadata(), tmp_path_factory.mktemp("ours"))
    with made.installation:
        for step in (*GUIDE.create, GUIDE.metadata):
            keycloak.read(step)
        if request.param == "imported":
            keycloak.import_client(made.metadata_file())
        else:
            keycloak.create_client(made.entity_id)
        for label, value in GUIDE.fields:
            keycloak.type(made.entity_id, label, made.typed(value))
        keycloak.configure_mapper(made.entity_id, GUIDE.groups, dict(GUIDE.group_values))
        yield made
        keycloak.remove_client(made.entity_id)


def test_the_import_fills_in_what_the_guide_says(keycloak, tmp_path):
    made = Ours.connected_to(keycloak.metadata(), tmp_path)
    with made.installation:
        keycloak.import_client(made.metadata_file())
        client = keycloak.client(made.entity_id)
        assert client["redirectUris"] == [made.addresses["acs_url"]]
        for label, value in GUIDE.fields:
            if label in ATTRIBUTES and label not in LEFT_BY_THE_IMPORT:
                assert keycloak.shown(made.entity_id, label) == made.typed(value), label
        keycloak.remove_client(made.entity_id)


def test_a_newcomer_signs_in_from_our_page(ours, keycloak):
    visitor, answer = ours.sign_in(keycloak, new_session(), "grace")
    assert (answer.status, answer.location) == (302, "/?hello"), ours.last_sign_in
    assert "Hello Grace" in visitor.get("/").body
    assert ours.person("grace")["last_name"] == "Hopper"


def test_a_newcomer_signs_in_from_the_provider(ours, keycloak):
    visitor = ours.visitor()
    start = keycloak.idp_initiated_url("passerelle")
    answer = visitor.bring(keycloak.sign_in(new_session(), start, "ada"))
    assert (answer.status, answer.location) == (302, "/"), ours.last_sign_in
    assert "Hello Ada" in visitor.get("/").body


def test_the_same_person_keeps_the_same_account(ours, keycloak):
    for _ in range(2):
        assert ours.sign_in(keycloak, new_session(), "linus")[1].status == 302
    assert ours.last_sign_in["outcome"] == "signed_in"


def test_names_in_any_script_arrive_as_they_are(ours, keycloak):
    visitor, _ = ours.sign_in(keycloak, new_session(), "zoe")
    assert "Hello Zoé 美玲" in visitor.get("/").body


def test_signing_out_here_signs_out_there(ours, keycloak):
    at_idp = new_session()
    visitor, _ = ours.sign_in(keycloak, at_idp, "grace")
    address = ours.sign_out(visitor)
    assert not is_in(visitor)
    assert carried(at_idp, visit(at_idp, address)), "it leads back to our sign-in page"
    assert asks_for_a_password(at_idp, visitor.get(f"/auth/saml/{SLUG}/login").location)


@pytest.mark.parametrize("front", ["On", "Off"])
def test_signing_out_there_signs_out_here(ours, keycloak, front):
    keycloak.type(ours.entity_id, FRONT, front)
    at_idp = new_session()
    visitor, _ = ours.sign_in(keycloak, at_idp, "grace")
    assert is_in(visitor)
    carried(at_idp, keycloak.sign_out(at_idp))
    assert not is_in(visitor)


@pytest.mark.parametrize(("front", "stays"), [("On", True), ("Off", False)])
def test_an_administrator_there_signs_out_here_unless_front_channel_logout_is_on(
    ours, keycloak, front, stays
):
    keycloak.type(ours.entity_id, FRONT, front)
    visitor, _ = ours.sign_in(keycloak, new_session(), "ada")
    keycloak.sign_out_as_administrator("ada")
    assert is_in(visitor) == stays
