"""A client proves itself by what it signed (RFC 7523)."""

from datetime import datetime, timedelta
from typing import Any

from authlib.oauth2.rfc7523 import JWTBearerClientAssertion
from django.urls import reverse
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from passerelle.infra.inserts import insert_or_nothing
from passerelle.infra.tokens import digest
from passerelle.oidc.claims import issuer
from passerelle.oidc.clients import PRIVATE_KEY_JWT, Client
from passerelle.oidc.models import UsedAssertion

MAX_ASSERTION = 8000
"""Characters; those of clients have a few hundred."""


class ClientAssertion(JWTBearerClientAssertion):  # type: ignore[misc]
    """`private_key_jwt`: by the keys that the application was registered with."""

    CLIENT_AUTH_METHOD = PRIVATE_KEY_JWT

    def __init__(self, now: datetime) -> None:
        super().__init__()
        self.now = now

    def __call__(self, query_client: Any, request: Any) -> Client | None:
        """None where it proves nothing, whatever it is that was sent."""
        sent = request.form.get("client_assertion", "")
        if len(sent) > MAX_ASSERTION:
            return None
        try:
            found: Client | None = super().__call__(query_client, request)
        except (JoseError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return None
        return found

    def get_audiences(self) -> list[str]:
        return [issuer(), issuer() + reverse("oidc_token")]

    def resolve_client_public_key(self, client: Client) -> KeySet:
        return KeySet.import_key_set(client.application.client_keys or {"keys": []})  # type: ignore[arg-type]

    def validate_jti(self, claims: dict[str, Any], jti: Any) -> bool:
        until = self.now + timedelta(days=1)
        if float(claims["exp"]) > until.timestamp():
            return False
        used = digest(f"{claims['sub']}\0{jti}")
        return insert_or_nothing(UsedAssertion(digest=used, expires_at=until))
