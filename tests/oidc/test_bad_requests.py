"""What clients, strangers and attackers send to the addresses of OpenID Connect."""

import base64
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pytest
from django.utils import timezone
from joserfc import jwt
from joserfc.jwk import RSAKey

from passerelle.directory.models import Application
from passerelle.oidc.clients import make_secret
from passerelle.oidc.models import Grant
from tests.browsing import Browser
from tests.oidc.client import CALLBACK, ISSUER, RelyingParty, add, answered
from tests.world import give, make_administrator, make_company, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def bob(acme):
    user = make_user(acme, "bob@acme.example")
    give(user)
    return Browser().enter(user)


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example/",
        CALLBACK + "/",
        CALLBACK + "?x=1",
        CALLBACK.replace("https", "http"),
        CALLBACK.upper(),
        "https://reports.acme.example@evil.example/callback",
        "https://reports.acme.example/callback#x",
        "javascript:alert(1)",
        "//evil.example",
        "",
        None,
    ],
)
def test_nobody_is_led_to_an_address_that_is_not_registered(bob, alice, reports, address):
    answer = reports.authorize(bob, redirect_uri=address)
    assert answer.status_code == 400
    assert "Location" not in answer
    page = answer.content.decode()
    assert CALLBACK not in page
    shown = reports.authorize(alice, redirect_uri=address).content.decode()
    assert CALLBACK in shown
    assert f"/settings/applications/{reports.application.id}/" in shown
    mallory = Browser().enter(make_administrator(make_company("globex")))
    assert CALLBACK not in reports.authorize(mallory, redirect_uri=address).content.decode()
    assert not Grant.objects.exists()


@pytest.mark.parametrize("client_id", ["", "nobody", "a\0b", "x" * 5000, None])
def test_an_unknown_client_is_a_page(bob, reports, client_id):
    answer = reports.authorize(bob, client_id=client_id)
    assert answer.status_code == 400
    assert "No application is registered" in answer.content.decode()


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "code id_token"}, "unsupported_response_type"),
        ({"response_type": None}, "unsupported_response_type"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"response_mode": "form_post"}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"code_challenge": None}, "invalid_request"),
        ({"request": "eyJ"}, "request_not_supported"),
        ({"request_uri": "https://evil.example/"}, "request_uri_not_supported"),
        ({"registration": "{}"}, "registration_not_supported"),
        ({"max_age": "-1"}, "invalid_request"),
        ({"max_age": "x"}, "invalid_request"),
        ({"max_age": "9" * 50}, "invalid_request"),
        ({"nonce": "x" * 501}, "invalid_request"),
        ({"prompt": "none consent"}, "invalid_request"),
    ],
)
def test_what_is_wrong_is_said_to_the_client(bob, reports, changes, error):
    back = answered(reports.authorize(bob, **changes))
    assert (back["error"], back["state"], back["iss"]) == (error, "a state", ISSUER)
    assert "code" not in back


def test_a_parameter_twice_is_refused(bob, reports):
    query = [*reports.query().items(), ("scope", "openid")]
    answer = bob.get(f"/oidc/authorize?{urlencode(query)}")
    assert answered(answer)["error"] == "invalid_request"


def test_a_hundred_kilobytes_are_too_long(bob, reports):
    assert reports.authorize(bob, state="x" * 100_000).status_code == 400
    sent = {"grant_type": "authorization_code", "code": "x" * 100_000}
    assert reports.token(**sent).status_code == 400
    assert reports.introspect("x" * 100_000) == {"active": False}


def test_a_form_that_is_posted_comes_back_by_an_address(bob, reports):
    """Cookies come along with the address, and not with another site's form."""
    answer = Browser().post("/oidc/authorize", reports.query())
    assert answer.status_code == 302
    assert "code" in answered(bob.get(answer["Location"]))


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"code": "nothing"}, "invalid_grant"),
        ({"code": None}, "invalid_request"),
        ({"redirect_uri": "https://evil.example/"}, "invalid_grant"),
        ({"redirect_uri": None}, "invalid_grant"),
        ({"code_verifier": "x" * 43}, "invalid_grant"),
        ({"code_verifier": "short"}, "invalid_request"),
        ({"code_verifier": None}, "invalid_request"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": "client_credentials"}, "unsupported_grant_type"),
        ({"grant_type": None}, "unsupported_grant_type"),
    ],
)
def test_a_wrong_exchange_gives_nothing_and_spends_nothing(bob, reports, changes, error):
    code = reports.code(bob)
    answer = reports.exchange(**{"code": code, **changes})
    assert (answer.status_code, answer.json()["error"]) == (400, error)
    assert "no-store" in answer["Cache-Control"]
    assert reports.exchange(code).status_code == 200


