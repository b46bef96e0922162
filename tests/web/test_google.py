"""Google SSO, against a real OpenID provider: only the hosted domain, only who has an account."""

import base64
import json
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.conf import settings as django_settings
from django.db import IntegrityError, transaction
from joserfc import jwt
from joserfc.jwk import RSAKey

from passerelle.directory.models import Company, ExternalIdentity, User
from passerelle.infra.turns import OF_ONE_COMPANY
from passerelle.sso.models import GoogleRequest, SamlConnection, Session, SignIn
from passerelle.sso.sign_in import google
from tests.browsing import Browser, reference_in
from tests.servers.https import LOOPBACK
from tests.servers.openid import CLIENT, SECRET, OpenIdProvider, openid_provider
from tests.web.test_security_settings import PAGE, errors_in, fields_of
from tests.world import make_administrator, make_company, make_user

pytestmark = pytest.mark.django_db
LOGIN, CALLBACK = "/auth/google/acme/login", "/auth/google/callback"


@pytest.fixture
def provider(tmp_path, settings, monkeypatch):
    ours = settings.PASSERELLE.model_copy(update={"private_networks": LOOPBACK})
    settings.PASSERELLE = ours
    with openid_provider(tmp_path) as running:
        monkeypatch.setenv("SSL_CERT_FILE", str(running.certificate))
        monkeypatch.setattr(google, "ISSUER", running.issuer)
        google._providers.clear()
        running.enrol(
            "g-1",
            email="bob@acme.example",
            email_verified=True,
            hd="acme.example",
            given_name="Bob",
            family_name="Example",
        )
        yield running


@pytest.fixture
def acme() -> Company:
    company = make_company(automatic_user_provisioning=False)
    company.google_sso_enabled, company.google_client_id = True, CLIENT
    company.google_hosted_domain = "acme.example"
    company.google_client_secret = google.sealed_secret(company, SECRET)
    company.save()
    return company


@pytest.fixture
def bob(acme) -> User:
    return make_user(acme, "bob@acme.example")


def come_back(browser: Browser, provider: OpenIdProvider, subject: str = "g-1", path: str = LOGIN):
    there = browser.get(path)["Location"]
    back = provider.consent(there, subject)
    return browser.get(CALLBACK + "?" + urlsplit(back).query)


def is_in(browser: Browser) -> bool:
    return browser.get("/account/").status_code == 200


def test_who_has_an_account_is_in_and_linked(acme, bob, provider):
    browser = Browser()
    assert "Sign in with Google" in browser.get("/login/acme/").content.decode()
    assert come_back(browser, provider, path=LOGIN + "?next=/account/")["Location"] == "/account/"
    assert is_in(browser)
    identity = ExternalIdentity.objects.get(user=bob)
    assert (identity.subject, identity.idp_entity_id) == ("g-1", provider.issuer)
    outcomes = [come_back(Browser(), provider).status_code, SignIn.objects.count()]
    assert outcomes == [302, 2]
    assert SignIn.objects.order_by("time").last().outcome == "signed_in"


def test_the_request_carries_what_it_must(acme, bob, provider):
    query = parse_qs(urlsplit(Browser().get(LOGIN)["Location"]).query)
    assert query["code_challenge_method"] == ["S256"]
    assert query["hd"] == ["acme.example"]
    assert query["redirect_uri"] == ["http://127.0.0.1:8000/auth/google/callback"]
    assert len(query["state"][0]) > 40
    assert query["nonce"] != query["state"]


def refused(browser: Browser, provider: OpenIdProvider, subject: str, reason: str) -> None:
    answer = come_back(browser, provider, subject)
    assert answer.status_code == 403
    assert reference_in(answer)
    assert SignIn.objects.order_by("time").last().reason == reason
    assert not is_in(browser)


