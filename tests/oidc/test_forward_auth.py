"""A site behind a proxy that asks us about each request."""

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client
from django.utils import timezone

from passerelle.directory.models import Membership, User
from passerelle.oidc.models import Grant, Token
from passerelle.sso.models import Session, SignIn
from tests.browsing import Browser
from tests.oidc.client import RelyingParty, add, follow
from tests.world import GRACE, give, make_company, make_user, respond_to

pytestmark = pytest.mark.django_db
HOST = "wiki.acme.example"
PAGE = {"accept": "text/html,application/xhtml+xml"}
NAMES = "User Email Name Company Workspaces Permissions Groups Roles Role JWT".split()


@pytest.fixture(autouse=True)
def _behind_a_proxy(settings):
    changed = {"trusted_proxies": ("127.0.0.1",)}
    settings.PASSERELLE = settings.PASSERELLE.model_copy(update=changed)


@pytest.fixture
def wiki(acme):
    analyst = acme.permission_sets.get()
    return add(
        acme,
        name="Wiki",
        url=f"https://{HOST}/",
        kind="proxy",
        client_id=None,
        redirect_uris=(),
        post_logout_redirect_uris=(),
        hosts=(HOST,),
        roles=((analyst, "Reader"),),
    )


@pytest.fixture
def bob(acme) -> User:
    user = make_user(acme, "bob@acme.example", first_name="Zoë", last_name="Bob, Jr.")
    give(user)
    return user


class Site(Client):
    """A person's browser at the application's host, through a proxy that asks us first."""

    def asked(self, path: str = "/", method: str = "GET", mode: str = "", **headers: str):
        forwarded = {
            "x-forwarded-host": HOST,
            "x-forwarded-proto": "https",
            "x-forwarded-uri": path,
            "x-forwarded-method": method,
        }
        query = f"?mode={mode}" if mode else ""
        return self.get(f"/forward-auth{query}", headers={**forwarded, **PAGE, **headers})

    def own(self, address: str):
        """What the proxy hands to us whole."""
        parts = urlsplit(address)
        assert parts.netloc == HOST
        assert parts.path.startswith("/.passerelle/")
        headers = {"x-forwarded-host": HOST, "x-forwarded-proto": "https", **PAGE}
        return self.get(f"{parts.path}?{parts.query}", headers=headers)

    def enter(self, browser: Browser, path: str = "/"):
        """From a page load to the page, where the person is signed in at our own address."""
        answer = self.asked(path)
        assert answer.status_code == 302, answer.content
        begun = self.own(answer["Location"])
        here = urlsplit(begun["Location"])
        assert here.netloc == "127.0.0.1:8000"
        back = follow(browser, browser.get(f"{here.path}?{here.query}"))
        assert back.status_code == 303, back.content
        return self.own(back["Location"])


def test_who_is_new_everywhere_is_at_the_page_they_wanted(connection, wiki):
    site, browser = Site(), Browser()
    begun = site.own(site.asked("/pages/1?a=b&c=d")["Location"])
    here = urlsplit(begun["Location"])
    answer = follow(browser, browser.get(f"{here.path}?{here.query}"))
    request_id = browser.request_in(answer).get("ID")
    field = respond_to(connection, GRACE, request_id=request_id, now=timezone.now())
    back = follow(browser, browser.post_response(connection, field))
    assert back["Location"].startswith(f"https://{HOST}/.passerelle/finish?code=")
    finished = site.own(back["Location"])
    assert finished["Location"] == "/pages/1?a=b&c=d"
    assert site.asked().status_code == 200
    row = SignIn.objects.order_by("-id").first()
    assert (row.application, row.email) == (wiki, "grace@acme.example")


def test_the_application_is_told_who_it_is_and_in_a_token_that_is_signed(bob, wiki):
    site = Site()
    site.enter(Browser().enter(bob))
    answer = site.asked()
    told = {name: answer[f"X-Passerelle-{name}"] for name in NAMES}
    token = told.pop("JWT")
    assert told == {
        "User": str(bob.id),
        "Email": "bob@acme.example",
        "Name": "Zo%C3%AB Bob, Jr.",
        "Company": "acme",
        "Workspaces": "Production",
        "Permissions": "reports.export",
        "Groups": "",
        "Roles": "Reader",
        "Role": "Reader",
    }
    claims = RelyingParty(wiki, "").verified(token)
    assert claims["sub"] == str(bob.id)
    assert claims["aud"] == [str(wiki.id), HOST]
    assert claims["exp"] - claims["iat"] == 300


