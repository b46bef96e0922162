"""Explanations in the words of the console where something is to be changed."""

import pytest

from passerelle import saml
from passerelle.saml.consoles import CONSOLES, IN_CONSOLE, console_of
from passerelle.saml.explain import FAILED

ENTITY_IDS = {
    "http://www.okta.com/exk1fxp": "Okta",
    "https://sts.windows.net/6a3e5a1c-0000-4000-8000-000000000001/": "Microsoft Entra ID",
    "https://accounts.google.com/o/saml2?idpid=C01": "Google Workspace",
    "http://adfs.acme.example/adfs/services/trust": "AD FS",
    "https://id.acme.example/realms/acme": "Keycloak",
    "https://id.acme.example/auth/realms/acme": "Keycloak",
    "https://app.onelogin.com/saml/metadata/1": "OneLogin",
    "https://auth.pingone.eu/1": "PingOne",
    "https://sso.jumpcloud.com/saml2/acme": "JumpCloud",
    "https://idp.acme.example/saml2/idp/metadata.php": "SimpleSAMLphp",
}


@pytest.mark.parametrize(("entity_id", "name"), ENTITY_IDS.items())
def test_a_provider_is_known_by_its_entity_id(entity_id, name):
    assert console_of(entity_id).console == name


def test_an_unknown_provider_has_no_console():
    assert console_of(None, "", "https://idp.acme.example/metadata") is None


def test_the_first_known_of_several_counts():
    assert console_of("urn:x", "http://www.okta.com/x").console == "Okta"


@pytest.mark.parametrize("slug", CONSOLES)
@pytest.mark.parametrize("reason", sorted(set(IN_CONSOLE) & set(FAILED)))
def test_every_cure_is_whole_for_every_console(slug, reason):
    check = saml.Check("x", False, "a", "b", reason)
    _, fix = saml.explain(check, CONSOLES[slug])
    assert CONSOLES[slug].console in fix
    assert "?" not in fix
    assert "%(" not in fix
    assert fix != saml.explain(check)[1]


@pytest.mark.parametrize("slug", ["onelogin", "ping", "adfs", "google"])
def test_a_label_says_its_own_tab_where_a_console_spreads_them_over_several(slug):
    console = CONSOLES[slug]
    assert console.page.endswith(")")
    assert " > " in console.acs_url
    assert console.acs_url.split(" > ")[0] != console.attributes.split(" > ")[0]


def test_the_product_that_was_chosen_is_known_without_its_entity_id():
    assert (
        console_of("https://sso.acme.example/saml/metadata", product="lemonldap")
        == (CONSOLES["lemonldap"])
    )
    assert console_of("http://www.okta.com/x", product="other").console == "Okta"


def test_keycloak_is_mended_in_its_own_words():
    for reason, label in {
        "signature_profile_forbidden": "Canonicalization method",
        "algorithm_forbidden": "Encryption Algorithm",
        "attribute_without_name": "SAML Attribute Name",
        "destination_mismatch": "Advanced > Assertion Consumer Service POST Binding URL",
    }.items():
        _, fix = saml.explain(saml.Check("x", False, "a", "b", reason), CONSOLES["keycloak"])
        assert label in fix
        assert "%(" not in fix
