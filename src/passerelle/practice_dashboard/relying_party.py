"""The dashboard's side of OpenID Connect: people sent to sign in, and what is heard of them."""

import base64
import hashlib
import json
import secrets
from dataclasses import dataclass
from threading import Lock
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import ProxyHandler, Request, build_opener

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

BACK_CHANNEL = "http://schemas.openid.net/event/backchannel-logout"
SECONDS = 10
MOST_BEGUN = 1000


@dataclass(frozen=True, slots=True)
class Client:
    issuer: str
    client_id: str
    client_secret: str
    url: str
    """Where the dashboard stands, without a slash at the end."""


@dataclass(slots=True)
class Visit:
    """Somebody who is signed in here."""

    sid: str
    access_token: str
    id_token: str
    claims: dict[str, Any]


class RelyingParty:
    def __init__(self, client: Client) -> None:
        self.client = client
        self.visits: dict[str, Visit] = {}
        self._begun: dict[str, tuple[str, str, str]] = {}
        self._discovered: dict[str, Any] = {}
        self._lock = Lock()
        # What the environment calls a proxy is for going out.
        self._opener = build_opener(ProxyHandler({}))

    def begin(self, browser: str) -> str:
        """Where to send a browser that has nobody signed in (Core §3.1.2.1, RFC 7636)."""
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        with self._lock:
            self._begun[state] = (browser, nonce, verifier)
            while len(self._begun) > MOST_BEGUN:
                del self._begun[next(iter(self._begun))]
        hashed = hashlib.sha256(verifier.encode()).digest()
        query = {
            "response_type": "code",
            "client_id": self.client.client_id,
            "redirect_uri": f"{self.client.url}/callback",
            "scope": "openid profile email",
            "state": state,
            "nonce": nonce,
            "code_challenge": base64.urlsafe_b64encode(hashed).decode().rstrip("="),
            "code_challenge_method": "S256",
        }
        return f"{self._address('authorization_endpoint')}?{urlencode(query)}"

    def finish(self, browser: str, answer: dict[str, str]) -> Visit | None:
        """Who came back with a code, in the browser that was sent; None where that does not fit."""
        begun_in, nonce, verifier = self._begun.pop(answer.get("state", ""), ("", "", ""))
        if not begun_in or begun_in != browser or answer.get("iss") != self.client.issuer:
            return None
        form = {
            "grant_type": "authorization_code",
            "code": answer.get("code", ""),
            "redirect_uri": f"{self.client.url}/callback",
            "code_verifier": verifier,
            "client_id": self.client.client_id,
            "client_secret": self.client.client_secret,
        }
        try:
            told = self._ask(self._address("token_endpoint"), urlencode(form).encode())
        except HTTPError:
            return None
        claims = self._verified(told["id_token"])
        if claims["nonce"] != nonce:
            return None
        return Visit(claims["sid"], told["access_token"], told["id_token"], claims)

    def is_still_in(self, visit: Visit) -> bool:
        """Ask anew who it is and what they may, as each page does (Core §5.3)."""
        try:
            visit.claims = self._ask(self._address("userinfo_endpoint"), bearer=visit.access_token)
        except HTTPError:
            return False
        return True

    def present(self) -> list[str]:
        """The addresses of who is signed in here."""
        with self._lock:
            return sorted({str(one.claims.get("email", "")) for one in self.visits.values()})

    def hear_logout(self, token: str) -> bool:
        """End what a logout token names (Back-Channel Logout §2.6)."""
        try:
            claims = self._verified(token)
        except ValueError:
            return False
        if BACK_CHANNEL not in claims.get("events", {}) or "nonce" in claims:
            return False
        with self._lock:
            ended = [key for key, one in self.visits.items() if one.sid == claims.get("sid")]
            for key in ended:
                del self.visits[key]
        return True

    def leave(self, visit: Visit) -> str:
        """Where to send somebody who signs out (RP-Initiated Logout §2)."""
        query = {
            "id_token_hint": visit.id_token,
            "post_logout_redirect_uri": f"{self.client.url}/signed-out",
        }
        return f"{self._address('end_session_endpoint')}?{urlencode(query)}"

    def _verified(self, token: str) -> dict[str, Any]:
        """The claims of a token for us. Raises ValueError."""
        keys = KeySet.import_key_set(self._ask(self._address("jwks_uri")))
        try:
            claims = jwt.decode(token, keys, ["RS256"]).claims
            jwt.JWTClaimsRegistry(
                iss={"essential": True, "value": self.client.issuer},
                aud={"essential": True, "value": self.client.client_id},
                exp={"essential": True},
            ).validate(claims)
        except JoseError as error:
            raise ValueError(str(error)) from error
        return claims

    def _address(self, name: str) -> str:
        """As the service itself says (Discovery §4), asked once."""
        if not self._discovered:
            told = self._ask(f"{self.client.issuer}/.well-known/openid-configuration")
            if told["issuer"] != self.client.issuer:
                raise ValueError(f"expected issuer {self.client.issuer}, received {told['issuer']}")
            self._discovered = told
        return str(self._discovered[name])

    def _ask(self, url: str, body: bytes | None = None, *, bearer: str = "") -> Any:
        headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        request = Request(url, data=body, headers=headers)  # noqa: S310 - an address of the service
        with self._opener.open(request, timeout=SECONDS) as answer:
            return json.load(answer)
