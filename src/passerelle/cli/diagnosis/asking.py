"""An address is asked as a browser would, and what comes back is looked at, not followed."""

from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from http.client import HTTPException
from typing import IO
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

SECONDS = 10
MAX_ANSWER = 64 * 1024
"""Bytes of a page that are looked at."""
_REDIRECTS = (301, 302, 303, 307, 308)


class AskError(Exception):
    """Nobody answers; the message says why."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Message
    text: str

    @property
    def is_good(self) -> bool:
        return 200 <= self.status < 300

    @property
    def is_redirect(self) -> bool:
        return self.status in _REDIRECTS

    @property
    def location(self) -> str:
        return str(self.headers.get("Location", ""))


class _NoRedirects(HTTPRedirectHandler):
    """Nowhere: where it leads is what we want to see."""

    def redirect_request(self, *_arguments: object) -> None:
        return None


def ask(url: str, headers: Mapping[str, str] | None = None) -> Answer:
    """The answer to one GET. Raises AskError."""
    # Nothing in between: what the environment calls a proxy is for going out.
    opener = build_opener(ProxyHandler({}), _NoRedirects())
    try:
        with opener.open(Request(url, headers=dict(headers or {})), timeout=SECONDS) as answer:  # noqa: S310 - http and https
            return Answer(answer.status, answer.headers, _read(answer))
    except HTTPError as error:
        with error:
            return Answer(error.code, error.headers, _read(error))
    except (OSError, HTTPException, ValueError) as error:
        raise AskError(str(getattr(error, "reason", error))) from error


def _read(answer: IO[bytes]) -> str:
    return answer.read(MAX_ANSWER).decode("utf-8", "replace")
