"""Requests as bytes on a connection: what a client library would not let through."""

import socket
from urllib.parse import urlsplit

from tests.e2e.passerelle import Passerelle


def connect(service: Passerelle) -> socket.socket:
    parts = urlsplit(service.base_url)
    return socket.create_connection((parts.hostname or "", parts.port or 0), timeout=30)


def ask(service: Passerelle, path: str, *lines: bytes) -> tuple[int, str]:
    """The status of the answer, and all of it as text."""
    head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n".encode()
    with connect(service) as connection:
        connection.sendall(head + b"".join(line + b"\r\n" for line in lines) + b"\r\n")
        received = b"".join(iter(lambda: connection.recv(65536), b""))
    return int(received.split()[1]), received.decode("utf-8", "replace")
