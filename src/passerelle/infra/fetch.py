"""Fetch a document from an address that a person typed: https only, and only from outside.

Whoever may type an address must not reach what only this server can: the name is resolved once,
every address it has must be public (or in a network that the operator named), and the connection
goes to the address that was checked. Redirects are not followed; size and time are bounded.
"""

import contextlib
import http.client
import logging
import socket
import ssl
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any
from urllib.parse import urlencode, urlsplit
from uuid import UUID

from passerelle.infra.domain_names import normalise_domain
from passerelle.infra.turns import Busy, turn_of
from passerelle.infra.waiting import release_connection

log = logging.getLogger("passerelle")

SECONDS = 10.0
CHUNK = 64 * 1024
MAX_BYTES = 2 * 1024 * 1024


# Where an address of the inside can be written as one of the outside, or is one on some networks.
_SPECIAL = tuple(
    ip_network(one)
    for one in (
        "192.0.0.0/24",
        "192.88.99.0/24",
        "::/96",
        "::ffff:0:0:0/96",
        "64:ff9b::/96",
        "64:ff9b:1::/48",
        "2001::/32",
        "2002::/16",
        "fec0::/10",
    )
)


ACCEPT = "application/samlmetadata+xml, */*"
FORM_HEADERS = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}


class FetchError(Exception):
    """Why there is no document: a reason for a sentence, and what was received."""

    def __init__(self, reason: str, received: str = "") -> None:
        self.reason = reason
        # What a server says may be anything.
        self.received = "".join(one for one in received[:200] if one.isprintable())
        super().__init__(f"{reason}: {self.received}" if received else reason)


@dataclass(frozen=True, slots=True)
class Sent:
    """Something that is sent: any 2xx takes it."""

    method: str
    body: bytes
    headers: Mapping[str, str]


def fetch_for(company_id: UUID, url: str, what: str = "fetch", **keywords: Any) -> bytes:
    """The same while somebody waits for it: a few at once for a company. Raises FetchError."""
    try:
        with turn_of(company_id, what):
            release_connection()
            return fetch(url, company_id=company_id, **keywords)
    except Busy:
        raise FetchError("fetch_busy") from None


