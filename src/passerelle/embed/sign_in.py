"""The two steps of a sign-in: the response is verified, then the browser that asked is let in.

The identity provider's page posts from another site, so the browser sends no cookie along. What was
verified waits under a code, and only the browser that began may spend it (docs/adr/0002).
"""

import json
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from passerelle import saml
from passerelle.embed.store import Store
from passerelle.infra.tokens import digest, matches, new_message_id, new_token
from passerelle.provisioning import read_profile
from passerelle.provisioning.mapping import groups_of
from passerelle.saml.errors import MessageError

REQUEST_LIFETIME = timedelta(minutes=15)
CODE_LIFETIME = timedelta(seconds=60)
CLOCK_SKEW = timedelta(seconds=60)
LONGEST_USE = timedelta(days=7)
"""An assertion that is good for longer than this is refused: it would have to be remembered."""


_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")


class Refused(Exception):  # noqa: N818 - an answer, not an error
    """Nobody is let in. `reason` is a stable slug, the text a sentence for the administrator."""

    def __init__(self, reason: str, sentence: str) -> None:
        super().__init__(sentence)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Begun:
    """Where the browser goes, and what it keeps in the cookie `cookie_name`.

    HttpOnly, SameSite=Lax, Path=/, for 15 minutes; Secure with TLS.
    """

    address: str
    cookie: str


@dataclass(frozen=True, slots=True)
class Person:
    """Who has signed in. Know them by `idp` and `subject`: an e-mail address may change hands."""

    idp: str
    """The identity provider's entity ID."""
    subject: str
    email: str | None
    first_name: str
    last_name: str
    groups: tuple[str, ...]
    attributes: dict[str, tuple[str, ...]]
    """All that was sent, by the names as they were sent."""


@dataclass(frozen=True, slots=True)
class Arrived:
    person: Person
    next_path: str


class SignIn:
    """One identity provider and one program. It keeps nothing itself: all is in the store."""

    def __init__(self, idp_metadata: bytes, *, base_url: str, store: Store) -> None:
        """`base_url` is where the four addresses of the sign-in are: login, acs, finish, metadata.

        Raises MetadataError.
        """
        self.idp = saml.read_idp_metadata(idp_metadata)
        self.base_url = base_url.rstrip("/")
        self.acs_url, self.entity_id = f"{self.base_url}/acs", f"{self.base_url}/metadata"
        self.store = store

    @property
    def cookie_name(self) -> str:
        """With TLS one that no other host of the same domain can set (RFC 6265bis §4.1.3.2)."""
        return "__Host-passerelle" if self.base_url.startswith("https://") else "passerelle"

    def metadata(self) -> bytes:
        """Ours, for the identity provider."""
        return saml.write_sp_metadata(
            entity_id=self.entity_id,
            acs_url=self.acs_url,
            logout_url="",
            name_id_formats=(),
            signs_requests=False,
            certificates=(),
            signer=None,
            document_id=new_message_id(),
        )

    def begin(self, *, next_path: str = "", cookie: str = "", now: datetime) -> Begun:
        """`next_path` comes back as it is, if it is a path of this site.

        `cookie` is what the browser has from a sign-in that it began in another tab.
        """
        request_id = new_message_id()
        cookie = cookie if _TOKEN.fullmatch(cookie) else new_token()
        kept = {"browser": digest(cookie), "next": _own_path(next_path)}
        self.store.put(
            f"request {request_id}", json.dumps(kept), until=now + REQUEST_LIFETIME, now=now
        )
        message = saml.build_authn_request(
            request_id=request_id,
            issued_at=now,
            destination=self.idp.sign_in_url,
            acs_url=self.acs_url,
            sp_entity_id=self.entity_id,
        )
        return Begun(saml.redirect_url(self.idp.sign_in_url, message), cookie)

    def receive(self, saml_response: str, *, now: datetime) -> str:
        """Verify a response; return the address where the browser finishes. Raises Refused."""
        try:
            message = saml.decode_response(saml_response)
            request_id = saml.peek(message).in_response_to
        except MessageError as error:
            raise Refused(error.reason, str(error)) from error
        judgement = saml.judge(message, self._expected(request_id, now))
        if not judgement.accepted:
            wrong = next(check for check in judgement.checks if not check.passed)
            raise Refused(judgement.reason or "", " ".join(filter(None, saml.explain(wrong))))
        assertion, person = judgement.assertion, _person(judgement.assertion)
        last = max(one.not_on_or_after or now for one in assertion.confirmations)
        used = f"assertion {digest(f'{assertion.issuer} {assertion.id}')}"
        ends = last + 2 * CLOCK_SKEW
        if ends > now + LONGEST_USE:
            raise Refused("not_yet_valid", "The assertion is good for longer than a week.")
        if not self.store.put(used, "", until=ends, now=now):
            raise Refused("assertion_replayed", "This response was used already.")
        request = self.store.take(f"request {request_id}", now=now)
        if request is None:
            raise Refused("request_unknown", "This sign-in is over, or was never begun here.")
        code = new_token()
        parked = {**json.loads(request), "person": person}
        self.store.put(f"code {code}", json.dumps(parked), until=now + CODE_LIFETIME, now=now)
        return f"{self.base_url}/finish?{urlencode({'code': code})}"

    def finish(self, code: str, cookie: str, *, now: datetime) -> Arrived:
        """Who has arrived in the browser with this cookie. Raises Refused."""
        parked = self.store.take(f"code {code}", now=now) if _TOKEN.fullmatch(code) else None
        if parked is None:
            raise Refused("request_unknown", "This sign-in was finished already, or is too old.")
        kept = json.loads(parked)
        if not matches(cookie, kept["browser"]):
            raise Refused("browser_mismatch", "This sign-in was begun in another browser.")
        said = kept["person"]
        attributes = {name: tuple(values) for name, values in said.pop("attributes").items()}
        groups = tuple(said.pop("groups"))
        return Arrived(Person(**said, groups=groups, attributes=attributes), kept["next"])

    def _expected(self, request_id: str | None, now: datetime) -> saml.Expected:
        return saml.Expected(
            idp_entity_id=self.idp.entity_id,
            certificates=self.idp.certificates,
            sp_entity_id=self.entity_id,
            acs_url=self.acs_url,
            now=now,
            request_id=request_id,
            unsolicited_allowed=False,
            clock_skew=CLOCK_SKEW,
        )


def _person(assertion: saml.Assertion) -> dict[str, Any]:
    """As it waits in the store. Raises Refused."""
    assert assertion.name_id is not None
    profile = read_profile(
        idp_entity_id=assertion.issuer,
        name_id=assertion.name_id.value,
        name_id_format=assertion.name_id.format,
        attributes=assertion.named_attributes,
    )
    if not profile.subject:
        raise Refused("subject_unstable", "The NameID is a new one at each sign-in.")
    return {
        "idp": assertion.issuer,
        "subject": profile.subject,
        "email": profile.email.shown if profile.email else None,
        "first_name": profile.first_name,
        "last_name": profile.last_name,
        "groups": groups_of(profile.attributes),
        "attributes": assertion.attributes,
    }


def _own_path(path: str) -> str:
    """A path of the same site, which no browser takes for another one's address."""
    plain = path.isprintable() and path.isascii() and "\\" not in path and len(path) <= 2000
    return path if plain and path.startswith("/") and not path.startswith("//") else "/"
