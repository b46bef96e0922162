"""A web server with TLS on loopback that answers what a test wants."""

import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

LOOPBACK = ("127.0.0.0/8", "::1")


@dataclass
class HttpsServer:
    """Each path with its answer: a status and a body, or seconds to wait before each byte."""

    folder: Path
    port: int = 0
    answers: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    first: dict[str, list[int]] = field(default_factory=dict)
    """Statuses for what is sent first, before `answers` holds."""
    slow: dict[str, float] = field(default_factory=dict)
    drips: dict[str, float] = field(default_factory=dict)
    """Seconds between the letters of a header that never ends."""
    asked: list[str] = field(default_factory=list)
    taken: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    """What was sent here: method, path, headers, body."""

    @property
    def certificate(self) -> Path:
        return self.folder / "server.pem"

    def url(self, path: str, host: str = "localhost") -> str:
        return f"https://{host}:{self.port}{path}"

    def context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.certificate))


@contextmanager
def https_server(folder: Path) -> Iterator[HttpsServer]:
    server = HttpsServer(folder)
    server.certificate.write_bytes(self_signed())

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            server.taken.append((self.command, self.path, dict(self.headers), body))
            first = server.first.get(self.path)
            status = first.pop(0) if first else server.answers.get(self.path, (404, b""))[0]
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_PUT = do_POST  # noqa: N815 - the name that the library calls

        def do_GET(self) -> None:
            server.asked.append(self.path)
            if self.path in server.drips:
                with suppress(OSError):
                    self.wfile.write(b"HTTP/1.0 200 OK\r\nX: ")
                    for _ in range(400):
                        time.sleep(server.drips[self.path])
                        self.wfile.write(b"x")
                return
            status, body = server.answers.get(self.path, (404, b""))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            if status in (301, 302):
                self.send_header("Location", "/elsewhere")
            self.end_headers()
            pause = server.slow.get(self.path)
            for byte in body if pause else (body,):
                if pause:
                    time.sleep(pause)
                self.wfile.write(bytes([byte]) if isinstance(byte, int) else byte)

        def log_message(self, *_arguments: object) -> None:
            pass

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_arguments: object) -> None:
            """A client that goes away is meant to."""

    listening = Quiet(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server.certificate)
    listening.socket = context.wrap_socket(listening.socket, server_side=True)
    server.port = listening.server_address[1]
    thread = threading.Thread(target=listening.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        listening.shutdown()
        listening.server_close()


@cache
def self_signed() -> bytes:
    """A key and a certificate for localhost, in one PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    names = x509.SubjectAlternativeName(
        [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
    )
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(names, critical=False)
        .sign(key, hashes.SHA256())
    )
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ) + certificate.public_bytes(serialization.Encoding.PEM)
