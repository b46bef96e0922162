"""Applications, clicked through in a real browser, in both languages, on a desktop and a phone."""

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.clicking import WORDS, enter_as_administrator, look

pytestmark = pytest.mark.xdist_group("browser")


def test_an_administrator_adds_a_dashboard_and_has_what_to_paste(tab, demo, language, width):
    page, name = tab.page, f"{language}-{width}"
    enter_as_administrator(page, demo, WORDS[language])
    page.goto(demo.base_url + "/settings/applications/new/")
    look(page, f"application-choose-{name}")
    page.locator("a[href$='/new/grafana/']").click()
    page.locator("#name").fill(f"Grafana {name}")
    page.locator("#url").fill(f"https://grafana-{name}.acme.example/")
    page.locator("[id^=role_]").first.fill("Editor")
    look(page, f"application-new-{name}")
    page.locator("main form button:not([type=button])").click()
    expect(page.locator("#file-1")).to_have_value(re.compile(r"client_secret = \S{43}"))
    page.wait_for_load_state()  # Copying is the script's, which runs once the page is whole.
    page.locator("[data-copy=file-1]").click()
    expect(page.locator("#announcements")).to_have_text(WORDS[language]["copied"])
    look(page, f"application-{name}")
    page.reload()
    expect(page.locator("#file-1")).to_have_value(re.compile("client_secret = <client secret>"))
    page.locator("a[href$='/preview/']").click()
    look(page, f"application-preview-{name}")
    page.goto(demo.base_url + "/settings/applications/")
    look(page, f"applications-{name}")


def test_a_token_for_the_directory_is_made_and_shown_once(tab, demo, language, width):
    page, name = tab.page, f"{language}-{width}"
    enter_as_administrator(page, demo, WORDS[language])
    page.goto(demo.base_url + "/settings/directory-sync/")
    look(page, f"directory-sync-{name}")
    page.locator("#name").fill(f"Okta {name}")
    page.locator("form[novalidate] button:not([type=button])").click()
    expect(page.locator("#token")).to_have_value(re.compile(r"^psr_\S{43}$"))
    look(page, f"directory-sync-token-{name}")
    page.reload()
    expect(page.locator("#token")).to_have_count(0)
