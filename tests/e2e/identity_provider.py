"""An identity provider in the test process: it signs whatever a test needs, at once."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from secrets import token_hex
from typing import Any

from passerelle.practice_idp.faults import find_fault, respond
from passerelle.practice_idp.issue import Issue, SigningKey
from passerelle.practice_idp.people import Person
from passerelle.saml import load_certificate
from tests.world import idp_of, signing_key


def toml_for(slug: str, **connection: object) -> str:
    """One company with a connection to the identity provider of its name, JIT on."""
    extra = "\n".join(f"  {key} = {str(value).lower()}" for key, value in connection.items())
    pem = load_certificate(signing_key(slug).certificate_der).pem
    return f"""
[[companies]]
slug = "{slug}"
name = "{slug.title()}"
jit_provisioning_available = true

  [[companies.workspaces]]
  name = "Production"

  [[companies.permission_sets]]
  name = "Analyst"
  permissions = ["reports.export"]

  [[companies.domains]]
  name = "{slug}.example"
  verified = true

  [[companies.saml]]
  slug = "{slug}"
  name = "{slug.title()} SSO"
  entity_id = "{idp_of(slug)}"
  target_url = "https://idp.{slug}.example/sso"
  certificates = ['''{pem}''']
{extra}

  [companies.provisioning]
  automatic_user_provisioning = true
  default_workspace = "Production"
  default_permission_set = "Analyst"
"""


@dataclass
class IdentityProvider:
    """The provider of one company's connection at one installation."""

    base_url: str
    slug: str = "acme"
    key: SigningKey = field(init=False)

    def __post_init__(self) -> None:
        self.key = signing_key(self.slug)

    def respond(
        self, person: Person, *, request_id: str | None, fault: str = "", **said: Any
    ) -> str:
        start = f"{self.base_url}/auth/saml/{self.slug}"
        issue = Issue(
            **{
                "idp_entity_id": idp_of(self.slug),
                "audience": f"{start}/metadata",
                "acs_url": f"{start}/callback",
                "person": person,
                "now": datetime.now(UTC),
                "response_id": "_" + token_hex(16),
                "assertion_id": "_" + token_hex(16),
                "in_response_to": request_id,
                **said,
            }
        )
        return respond(issue, self.key, find_fault(fault))
