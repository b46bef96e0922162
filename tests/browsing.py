"""A person's browser, as far as sign-ins need one: Django's client and its cookies."""

import base64
import re
import zlib
from typing import Any
from urllib.parse import parse_qs, urlsplit

from django.conf import settings
from django.test import Client
from django.utils import timezone
from lxml import etree, html

from passerelle.directory.models import User
from passerelle.practice_idp.people import Person
from passerelle.sso.models import SamlConnection
from tests.world import GRACE, respond_to, session_of


class Browser(Client):
    """One browser. It talks to the one public address, and keeps its cookies."""

    def __init__(self, language: str = "en", **keywords: Any) -> None:
        headers = {"accept-language": language, "host": "127.0.0.1:8000"}
        super().__init__(headers=headers, **keywords)

    def start(self, connection: SamlConnection, *, next_path: str = "") -> str:
        """Press the button; return the ID of the request that goes to the identity provider."""
        query = {"next": next_path} if next_path else {}
        answer = self.get(f"/auth/saml/{connection.slug}/login", query)
        assert answer.status_code == 302, answer.content
        return self.request_in(answer).get("ID") or ""

    @staticmethod
    def request_in(answer: Any) -> etree._Element:
        """The AuthnRequest or LogoutRequest in an answer that redirects."""
        sent = parse_qs(urlsplit(answer["Location"]).query)
        return etree.fromstring(zlib.decompress(base64.b64decode(sent["SAMLRequest"][0]), -15))

    def post_response(self, connection: SamlConnection, field: str, **fields: str) -> Any:
        """What the identity provider's page does: a cross-site POST, without any cookie of ours."""
        stranger = Browser()
        answer = stranger.post(
            f"/auth/saml/{connection.slug}/callback", {"SAMLResponse": field, **fields}
        )
        for name, morsel in stranger.cookies.items():
            self.cookies[name] = morsel.value
        # Where the person may be in already, a page of this site looks first.
        is_elsewhere = answer.status_code == 303 and "/again?" in answer["Location"]
        return self.get(answer["Location"]) if is_elsewhere else answer

    def sign_in(
        self,
        connection: SamlConnection,
        person: Person = GRACE,
        *,
        next_path: str = "",
        **said: Any,
    ) -> Any:
        """The whole way; return the answer of finish, or of the callback where it refuses."""
        request_id = self.start(connection, next_path=next_path)
        field = respond_to(connection, person, request_id=request_id, now=timezone.now(), **said)
        answer = self.post_response(connection, field)
        return self.get(answer["Location"]) if answer.status_code == 303 else answer

    def enter(self, user: User) -> "Browser":
        """Be signed in as this user."""
        self.cookies[settings.SESSION_COOKIE] = session_of(user, now=timezone.now())
        return self


def reference_in(answer: Any) -> str:
    """The reference on a refusal page."""
    found = re.search(r'id="reference" value="([0-9A-Z]{3}-[0-9A-Z]{3})"', answer.content.decode())
    assert found, answer.content.decode()
    return found[1]


def as_shown(browser: Browser, path: str) -> dict[str, list[str]]:
    """What a browser would send if nobody touched the settings page at this address."""
    return form_in(browser.get(path).content.decode())


def form_in(page: str) -> dict[str, list[str]]:
    """The fields of the settings form in a page, with their values."""
    found = html.fromstring(page)
    [form] = [one for one in found.forms if one.find('.//input[@name="version"]') is not None]
    fields: dict[str, list[str]] = {}
    for name, value in form.form_values():
        fields.setdefault(name, []).append(value.replace("\n", "\r\n"))
    return fields
