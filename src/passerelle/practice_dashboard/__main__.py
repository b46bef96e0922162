"""Serve the dashboard: a line of JSON on standard input says what it needs; it ends with that.

The socket that it listens on is inherited, so nobody else can have taken the port.
"""

import json
import secrets
import socket
import sys
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qsl, urlsplit

from passerelle.practice_dashboard import page
from passerelle.practice_dashboard.relying_party import Client, RelyingParty, Visit

COOKIE = "practice_dashboard"
MAX_BODY = 64 * 1024
POLICY = "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'"


class Dashboard(ThreadingHTTPServer):
    """The server, with whom it has let in."""

    party: RelyingParty


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Dashboard

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        browser, language = self._browser(), self._language()
        if address.path == "/":
            self._dashboard(browser)
        elif address.path == "/callback":
            self._callback(browser, dict(parse_qsl(address.query)))
        elif address.path == "/signed-out":
            self._answer(200, page.signed_out(language))
        elif address.path == "/style.css":
            self._answer(200, page.STYLE, kind="text/css")
        else:
            self._answer(404, page.failed(language, "404"))

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        form = dict(parse_qsl(self.rfile.read(min(length, MAX_BODY)).decode("latin-1")))
        if self.path == "/back-channel-logout":
            heard = self.server.party.hear_logout(form.get("logout_token", ""))
            self._answer(200 if heard else 400, "")
        elif self.path == "/logout" and self._is_from_here():
            visit = self.server.party.visits.pop(self._browser(), None)
            self._lead(self.server.party.leave(visit) if visit else "/signed-out")
        else:
            self._answer(404, "")

    def _dashboard(self, browser: str) -> None:
        visit = self.server.party.visits.get(browser)
        if visit is None or not self.server.party.is_still_in(visit):
            self.server.party.visits.pop(browser, None)
            fresh = secrets.token_urlsafe(32)
            self._lead(self.server.party.begin(fresh), cookie=fresh)
            return
        present = self.server.party.present()
        self._answer(200, page.dashboard(self._language(), visit.claims, present=present))

    def _callback(self, browser: str, answer: dict[str, str]) -> None:
        try:
            visit: Visit | None = self.server.party.finish(browser, answer)
        except (OSError, ValueError, KeyError):
            visit = None
        if visit is None:
            said = answer.get("error_description", "")
            self._answer(400, page.failed(self._language(), said))
            return
        # Another key than the one that was sent out before anybody was in.
        fresh = secrets.token_urlsafe(32)
        self.server.party.visits[fresh] = visit
        self._lead("/", cookie=fresh)

    def _is_from_here(self) -> bool:
        return self.headers.get("Origin") in (None, self.server.party.client.url)

    def _browser(self) -> str:
        held = SimpleCookie(self.headers.get("Cookie", "")).get(COOKIE)
        return held.value if held else ""

    def _language(self) -> str:
        return page.language_of(self.headers.get("Accept-Language", ""))

    def _lead(self, where: str, cookie: str = "") -> None:
        self.send_response(303)
        self.send_header("Location", where)
        if cookie:
            self.send_header("Set-Cookie", f"{COOKIE}={cookie}; Path=/; HttpOnly; SameSite=Lax")
        self.send_header("Cache-Control", "no-store")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _answer(self, status: int, text: str, kind: str = "text/html") -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", POLICY)
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        """Quiet: the terminal is the service's."""


def main() -> None:
    said = json.loads(sys.stdin.readline())
    listening = socket.socket(fileno=said.pop("socket"))
    server = Dashboard(listening.getsockname()[:2], Handler, bind_and_activate=False)
    server.party = RelyingParty(Client(**said))
    server.socket.close()
    server.socket = listening
    server.server_activate()
    Thread(target=server.serve_forever, daemon=True).start()
    # Nobody keeps it any more once standard input ends.
    sys.stdin.read()


if __name__ == "__main__":
    main()
