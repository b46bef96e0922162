"""Fetch a document from an address that a person typed: https only, and only from outside.

Whoever may type an address must not reach what only this server can: the name is resolved once,
every address it has must be public (or in a network that the operator named), and the connection
goes to the address that was checked. Redirects are not followed; size and time are bounded.
"""

import http.client
import socket
import ssl
import time
from collections.abc import Sequence
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

from passerelle.saml.xml import MAX_BYTES

SECONDS = 10.0
CHUNK = 64 * 1024


class FetchError(Exception):
    """One sentence for whoever typed the address."""


def fetch(
    url: str,
    *,
    private_networks: Sequence[str] = (),
    seconds: float = SECONDS,
    context: ssl.SSLContext | None = None,
) -> bytes:
    """The document at an https address. Raises FetchError."""
    deadline = time.monotonic() + seconds
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or 443
    except ValueError as error:
        raise FetchError(f"{error}") from error
    if parts.scheme != "https" or not host or "@" in parts.netloc:
        raise FetchError("expected an address starting with https://")
    address = _checked_address(host, port, private_networks)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    connection = _PinnedConnection(
        host, port, address=address, deadline=deadline, context=context or _trust()
    )
    try:
        connection.request("GET", target, headers={"Accept": "application/samlmetadata+xml, */*"})
        return _read(connection, deadline)
    except TimeoutError as error:
        raise FetchError(f"no answer within {seconds:.0f} seconds") from error
    except ssl.SSLCertVerificationError as error:
        raise FetchError(f"its certificate is not trusted: {error.verify_message}") from error
    except (OSError, http.client.HTTPException, UnicodeError, ValueError) as error:
        raise FetchError(f"no answer: {str(error) or type(error).__name__}") from error
    finally:
        connection.close()


def _trust() -> ssl.SSLContext:
    """The certificate authorities of the system, or of SSL_CERT_FILE."""
    return ssl.create_default_context()


def _checked_address(host: str, port: int, private_networks: Sequence[str]) -> str:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise FetchError(f"{host} is not known: {error}") from error
    addresses = [str(one[4][0]) for one in found]
    for address in addresses:
        if not _is_outside(address, private_networks):
            raise FetchError(
                f"{host} is at {address}, in a network that is not public; the operator can allow "
                "it with PASSERELLE_PRIVATE_NETWORKS"
            )
    return addresses[0]


def _is_outside(address: str, private_networks: Sequence[str]) -> bool:
    parsed = ip_address(address.partition("%")[0])
    parsed = getattr(parsed, "ipv4_mapped", None) or parsed
    if any(parsed in ip_network(network, strict=False) for network in private_networks):
        return True
    return parsed.is_global and not parsed.is_multicast


def _read(connection: http.client.HTTPSConnection, deadline: float) -> bytes:
    with connection.getresponse() as answer:
        if answer.status != http.client.OK:
            raise FetchError(f"expected status 200, received {answer.status}")
        content = b""
        while chunk := answer.read1(CHUNK):
            content += chunk
            if len(content) > MAX_BYTES:
                raise FetchError(f"expected at most {MAX_BYTES} bytes, received more")
            if time.monotonic() > deadline:
                raise TimeoutError
        return content


class _PinnedConnection(http.client.HTTPSConnection):
    """Connects to the address that was checked; the certificate must be the host's all the same."""

    def __init__(
        self, host: str, port: int, *, address: str, deadline: float, context: ssl.SSLContext
    ) -> None:
        super().__init__(host, port, context=context)
        self._address, self._deadline, self._ssl = address, deadline, context

    def connect(self) -> None:
        # Each single wait is bounded by what is left of the whole.
        left = max(self._deadline - time.monotonic(), 0.1)
        plain = socket.create_connection((self._address, self.port), timeout=left)
        try:
            self.sock = self._ssl.wrap_socket(plain, server_hostname=self.host)
        except BaseException:
            plain.close()
            raise
