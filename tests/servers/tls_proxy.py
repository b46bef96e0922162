"""A proxy that ends TLS, and says of it what a test wants."""

import http.client
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.servers.https import self_signed


@dataclass
class TlsProxy:
    """Leads to a port of this machine."""

    certificate: Path
    leads_to: int
    port: int = 0
    says: dict[str, str] = field(default_factory=dict)
    """Headers that it adds."""
    asked: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"


@contextmanager
def tls_proxy(folder: Path, leads_to: int) -> Iterator[TlsProxy]:
    proxy = TlsProxy(folder / "proxy.pem", leads_to)
    proxy.certificate.write_bytes(self_signed())

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            proxy.asked.append(self.path)
            connection = http.client.HTTPConnection("127.0.0.1", proxy.leads_to, timeout=30)
            try:
                connection.request("GET", self.path, headers={**self.headers, **proxy.says})
                answer = connection.getresponse()
                body = answer.read()
            except OSError:
                self.send_error(502)
                return
            finally:
                connection.close()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() in ("location", "set-cookie", "content-type"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            pass

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    listening.daemon_threads = True
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(proxy.certificate)
    listening.socket = context.wrap_socket(listening.socket, server_side=True)
    proxy.port = listening.server_address[1]
    threading.Thread(target=listening.serve_forever, daemon=True).start()
    try:
        yield proxy
    finally:
        listening.shutdown()
        listening.server_close()
