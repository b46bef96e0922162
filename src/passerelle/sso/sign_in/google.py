"""Google SSO: OpenID Connect with the one provider, for the accounts of one hosted domain.

Code flow with PKCE, state and nonce (RFC 6749, 7636, OpenID Connect Core §3.1). Tokens come over
TLS from Google itself and are verified all the same: RS256 by Google's own keys, never by one that
a token names. Google SSO makes no accounts: it lets those in who have one.
"""

import base64
import hashlib
import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from passerelle.audit.record import Actor
from passerelle.directory.models import Company, User
from passerelle.directory.policy import load_names
from passerelle.infra.fetch import FetchError, fetch_for
from passerelle.infra.network import is_within
from passerelle.infra.safe_next import safe_next
from passerelle.infra.sealing import CannotUnseal, seal, unseal
from passerelle.infra.tokens import digest, matches, new_token
from passerelle.provisioning import Plan, Profile, Refusal, Snapshot, parse_email
from passerelle.provisioning.describe import described
from passerelle.provisioning.mapping import MAX_NAME
from passerelle.provisioning.person_name import one_line
from passerelle.saml.checks import Check
from passerelle.sso.models import GOOGLE_ISSUER, GoogleRequest, SignIn
from passerelle.sso.records.begun import note_begun
from passerelle.sso.records.explain import account_check
from passerelle.sso.records.traces import keep_google_attempt
from passerelle.sso.sessions.entry_locks import share, way_of_google
from passerelle.sso.sessions.session import Browser, open_session
from passerelle.sso.sign_in.decide import apply_with_retries, decide

ISSUER = GOOGLE_ISSUER
"""Also what identities are kept under. A test has its own."""
LIFETIME = timedelta(minutes=15)
LEEWAY = 60
KEYS_KEPT = timedelta(hours=1)


SETTINGS = (
    "google_sso_enabled",
    "google_client_id",
    "google_client_secret",
    "google_hosted_domain",
)
"""The fields of a company."""


IDENTITY = ("google_client_id", "google_hosted_domain")
"""After a change of these, whoever came by Google comes again."""


class Refused(Exception):  # noqa: N818 - an answer, not an error
    """Somebody who is not let in; the trace is kept."""

    def __init__(self, sign_in: SignIn) -> None:
        super().__init__(sign_in.reason)
        self.sign_in = sign_in


class _Failed(Exception):  # noqa: N818 - becomes a refusal
    def __init__(self, reason: str, received: str = "", *, expected: str | None = None) -> None:
        super().__init__(reason)
        shown = "".join(one for one in received[:200] if one.isprintable())
        self.check = Check(
            "google", False, expected, shown or None, reason, {"received": shown or "?"}
        )


@dataclass(frozen=True, slots=True)
class SignedIn:
    user: User
    session_key: str
    next: str


@dataclass(slots=True)
class _Provider:
    """Google's own word on its addresses and keys, read at most once an hour."""

    document: dict[str, Any]
    keys: KeySet
    read_at: datetime


_providers: dict[str, _Provider] = {}


def redirect_address() -> str:
    """Our address, to be typed into Google's console."""
    return settings.PASSERELLE.base_url + reverse("google_callback")


def is_usable(company: Company) -> bool:
    parts = (company.google_client_id, company.google_client_secret, company.google_hosted_domain)
    return company.google_sso_enabled and all(parts)


def sealed_secret(company: Company, secret: str) -> str:
    return seal(secret.encode(), purpose=_purpose(company))


def _purpose(company: Company) -> str:
    return f"google client secret {company.id}"


def start(
    company: Company, *, next_path: str, binding: str, chosen: bool = False, now: datetime
) -> str:
    """Remember a request and return Google's address for it. Raises FetchError.

    `chosen` has Google ask which account it is, even where it knows only one.
    """
    provider = _provider(company, now)
    state, nonce, verifier = new_token(), new_token(), new_token()
    request = GoogleRequest.objects.create(
        state_digest=digest(state),
        company=company,
        nonce=nonce,
        verifier=verifier,
        binding_digest=digest(binding),
        next=safe_next(next_path),
        expires_at=now + LIFETIME,
    )
    note_begun(request)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest())
    query = {
        "response_type": "code",
        "client_id": company.google_client_id,
        "redirect_uri": redirect_address(),
        "scope": "openid email profile",
        "state": state,
        "nonce": nonce,
        "code_challenge": challenge.decode().rstrip("="),
        "code_challenge_method": "S256",
        "hd": company.google_hosted_domain,
        **({"prompt": "select_account"} if chosen else {}),
    }
    return f"{provider.document['authorization_endpoint']}?{urlencode(query)}"


