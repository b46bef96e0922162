"""What the set-up guide says of each product beyond what to type where."""

from dataclasses import astuple
from datetime import date

import pytest
from django.utils import translation
from django.utils.html import escape

from passerelle.provisioning.mapping import GROUP_NAMES
from passerelle.sso.connections.guide_sentences import SENTENCES
from passerelle.sso.connections.guides import GUIDES, LOGOUT
from tests.browsing import Browser
from tests.world import make_administrator

pytestmark = pytest.mark.django_db
PRODUCTS = ("okta", "entra", "google", "adfs", "keycloak", "onelogin", "ping", "jumpcloud")
WITHOUT_LOGOUT = {"google", "jumpcloud"}
NAME_IDS = {
    "okta": 'user.getInternalProperty("id")',
    "entra": "user.objectid",
    "google": "Basic Information > Primary email",
    "adfs": "objectGUID",
    "keycloak": "persistent",
    "onelogin": "OneLogin ID",
    "ping": "User ID",
    "jumpcloud": "email",
}


def page_of(alice: Browser, product: str) -> str:
    chosen = alice.post("/settings/connect/", {"product": product})
    return alice.get(chosen["Location"]).content.decode()


@pytest.mark.parametrize("product", PRODUCTS)
@pytest.mark.parametrize("language", ["en", "fr"])
def test_each_product_says_what_it_is_about_beyond_its_fields(acme, product, language):
    alice = Browser(language=language).enter(make_administrator(acme))
    page = page_of(alice, product)
    with translation.override(language):
        for sentence in astuple(SENTENCES[product]):
            assert escape(translation.gettext(sentence)) in page
            assert language == "en" or translation.gettext(sentence) != sentence


@pytest.mark.parametrize("product", PRODUCTS)
def test_each_product_names_where_our_logout_address_goes_or_that_it_goes_nowhere(product):
    named = LOGOUT in dict(map(reversed, GUIDES[product].fields))
    assert named == (product not in WITHOUT_LOGOUT)
    assert ("has no single logout" in SENTENCES[product].logout) == (not named)


@pytest.mark.parametrize("product", PRODUCTS)
def test_each_product_sends_an_identifier_that_stays_or_says_what_follows(product):
    guide = GUIDES[product]
    assert NAME_IDS[product] in dict(map(reversed, (*guide.fields, *guide.attributes)))
    changes = product in {"google", "jumpcloud"}
    assert ("the old account keeps its rights" in SENTENCES[product].identifier) == changes


@pytest.mark.parametrize("product", PRODUCTS)
def test_each_product_sends_groups_under_a_name_that_rules_read(product):
    typed = [one for pair in GUIDES[product].group_values for one in pair]
    understood = product == "entra"  # The name that it sends by itself.
    assert understood or any(one.casefold() in GROUP_NAMES for one in typed)


@pytest.mark.parametrize("product", PRODUCTS)
@pytest.mark.parametrize(
    ("language", "checked", "not_checked"),
    [("en", "30 November 2026", "Not checked"), ("fr", "30 novembre 2026", "Pas vérifié")],
)
def test_the_page_says_when_it_was_compared_with_the_documentation(
    acme, product, language, checked, not_checked
):
    guide = GUIDES[product]
    alice = Browser(language=language).enter(make_administrator(acme))
    page = page_of(alice, product)
    assert (checked in page) == (guide.checked == date(2026, 11, 30))
    assert (not_checked in page) == (guide.checked is None)
    assert bool(guide.pages) == (guide.checked is not None)
    assert all(escape(title) in page for title in guide.pages)
