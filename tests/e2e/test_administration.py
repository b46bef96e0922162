"""What an administrator does, from the first set-up to a person leaving, in a real browser.

Each story is one that somebody who has never heard of SAML has to get through by the pages alone.
"""

import urllib.request

import pytest
from playwright.sync_api import Locator, Page, expect

from passerelle.practice_idp.issue import write_idp_metadata
from tests.e2e.clicking import WORDS, Demo, enter_as_administrator, look
from tests.servers.simplesamlphp import SimpleSAMLphp
from tests.world import signing_key

pytestmark = pytest.mark.xdist_group("browser")


def sign_in_there(page: Page, simplesamlphp: SimpleSAMLphp, username: str) -> None:
    """At the identity provider, which asks for the password once in a browser."""
    page.wait_for_url(simplesamlphp.url + "/**")
    page.locator("input[name=username]").fill(username)
    page.locator("input[name=password]").fill(simplesamlphp.people[username].password)
    page.locator("button[type=submit], input[type=submit]").first.click()


def activate(page: Page, link: str) -> None:
    page.goto(link)
    page.locator("#password").fill("a long enough passphrase")
    page.locator("main form button:not([type=button])").first.click()


def enter_metadata(page: Page, simplesamlphp: SimpleSAMLphp, name: str) -> None:
    """Step 3: something wrong first, said while it is typed and when it is saved; then what is."""
    page.locator("#name").fill("Acme SSO")
    page.locator("#metadata").fill("<this is no metadata>")
    page.locator("#metadata").blur()
    expect(page.locator("#check .wrong")).to_be_visible()
    look(page, f"connect-checked-wrong-{name}")
    page.locator("form[enctype] button.button").last.click()
    expect(page.locator("#metadata-error")).to_be_visible()
    look(page, f"connect-wrong-{name}")
    page.locator("#metadata").fill(simplesamlphp.metadata().decode())
    page.locator("#metadata").blur()
    expect(page.locator("#check .badge")).to_be_visible()
    look(page, f"connect-checked-{name}")
    page.locator("form[enctype] button.button").last.click()
    expect(page.locator(".notice.good")).to_be_visible()


def test_a_first_set_up_with_simplesamlphp_by_the_guide_alone(
    tab, demo: Demo, simplesamlphp, language, width
):
    page, name = tab.page, f"{language}-{width}"
    slug = f"new-{name}"
    activate(page, demo.make_company(slug))
    page.goto(demo.base_url + "/settings/security/")
    page.locator("main a[href='/settings/connect/']").first.click()
    look(page, f"connect-choose-{name}")
    page.locator("button[value=simplesamlphp]").click()
    look(page, f"connect-{name}")
    address = page.locator("#value-1").input_value()
    assert address.endswith(f"/auth/saml/{slug}/metadata")
    # What the identity provider's administrator does with the values that the page shows.
    simplesamlphp.register(urllib.request.urlopen(address, timeout=20).read())
    enter_metadata(page, simplesamlphp, name)
    page.locator("form[action$='/trial/'] button").click()
    sign_in_there(page, simplesamlphp, "grace")
    page.wait_for_url("**/settings/security/trial/**")
    expect(page.locator("code", has_text="jit_disabled").first).to_be_visible()
    look(page, f"trial-refused-{name}")
    page.locator("main a").first.click()
    page.locator("form[action$='/switch/'] button").click()
    look(page, f"connect-on-{name}")
    page.locator(".notice.good a").click()
    # Whole: until then the page scrolls to the section that the link names, and a click may miss.
    page.wait_for_url("**/settings/security/**", wait_until="load")
    page.get_by_role("switch", name=WORDS[language]["toggle"]).check()
    page.get_by_label(WORDS[language]["workspace"]).select_option(label="Production")
    page.get_by_label(WORDS[language]["permission_set"]).select_option(label="Analyst")
    with page.expect_popup() as opened:
        page.locator("button[formaction*='/trial/']").click()
    # Signed in there already: it comes straight back.
    opened.value.wait_for_url("**/settings/security/trial/**")
    expect(opened.value.locator("main li", has_text="grace@acme.example").first).to_be_visible()
    look(opened.value, f"trial-{name}")
    opened.value.close()
    page.locator(".savebar button.button").last.click()
    expect(page.locator(".notice.good")).to_be_visible()
    page.locator("form[action='/logout/'] button").click()
    page.goto(f"{demo.base_url}/login/{slug}/")
    page.get_by_role("link", name="Acme SSO").click()
    page.wait_for_url(demo.base_url + "/")
    look(page, f"welcome-{name}")
    page.locator(".notice.good a[href^='/account/']").click()
    look(page, f"account-{name}")
    people = [one["email"] for one in demo.json("users") if one["company"] == slug]
    assert sorted(people) == [f"boss@{slug}.example", "grace@acme.example"]