def test_a_value_with_a_comma_is_one_value(acme, bob):
    acme.workspaces.update(name="R&D, Paris")
    add(acme, name="Wiki", kind="proxy", client_id=None, redirect_uris=(), hosts=(HOST,))
    site = Site()
    site.enter(Browser().enter(bob))
    assert site.asked()["X-Passerelle-Workspaces"] == "R&D%2C Paris"


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("POST", {}),
        ("PUT", {"accept": "*/*"}),
        ("GET", {"accept": "application/json"}),
        ("GET", {"accept": "*/*", "sec-fetch-dest": "empty"}),
        ("GET", {"sec-fetch-dest": "script"}),
        ("GET", {"upgrade": "websocket", "connection": "Upgrade"}),
        ("GET", {"x-requested-with": "XMLHttpRequest"}),
        ("OPTIONS", {"access-control-request-method": "POST", "origin": "https://x.example"}),
    ],
    ids=["form", "upload", "json", "fetch", "script", "socket", "ajax", "preflight"],
)
def test_only_a_page_load_is_led_to_sign_in(wiki, method, headers):
    answer = Site().asked("/api", method, **headers)
    assert answer.status_code == 401
    assert "Location" not in answer
    assert answer.json() == {"error": "login_required", "sign_in": f"https://{HOST}/"}


def test_nginx_hears_401_with_where_to_go_since_it_makes_an_error_of_a_redirect(wiki):
    answer = Site().asked("/a", mode="nginx")
    assert answer.status_code == 401
    assert answer["Location"] == f"https://{HOST}/.passerelle/start?rd=%2Fa"
    assert "Location" not in Site().asked("/a", "POST", mode="nginx")


def test_envoy_puts_the_path_behind_ours_and_keeps_the_method(wiki):
    headers = {"host": HOST, "x-forwarded-proto": "https", **PAGE}
    answer = Site().get("/forward-auth?mode=envoy/reports?page=2&x=1", headers=headers)
    assert answer.status_code == 302
    assert parse_qs(urlsplit(answer["Location"]).query)["rd"] == ["/reports?page=2&x=1"]
    assert Site().post("/forward-auth?mode=envoy/reports", headers=headers).status_code == 401


def test_every_header_is_in_every_answer_so_that_no_forged_one_is_left(bob, wiki):
    site = Site()
    forged = {f"x-passerelle-{name.lower()}": "forged" for name in NAMES}
    for answer in (site.asked(), site.asked(**forged), site.asked("/x", "POST", **forged)):
        assert {answer[f"X-Passerelle-{name}"] for name in NAMES} == {""}
    site.enter(Browser().enter(bob))
    answer = site.asked(**forged)
    assert answer.status_code == 200
    assert "forged" not in str(answer.headers)


@pytest.mark.parametrize(
    "taken",
    [
        lambda user: user.sessions.all().delete(),
        lambda user: User.objects.filter(id=user.id).update(status="suspended"),
        lambda user: Session.objects.update(expires_at=timezone.now() - timedelta(seconds=1)),
        lambda user: user.company.applications.all().delete(),
    ],
    ids=["signed out", "suspended", "session over", "application removed"],
)
def test_who_is_gone_is_out_at_the_next_request(bob, wiki, taken):
    site = Site()
    site.enter(Browser().enter(bob))
    assert site.asked().status_code == 200
    taken(bob)
    assert site.asked().status_code in (302, 403)
    assert site.asked("/x", "POST").status_code in (401, 403)


def test_who_loses_the_right_is_out_and_told_why(acme, bob, wiki):
    site, browser = Site(), Browser().enter(bob)
    wiki.workspaces.through.objects.create(
        company=acme, application=wiki, workspace=acme.workspaces.get()
    )
    acme.raise_version()
    site.enter(browser)
    Membership.objects.all().delete()
    begun = site.own(site.asked()["Location"])
    here = urlsplit(begun["Location"])
    refused = browser.get(f"{here.path}?{here.query}")
    assert refused.status_code == 403
    assert "You may not open Wiki" in refused.content.decode()


def test_a_cookie_opens_its_own_host_only(acme, bob, wiki):
    other = "other.acme.example"
    add(acme, name="Other", kind="proxy", client_id=None, redirect_uris=(), hosts=(other,))
    site = Site()
    site.enter(Browser().enter(bob))
    assert site.asked(**{"x-forwarded-host": HOST.upper()}).status_code == 200
    assert site.asked(**{"x-forwarded-host": other}).status_code == 302


def test_what_is_begun_in_one_browser_is_finished_there_and_once(bob, wiki):
    site, stranger = Site(), Site()
    begun = site.own(site.asked()["Location"])
    here = urlsplit(begun["Location"])
    back = Browser().enter(bob).get(f"{here.path}?{here.query}")["Location"]
    refused = stranger.own(back)
    assert refused.status_code == 400
    assert "begun in another browser" in refused.content.decode().replace("\n", " ")
    assert site.own(back).status_code == 303
    assert site.own(back).status_code == 400
    Grant.objects.update(code_used_at=None, code_expires_at=timezone.now())
    assert site.own(back).status_code == 400


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "\\\\evil.example",
        "javascript:alert(1)",
        "/a\r\nSet-Cookie: x=y",
        "/.passerelle/logout",
        "/" + "x" * 5000,
        "",
    ],
)
def test_nobody_is_led_away(bob, wiki, elsewhere):
    site, browser = Site(), Browser().enter(bob)
    headers = {"x-forwarded-host": HOST, "x-forwarded-proto": "https", **PAGE}
    begun = site.get("/.passerelle/start", {"rd": elsewhere}, headers=headers)
    here = urlsplit(begun["Location"])
    back = browser.get(f"{here.path}?{here.query}")
    assert site.own(back["Location"])["Location"] == "/"


