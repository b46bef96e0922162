"""Keycloak, set up by our guide alone, signs people in and out."""

import base64
import re
import urllib.error
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, astuple

import pytest

from passerelle.saml import load_certificate
from passerelle.saml.consoles import _OF_ONE, CONSOLES
from passerelle.saml.explain import filled
from passerelle.sso.connections.guide_sentences import SENTENCES
from passerelle.sso.connections.guides import ACS, GUIDES, HINTS, LOGOUT
from tests.integrations.guided import set_up_keycloak
from tests.integrations.ours import SLUG, Ours, asks_for_a_password, carried, is_in
from tests.servers.forms import new_session, visit
from tests.servers.keycloak import ATTRIBUTES, Keycloak
from tests.servers.processes import ServerError
from tests.world import signing_key

pytestmark = pytest.mark.xdist_group("keycloak")
GUIDE, CONSOLE = GUIDES["keycloak"], CONSOLES["keycloak"]
FRONT = "Settings > Logout settings > Front channel logout"
LEFT_BY_THE_IMPORT = {
    "Settings > IDP-Initiated SSO URL name",
    "Settings > Use metadata descriptor URL",
    "Settings > Metadata descriptor URL",
    "Keys > Client signature required",
}


@pytest.fixture(scope="module", params=["imported", "by hand"])
def ours(
    request: pytest.FixtureRequest, keycloak: Keycloak, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Ours]:
    made = Ours.connected_to(keycloak.metadata(), tmp_path_factory.mktemp("ours"))
    with made.installation:
        set_up_keycloak(keycloak, made, imported=request.param == "imported")
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


def test_the_import_keeps_the_certificate_that_signs_now(keycloak, tmp_path):
    made = Ours.connected_to(keycloak.metadata(), tmp_path)
    with made.installation:
        made.installation.run("keys", "rotate", SLUG)
        keycloak.import_client(made.metadata_file())
        signs = made.visitor().get(f"/auth/saml/{SLUG}/certificate").body
        kept = keycloak.shown(made.entity_id, "Keys > Certificate")
        assert load_certificate(kept) == load_certificate(signs)
        keycloak.remove_client(made.entity_id)


def test_a_label_that_the_console_does_not_have_is_refused(ours, keycloak):
    for label in ("Settings > Audience", "Clients > Add client"):
        with pytest.raises(KeyError):
            keycloak.type(ours.entity_id, label, "x")


LABEL = re.compile("“([^”]+)”")
# Of the realm's key providers, of select boxes, of Keycloak's own sign-in page, and of ours.
NOT_OF_THE_CONSOLE = {
    "RS256",
    "Invalid Request",
    "Invalid redirect uri",
    "Invalid requester",
    "/analysts",
}


@pytest.mark.parametrize(
    "text",
    [
        HINTS["keycloak"],
        *astuple(SENTENCES["keycloak"])[:3],
        *(filled(one, asdict(CONSOLE)) for one in _OF_ONE["Keycloak"].values()),
        *(f"“{one}”" for one in astuple(CONSOLE)[1:] if one),
    ],
)
def test_every_label_that_we_name_is_one_of_the_console(keycloak, text):
    for label in LABEL.findall(text):
        if label not in NOT_OF_THE_CONSOLE:
            keycloak.read(label.replace(" > RS256", ""))


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


def test_disabling_somebody_there_ends_no_session_here(ours, keycloak):
    visitor, _ = ours.sign_in(keycloak, new_session(), "linus")
    keycloak.switch("linus", on=False)
    try:
        assert is_in(visitor)
        with pytest.raises(ServerError):
            ours.sign_in(keycloak, new_session(), "linus")
    finally:
        keycloak.switch("linus", on=True)
    assert "A session that is open here goes on" in SENTENCES["keycloak"].sessions


# What is set wrongly there, and what is said of it.

MASTER = "Settings > Master SAML Processing URL"
LOGOUT_URLS = [label for label, value in GUIDE.fields if value == LOGOUT]


@pytest.fixture
def one_address(ours, keycloak):
    """A client whose only address is our ACS URL."""
    before = keycloak.client(ours.entity_id)
    for label in LOGOUT_URLS:
        keycloak.type(ours.entity_id, label, "")
    keycloak.type(ours.entity_id, MASTER, ours.addresses[ACS])
    yield ours
    keycloak.put_back({"adminUrl": "", **before})


