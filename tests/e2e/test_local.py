"""Signing in without SAML, in a browser: a forgotten password, a second factor, emergencies."""

import re
import time

import pyotp
import pytest
from playwright.sync_api import Page, expect

from tests.e2e.clicking import WORDS, Demo, enter_as_administrator, look

pytestmark = pytest.mark.xdist_group("browser")
PASSWORD, OTHER = "a long enough passphrase", "quite another passphrase"


def letter_link(page: Page, demo: Demo, subject: str) -> str:
    """The link in the newest letter, as soon as the demonstration has written it."""
    for _ in range(240):
        page.goto(demo.base_url + "/practice-mail/")
        letters = page.locator("article", has_text=subject)
        links = letters.first.locator("a[href^=http]") if letters.count() else letters
        if links.count() and letters.count():
            return links.first.get_attribute("href") or ""
        time.sleep(0.25)
    raise AssertionError("no letter came")


def sign_in(page: Page, demo: Demo, slug: str, email: str, password: str) -> None:
    page.goto(f"{demo.base_url}/login/{slug}/?password")
    page.locator("#email").fill(email)
    page.locator("#password").fill(password)
    page.locator("details form button:not([type=button])").click()


def test_a_password_is_forgotten_and_replaced(tab, demo: Demo, language, width):
    page, name = tab.page, f"{language}-{width}"
    slug = f"local-{name}"
    email = f"boss@{slug}.example"
    page.goto(demo.make_company(slug))
    page.locator("#password").fill("short")
    page.locator("main form button:not([type=button])").first.click()
    expect(page.locator("#problem")).to_be_visible()
    look(page, f"activate-wrong-{name}")
    page.locator("#password").fill(PASSWORD)
    page.locator("main form button:not([type=button])").first.click()
    page.wait_for_url(demo.base_url + "/")
    look(page, f"home-administrator-{name}")
    page.context.clear_cookies()
    page.goto(f"{demo.base_url}/login/{slug}/forgot/")
    look(page, f"forgot-{name}")
    page.locator("#email").fill(email)
    page.locator("main form button:not([type=button])").first.click()
    look(page, f"forgot-sent-{name}")
    link = letter_link(page, demo, email)
    look(page, f"mail-{name}")
    page.goto(link)
    look(page, f"reset-{name}")
    page.locator("#password").fill(OTHER)
    page.locator("main form button:not([type=button])").first.click()
    expect(page.locator(".notice.good")).to_be_visible()
    sign_in(page, demo, slug, email, OTHER)
    page.wait_for_url(demo.base_url + "/")


def test_a_second_factor_is_required_set_up_and_asked_for(tab, demo: Demo, language, width):
    page, name = tab.page, f"{language}-{width}"
    slug = f"factor-{name}"
    email = f"boss@{slug}.example"
    page.goto(demo.make_company(slug))
    page.locator("#password").fill(PASSWORD)
    page.locator("main form button:not([type=button])").first.click()
    page.goto(demo.base_url + "/settings/security/")
    page.locator("#session_minutes").fill("9999")
    page.locator(".savebar button.button").last.click()
    expect(page.locator("#session_minutes-error")).to_be_visible()
    look(page, f"rules-wrong-{name}")
    page.locator("#session_minutes").fill("10080")
    page.locator("#two_factor").select_option("required")
    page.locator(".savebar button.button").last.click()
    expect(page.locator(".notice.good")).to_be_visible()
    page.locator("form[action='/logout/'] button").click()
    sign_in(page, demo, slug, email, PASSWORD)
    page.wait_for_url("**/login/code/")
    picture = page.locator(".picture svg").bounding_box()
    assert picture and picture["width"] == picture["height"] > 150
    assert page.locator(".picture svg").get_attribute("viewBox")
    look(page, f"factor-set-up-{name}")
    secret = page.locator("#secret").input_value()
    page.locator("#code").fill(pyotp.TOTP(secret).now())
    page.locator(".card form button:not([type=button])").last.click()
    codes = page.locator("#codes").input_value().split()
    assert len(codes) == 10
    look(page, f"recovery-codes-{name}")
    page.locator("main a.button").click()
    page.wait_for_url(demo.base_url + "/")
    page.locator("form[action='/logout/'] button").click()
    sign_in(page, demo, slug, email, PASSWORD)
    page.wait_for_url("**/login/code/")
    page.locator("#code").fill("000000")
    page.locator("main form button:not([type=button])").first.click()
    look(page, f"factor-wrong-{name}")
    page.locator("#code").fill(codes[0])
    page.locator("main form button:not([type=button])").first.click()
    page.wait_for_url(demo.base_url + "/")
    page.goto(demo.base_url + "/account/")
    look(page, f"account-with-password-{name}")


