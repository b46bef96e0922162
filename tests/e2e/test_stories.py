"""The seven sentences of the product, clicked through in a real browser, in both languages."""

import pytest
from playwright.sync_api import expect

from tests.e2e.clicking import WORDS, enter_as_administrator, look

pytestmark = pytest.mark.xdist_group("browser")


def test_a_newcomer_presses_one_button_and_is_in(tab, demo, language, width):
    words, page = WORDS[language], tab.page
    email = f"newcomer-{language}-{width}@acme.example"
    page.goto(demo.base_url)
    look(page, f"door-{language}-{width}")
    page.get_by_role("link", name=words["sign_in"]).click()
    look(page, f"practice-idp-{language}-{width}")
    page.locator("details").first.locator("summary").click()
    page.locator("#email").fill(email)
    page.locator("#first_name").fill("Noor")
    page.locator("button[value=new]").click()
    page.wait_for_url(demo.base_url + "/")
    expect(page.get_by_role("heading", level=1)).to_have_text(f"{words['hello']} Noor")
    look(page, f"home-{language}-{width}")
    [account] = [one for one in demo.json("users") if one["email"] == email]
    assert account["memberships"] == [{"workspace": "Production", "permission_set": "Analyst"}]
    assert (account["status"], account["provisioned_by"]) == ("active", "jit")


def test_whoever_is_refused_gets_a_reference_that_the_administrator_opens(
    tab, chromium, demo, language, width
):
    words, page = WORDS[language], tab.page
    page.goto(demo.base_url)
    page.get_by_role("link", name=words["sign_in"]).click()
    page.locator("details").nth(1).locator("summary").click()
    page.locator("#fault").select_option("audience")
    page.locator("button[value=u-1002]").click()
    page.wait_for_selector("#reference")
    look(page, f"refused-{language}-{width}")
    reference = page.locator("#reference").input_value()
    page.wait_for_load_state()
    page.locator("[data-copy=reference]").click()
    expect(page.locator("#announcements")).to_have_text(words["copied"])
    enter_as_administrator(page, demo, words)
    page.get_by_role("link", name=words["sign_ins"], exact=True).click()
    look(page, f"sign-ins-{language}-{width}")
    # Somebody else tries meanwhile: the list that is open tells of it.
    other = chromium.new_page(locale=language, width=width, color_scheme="light")
    other.page.goto(demo.base_url)
    other.page.get_by_role("link", name=words["sign_in"]).click()
    other.page.locator("button[value=u-1001]").click()
    other.page.wait_for_url(demo.base_url + "/")
    other.close()
    expect(page.locator("[data-live] a")).to_be_visible(timeout=60_000)
    page.locator("[data-live] a").click()
    expect(page.locator("[data-live] a")).to_have_count(0)
    page.get_by_role("link", name=reference).click()
    expect(page.locator(".notice.bad")).to_contain_text("audience_mismatch")
    expect(page.locator("mark").first).to_be_visible()
    look(page, f"sign-in-{language}-{width}")


def test_the_administrator_sets_automatic_provisioning(tab, demo, language, width):
    words, page = WORDS[language], tab.page
    enter_as_administrator(page, demo, words)
    page.get_by_role("link", name=words["security"]).click()
    look(page, f"security-{language}-{width}")
    toggle = page.get_by_role("switch", name=words["toggle"])
    expect(toggle).to_be_checked()
    toggle.uncheck()
    expect(page.locator("[data-status]")).to_have_text(words["unsaved"])
    page.get_by_role("button", name=words["save"]).click()
    expect(page.locator(".notice.good")).to_contain_text(words["saved"])
    page.get_by_role("switch", name=words["toggle"]).check()
    page.get_by_label(words["workspace"]).select_option("")
    page.get_by_role("button", name=words["save"]).click()
    page.wait_for_selector(".notice.bad")
    look(page, f"security-refused-{language}-{width}")
    expect(page.locator(".notice.bad")).to_contain_text(words["select_workspace"])
    assert page.get_by_role("switch", name=words["toggle"]).is_checked()
    page.get_by_label(words["workspace"]).select_option(label="Production")
    page.get_by_label(words["permission_set"]).select_option(label="Analyst")
    page.get_by_role("button", name=words["save"]).click()
    expect(page.locator(".notice.good")).to_contain_text(words["saved"])
    expect(page.get_by_role("switch", name=words["toggle"])).to_be_checked()