def test_a_set_up_link_is_handed_over_opened_and_finished(tab, demo, language, width):
    page, name = tab.page, f"{language}-{width}"
    slug = f"link-{name}"
    activate(page, demo.make_company(slug))
    page.goto(demo.base_url + "/settings/connect/")
    page.locator("button[value=okta]").click()
    page.locator("form[action$='/link/'] button").first.click()
    link = page.locator("#made").input_value()
    look(page, f"setup-link-{name}")
    page.context.clear_cookies()
    page.goto(link)
    look(page, f"setup-open-{name}")
    page.locator("main form button:not([type=button])").first.click()
    look(page, f"setup-{name}")
    expect(page.locator("form[action='/setup/done/']")).to_have_count(0)
    page.locator("form[enctype] button.button").last.click()
    expect(page.locator(".notice.care")).to_be_visible()
    look(page, f"setup-incomplete-{name}")
    certificate = signing_key("acme").certificate_der
    metadata = write_idp_metadata(
        entity_id="https://idp.example/metadata",
        sso_url="https://idp.example/sso",
        certificate_der=certificate,
    )
    page.locator("#metadata").fill(metadata.decode())
    page.locator("form[enctype] button.button").last.click()
    expect(page.locator(".notice.good")).to_be_visible()
    page.locator("form[action='/setup/done/'] button").click()
    look(page, f"setup-done-{name}")
    page.goto(link)
    look(page, f"setup-ended-{name}")


def refused_at_the_practice_idp(page: Page, demo: Demo, language: str, email: str) -> str:
    page.goto(demo.base_url + "/login/acme/")
    page.get_by_role("link", name=WORDS[language]["sign_in"]).click()
    page.locator("details").first.locator("summary").click()
    page.locator("#email").fill(email)
    page.locator("button[value=new]").click()
    page.wait_for_selector("#reference")
    return page.locator("#reference").input_value()


def test_a_refused_newcomer_is_repaired(tab, demo, language, width):
    page, name = tab.page, f"{language}-{width}"
    email = f"stranger-{name}@globex.example"
    reference = refused_at_the_practice_idp(page, demo, language, email)
    enter_as_administrator(page, demo, WORDS[language])
    page.goto(f"{demo.base_url}/settings/sign-ins/?q={reference}")
    page.get_by_role("link", name=reference).click()
    look(page, f"repair-{name}")
    page.locator("form[action$='/admit/'] button").click()
    expect(page.locator(".notice.good").first).to_be_visible()
    look(page, f"repaired-{name}")
    assert email in [one["email"] for one in demo.json("users")]
    page.goto(demo.base_url + "/settings/sign-ins/chart/")
    look(page, f"chart-{name}")


def see_effect(part: Locator) -> None:
    """Of what was just changed, and then that nothing more is on its way."""
    expect(part).to_be_visible()
    expect(part.page.locator(".effect[aria-busy]")).to_have_count(0)


