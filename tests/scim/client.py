"""A provisioning client, as far as tests need one."""

import json
from typing import Any

from django.test import Client
from django.utils import timezone

from passerelle.audit.record import OPERATOR
from passerelle.directory.models import Company
from passerelle.directory.tokens import make_token

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"


class Provisioner:
    """It has a token of one company."""

    def __init__(self, company: Company, **said: Any) -> None:
        self.company = company
        self.token = make_token(
            company,
            **{"name": "Okta", "scope": "scim", "actor": OPERATOR, "now": timezone.now(), **said},
        )
        self.headers = {"authorization": f"Bearer {self.token}", "host": "127.0.0.1:8000"}

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return Client(headers={**self.headers, **headers}).generic(
            method,
            f"/scim/v2{path}",
            content if body is not None else b"",
            content_type="application/scim+json",
        )

    def get(self, path: str, status: int = 200) -> Any:
        answer = self.ask("GET", path)
        assert answer.status_code == status, answer.content
        return json.loads(answer.content)

    def add(self, name: str, status: int = 201, **said: Any) -> Any:
        """A user with this address."""
        body = {
            "schemas": [USER],
            "userName": f"{name}@{self.company.slug}.example",
            "name": {"givenName": name.title(), "familyName": "Example"},
            "active": True,
            **said,
        }
        answer = self.ask("POST", "/Users", body)
        assert answer.status_code == status, answer.content
        return json.loads(answer.content)

    def add_group(self, name: str, *members: str, status: int = 201) -> Any:
        body = {
            "schemas": [GROUP],
            "displayName": name,
            "members": [{"value": one} for one in members],
        }
        answer = self.ask("POST", "/Groups", body)
        assert answer.status_code == status, answer.content
        return json.loads(answer.content)

    def patch(self, path: str, *operations: Any, status: tuple[int, ...] = (200, 204)) -> Any:
        answer = self.ask("PATCH", path, {"schemas": [PATCH], "Operations": list(operations)})
        assert answer.status_code in status, answer.content
        return json.loads(answer.content) if answer.content else self.get(path)

    def members(self, group: str) -> list[str]:
        found = self.get(f"/Groups/{group}").get("members", [])
        return sorted(one["display"].partition("@")[0] for one in found)
