"""A person goes on to a dashboard that speaks OpenID Connect: signed in, with their rights."""

from datetime import UTC, datetime, timedelta

import pytest
from django.conf import settings
from django.utils import timezone

from passerelle.directory.models import Membership, PermissionSet, User
from passerelle.infra.tokens import digest
from passerelle.oidc.models import Grant, Token
from passerelle.sso.models import Session, SignIn
from tests.browsing import Browser
from tests.oidc.client import ISSUER, RelyingParty, answered, follow
from tests.world import GRACE, give, make_company, make_user, respond_to

pytestmark = pytest.mark.django_db


@pytest.fixture
def bob(acme) -> User:
    user = make_user(acme, "bob@acme.example", first_name="Bob", last_name="Example")
    give(user)
    return user


def sign_in_anew(browser: Browser, connection, answer) -> object:
    """On from a redirect to the identity provider, through it, and back as far as it leads."""
    answer = follow(browser, answer)
    assert "SAMLRequest" in answer["Location"], answer["Location"]
    request_id = browser.request_in(answer).get("ID")
    field = respond_to(connection, GRACE, request_id=request_id, now=timezone.now())
    return follow(browser, browser.post_response(connection, field))


def test_who_is_new_everywhere_is_in_the_dashboard_with_their_role(acme, connection):
    analyst = acme.permission_sets.get()
    reports = RelyingParty.made(acme, roles=((analyst, "Viewer"),))
    browser = Browser()
    back = answered(sign_in_anew(browser, connection, reports.authorize(browser)))
    assert (back["state"], back["iss"]) == ("a state", ISSUER)
    tokens = reports.exchange(back["code"]).json()
    claims = reports.verified(tokens["id_token"])
    grace = User.objects.get(email="grace@acme.example")
    assert claims["iss"] == ISSUER
    assert claims["aud"] == "acme-reports"
    assert claims["nonce"] == "a nonce"
    told = reports.userinfo(tokens["access_token"]).json()
    assert told == {
        "sub": str(grace.id),
        "email": "grace@acme.example",
        "email_verified": True,
        "name": "Grace Example",
        "given_name": "Grace",
        "family_name": "Example",
        "company": "acme",
        "workspaces": ["Production"],
        "permission_sets": ["Production/Analyst"],
        "permissions": ["reports.export"],
        "groups": ["analysts"],
        "roles": ["Viewer"],
        "role": "Viewer",
        "auth_time": claims["auth_time"],
        "acr": claims["acr"],
        "amr": [],
        "sid": claims["sid"],
    }
    assert told.items() <= claims.items()
    [newest, _first] = SignIn.objects.order_by("-id")[:2]
    assert (newest.application, newest.user, newest.outcome) == (
        reports.application,
        grace,
        "signed_in",
    )


def test_each_scope_tells_what_it_is_for(bob, reports):
    browser = Browser().enter(bob)
    told = reports.userinfo(reports.sign_in(browser, scope="openid")["access_token"]).json()
    assert {"email", "name", "groups"} & told.keys() == set()
    assert told["roles"] == []
    told = reports.userinfo(reports.sign_in(browser, scope="openid email")["access_token"]).json()
    assert told["email"] == "bob@acme.example"
    assert "name" not in told


def test_without_openid_there_is_no_id_token_and_no_userinfo(bob, reports):
    tokens = reports.sign_in(Browser().enter(bob), scope="email", nonce=None)
    assert "id_token" not in tokens
    answer = reports.userinfo(tokens["access_token"])
    assert answer.status_code == 403
    assert "insufficient_scope" in answer["WWW-Authenticate"]


def test_a_right_that_is_taken_away_counts_at_the_next_request(acme, bob, connection):
    reports = RelyingParty.made(acme, workspaces=(acme.workspaces.get(),))
    tokens = reports.sign_in(Browser().enter(bob), scope="openid offline_access")
    assert reports.userinfo(tokens["access_token"]).status_code == 200
    assert reports.introspect(tokens["access_token"])["active"] is True
    Membership.objects.all().delete()
    assert reports.userinfo(tokens["access_token"]).status_code == 401
    assert reports.introspect(tokens["access_token"]) == {"active": False}
    refused = reports.refresh(tokens["refresh_token"])
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")


@pytest.mark.parametrize(
    "taken",
    [
        lambda user: user.sessions.all().delete(),
        lambda user: User.objects.filter(id=user.id).update(status="suspended"),
        lambda user: user.delete(),
        lambda user: Session.objects.update(expires_at=timezone.now() - timedelta(seconds=1)),
        lambda user: user.company.applications.all().delete(),
    ],
    ids=["signed out", "suspended", "removed", "session over", "application removed"],
)
def test_who_is_gone_is_gone_from_the_dashboard_too(bob, reports, taken):
    browser = Browser().enter(bob)
    tokens = reports.sign_in(browser, scope="openid offline_access")
    waiting = reports.code(browser)
    taken(bob)
    assert reports.userinfo(tokens["access_token"]).status_code == 401
    assert reports.refresh(tokens["refresh_token"]).status_code in (400, 401)
    assert reports.exchange(waiting).status_code in (400, 401)


