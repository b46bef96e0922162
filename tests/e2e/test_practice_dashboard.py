"""The demonstration ends in a dashboard: people sign in to it, as what their rights say."""

import pytest
from playwright.sync_api import expect

from tests.e2e.clicking import WORDS, enter_as_administrator, look

pytestmark = pytest.mark.xdist_group("browser")

TEXTS = {
    "en": ("Sales", "For administrators of this dashboard", "You are signed out"),
    "fr": ("Ventes", "Pour les administrateurs de ce tableau de bord", "Vous êtes déconnecté"),
}


def test_who_is_new_everywhere_opens_it_and_is_in(tab, demo, language, width):
    page, name = tab.page, f"{language}-{width}"
    title, part, out = TEXTS[language]
    email = f"new-{name}@acme.example"
    page.goto(demo.dashboard)
    page.wait_for_url("**/practice-idp/**")
    page.locator("details").first.locator("summary").click()
    page.locator("#email").fill(email)
    page.locator("button[value=new]").click()
    page.wait_for_url(demo.dashboard)
    expect(page.get_by_role("heading", level=1)).to_have_text(title)
    expect(page.get_by_role("heading", name=part)).to_be_visible()
    expect(page.get_by_text(email).first).to_be_visible()
    look(page, f"practice-dashboard-{name}")
    page.get_by_role("button").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(out)
    # And out of everything: the next one has to say who they are.
    page.goto(demo.dashboard)
    page.wait_for_url("**/practice-idp/**")


def test_the_administrator_is_there_with_the_role_of_all_others(tab, demo, language, width):
    page = tab.page
    title, part, _out = TEXTS[language]
    enter_as_administrator(page, demo, WORDS[language])
    page.goto(f"{demo.base_url}/")
    page.get_by_role("link", name="Sales").click()
    page.wait_for_url(demo.dashboard)
    expect(page.get_by_role("heading", level=1)).to_have_text(title)
    expect(page.get_by_role("heading", name=part)).to_have_count(0)
    look(page, f"practice-dashboard-viewer-{language}-{width}")