def test_a_request_that_is_not_signed_leads_nowhere(bob, wiki):
    for query in ("", "request=x", "request=" + "x" * 4000):
        answer = Browser().enter(bob).get(f"/forward-auth/enter?{query}")
        assert answer.status_code == 400


def test_a_proxy_that_forgets_to_hand_our_path_over_is_told_so(wiki):
    answer = Site().asked("/.passerelle/start?rd=/")
    assert answer.status_code == 403
    assert answer["X-Passerelle-Reason"] == "proxy_path_missing"
    assert "has to hand that path to Passerelle" in answer.content.decode()


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1:8000", "", "a b", "x" * 400])
def test_a_host_that_is_not_registered_is_refused(wiki, host):
    answer = Site().asked(**{"x-forwarded-host": host})
    assert answer.status_code in (400, 403)
    assert "Location" not in answer


def test_what_a_stranger_says_of_host_and_scheme_is_not_believed(settings, wiki):
    changed = {"trusted_proxies": ("192.0.2.1",)}
    settings.PASSERELLE = settings.PASSERELLE.model_copy(update=changed)
    assert Site().asked().status_code in (400, 403)


def test_another_company_s_person_is_not_let_in(bob, wiki):
    eve = Browser().enter(make_user(make_company("globex"), "eve@globex.example"))
    site = Site()
    begun = site.own(site.asked()["Location"])
    here = urlsplit(begun["Location"])
    answer = follow(eve, eve.get(f"{here.path}?{here.query}"))
    assert "idp.acme.example" in answer["Location"]


def test_signing_out_there_ends_that_and_asks_about_the_rest(bob, wiki):
    site, browser = Site(), Browser().enter(bob)
    site.enter(browser)
    answer = site.own(f"https://{HOST}/.passerelle/logout")
    assert answer["Location"] == "http://127.0.0.1:8000/oidc/logout"
    assert site.asked().status_code == 302
    assert "Sign out?" in browser.get("/oidc/logout").content.decode()
    assert Session.objects.filter(user=bob).exists()


def test_too_many_groups_are_left_out_rather_than_break_the_proxy(bob, wiki):
    site = Site()
    site.enter(Browser().enter(bob))
    Session.objects.update(groups=[f"group-{number:030}" for number in range(200)])
    answer = site.asked()
    assert answer.status_code == 200
    assert answer["X-Passerelle-Groups"] == ""
    claims = RelyingParty(wiki, "").verified(answer["X-Passerelle-JWT"])
    assert (claims["groups"], claims["left_out"]) == ([], ["groups"])
    assert sum(len(answer[f"X-Passerelle-{name}"]) for name in NAMES) < 8192


def test_each_request_takes_two_statements(bob, wiki, django_assert_max_num_queries):
    site = Site()
    site.enter(Browser().enter(bob))
    site.asked()
    with django_assert_max_num_queries(2):
        assert site.asked().status_code == 200


def test_networks_hold_there_too(acme, bob, wiki):
    site = Site()
    site.enter(Browser().enter(bob))
    acme.ip_allowlist = ["198.51.100.0/24"]
    acme.save()
    acme.raise_version()
    refused = site.asked(**{"x-forwarded-for": "203.0.113.9"})
    assert refused.status_code == 403
    assert refused["X-Passerelle-Reason"] == "address_not_allowed"
    assert site.asked(**{"x-forwarded-for": "198.51.100.9"}).status_code == 200


def test_only_a_digest_of_the_cookie_is_kept(bob, wiki):
    site = Site()
    site.enter(Browser().enter(bob))
    [cookie] = [one for name, one in site.cookies.items() if "application" in name]
    assert cookie["secure"] and cookie["httponly"] and not cookie["domain"]
    assert cookie.key.startswith("__Host-")
    assert cookie.value not in list(Token.objects.values_list("digest", flat=True))


def test_a_cookie_that_a_sibling_domain_can_set_puts_nobody_into_another_account(bob, wiki):
    site = Site()
    site.enter(Browser().enter(bob))
    token = site.cookies["__Host-passerelle_application"].value
    tossed = Site()
    tossed.cookies["passerelle_application"] = token
    assert tossed.asked().status_code == 302