def find_request(state: str) -> GoogleRequest | None:
    found = GoogleRequest.objects.select_related("company")
    return found.filter(state_digest=digest(state)).first()


def finish(
    request: GoogleRequest,
    *,
    code: str,
    error: str,
    binding: str | None,
    browser: Browser,
    now: datetime,
) -> SignedIn:
    """Let the person in who came back with a code. Raises Refused."""
    company, checks = request.company, [Check("request", True)]
    claims: dict[str, Any] = {}
    try:
        _spend(request, binding, now)
        checks.append(Check("browser", True))
        claims = _verified_claims(request, code, error, now)
        checks.append(Check("google", True))
    except _Failed as failed:
        checks.append(failed.check)
        raise Refused(_keep(company, checks, None, browser, now)) from None
    return _enter(request, claims, checks, browser, now)


def _spend(request: GoogleRequest, binding: str | None, now: datetime) -> None:
    """Once, in the browser that asked, and in time."""
    if not matches(binding, request.binding_digest):
        raise _Failed("browser_mismatch", "another browser", expected="the same browser")
    mine = GoogleRequest.objects.filter(state_digest=request.state_digest)
    if not mine.delete()[0] or not is_usable(request.company):
        raise _Failed("request_unknown", expected="a request that waits")
    if request.expires_at <= now:
        raise _Failed("request_expired")


def _verified_claims(
    request: GoogleRequest, code: str, error: str, now: datetime
) -> dict[str, Any]:
    """Exchange the code and verify the ID token (OpenID Connect Core §3.1.3.7)."""
    if error or not code:
        raise _Failed("google_refused", error or "no code")
    company = request.company
    try:
        provider = _provider(company, now)
        secret = unseal(company.google_client_secret, purpose=_purpose(company)).decode()
        form = {
            "grant_type": "authorization_code",
            "code": code[:2000],
            "redirect_uri": redirect_address(),
            "client_id": company.google_client_id,
            "client_secret": secret,
            "code_verifier": request.verifier,
        }
        answer = json.loads(_ask(company, str(provider.document["token_endpoint"]), form))
        token = str(answer["id_token"])
    except (FetchError, CannotUnseal, ValueError, KeyError, TypeError) as problem:
        raise _Failed("google_unreachable", str(problem) or type(problem).__name__) from problem
    claims = _claims_of(token, provider, request, now)
    if claims.get("hd") != company.google_hosted_domain:
        raise _Failed(
            "google_domain_mismatch",
            str(claims.get("hd") or "none"),
            expected=company.google_hosted_domain,
        )
    if claims.get("email_verified") is not True:
        raise _Failed("google_email_unverified")
    return claims


def _claims_of(
    token: str, provider: _Provider, request: GoogleRequest, now: datetime
) -> dict[str, Any]:
    registry = jwt.JWTClaimsRegistry(
        now=int(now.timestamp()),
        leeway=LEEWAY,
        iss={"essential": True, "value": provider.document["issuer"]},
        aud={"essential": True, "value": request.company.google_client_id},
        # For whom Google made it, where it says so (OpenID Connect Core §3.1.3.7).
        azp={"value": request.company.google_client_id},
        nonce={"essential": True, "value": request.nonce},
        sub={"essential": True},
        exp={"essential": True},
        iat={"essential": True},
    )
    try:
        found = jwt.decode(token, provider.keys, algorithms=["RS256"])
        registry.validate(found.claims)
    except (JoseError, ValueError, TypeError) as problem:
        # Keys may have changed since they were read: the next attempt reads them anew.
        _providers.clear()
        raise _Failed("google_token_invalid", str(problem)) from problem
    return dict(found.claims)


def _provider(company: Company, now: datetime) -> _Provider:
    """Raises FetchError."""
    known = _providers.get(ISSUER)
    if known is not None and now - known.read_at < KEYS_KEPT:
        return known
    try:
        document = json.loads(_ask(company, ISSUER + "/.well-known/openid-configuration"))
        keys = KeySet.import_key_set(json.loads(_ask(company, str(document["jwks_uri"]))))
        found = _Provider(document, keys, now)
        if document["issuer"] != ISSUER:
            raise ValueError(document["issuer"])
    except (ValueError, KeyError, TypeError, JoseError) as problem:
        raise FetchError("fetch_no_answer", str(problem)) from problem
    _providers[ISSUER] = found
    return found


