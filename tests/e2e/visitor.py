"""A person with a plain HTTP client: sees every redirect and keeps cookies, like a browser."""

import http.client
import re
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from urllib.parse import parse_qs, urlencode, urlsplit

from passerelle.practice_idp.views import _read_request
from tests.servers.posted import Posted


@dataclass(frozen=True)
class Answer:
    status: int
    location: str
    body: str

    @property
    def reference(self) -> str:
        found = re.search(r'id="reference" value="([0-9A-Z]{3}-[0-9A-Z]{3})"', self.body)
        return found[1] if found else ""


@dataclass
class Visitor:
    """One browser at one installation."""

    base_url: str
    cookies: dict[str, str] = field(default_factory=dict)
    language: str = "en"

    def get(self, path: str) -> Answer:
        return self._ask("GET", path, None, with_cookies=True)

    def post(self, path: str, fields: dict[str, str], *, cross_site: bool = False) -> Answer:
        """A form; a cross-site one comes without our cookies, which are all SameSite=Lax."""
        return self._ask("POST", path, urlencode(fields), with_cookies=not cross_site)

    def start(self, connection: str) -> str:
        """Press the button; return the ID of the request to the identity provider."""
        answer = self.get(f"/auth/saml/{connection}/login")
        assert answer.status == 302, answer
        return self.request_in(answer)

    @staticmethod
    def request_in(answer: Answer) -> str:
        """The ID of the request to the identity provider that the browser is sent away with."""
        return _read_request(parse_qs(urlsplit(answer.location).query)["SAMLRequest"][0], "").id

    def deliver(self, connection: str, saml_response: str, relay_state: str = "") -> Answer:
        """Bring a response, and go on to finish where the callback leads there."""
        fields = {"SAMLResponse": saml_response, "RelayState": relay_state}
        answer = self.post(f"/auth/saml/{connection}/callback", fields, cross_site=True)
        return self.get(answer.location) if answer.status == 303 else answer

    def bring(self, posted: Posted) -> Answer:
        """Bring what an identity provider's page would post by itself."""
        assert posted.action.startswith(self.base_url)
        connection = urlsplit(posted.action).path.split("/")[3]
        return self.deliver(connection, posted.saml_response, posted.relay_state or "")

    def _ask(self, method: str, path: str, body: str | None, *, with_cookies: bool) -> Answer:
        headers = {"Accept-Language": self.language, "Connection": "close"}
        if with_cookies and self.cookies:
            headers["Cookie"] = "; ".join(f"{name}={v}" for name, v in self.cookies.items())
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        target = path.removeprefix(self.base_url)
        connection = http.client.HTTPConnection(urlsplit(self.base_url).netloc, timeout=60)
        try:
            connection.request(method, target, body, headers)
            response = connection.getresponse()
            text = response.read().decode("utf-8", "replace")
        finally:
            connection.close()
        for header in response.headers.get_all("Set-Cookie") or []:
            for name, morsel in SimpleCookie(header).items():
                self.cookies[name] = morsel.value
        return Answer(response.status, response.headers.get("Location", ""), text)