def test_without_a_challenge_a_verifier_is_refused(bob, reports):
    """Whoever took the challenge out of the request would go unnoticed (RFC 9700 §4.8)."""
    code = reports.code(bob, code_challenge=None, code_challenge_method=None)
    assert reports.exchange(code).json()["error"] == "invalid_request"
    assert reports.exchange(code, code_verifier=None).status_code == 200


def test_a_wrong_secret_is_401_and_says_nothing_more(bob, reports):
    code = reports.code(bob)
    reports.secret = "wrong"
    answer = reports.exchange(code)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    sent = {"client_id": "nobody", "client_secret": "x", "grant_type": "authorization_code"}
    unknown = reports.browser.post("/oidc/token", sent)
    assert unknown.json()["error"] == "invalid_client"


def test_a_secret_in_the_form_counts_as_well_and_none_in_an_address(bob, reports):
    sent = {
        "grant_type": "authorization_code",
        "code": reports.code(bob),
        "redirect_uri": CALLBACK,
        "code_verifier": reports.verifier,
        "client_id": reports.application.client_id,
        "client_secret": reports.secret,
    }
    assert reports.browser.post(f"/oidc/token?{urlencode(sent)}").status_code == 400
    assert reports.browser.post("/oidc/token", sent).status_code == 200


def test_a_confidential_client_does_not_go_without_its_secret(bob, reports):
    code = reports.code(bob)
    sent = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": CALLBACK,
        "code_verifier": reports.verifier,
        "client_id": reports.application.client_id,
    }
    assert reports.browser.post("/oidc/token", sent).status_code in (400, 401)


def test_another_client_gets_nothing_of_it(acme, bob, reports):
    other = RelyingParty.made(acme, name="Other", client_id="other")
    code = reports.code(bob)
    other.verifier = reports.verifier
    assert other.exchange(code).json()["error"] == "invalid_grant"
    tokens = reports.sign_in(bob, scope="openid offline_access")
    assert other.introspect(tokens["access_token"]) == {"active": False}
    assert other.refresh(tokens["refresh_token"]).json()["error"] == "invalid_grant"
    revoked = other.browser.post(
        "/oidc/revoke", {"token": tokens["access_token"]}, headers=other.basic()
    )
    assert revoked.status_code in (200, 400)
    assert reports.userinfo(tokens["access_token"]).status_code == 200


def test_a_new_secret_and_the_old_one_for_a_day(bob, reports):
    from passerelle.audit.record import OPERATOR

    old, now = reports.secret, datetime.now(UTC)
    new = make_secret(reports.application, actor=OPERATOR, now=now)
    for secret in (old, new):
        reports.secret = secret
        assert reports.exchange(reports.code(bob)).status_code == 200
    reports.application.client_secrets.filter(expires_at__isnull=False).update(expires_at=now)
    reports.secret = old
    assert reports.exchange(reports.code(bob)).status_code == 401
    at_once = make_secret(reports.application, at_once=True, actor=OPERATOR, now=now)
    reports.secret = new
    assert reports.exchange(reports.code(bob)).status_code == 401
    reports.secret = at_once
    assert reports.exchange(reports.code(bob)).status_code == 200


def test_a_token_that_is_revoked_is_gone_and_a_refresh_token_takes_all_with_it(bob, reports):
    tokens = reports.sign_in(bob, scope="openid offline_access")

    def revoke(name: str):
        sent = {"token": tokens[name], "token_type_hint": name}
        return reports.browser.post("/oidc/revoke", sent, headers=reports.basic())

    assert revoke("access_token").status_code == 200
    assert reports.userinfo(tokens["access_token"]).status_code == 401
    renewed = reports.refresh(tokens["refresh_token"]).json()
    tokens |= {"refresh_token": renewed["refresh_token"]}
    assert revoke("refresh_token").status_code == 200
    assert reports.userinfo(renewed["access_token"]).status_code == 401
    assert revoke("refresh_token").status_code == 200


def test_an_access_token_is_none_to_refresh_with_nor_the_other_way_round(bob, reports):
    tokens = reports.sign_in(bob, scope="openid offline_access")
    assert reports.refresh(tokens["access_token"]).json()["error"] == "invalid_grant"
    assert reports.userinfo(tokens["refresh_token"]).status_code == 401
    assert reports.userinfo(tokens["id_token"]).status_code == 401


def test_a_token_in_an_address_is_not_read(bob, reports):
    tokens = reports.sign_in(bob)
    answer = reports.browser.get("/oidc/userinfo", {"access_token": tokens["access_token"]})
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == f'Bearer realm="{ISSUER}"'