def test_a_newcomer_gets_no_account(acme, provider):
    refused(Browser(), provider, "g-1", "jit_disabled")
    assert not User.objects.exists()


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"email": "bob@acme.example", "email_verified": True}, "google_domain_mismatch"),
        (
            {"email": "bob@acme.example", "email_verified": True, "hd": "evil.example"},
            "google_domain_mismatch",
        ),
        ({"email": "bob@acme.example", "hd": "acme.example"}, "google_email_unverified"),
        (
            {"email": "bob@acme.example", "email_verified": "true", "hd": "acme.example"},
            "google_email_unverified",
        ),
        ({"email_verified": True, "hd": "acme.example"}, "email_missing"),
        ({"email": "bob", "email_verified": True, "hd": "acme.example"}, "email_missing"),
    ],
)
def test_what_google_says_is_held_against_the_company(acme, bob, provider, claims, reason):
    provider.enrol("g-2", **claims)
    refused(Browser(), provider, "g-2", reason)


def test_an_address_outside_the_hosted_domain_is_not_linked(acme, provider):
    make_user(acme, "bob@partner.example")
    provider.enrol("g-3", email="bob@partner.example", email_verified=True, hd="acme.example")
    refused(Browser(), provider, "g-3", "account_exists")


def test_suspended_stays_suspended(acme, bob, provider):
    come_back(Browser(), provider)
    User.objects.update(status="suspended")
    refused(Browser(), provider, "g-1", "user_suspended")


def test_another_browser_cannot_finish(acme, bob, provider):
    back = provider.consent(Browser().get(LOGIN)["Location"], "g-1")
    thief = Browser()
    thief.get(LOGIN)
    answer = thief.get(CALLBACK + "?" + urlsplit(back).query)
    assert answer.status_code == 403
    assert SignIn.objects.get().reason == "browser_mismatch"
    assert not is_in(thief)


def test_an_answer_counts_once_and_in_time(acme, bob, provider):
    browser = Browser()
    back = provider.consent(browser.get(LOGIN)["Location"], "g-1")
    address = CALLBACK + "?" + urlsplit(back).query
    assert browser.get(address).status_code == 302
    assert browser.get(address).status_code == 400
    late = Browser()
    back = provider.consent(late.get(LOGIN)["Location"], "g-1")
    GoogleRequest.objects.update(expires_at=datetime.now(UTC) - timedelta(seconds=1))
    assert late.get(CALLBACK + "?" + urlsplit(back).query).status_code == 403


@pytest.mark.parametrize(
    "query", ["", "state=x", "state=%00&code=x", "code=x", "state=" + "x" * 5000]
)
def test_what_answers_nothing_is_refused_with_a_sentence(acme, query):
    answer = Browser().get(f"{CALLBACK}?{query}")
    assert answer.status_code == 400
    assert "no longer valid" in answer.content.decode()


@pytest.mark.parametrize("query", ["error=access_denied", "code=", "code=made-up", "code=%00"])
def test_an_error_or_a_made_up_code_is_refused(acme, bob, provider, query):
    browser = Browser()
    state = parse_qs(urlsplit(browser.get(LOGIN)["Location"]).query)["state"][0]
    answer = browser.get(f"{CALLBACK}?state={state}&{query}")
    assert answer.status_code == 403
    assert SignIn.objects.get().reason in ("google_refused", "google_unreachable")


def forged(**changes: object) -> dict[str, object]:
    now = int(datetime.now(UTC).timestamp())
    return {
        "iss": google.ISSUER,
        "aud": CLIENT,
        "sub": "g-1",
        "iat": now,
        "exp": now + 600,
        "email": "bob@acme.example",
        "email_verified": True,
        "hd": "acme.example",
        **changes,
    }