def test_another_role_is_told_at_once(acme, bob):
    analyst = acme.permission_sets.get()
    lead = PermissionSet.objects.create(company=acme, name="Lead")
    reports = RelyingParty.made(acme, roles=((lead, "Admin"), (analyst, "Viewer")))
    tokens = reports.sign_in(Browser().enter(bob))
    assert reports.userinfo(tokens["access_token"]).json()["role"] == "Viewer"
    give(bob, permission_set=lead.name)
    told = reports.userinfo(tokens["access_token"]).json()
    assert (told["role"], told["roles"]) == ("Admin", ["Admin", "Viewer"])


def test_a_role_of_another_workspace_does_not_count_in_this_application(acme, bob):
    lab = acme.workspaces.create(company=acme, name="Lab")
    lead = PermissionSet.objects.create(company=acme, name="Lead")
    give(bob, workspace=lab.name, permission_set=lead.name)
    production = acme.workspaces.get(name="Production")
    reports = RelyingParty.made(
        acme, workspaces=(production,), roles=((lead, "Admin"),), default_role="Guest"
    )
    told = reports.userinfo(reports.sign_in(Browser().enter(bob))["access_token"]).json()
    assert told["roles"] == ["Guest"]
    assert told["permission_sets"] == ["Lab/Lead", "Production/Analyst"]


def test_who_may_not_open_it_is_told_what_they_lack_and_the_administrator_finds_it(acme, alice):
    lab = acme.workspaces.create(company=acme, name="Lab")
    reports = RelyingParty.made(acme, workspaces=(lab,))
    bob = make_user(acme, "bob@acme.example")
    give(bob)
    answer = reports.authorize(Browser().enter(bob))
    page = answer.content.decode()
    assert answer.status_code == 403
    assert "You may not open Reports" in page
    assert "Lab" in page
    row = SignIn.objects.get(reason="application_not_allowed")
    assert row.reference in page
    shown = alice.get(f"/settings/sign-ins/{row.reference}/").content.decode()
    assert "they belong to none of its workspaces (Lab)" in shown
    assert f"/settings/users/{bob.id}/" in shown
    again = reports.authorize(Browser().enter(bob))
    assert again.status_code == 403
    assert SignIn.objects.get(reason="application_not_allowed").count == 2


def test_a_permission_may_be_needed_and_counts_in_its_workspaces_only(acme, bob):
    export = acme.permission_sets.get().permissions.get()
    lab = acme.workspaces.create(company=acme, name="Lab")
    everywhere = RelyingParty.made(acme, permission=export)
    assert "code" in answered(everywhere.authorize(Browser().enter(bob)))
    there = RelyingParty.made(
        acme, name="Other", client_id="other", permission=export, workspaces=(lab,)
    )
    assert there.authorize(Browser().enter(bob)).status_code == 403
    PermissionSet.objects.create(company=acme, name="No")
    give(bob, workspace="Lab", permission_set="No")
    assert there.authorize(Browser().enter(bob)).status_code == 403


def test_refreshing_gives_new_tokens_and_the_old_one_coming_back_ends_all(bob, reports):
    first = reports.sign_in(Browser().enter(bob), scope="openid offline_access")
    second = reports.refresh(first["refresh_token"]).json()
    assert second["refresh_token"] != first["refresh_token"]
    assert "nonce" not in reports.verified(second["id_token"])
    assert reports.userinfo(second["access_token"]).status_code == 200
    again = reports.refresh(first["refresh_token"])
    assert again.json()["error"] == "invalid_grant"
    assert reports.userinfo(second["access_token"]).status_code == 401
    assert reports.refresh(second["refresh_token"]).status_code == 400


def test_without_offline_access_there_is_no_refresh_token(bob, reports):
    assert "refresh_token" not in reports.sign_in(Browser().enter(bob))


def test_a_code_counts_once_and_coming_back_ends_what_it_gave(bob, reports):
    code = reports.code(Browser().enter(bob))
    tokens = reports.exchange(code).json()
    again = reports.exchange(code)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    assert reports.userinfo(tokens["access_token"]).status_code == 401


def test_a_code_counts_for_a_minute(bob, reports):
    code = reports.code(Browser().enter(bob))
    Grant.objects.update(code_expires_at=timezone.now())
    assert reports.exchange(code).json()["error"] == "invalid_grant"


def test_a_public_client_proves_itself_by_pkce_alone(acme, bob):
    native = RelyingParty.made(
        acme, public=True, redirect_uris=("http://127.0.0.1/callback", "com.acme.app:/back")
    )
    browser = Browser().enter(bob)
    here = "http://127.0.0.1:51234/callback"
    answer = native.authorize(browser, redirect_uri=here)
    assert answer["Location"].startswith(f"{here}?code=")
    code = answer["Location"].partition("code=")[2].partition("&")[0]
    assert native.exchange(code, redirect_uri=here).status_code == 200
    own = native.authorize(browser, redirect_uri="com.acme.app:/back")
    assert own["Location"].startswith("com.acme.app:/back?code=")
    without = native.authorize(
        browser, redirect_uri=here, code_challenge=None, code_challenge_method=None
    )
    assert "error=invalid_request" in without["Location"]


