"""Our side of a connection to a real provider: an installation, its addresses, its people."""

import html
import re
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from passerelle.sso.connections.guides import ACS, ENTITY_ID, LOGOUT, METADATA
from tests.e2e.conftest import sign_ins_of, users_of
from tests.e2e.identity_provider import toml_for
from tests.e2e.passerelle import Passerelle
from tests.e2e.visitor import Answer, Visitor
from tests.servers.forms import Form, submit, visit
from tests.servers.posted import Posted

SLUG = "acme"
RULE = """
    [[companies.provisioning.rules]]
    attribute = "groups"
    equals = "analysts"
    workspace = "Analysis"
    permission_set = "Analyst"

  [[companies.workspaces]]
  name = "Analysis"
"""


class Ours:
    """One installation with one company, whose connection follows a provider's metadata file."""

    def __init__(self, installation: Passerelle) -> None:
        self.installation = installation
        start = f"{installation.base_url}/auth/saml/{SLUG}"
        self.addresses = {
            ACS: f"{start}/callback",
            ENTITY_ID: f"{start}/metadata",
            METADATA: f"{start}/metadata",
            LOGOUT: f"{start}/logout",
        }
        self.entity_id = self.addresses[ENTITY_ID]

    @classmethod
    def connected_to(
        cls, idp_metadata: bytes, state: Path, *, follows: str = "", **variables: str
    ) -> Self:
        installation = Passerelle.set_up(state, **variables)
        ours = cls(installation)
        ours.read(idp_metadata, follows)
        installation.serve(workers=1)
        return ours

    def read(self, idp_metadata: bytes, follows: str) -> None:
        """Step 3 of the guide: what the provider gives, and the address where it is followed."""
        (self.installation.state / "idp-metadata.xml").write_bytes(idp_metadata)
        text = toml_for(SLUG, idp_initiated=True)
        start, end = text.index("  entity_id"), text.index("  idp_initiated")
        provider = '  metadata_file = "idp-metadata.xml"\n'
        if follows:
            provider += f'  metadata_url = "{follows}"\n'
        self.installation.apply(text[:start] + provider + text[end:] + RULE)

    def typed(self, value: str) -> str:
        """What the guide's page shows for a value: an address of ours, or text as it is."""
        return self.addresses.get(value, value)

    def visitor(self) -> Visitor:
        return Visitor(self.installation.base_url)

    def metadata_file(self) -> bytes:
        return self.visitor().get(f"/auth/saml/{SLUG}/metadata?file").body.encode()

    def sign_in(
        self, idp: Any, session: urllib.request.OpenerDirector, username: str
    ) -> tuple[Visitor, Any]:
        """Start on our page, sign in there, come back."""
        visitor = self.visitor()
        return visitor, visitor.bring(self.sent(visitor, idp, session, username))

    def sent(
        self, visitor: Visitor, idp: Any, session: urllib.request.OpenerDirector, username: str
    ) -> Posted:
        """Start on our page and sign in there; what comes back, before it is brought."""
        start = visitor.get(f"/auth/saml/{SLUG}/login?next=/%3Fhello").location
        posted: Posted = idp.sign_in(session, start, username)
        return posted

    def sign_out(self, visitor: Visitor) -> str:
        """Sign out here; the address of the provider that hears of it."""
        answer = submitted(visitor, "/", "/logout/")
        address = re.search('class="button" href="([^"]+)"', answer.body)
        assert address, answer
        return html.unescape(address[1])

    def administrator(self) -> Visitor:
        """Somebody who may decide, at their first entry."""
        printed = self.installation.run(
            "admin", "create", f"boss@{SLUG}.example", "--company", SLUG
        )
        link = re.search(r"/activate/\S+", printed)
        assert link, printed
        visitor = self.visitor()
        entered = submitted(visitor, link[0], link[0], password="a long enough passphrase")
        assert entered.status == 302, entered
        return visitor

    def workspaces(self, username: str) -> set[str]:
        """Where somebody has rights."""
        return {one["workspace"] for one in self.person(username)["memberships"]}

    def person(self, username: str) -> dict[str, Any]:
        [found] = [one for one in self.users if one["email"].startswith(f"{username}@")]
        return found

    @property
    def users(self) -> list[dict[str, Any]]:
        return users_of(self.installation)

    @property
    def last_sign_in(self) -> dict[str, Any]:
        return sign_ins_of(self.installation)[0]


def submitted(visitor: Visitor, page: str, action: str, **fields: str) -> Answer:
    """Send a form of a page as its button would."""
    token = re.search('name="csrfmiddlewaretoken" value="([^"]+)"', visitor.get(page).body)
    assert token
    return visitor.post(action, {"csrfmiddlewaretoken": token[1], **fields})


def hidden(name: str, page: str) -> str:
    """The value of a hidden field."""
    found = re.search(f'type="hidden" name="{name}" value="([^"]*)"', page)
    assert found, page
    return html.unescape(found[1])


def is_in(visitor: Visitor) -> bool:
    return "Hello" in visitor.get("/").body


def carried(session: urllib.request.OpenerDirector, forms: Sequence[Form]) -> list[Form]:
    """Post what posts itself in a browser, page after page, until one waits for a person."""
    while carrying := [one for one in forms if {"SAMLRequest", "SAMLResponse"} & set(one.fields)]:
        forms = submit(session, carrying[0])
    return list(forms)


def asks_for_a_password(session: urllib.request.OpenerDirector, address: str) -> bool:
    return any("password" in form.fields for form in visit(session, address))