@pytest.mark.parametrize(
    ("changes", "header"),
    [
        ({}, {"alg": "RS256"}),
        ({}, {"alg": "none"}),
        ({"nonce": "another"}, {"alg": "TRUE"}),
        ({"aud": "another-client"}, {"alg": "TRUE"}),
        ({"azp": "another-client"}, {"alg": "TRUE"}),
        ({"azp": "another-client", "aud": [CLIENT, "another-client"]}, {"alg": "TRUE"}),
        ({"iss": "https://evil.example"}, {"alg": "TRUE"}),
        ({"exp": 1}, {"alg": "TRUE"}),
        ({"iat": 4102444800}, {"alg": "TRUE"}),
        ({"sub": None}, {"alg": "TRUE"}),
    ],
)
def test_a_token_that_does_not_hold_lets_nobody_in(
    acme, bob, provider, monkeypatch, changes, header
):
    """Signed by a stranger's key, unsigned, or by the provider's own with a claim that is wrong."""
    browser = Browser()
    state = parse_qs(urlsplit(browser.get(LOGIN)["Location"]).query)["state"][0]
    nonce = GoogleRequest.objects.get().nonce
    own = RSAKey.generate_key(2048, {"kid": "own"})
    known = google._providers[provider.issuer]
    keys = {"keys": [own.as_dict(private=False)]}
    if header["alg"] == "TRUE":
        known.keys = google.KeySet.import_key_set(keys)
    claims = {k: v for k, v in forged(**{"nonce": nonce, **changes}).items() if v is not None}
    if header["alg"] == "none":
        parts = [json.dumps(one).encode() for one in ({"alg": "none"}, claims)]
        token = ".".join(base64.urlsafe_b64encode(one).decode().rstrip("=") for one in parts) + "."
    else:
        token = jwt.encode({"alg": "RS256", "kid": "own"}, claims, own)
    monkeypatch.setattr(
        google, "_ask", lambda company, url, form=None: google.json.dumps({"id_token": token})
    )
    monkeypatch.setattr(google, "_provider", lambda company, now: known)
    answer = browser.get(f"{CALLBACK}?state={state}&code=x")
    assert answer.status_code == 403
    row = SignIn.objects.get()
    assert row.reason == "google_token_invalid"
    wrong = next(iter(changes), "none" if header["alg"] == "none" else "key")
    assert wrong.replace("iat", "in the future") in row.checks[-1]["received"]
    assert not is_in(browser)


def answers_with(monkeypatch, token: str, known) -> None:
    answer = json.dumps({"id_token": token})
    monkeypatch.setattr(google, "_ask", lambda company, url, form=None: answer)
    monkeypatch.setattr(google, "_provider", lambda company, now: known)


def test_a_token_that_holds_lets_in(acme, bob, provider, monkeypatch):
    """The control of the test above: with nothing wrong, the same way leads in."""
    browser = Browser()
    state = parse_qs(urlsplit(browser.get(LOGIN)["Location"]).query)["state"][0]
    own = RSAKey.generate_key(2048, {"kid": "own"})
    known = google._providers[provider.issuer]
    known.keys = google.KeySet.import_key_set({"keys": [own.as_dict(private=False)]})
    claims = forged(nonce=GoogleRequest.objects.get().nonce)
    token = jwt.encode({"alg": "RS256", "kid": "own"}, claims, own)
    monkeypatch.setattr(
        google, "_ask", lambda company, url, form=None: google.json.dumps({"id_token": token})
    )
    monkeypatch.setattr(google, "_provider", lambda company, now: known)
    assert browser.get(f"{CALLBACK}?state={state}&code=x").status_code == 302
    assert is_in(browser)


def test_when_google_does_not_answer_it_says_so(acme, monkeypatch, settings):
    monkeypatch.setattr(google, "ISSUER", "https://localhost:9")
    ours = settings.PASSERELLE.model_copy(update={"private_networks": LOOPBACK})
    settings.PASSERELLE = ours
    google._providers.clear()
    answer = Browser().get(LOGIN)
    assert answer.status_code == 503
    assert "Google does not answer" in answer.content.decode()


def test_a_company_waits_for_few_answers_of_google_at_once(acme, bob, provider, monkeypatch):
    browser = Browser()
    back = provider.consent(browser.get(LOGIN)["Location"], "g-1")
    monkeypatch.setitem(OF_ONE_COMPANY, "sign-in", 0)
    assert browser.get(CALLBACK + "?" + urlsplit(back).query).status_code == 403
    sign_in = SignIn.objects.get()
    assert sign_in.reason == "google_unreachable"
    assert "fetch_busy" in sign_in.checks[-1]["received"]