def test_prompt_none_asks_nobody_anything(bob, reports):
    nobody = answered(reports.authorize(Browser(), prompt="none"))
    assert (nobody["error"], nobody["state"], nobody["iss"]) == (
        "login_required",
        "a state",
        ISSUER,
    )
    assert "code" in answered(reports.authorize(Browser().enter(bob), prompt="none"))
    both = answered(reports.authorize(Browser().enter(bob), prompt="none login"))
    assert both["error"] == "invalid_request"


@pytest.mark.parametrize("asked", [{"prompt": "login"}, {"max_age": "60"}])
def test_who_has_to_show_anew_who_they_are_does_so_at_the_identity_provider(
    connection, reports, asked
):
    browser = Browser()
    browser.sign_in(connection)
    Session.objects.update(confirmed_at=timezone.now() - timedelta(hours=2))
    answer = follow(browser, reports.authorize(browser, **asked))
    assert browser.request_in(answer).get("ForceAuthn") == "true"
    back = answered(sign_in_anew(browser, connection, reports.authorize(browser, **asked)))
    claims = reports.verified(reports.exchange(back["code"]).json()["id_token"])
    assert claims["auth_time"] >= timezone.now().timestamp() - 60


def test_who_signed_in_just_now_is_not_asked_again_by_a_maximum_age(connection, reports):
    browser = Browser()
    browser.sign_in(connection)
    assert "code" in answered(reports.authorize(browser, max_age="3600"))


def test_another_company_s_person_signs_in_as_somebody_of_this_one(connection, reports):
    globex = make_company("globex")
    eve = Browser().enter(make_user(globex, "eve@globex.example"))
    answer = follow(eve, reports.authorize(eve))
    assert "idp.acme.example" in answer["Location"]
    assert not Grant.objects.exists()


def test_where_there_are_several_ways_people_choose_on_our_page(acme, connection, reports):
    from tests.world import make_connection

    make_connection(acme, slug="acme-two", idp_entity_id="https://two.example")
    answer = follow(Browser(), reports.authorize(Browser()))
    assert answer.status_code == 200
    assert "Acme SSO" in answer.content.decode()


def test_a_password_leads_on_by_a_page_that_no_form_rule_stops(acme, reports):
    """Browsers hold the redirects behind a form to our own site."""
    from tests.web.test_passwords import PASSWORD, with_password

    with_password(make_user(acme, "bob@acme.example"))
    browser = Browser()
    path = f"/oidc/authorize?client_id={reports.application.client_id}"
    sent = {"email": "bob@acme.example", "password": PASSWORD, "next": path}
    answer = browser.post("/login/acme/", sent)
    assert answer.status_code == 200
    assert answer["Refresh"] == f"0; url={path}"


def test_what_is_kept_of_codes_and_tokens_opens_nothing(bob, reports):
    browser = Browser().enter(bob)
    code = reports.code(browser)
    tokens = reports.exchange(code).json()
    kept = [*Token.objects.values_list("digest", flat=True)]
    assert tokens["access_token"] not in kept
    assert digest(tokens["access_token"]) in kept
    assert Grant.objects.get().code_digest == digest(code)
    assert browser.cookies[settings.SESSION_COOKIE].value not in str(Grant.objects.values().get())


def test_it_takes_few_statements(bob, reports, django_assert_max_num_queries):
    browser = Browser().enter(bob)
    reports.sign_in(browser)
    query = reports.query()
    with django_assert_max_num_queries(8):
        answer = browser.get("/oidc/authorize", query)
    code = answered(answer)["code"]
    with django_assert_max_num_queries(11):
        access = reports.exchange(code).json()["access_token"]
    with django_assert_max_num_queries(2):
        reports.userinfo(access)


def test_keys_are_published_before_they_sign_and_after(bob, reports):
    from passerelle.oidc import keys
    from passerelle.oidc.models import SigningKey

    now = datetime.now(UTC)
    first = keys.signer("RS256", now=now).kid
    keys.make_keys(now + keys.LIFETIME - timedelta(days=1))
    published = {one["kid"] for one in keys.published(now + keys.LIFETIME)["keys"]}
    assert len(published) == 4
    assert first in published
    later = now + keys.LIFETIME + timedelta(minutes=1)
    assert keys.signer("RS256", now=later).kid != first
    gone = later + keys.PUBLISHED_AFTER + timedelta(minutes=1)
    assert first not in {one["kid"] for one in keys.published(gone)["keys"]}
    assert SigningKey.objects.count() == 4


def test_who_signs_in_on_the_way_has_shown_who_they_are(connection, reports):
    browser = Browser()
    begun = reports.authorize(browser, prompt="login")
    assert "code" in answered(sign_in_anew(browser, connection, begun))


def test_a_browser_has_one_account_to_select(bob, reports):
    browser = Browser().enter(bob)
    assert "code" in answered(reports.authorize(browser, prompt="select_account"))