def test_signing_out_here_works_where_all_messages_go_to_one_address(one_address, keycloak):
    at_idp = new_session()
    visitor, _ = one_address.sign_in(keycloak, at_idp, "ada")
    assert carried(at_idp, visit(at_idp, one_address.sign_out(visitor)))
    assert not is_in(visitor)
    assert asks_for_a_password(at_idp, visitor.get(f"/auth/saml/{SLUG}/login").location)


def test_signing_out_there_works_where_all_messages_go_to_one_address(one_address, keycloak):
    keycloak.type(one_address.entity_id, FRONT, "On")
    at_idp = new_session()
    visitor, _ = one_address.sign_in(keycloak, at_idp, "ada")
    assert is_in(visitor)
    carried(at_idp, keycloak.sign_out(at_idp))
    assert not is_in(visitor)


@contextmanager
def wrongly(keycloak: Keycloak, ours: Ours, label: str, value: str) -> Iterator[None]:
    """With another value in the console; what was there comes back."""
    before = keycloak.client(ours.entity_id)
    keycloak.type(ours.entity_id, label, value)
    try:
        yield
    finally:
        keycloak.put_back(before)


def fix_of(ours: Ours) -> str:
    [failed] = [one for one in ours.last_sign_in["checks"] if not one["passed"]]
    return str(failed["fix"])


def test_another_client_id_is_refused_as_another_audience(ours, keycloak):
    with wrongly(keycloak, ours, "Settings > Client ID", "https://other.example/metadata"):
        posted = keycloak.sign_in(new_session(), keycloak.idp_initiated_url("passerelle"), "grace")
        assert ours.visitor().bring(posted).status == 403
    assert ours.last_sign_in["reason"] == "audience_mismatch"
    assert "“Settings > Client ID”" in fix_of(ours)


@pytest.mark.parametrize(
    ("label", "value", "reason"),
    [
        (
            "Settings > Signature and Encryption > Signature algorithm",
            "RSA_SHA1",
            "algorithm_forbidden",
        ),
        (
            "Settings > Signature and Encryption > Canonicalization method",
            "http://www.w3.org/TR/2001/REC-xml-c14n-20010315",
            "signature_profile_forbidden",
        ),
    ],
)
def test_what_it_signs_in_another_way_is_refused_with_the_field_that_mends_it(
    ours, keycloak, label, value, reason
):
    with wrongly(keycloak, ours, label, value):
        assert ours.sign_in(keycloak, new_session(), "grace")[1].status == 400
    assert ours.last_sign_in["reason"] == reason
    assert label.rpartition(" > ")[2] in fix_of(ours)


def test_a_mapper_without_an_attribute_name_is_named(ours, keycloak):
    path = "Client scopes > (client)-dedicated > Add mapper > By configuration > User Property"
    keycloak.configure_mapper(
        ours.entity_id, path, {"Name": "email", "usermodel.prop.label": "email"}
    )
    try:
        assert ours.sign_in(keycloak, new_session(), "grace")[1].status == 403
    finally:
        keycloak.remove_mapper(ours.entity_id, "email")
    assert ours.last_sign_in["reason"] == "attribute_without_name"
    assert "“SAML Attribute Name”" in fix_of(ours)


@pytest.mark.parametrize(
    ("label", "value", "said"),
    [
        ("Settings > Client ID", "https://other.example/metadata", "Invalid Request"),
        ("Settings > Valid redirect URIs", "https://other.example/acs", "Invalid redirect uri"),
    ],
)
def test_what_keycloak_says_by_itself_is_what_the_guide_says_it_says(
    ours, keycloak, label, value, said
):
    assert f"“{said}”" in HINTS["keycloak"]
    with (
        wrongly(keycloak, ours, label, value),
        pytest.raises(urllib.error.HTTPError) as error,
    ):
        ours.sign_in(keycloak, new_session(), "grace")
    assert said in error.value.read().decode()


def test_a_request_signed_with_another_key_is_what_keycloak_calls_an_invalid_requester(
    ours, keycloak
):
    other = base64.b64encode(signing_key("other").certificate_der).decode()
    assert "“Invalid requester”" in HINTS["keycloak"]
    with (
        wrongly(keycloak, ours, "Settings > Use metadata descriptor URL", "Off"),
        wrongly(keycloak, ours, "Keys > Certificate", other),
        pytest.raises(urllib.error.HTTPError) as error,
    ):
        ours.sign_in(keycloak, new_session(), "grace")
    assert "Invalid requester" in error.value.read().decode()