def test_switched_off_or_incomplete_there_is_no_way(acme):
    for name, value in [("google_client_secret", ""), ("google_sso_enabled", False)]:
        setattr(acme, name, value)
        acme.save()
        assert Browser().get(LOGIN).status_code == 404
        assert "Sign in with Google" not in Browser().get("/login/acme/").content.decode()
    assert Browser().get("/auth/google/nobody/login").status_code == 404


def test_switched_off_nobody_stays_in_by_it(acme, bob, provider):
    browser = Browser()
    come_back(browser, provider)
    assert is_in(browser)
    Company.objects.update(google_sso_enabled=False)
    assert not is_in(browser)


def test_switched_off_while_google_is_asked_nobody_enters(acme, bob, provider, monkeypatch):
    ask = google._ask

    def meanwhile(company, url, form=None):
        Company.objects.update(google_sso_enabled=False)
        return ask(company, url, form)

    browser = Browser()
    back = provider.consent(browser.get(LOGIN)["Location"], "g-1")
    monkeypatch.setattr(google, "_ask", meanwhile)
    assert browser.get(CALLBACK + "?" + urlsplit(back).query).status_code == 403
    assert not Session.objects.exists()


def test_who_comes_only_by_google_confirms_by_google(acme, bob, provider):
    User.objects.filter(id=bob.id).update(is_administrator=True)
    browser = Browser()
    come_back(browser, provider)
    Session.objects.update(confirmed_at=datetime.now(UTC) - timedelta(hours=2))
    page = browser.post("/settings/delivery/webhook/test/")
    assert page.status_code == 403
    assert "/auth/google/acme/login?confirm" in page.content.decode()
    there = browser.get(LOGIN + "?confirm&next=/account/confirmed/")["Location"]
    assert parse_qs(urlsplit(there).query)["prompt"] == ["select_account"]
    back = provider.consent(there, "g-1")
    done = browser.get(CALLBACK + "?" + urlsplit(back).query)
    assert done["Location"] == "/account/confirmed/"
    assert browser.post("/settings/delivery/webhook/test/").status_code == 302


@pytest.mark.parametrize(
    ("auth_time", "minutes"),
    [(None, 0), (-7200, 120), (3600, 0), ("x", 0), (True, 0), (-(10**30), 0)],
)
def test_when_somebody_was_authenticated_is_googles_word(auth_time, minutes):
    now = datetime(2031, 3, 5, tzinfo=UTC)
    at = auth_time
    if isinstance(at, int) and not isinstance(at, bool):
        at += int(now.timestamp())
    found = google._authenticated_at({"auth_time": at}, now)
    assert now - found == timedelta(minutes=minutes)


def test_who_begins_and_never_finishes_is_stopped_and_who_finishes_is_not(
    acme, bob, provider, monkeypatch
):
    monkeypatch.setattr("passerelle.sso.records.failures.MAX_BEGUN", 2)
    for _ in range(4):
        assert come_back(Browser(), provider).status_code == 302
    assert [Browser().get(LOGIN).status_code for _ in range(3)] == [302, 302, 429]


# The setting.


def test_the_last_way_in_is_not_switched_off(acme, provider):
    """Administrators without a password, SAML off: Google is how they come."""
    SamlConnection.objects.update(enabled=False)
    alice = Browser().enter(make_administrator(acme))
    without = fields_of(acme)
    without.pop("saml_enabled", None)
    answer = alice.post(PAGE, without)
    assert "google_sso_enabled" in errors_in(answer)
    answer = alice.post(PAGE, {**without, "google_sso_enabled": "on"})
    assert answer.status_code == 302


