"""A dashboard that signs people in through us, as far as its own side of the protocol goes."""

import base64
import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from joserfc import jwt
from joserfc.jwk import KeySet

from passerelle.audit.record import OPERATOR
from passerelle.directory.applications import ApplicationDraft, add_application
from passerelle.directory.models import Application, Company
from passerelle.oidc.clients import make_secret
from tests.browsing import Browser

CALLBACK = "https://reports.acme.example/callback"
ISSUER = "http://127.0.0.1:8000"


def add(company: Company, **fields: Any) -> Application:
    """An application with OpenID Connect, unless the fields say another kind."""
    defaults = {
        "name": "Reports",
        "url": "https://reports.acme.example/",
        "kind": "oidc",
        "client_id": f"{company.slug}-reports",
        "redirect_uris": (CALLBACK,),
        "post_logout_redirect_uris": ("https://reports.acme.example/bye",),
    }
    draft = ApplicationDraft(**{**defaults, **fields})
    return add_application(company, draft, actor=OPERATOR, now=datetime.now(UTC))


@dataclass
class RelyingParty:
    application: Application
    secret: str
    browser: Browser = field(default_factory=Browser)
    """Of the machine that the dashboard runs on: it has none of a person's cookies."""

    @classmethod
    def made(cls, company: Company, **fields: Any) -> "RelyingParty":
        row = add(company, **fields)
        secret = "" if row.public else make_secret(row, actor=OPERATOR, now=datetime.now(UTC))
        return cls(row, secret)

    def query(self, **changes: str | None) -> dict[str, str]:
        """What it sends people with; the verifier of this request is kept."""
        self.verifier = secrets.token_urlsafe(48)
        hashed = hashlib.sha256(self.verifier.encode()).digest()
        sent = {
            "response_type": "code",
            "client_id": self.application.client_id,
            "redirect_uri": CALLBACK,
            "scope": "openid profile email groups",
            "state": "a state",
            "nonce": "a nonce",
            "code_challenge": base64.urlsafe_b64encode(hashed).decode().rstrip("="),
            "code_challenge_method": "S256",
            **changes,
        }
        return {name: value for name, value in sent.items() if value is not None}

    def authorize(self, browser: Browser, **changes: str | None) -> Any:
        return browser.get("/oidc/authorize", self.query(**changes))

    def code(self, browser: Browser, **changes: str | None) -> str:
        return answered(self.authorize(browser, **changes))["code"]

    def basic(self) -> dict[str, str]:
        pair = f"{self.application.client_id}:{self.secret}".encode()
        return {"authorization": f"Basic {base64.b64encode(pair).decode()}"}

    def token(self, **sent: Any) -> Any:
        headers = {} if self.application.public else self.basic()
        return self.browser.post("/oidc/token", sent, headers=headers)

    def exchange(self, code: str, **changes: Any) -> Any:
        sent = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": CALLBACK,
            "code_verifier": self.verifier,
            **changes,
        }
        if self.application.public:
            sent["client_id"] = self.application.client_id
        return self.token(**{name: value for name, value in sent.items() if value is not None})

    def refresh(self, token: str, **sent: Any) -> Any:
        return self.token(grant_type="refresh_token", refresh_token=token, **sent)

    def sign_in(self, browser: Browser, **changes: str | None) -> dict[str, Any]:
        """The whole way; the tokens."""
        answer = self.exchange(self.code(browser, **changes))
        assert answer.status_code == 200, answer.content
        return answer.json()

    def userinfo(self, access_token: str) -> Any:
        headers = {"authorization": f"Bearer {access_token}"}
        return self.browser.get("/oidc/userinfo", headers=headers)

    def introspect(self, token: str) -> dict[str, Any]:
        return self.browser.post("/oidc/introspect", {"token": token}, headers=self.basic()).json()

    def verified(self, token: str) -> dict[str, Any]:
        """The claims of a token of ours, by the keys that we publish."""
        keys = KeySet.import_key_set(self.browser.get("/oidc/jwks").json())
        return jwt.decode(token, keys, ["RS256", "ES256"]).claims


def answered(answer: Any) -> dict[str, str]:
    """What the browser brings back to the dashboard."""
    assert answer.status_code == 303, answer.content.decode()[-2000:]
    assert answer["Location"].startswith(CALLBACK), answer["Location"]
    return dict(parse_qsl(urlsplit(answer["Location"]).query))


def follow(browser: Browser, answer: Any) -> Any:
    """As far as redirects lead on our own site."""
    while answer.status_code in (301, 302, 303) and answer["Location"].startswith("/"):
        answer = browser.get(answer["Location"])
    return answer