class SignedClient(RelyingParty):
    """A client with keys in place of a secret."""

    def basic(self) -> dict[str, str]:
        return {}

    def assertion(self, **changes):
        now = int(timezone.now().timestamp())
        return {
            "iss": self.application.client_id,
            "sub": self.application.client_id,
            "aud": f"{ISSUER}/oidc/token",
            "exp": now + 60,
            "iat": now,
            "jti": f"{now} {changes}",
            **changes,
        }

    def signed(self, claims, *, key=None, header=None) -> dict[str, str]:
        text = jwt.encode(header or {"alg": "RS256", "kid": "k"}, claims, key or self.key)
        return {
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": text,
        }


@pytest.fixture
def signing(acme) -> SignedClient:
    key = RSAKey.generate_key(2048, {"kid": "k"})
    row = add(acme, client_keys={"keys": [key.as_dict(private=False)]})
    client = SignedClient(row, "")
    client.key = key
    return client


def test_a_client_may_prove_itself_by_a_key(bob, signing):
    proof = signing.signed(signing.assertion())
    assert signing.exchange(signing.code(bob), **proof).status_code == 200
    again = signing.exchange(signing.code(bob), **proof)
    assert again.json()["error"] == "invalid_client"


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "https://evil.example"},
        {"exp": 1},
        {"iss": "somebody"},
        {"sub": "acme-other"},
        {"exp": 99999999999},
    ],
)
def test_what_is_signed_for_something_else_proves_nothing(bob, signing, changes):
    proof = signing.signed(signing.assertion(**changes))
    assert signing.exchange(signing.code(bob), **proof).json()["error"] == "invalid_client"


def test_another_key_or_none_proves_nothing(bob, signing):
    claims = signing.assertion()
    other = signing.signed(claims, key=RSAKey.generate_key(2048))
    assert signing.exchange(signing.code(bob), **other).json()["error"] == "invalid_client"
    head = base64.urlsafe_b64encode(b'{"alg":"none"}').decode().rstrip("=")
    body = other["client_assertion"].split(".")[1]
    none = {**other, "client_assertion": f"{head}.{body}."}
    assert signing.exchange(signing.code(bob), **none).json()["error"] == "invalid_client"


@pytest.mark.parametrize(
    "path",
    ["/oidc/token", "/oidc/introspect", "/oidc/revoke", "/oidc/userinfo", "/oidc/logout"],
)
@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"{}", b"a=b&a=c", b"token=%00&client_id=%00"])
def test_junk_is_no_error_of_ours(path, body):
    for kind in ("application/x-www-form-urlencoded", "application/json", "multipart/form-data"):
        answer = Browser().post(path, body, content_type=kind)
        assert answer.status_code < 500
    assert Browser().get(path, headers={"authorization": "Bearer \x00é"}).status_code < 500
    assert Browser().get(path, headers={"authorization": "Basic !!!"}).status_code < 500


def test_discovery_says_what_holds(reports):
    answer = Browser().get("/.well-known/openid-configuration")
    document = answer.json()
    assert document["issuer"] == ISSUER
    for name, address in document.items():
        if name.endswith("_endpoint") or name == "jwks_uri":
            path = address.removeprefix(ISSUER)
            assert Browser().get(path).status_code in (200, 302, 400, 401, 405), name
    assert document["response_types_supported"] == ["code"]
    assert document["code_challenge_methods_supported"] == ["S256"]
    assert answer["Access-Control-Allow-Origin"] == "*"
    keys = Browser().get("/oidc/jwks").json()["keys"]
    assert {key["alg"] for key in keys} == {"RS256", "ES256"}
    assert not any({"d", "p", "q"} & key.keys() for key in keys)


def test_a_program_in_a_browser_may_ask_and_brings_no_cookie(bob, reports):
    preflight = Browser().options("/oidc/token", headers={"origin": "https://x.example"})
    assert preflight.status_code == 204
    tokens = reports.sign_in(bob)
    answer = reports.userinfo(tokens["access_token"])
    assert answer["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in answer


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "oidc", "client_id": None},
        {"url": "javascript:alert(1)"},
    ],
)
def test_the_database_holds_what_an_application_is(acme, changes):
    from django.db import IntegrityError, transaction

    with pytest.raises(IntegrityError), transaction.atomic():
        Application.objects.create(
            company=acme, **{"name": "X", "url": "https://x.example", **changes}
        )


def test_a_grant_outlives_no_session(bob, reports):
    tokens = reports.sign_in(bob)
    Grant.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert reports.userinfo(tokens["access_token"]).status_code == 401