def test_google_is_a_way_in_when_saml_is_switched_off(acme, provider):
    alice = Browser().enter(make_administrator(acme))
    fields = {**fields_of(acme, google_sso_enabled="on")}
    fields.pop("saml_enabled", None)
    assert alice.post(PAGE, fields).status_code == 302
    other = {**fields_of(Company.objects.get(), google_sso_enabled="on"), "saml_enabled": "on"}
    assert alice.post(PAGE, other).status_code == 302
    User.objects.update(email="alice@partner.example", email_key="alice@partner.example")
    fields["version"] = Company.objects.get().version
    assert "saml_enabled" in errors_in(alice.post(PAGE, fields))


def test_the_secret_is_sealed_never_shown_and_kept_when_left_empty(acme, provider):
    alice = Browser().enter(make_administrator(acme))
    fields = fields_of(acme, google_sso_enabled="on", google_client_secret="another secret")
    assert alice.post(PAGE, fields).status_code == 302
    acme.refresh_from_db()
    sealed = acme.google_client_secret
    assert "another secret" not in sealed
    assert "another secret" not in alice.get(PAGE).content.decode()
    assert alice.post(PAGE, fields_of(acme, google_sso_enabled="on")).status_code == 302
    acme.refresh_from_db()
    assert acme.google_client_secret == sealed
    page = alice.get("/settings/audit/").content.decode()
    assert sealed not in page
    assert django_settings.SESSION_COOKIE


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"google_client_id": ""}, "google_client_id"),
        ({"automatic_user_provisioning": "on"}, "google_sso_enabled"),
    ],
)
def test_what_is_missing_or_excluded_is_said(acme, changes, field):
    alice = Browser().enter(make_administrator(acme))
    answer = alice.post(PAGE, fields_of(acme, google_sso_enabled="on", **changes))
    assert field in errors_in(answer)


def test_it_excludes_saml_alone_on_the_page_and_in_the_database(acme):
    acme.sso_enforcement = "everyone"
    with pytest.raises(IntegrityError), transaction.atomic():
        acme.save()


def test_what_is_missing_is_said_and_nobody_is_sent_there(acme):
    acme.google_hosted_domain = ""
    acme.save()
    page = Browser().enter(make_administrator(acme)).get(PAGE).content.decode()
    assert "the Google Workspace domain" in page
    assert "Sign in with Google" not in Browser().get("/login/acme/").content.decode()


def test_a_domain_that_changes_while_google_is_asked_lets_the_old_one_in_no_more(
    acme, bob, provider, monkeypatch
):
    real = google._ask

    def meanwhile(company, url, form=None):
        answer = real(company, url, form)
        if form:
            Company.objects.update(google_hosted_domain="new.example")
        return answer

    monkeypatch.setattr(google, "_ask", meanwhile)
    browser = Browser()
    assert come_back(browser, provider).status_code == 403
    assert not is_in(browser)
    assert SignIn.objects.order_by("-time")[0].reason == "google_domain_mismatch"


def test_a_typing_error_in_the_only_domain_that_lets_administrators_in_is_refused(acme, provider):
    make_administrator(acme, "bob@acme.example")
    browser = Browser()
    come_back(browser, provider)
    acme.connections.update(enabled=False)
    acme.refresh_from_db()
    fields = fields_of(acme, saml_enabled=None, google_sso_enabled="on")
    wrong = browser.post(PAGE, fields | {"google_hosted_domain": "acme.exampel"})
    assert wrong.status_code == 422
    assert "Nobody could sign in any more" in wrong.content.decode()
    assert browser.post(PAGE, fields).status_code == 302


def test_a_mistyped_domain_beside_a_connection_that_no_administrator_uses_is_refused(
    acme, provider
):
    make_administrator(acme, "bob@acme.example")
    browser = Browser()
    come_back(browser, provider)
    acme.domains.all().delete()
    acme.refresh_from_db()
    fields = fields_of(acme, google_sso_enabled="on", google_hosted_domain="acme.exampel")
    assert browser.post(PAGE, fields).status_code == 422
    acme.refresh_from_db()
    assert acme.google_hosted_domain == "acme.example"