def test_somebody_is_invited_gets_a_right_and_leaves(tab, demo, language, width):
    page, name = tab.page, f"{language}-{width}"
    email = f"guest-{name}@globex.example"
    enter_as_administrator(page, demo, WORDS[language])
    page.goto(demo.base_url + "/settings/users/")
    look(page, f"users-{name}")
    page.locator("a[href='/settings/users/invite/']").click()
    look(page, f"invite-{name}")
    page.locator("#email").fill(email)
    page.locator("main form button:not([type=button])").click()
    link = page.locator("#link").input_value()
    page.locator("summary").first.click()
    page.locator("#workspace").select_option(label="Production")
    page.locator("#permission_set").select_option(label="Analyst")
    page.locator("form[action$='/give/'] button").click()
    expect(page.locator("form[action$='/withdraw/']")).to_have_count(1)
    look(page, f"user-{name}")
    page.locator("a[href$='/change/remove/']").click()
    look(page, f"user-remove-{name}")
    page.locator("main form button:not([type=button])").click()
    expect(page.locator(".notice.good")).to_be_visible()
    assert email not in [one["email"] for one in demo.json("users")]
    page.goto(f"{demo.base_url}/settings/audit/?target={email}")
    expect(page.locator("tbody tr")).to_have_count(3)
    look(page, f"audit-{name}")
    page.goto(link)
    assert page.locator("#password").count() == 0


def test_an_edit_of_a_permission_set_says_whom_it_changes_before_it_is_saved(
    tab, demo, language, width
):
    page, name = tab.page, f"{language}-{width}"
    enter_as_administrator(page, demo, WORDS[language])
    page.goto(demo.base_url + "/settings/workspaces/")
    look(page, f"workspaces-{name}")
    page.get_by_role("link", name="Production").click()
    look(page, f"workspace-{name}")
    page.goto(demo.base_url + "/settings/permissions/")
    look(page, f"permission-sets-{name}")
    page.get_by_role("link", name="Analyst").click()
    page.locator("main form input[type=checkbox]:not(:checked)").first.check()
    page.locator("main form button:not([type=button])").first.click()
    expect(page.locator(".notice.care li")).to_have_count(1)
    look(page, f"permission-set-{name}")


def test_pages_off_the_main_way_are_as_easy_to_use(tab, demo, language, width):
    page = tab.page
    for name, path in {
        "not-found": "/no/such/page",
        "no-link": "/activate/00000000-0000-0000-0000-000000000000/x/",
        "used-up": "/auth/saml/acme/finish?code=used",
    }.items():
        page.goto(demo.base_url + path)
        look(page, f"{name}-{language}-{width}")
    page.goto(demo.base_url)
    page.get_by_role("link", name=WORDS[language]["sign_in"]).click()
    page.locator("button[value=u-1001]").click()
    page.wait_for_url(demo.base_url + "/")
    page.goto(demo.base_url + "/settings/security/")
    look(page, f"forbidden-{language}-{width}")


def test_leaving_with_unsaved_changes_asks_first(chromium, demo):
    tab = chromium.new_page()
    page = tab.page
    enter_as_administrator(page, demo, WORDS["en"])
    page.goto(f"{demo.base_url}/settings/security/")
    page.locator("#name").fill("Another name")
    asked = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.dismiss()))
    with page.expect_event("dialog"):
        page.get_by_role("link", name="Dashboard").click()
    assert asked == ["beforeunload"]
    assert page.url.endswith("/settings/security/")
    page.evaluate("document.querySelector('[data-discard]').click()")
    page.wait_for_load_state()
    expect(page.locator("#name")).to_have_value("Acme SSO")
    tab.close()


def test_the_language_follows_the_browser_until_it_is_chosen(chromium, demo):
    tab = chromium.new_page(locale="fr")
    page = tab.page
    page.goto(demo.base_url)
    assert page.locator("html").get_attribute("lang") == "fr"
    page.get_by_role("button", name="English").click()
    assert page.locator("html").get_attribute("lang") == "en"
    page.goto(demo.base_url + "/login/acme/")
    assert page.locator("html").get_attribute("lang") == "en"
    tab.close()


def test_every_page_works_without_scripts(chromium, demo):
    context = chromium._browser.new_context(java_script_enabled=False, locale="en")
    page = context.new_page()
    page.goto(demo.base_url)
    page.get_by_role("link", name="Sign in with Acme SSO").click()
    page.locator("button[value=u-1001]").click()
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Hello Alice")
    context.close()


def test_the_whole_door_can_be_used_by_keyboard(chromium, demo):
    tab = chromium.new_page()
    page = tab.page
    page.goto(demo.base_url)
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Tab")
    focused = page.evaluate("document.activeElement.textContent.trim()")
    assert focused == "Sign in with Acme SSO"
    page.keyboard.press("Enter")
    page.wait_for_url("**/practice-idp/**")
    tab.close()