def _ask(company: Company, url: str, form: dict[str, str] | None = None) -> bytes:
    networks = settings.PASSERELLE.private_networks
    return fetch_for(company.id, url, "sign-in", private_networks=networks, form=form)


def _profile(claims: dict[str, Any]) -> Profile:
    address = parse_email(str(claims.get("email") or ""))
    return Profile(
        idp_entity_id=ISSUER,
        subject=str(claims["sub"])[:255],
        emails=(address,) if address else (),
        first_name=one_line(str(claims.get("given_name") or ""))[:MAX_NAME],
        last_name=one_line(str(claims.get("family_name") or ""))[:MAX_NAME],
    )


def _enter(
    request: GoogleRequest,
    claims: dict[str, Any],
    checks: list[Check],
    browser: Browser,
    now: datetime,
) -> SignedIn:
    refused: SignIn
    with transaction.atomic():
        entered = _decide(request, claims, checks, browser, now)
        if isinstance(entered, SignedIn):
            return entered
        refused = entered
    raise Refused(refused)


def _decide(
    request: GoogleRequest,
    claims: dict[str, Any],
    checks: list[Check],
    browser: Browser,
    now: datetime,
) -> SignedIn | SignIn:
    profile = _profile(claims)
    # As it is at this moment: it may have changed while Google was asked.
    share(way_of_google(request.company_id))
    company = Company.objects.get(id=request.company_id)
    if not is_usable(company):
        failed = _Failed("request_unknown", expected="a request that waits").check
        return _keep(company, [*checks, failed], None, browser, now)
    # What was verified was verified for the client and the domain of then.
    if any(getattr(company, one) != getattr(request.company, one) for one in IDENTITY):
        received, wanted = str(claims.get("hd")), company.google_hosted_domain
        failed = _Failed("google_domain_mismatch", received, expected=wanted).check
        return _keep(company, [*checks, failed], None, browser, now)
    allowed = not company.ip_allowlist or is_within(browser.address, company.ip_allowlist)
    hosted = frozenset({company.google_hosted_domain})

    def vouched(known: Snapshot) -> Snapshot:
        """Google vouches for the addresses of its hosted domain."""
        return replace(known, verified_domains=known.verified_domains | hosted)

    def decided_by() -> Plan | Refusal:
        if profile.email is None:
            return Refusal("email_missing")
        return decide(company, profile, address_allowed=allowed, adjusted=vouched)

    decided = apply_with_retries(
        decided_by,
        company,
        connection=None,
        provider=ISSUER,
        actor=Actor("identity provider", "Google"),
        now=now,
    )
    email = profile.email.shown if profile.email else ""
    if isinstance(decided, Refusal):
        failed = account_check(decided)
        return _keep(company, [*checks, failed], email, browser, now)
    user, decision = decided
    keep_google_attempt(
        company,
        outcome=decision.outcome,
        checks=[*checks, Check("account", True)],
        steps=described(decision.steps, load_names(company)),
        email=email,
        user_id=user.id,
        address=browser.address,
        now=now,
    )
    User.objects.filter(id=user.id).update(last_sign_in_at=now)
    user.company = company
    key = open_session(
        user,
        connection=None,
        by_google=True,
        now=now,
        browser=browser,
        confirmed_at=_authenticated_at(claims, now),
    )
    return SignedIn(user, key, request.next)


def _authenticated_at(claims: dict[str, Any], now: datetime) -> datetime:
    """When the person was authenticated at Google; where it does not say, this way there and back.

    That shows at least that the browser is one in which Google knows them.
    """
    at = claims.get("auth_time")
    if not isinstance(at, int) or isinstance(at, bool) or not 0 < at < now.timestamp():
        return now
    return datetime.fromtimestamp(at, tz=UTC)


def _keep(
    company: Company, checks: list[Check], email: str | None, browser: Browser, now: datetime
) -> SignIn:
    return keep_google_attempt(
        company,
        outcome=SignIn.Outcome.REFUSED,
        checks=checks,
        steps=[],
        email=email,
        user_id=None,
        address=browser.address,
        now=now,
    )