def test_a_policy_is_changed_with_a_look_at_whom_it_changes(tab, demo, language, width):
    page, name = tab.page, f"{language}-{width}"
    email = f"visitor-{name}@globex.example"
    refused_at_the_practice_idp(page, demo, language, email)
    enter_as_administrator(page, demo, WORDS[language])
    page.goto(demo.base_url + "/settings/security/?open=provisioning_domains")
    page.locator("#provisioning_domains").select_option("listed")
    page.locator("#provisioning_domain_list").fill("acme.example\nglobex.example")
    page.locator("#provisioning_domain_list").blur()
    see_effect(page.locator("#provisioning-effect td", has_text=email))
    look(page, f"effect-{name}")
    page.locator("[data-discard]").click()
    page.wait_for_load_state()
    expect(page.locator("#provisioning_domains")).to_have_value("known")


def test_several_people_are_changed_after_a_look(tab, demo, language, width):
    page, name = tab.page, f"{language}-{width}"
    enter_as_administrator(page, demo, WORDS[language])
    page.goto(demo.base_url + "/settings/users/import/")
    look(page, f"import-{name}")
    lines = (
        f"email,workspace,permission_set\nx-{name}@globex.example,Production,Analyst\nnobody,,\n"
    )
    page.locator("#content").fill(lines)
    page.locator("main form button:not([type=button])").first.click()
    look(page, f"import-look-{name}")
    page.locator("main form button:not([type=button])").first.click()
    expect(page.locator(".notice.good")).to_be_visible()
    page.goto(f"{demo.base_url}/settings/users/?q=x-{name}")
    page.locator("td.pick input").check()
    page.locator("main details summary").click()
    page.locator("#verb").select_option("suspend")
    page.locator("main details button").click()
    look(page, f"several-{name}")
    page.locator("form[action$='/do/'] button").click()
    expect(page.locator(".notice.good")).to_be_visible()
    [account] = [one for one in demo.json("users") if one["email"] == f"x-{name}@globex.example"]
    assert account["status"] == "suspended"


def test_a_dashboard_that_people_open_is_put_on_theirs(tab, demo, language, width):
    page, name = tab.page, f"{language}-{width}"
    enter_as_administrator(page, demo, WORDS[language])
    page.locator(".menu a[href='/settings/applications/']").click()
    page.locator("main a[href$='/applications/new/']").first.click()
    page.locator("a[href$='/new/link/']").click()
    page.locator("#name").fill(f"Reports {name}")
    page.locator("#url").fill("reports.acme.example")
    page.locator("main form button:not([type=button])").click()
    expect(page.locator("#url-error")).to_be_visible()
    look(page, f"applications-wrong-{name}")
    page.locator("#url").fill(f"{demo.base_url}/account/")
    page.locator("main form button:not([type=button])").click()
    expect(page.locator(".notice.good")).to_be_visible()
    look(page, f"application-link-{name}")
    page.get_by_label("Sandbox").check()
    page.locator("main form button:not([type=button])").first.click()
    expect(page.locator(".notice.good")).to_be_visible()
    look(page, f"application-{name}")
    page.goto(demo.base_url + "/")
    expect(page.get_by_role("link", name=f"Reports {name}")).to_have_count(0)
    page.goto(demo.base_url + "/settings/applications/")
    page.get_by_role("link", name=f"Reports {name}").click()
    page.get_by_label("Sandbox").uncheck()
    page.locator("main form button:not([type=button])").first.click()
    page.goto(demo.base_url + "/")
    look(page, f"home-applications-{name}")
    page.get_by_role("link", name=f"Reports {name}").click()
    expect(page).to_have_url(f"{demo.base_url}/account/")
    page.goto(demo.base_url + "/settings/applications/")
    page.get_by_role("link", name=f"Reports {name}").click()
    page.locator("button[name=remove]").click()
    expect(page.locator(".notice.good")).to_be_visible()
    expect(page.get_by_role("link", name=f"Reports {name}")).to_have_count(0)
