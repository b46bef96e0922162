"""An application's site, its proxy, and a browser that goes back and forth between it and us."""

import http.client
import json
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from pathlib import Path
from urllib.parse import urljoin, urlsplit

from tests.e2e.identity_provider import IdentityProvider
from tests.e2e.passerelle import Passerelle
from tests.e2e.visitor import Visitor
from tests.servers import processes
from tests.world import GRACE

HOST = "wiki.acme.example"
ECHO = """
import http.server, json, sys

class Echo(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        length = int(self.headers.get("Content-Length") or 0)
        said = {"path": self.path, "method": self.command, "body": len(self.rfile.read(length)),
                "headers": self.headers.items()}
        text = json.dumps(said).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = do_PUT = answer

    def log_message(self, *_):
        pass

http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Echo).serve_forever()
"""
PAGE = {"Accept": "text/html,*/*;q=0.8", "Sec-Fetch-Dest": "document"}


def start_echo(state: Path) -> int:
    """A site without any sign-in: it says what it was sent. Its port."""
    port = processes.free_port()
    server = processes.start([sys.executable, "-c", ECHO, str(port)], log=state / "echo.log")
    processes.wait_for_port(server, port)
    return port


@dataclass(frozen=True)
class Answer:
    status: int
    location: str
    body: str
    headers: Mapping[str, str]

    @property
    def arrived(self) -> dict[str, list[str]]:
        """The headers that arrived at the site, whatever their spelling, as many apps see them."""
        found: dict[str, list[str]] = {}
        for name, value in json.loads(self.body)["headers"]:
            found.setdefault(name.lower().replace("_", "-").replace(".", "-"), []).append(value)
        return found


@dataclass
class Surfer:
    """One browser: cookies by host, and names that lead to ports of this machine."""

    ports: Mapping[str, int]
    cookies: dict[str, dict[str, str]] = field(default_factory=dict)

    def ask(
        self,
        url: str,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] = PAGE,
    ) -> Answer:
        parts = urlsplit(url)
        jar = self.cookies.setdefault(parts.netloc, {})
        sent = {"Host": parts.netloc, "Accept-Language": "en", "Connection": "close", **headers}
        if jar:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in jar.items())
        connection = http.client.HTTPConnection(
            "127.0.0.1", self.ports[parts.netloc], timeout=processes.PATIENCE
        )
        try:
            target = f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
            connection.request(method, target, body, sent)
            response = connection.getresponse()
            text = response.read().decode("utf-8", "replace")
        finally:
            connection.close()
        for header in response.headers.get_all("Set-Cookie") or []:
            for name, morsel in SimpleCookie(header).items():
                jar[name] = morsel.value
                if morsel["max-age"] == "0" or not morsel.value:
                    jar.pop(name)
        location = response.headers.get("Location", "")
        return Answer(
            response.status,
            urljoin(url, location) if location else "",
            text,
            {name.lower(): value for name, value in response.headers.items()},
        )

    def until(self, url: str, status: int) -> Answer:
        """The answer, once it has this status: dashboards ask us again after a while."""
        deadline = time.monotonic() + processes.PATIENCE
        while (answer := self.ask(url)).status != status:
            assert time.monotonic() < deadline, answer
            time.sleep(0.2)
        return answer

    def follow(self, url: str, *, until: str = "") -> tuple[str, Answer]:
        """As far as redirects lead, or to an address that begins so."""
        for _ in range(15):
            answer = self.ask(url)
            if not answer.location or answer.status not in (301, 302, 303, 307):
                return url, answer
            url = answer.location
            if until and url.startswith(until):
                return url, answer
        raise AssertionError(f"redirected in a circle, at last to {url}")


def sign_in(surfer: Surfer, service: Passerelle, url: str, person=GRACE) -> tuple[str, Answer]:
    """From a click on the application's address to where it ends, through the company's sign-in."""
    idp = IdentityProvider(service.base_url)
    sent_to, _ = surfer.follow(url, until="https://idp.acme.example/")
    assert sent_to.startswith("https://idp.acme.example/"), sent_to
    request_id = Visitor.request_in(Answer(302, sent_to, "", {}))  # type: ignore[arg-type]
    field = idp.respond(person, request_id=request_id)
    visitor = Visitor(service.base_url, surfer.cookies.setdefault(f"127.0.0.1:{service.port}", {}))
    parked = visitor.post("/auth/saml/acme/callback", {"SAMLResponse": field}, cross_site=True)
    return surfer.follow(urljoin(service.base_url, parked.location))