def test_single_sign_on_alone_and_the_way_back(tab, demo: Demo, language, width):
    """Somebody who came by single sign-on is made administrator, and requires it of everybody."""
    page, name, words = tab.page, f"{language}-{width}", WORDS[language]
    email = f"successor-{name}@acme.example"
    come_by_single_sign_on(page, demo, words, email)
    page.locator("form[action='/logout/'] button").click()
    enter_as_administrator(page, demo, words)
    page.goto(demo.base_url + "/settings/enforcement/")
    look(page, f"enforcement-{name}")
    page.locator("input[value=everyone]").check()
    page.locator("form[action$='/change/'] button").click()
    expect(page.locator(".notice.bad")).to_be_visible()
    look(page, f"enforcement-not-yet-{name}")
    page.goto(f"{demo.base_url}/settings/users/?q={email}")
    page.locator("tbody a").first.click()
    page.locator("a[href$='/change/promote/']").click()
    look(page, f"promote-{name}")
    page.locator("main form button:not([type=button])").first.click()
    page.locator("form[action$='/break-glass/'] button").click()
    expect(page.locator("#link")).to_have_value(re.compile("/activate/"))
    look(page, f"emergency-access-{name}")
    page.context.clear_cookies()
    come_by_single_sign_on(page, demo, words, email)
    page.goto(demo.base_url + "/settings/enforcement/")
    page.locator("input[value=everyone]").check()
    page.locator("form[action$='/change/'] button").click()
    expect(page.locator(".notice.good")).to_be_visible()
    codes = codes_shown(page) or more_codes(page)
    assert len(codes) == 10
    assert all(re.fullmatch(r"([0-9A-Z]{5}-){3}[0-9A-Z]{5}", one) for one in codes)
    look(page, f"emergency-codes-{name}")
    page.context.clear_cookies()
    sign_in(page, demo, "acme", "admin@acme.example", demo.password)
    expect(page.get_by_text(words["only_sso"])).to_be_visible()
    look(page, f"password-not-allowed-{name}")
    page.goto(demo.base_url + "/login/acme/emergency/")
    page.locator("#code").fill("wrong")
    page.locator("main form button:not([type=button])").first.click()
    look(page, f"emergency-wrong-{name}")
    page.locator("#code").fill(codes[0])
    page.locator("main form button:not([type=button])").first.click()
    expect(page.locator(".notice.good")).to_be_visible()
    look(page, f"emergency-{name}")
    enter_as_administrator(page, demo, words)


def come_by_single_sign_on(page: Page, demo: Demo, words: dict[str, str], email: str) -> None:
    page.goto(demo.base_url + "/login/acme/")
    page.get_by_role("link", name=words["sign_in"]).click()
    page.locator("details").first.locator("summary").click()
    page.locator("#email").fill(email)
    page.locator("button[value=new]").click()
    page.wait_for_url(demo.base_url + "/")


def codes_shown(page: Page) -> list[str]:
    shown = page.locator("#codes")
    return shown.input_value().split() if shown.count() else []


def more_codes(page: Page) -> list[str]:
    """Ten in place of those that an earlier test was shown."""
    page.locator("details:has(form[action$='/codes/']) summary").click()
    page.locator("form[action$='/codes/'] button").click()
    return codes_shown(page)


def test_a_domain_is_added_and_says_what_is_missing(tab, demo: Demo, language, width):
    page, name = tab.page, f"{language}-{width}"
    enter_as_administrator(page, demo, WORDS[language])
    page.goto(demo.base_url + "/settings/delivery/")
    look(page, f"delivery-{name}")
    page.goto(demo.base_url + "/settings/domains/")
    page.locator("#name").fill(f"{name}.acme.example")
    page.locator("main form button:not([type=button])").last.click()
    expect(page.locator(".notice.good")).to_be_visible()
    look(page, f"domains-{name}")
    section = page.locator("section", has_text=f"{name}.acme.example")
    section.locator("details summary").click()
    look(page, f"domain-remove-{name}")
    section.locator("form[action$='/remove/'] button").click()
    expect(page.locator(".notice.good")).to_be_visible()


def test_a_passkey_is_added_and_used(tab, named_demo: Demo, language, width):
    """With the browser's own authenticator, as a fingerprint reader would be one."""
    page, name = tab.page, f"{language}-{width}"
    devices = page.context.new_cdp_session(page)
    devices.send("WebAuthn.enable")
    device = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    devices.send("WebAuthn.addVirtualAuthenticator", {"options": device})
    slug = f"key-{name}"
    page.goto(named_demo.make_company(slug))
    page.locator("#password").fill(PASSWORD)
    page.locator("main form button:not([type=button])").first.click()
    page.goto(named_demo.base_url + "/account/")
    page.locator("form[action='/account/passkeys/'] button").click()
    look(page, f"passkey-new-{name}")
    page.locator("form[data-passkey] button").click()
    expect(page.locator(".notice.good")).to_be_visible()
    look(page, f"passkeys-{name}")
    page.locator("form[action='/logout/'] button").click()
    page.goto(f"{named_demo.base_url}/login/{slug}/?password")
    page.locator("form[action$='/passkey/'] button").click()
    look(page, f"passkey-sign-in-{name}")
    page.locator("form[data-passkey] button").click()
    page.wait_for_url(named_demo.base_url + "/")
