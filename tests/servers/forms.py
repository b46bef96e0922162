"""Plain HTTP in place of a browser: a session with cookies, and the forms of a page."""

import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.cookiejar import CookieJar, DefaultCookiePolicy

SECONDS = 120


@dataclass(frozen=True)
class Form:
    """A form's absolute address, and its fields with the values that the page gave them."""

    action: str
    fields: dict[str, str] = field(default_factory=dict)


def new_session() -> urllib.request.OpenerDirector:
    """A browser without a past: no cookies yet, no proxy; loopback counts as secure."""
    cookies = CookieJar(DefaultCookiePolicy(secure_protocols=("https", "http")))
    return urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(cookies)
    )


def visit(session: urllib.request.OpenerDirector, url: str) -> list[Form]:
    """The forms of the page where a URL leads, redirects followed."""
    return _open(session, url).forms


def visit_with_frames(session: urllib.request.OpenerDirector, url: str) -> list[Form]:
    """The same, once what the page shows in frames is loaded too."""
    page = _open(session, url)
    for frame in page.frames:
        _open(session, frame)
    return page.forms


def submit(session: urllib.request.OpenerDirector, form: Form, **typed: str) -> list[Form]:
    """The forms of the page that answers a form."""
    body = urllib.parse.urlencode({**form.fields, **typed}).encode()
    return _open(session, form.action, body).forms


def _open(
    session: urllib.request.OpenerDirector, url: str, body: bytes | None = None
) -> "_FormReader":
    with session.open(url, body, timeout=SECONDS) as response:
        reader = _FormReader(response.url)
        reader.feed(response.read().decode())
    return reader


class _FormReader(HTMLParser):
    def __init__(self, address: str) -> None:
        super().__init__()
        self.address = address
        self.forms: list[Form] = []
        self.frames: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(urllib.parse.urljoin(self.address, given.get("action", ""))))
        elif tag == "iframe" and "src" in given:
            self.frames.append(urllib.parse.urljoin(self.address, given["src"]))
        elif tag == "input" and self.forms and "name" in given:
            self.forms[-1].fields[given["name"]] = given.get("value", "")