def fetch(
    url: str,
    *,
    private_networks: Sequence[str] = (),
    seconds: float = SECONDS,
    context: ssl.SSLContext | None = None,
    form: Mapping[str, str] | None = None,
    sent: Sent | None = None,
    plain_inside: bool = False,
    company_id: UUID | None = None,
) -> bytes:
    """The document at an https address, or the answer to what is sent there. Raises FetchError.

    `company_id` is of the company in whose name it is asked. With `plain_inside`, what stands in
    one of the `private_networks` may be asked without TLS.
    """
    deadline = time.monotonic() + seconds
    try:
        parts = urlsplit(url)
        is_plain = plain_inside and parts.scheme == "http"
        host, port = _encoded(parts.hostname or ""), parts.port or (80 if is_plain else 443)
    except ValueError as error:
        raise FetchError("fetch_not_https", url) from error
    if not (is_plain or parts.scheme == "https") or not host or "@" in parts.netloc:
        raise FetchError("fetch_not_https", url)
    try:
        found = _looked_up(host, port, deadline, company_id)
    except TimeoutError as error:
        raise FetchError("fetch_slow", f"{seconds:.0f}") from error
    address = _checked_address(host, found, private_networks)
    if is_plain and not _is_within(address, private_networks):
        raise FetchError("fetch_not_https", url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    trust = None if is_plain else context or _trust()
    connection = _PinnedConnection(host, port, address=address, deadline=deadline, context=trust)
    # Each single wait has an end, but a server that drips keeps each of them short.
    end = threading.Timer(max(deadline - time.monotonic(), 0), connection.give_up)
    end.daemon = True
    end.start()
    try:
        _ask(connection, target, form, sent)
        content = _read(connection, any_success=sent is not None)
        if connection.is_given_up:
            raise TimeoutError
        return content
    except ssl.SSLCertVerificationError as error:
        raise FetchError("fetch_untrusted", error.verify_message) from error
    except (OSError, http.client.HTTPException, UnicodeError, ValueError, AttributeError) as error:
        if isinstance(error, TimeoutError) or connection.is_given_up:
            raise FetchError("fetch_slow", f"{seconds:.0f}") from error
        raise FetchError("fetch_no_answer", str(error) or type(error).__name__) from error
    finally:
        end.cancel()
        connection.close()


def _ask(
    connection: http.client.HTTPSConnection,
    target: str,
    form: Mapping[str, str] | None,
    sent: Sent | None,
) -> None:
    if sent is not None:
        connection.request(sent.method, target, sent.body, headers=dict(sent.headers))
    elif form is not None:
        connection.request("POST", target, urlencode(form), headers=FORM_HEADERS)
    else:
        connection.request("GET", target, headers={"Accept": ACCEPT})


def _encoded(host: str) -> str:
    """A host as browsers ask for it; Python's own encoding takes ß for ss (IDNA 2003)."""
    return host if host.isascii() else normalise_domain(host) or ""


def _trust() -> ssl.SSLContext:
    """The certificate authorities of the system, or of SSL_CERT_FILE."""
    return ssl.create_default_context()


MOST_LOOKED_UP = 50
"""Names that are looked up at once, in one process; of one company see `turns`."""
looking_up = threading.BoundedSemaphore(MOST_LOOKED_UP)


def _looked_up(host: str, port: int, deadline: float, company_id: UUID | None) -> list[str]:
    """The addresses of a name. Raises FetchError, and TimeoutError at the deadline.

    A name server that never answers holds its thread for half a minute, whatever is done about it:
    that is a thread of its own, and the turn of its company lasts as long. Nobody waits for it.
    """
    turn = contextlib.ExitStack()
    try:
        if not looking_up.acquire(blocking=False):
            raise Busy
        turn.callback(looking_up.release)
        if company_id is not None:
            turn.enter_context(turn_of(company_id, "look-up"))
    except Busy:
        turn.close()
        raise FetchError("fetch_busy") from None
    answer: Future[list[str]] = Future()

    def look_up() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            answer.set_result([str(one[4][0]) for one in found])
        except BaseException as error:
            answer.set_exception(error)
        finally:
            turn.close()

    try:
        threading.Thread(target=look_up, name="look-up", daemon=True).start()
    except RuntimeError:
        # No thread is to be had.
        turn.close()
        raise FetchError("fetch_busy") from None
    try:
        return answer.result(max(deadline - time.monotonic(), 0))
    except TimeoutError:
        raise
    except (OSError, UnicodeError) as error:
        raise FetchError("fetch_unreachable", host) from error


def _checked_address(host: str, addresses: list[str], private_networks: Sequence[str]) -> str:
    for address in addresses:
        if not _is_outside(address, private_networks):
            # Where a name leads inside is told to the operator, not to whoever typed it.
            log.warning("metadata at %s (%s) is in a network that is not public", host, address)
            raise FetchError("fetch_unreachable", host)
    return addresses[0]


def _is_within(address: str, networks: Sequence[str]) -> bool:
    parsed = ip_address(address.partition("%")[0])
    parsed = getattr(parsed, "ipv4_mapped", None) or parsed
    return any(parsed in ip_network(network, strict=False) for network in networks)


def _is_outside(address: str, private_networks: Sequence[str]) -> bool:
    parsed = ip_address(address.partition("%")[0])
    parsed = getattr(parsed, "ipv4_mapped", None) or parsed
    if _is_within(address, private_networks):
        return True
    if any(parsed in network for network in _SPECIAL) or _is_isatap(parsed):
        return False
    return parsed.is_global and not parsed.is_multicast


def _is_isatap(address: IPv4Address | IPv6Address) -> bool:
    """Whether an address ends with an IPv4 address that is reached through it (RFC 5214 §6.1)."""
    return address.version == 6 and int(address) >> 32 & 0xFDFFFFFF == 0x5EFE


def _read(connection: http.client.HTTPSConnection, *, any_success: bool) -> bytes:
    with connection.getresponse() as answer:
        if answer.status != http.client.OK and not (any_success and answer.status // 100 == 2):
            raise FetchError("fetch_status", str(answer.status))
        content = b""
        while chunk := answer.read1(CHUNK):
            content += chunk
            if len(content) > MAX_BYTES:
                raise FetchError("fetch_too_large", str(MAX_BYTES))
        return content


class _PinnedConnection(http.client.HTTPSConnection):
    """Connects to the address that was checked; the certificate must be the host's all the same.

    Without a `context` there is no TLS.
    """

    def __init__(
        self, host: str, port: int, *, address: str, deadline: float, context: ssl.SSLContext | None
    ) -> None:
        super().__init__(host, port, context=context or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
        self._address, self._deadline, self._ssl = address, deadline, context
        self.is_given_up = False
        # `sock` is let go of while the answer is still being read.
        self._open: socket.socket | None = None

    def give_up(self) -> None:
        """End whatever is waited for."""
        self.is_given_up = True
        with contextlib.suppress(OSError):
            if self._open is not None:
                socket.socket.shutdown(self._open, socket.SHUT_RDWR)

    def connect(self) -> None:
        # Each single wait is bounded by what is left of the whole.
        left = max(self._deadline - time.monotonic(), 0.1)
        plain = socket.create_connection((self._address, self.port), timeout=left)
        if self._ssl is None:
            self.sock = self._open = plain
            return
        try:
            self.sock = self._ssl.wrap_socket(
                plain, server_hostname=self.host, do_handshake_on_connect=False
            )
            self._open = self.sock
            self.sock.do_handshake()
        except BaseException:
            plain.close()
            raise
