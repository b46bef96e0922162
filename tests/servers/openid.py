"""A real OpenID provider (Authlib and Flask, not ours) with TLS on loopback, in Google's place."""

import logging
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import oidc_provider_mock
from werkzeug.serving import make_server

from tests.servers.https import self_signed

CLIENT, SECRET = "passerelle-client", "a secret of the client"


@dataclass(frozen=True)
class OpenIdProvider:
    issuer: str
    certificate: Path
    app: Any

    def enrol(self, subject: str, **claims: object) -> None:
        """Somebody with an account there, and what is said of them."""
        answer = self.app.test_client().put(f"/users/{subject}", json=claims)
        assert answer.status_code < 300, answer.text

    def consent(self, address: str, subject: str) -> str:
        """Sign in there as this person; return where the browser is sent back to."""
        answer = self.app.test_client().post(
            address.removeprefix(self.issuer), data={"sub": subject}, base_url=self.issuer
        )
        assert answer.status_code == 302, answer.text
        return answer.headers["Location"]


@contextmanager
def openid_provider(folder: Path) -> Iterator[OpenIdProvider]:
    certificate = folder / "openid.pem"
    certificate.write_bytes(self_signed())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    app = oidc_provider_mock.app()
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = make_server("127.0.0.1", 0, app, threaded=True, ssl_context=context)
    issuer = f"https://localhost:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield OpenIdProvider(issuer, certificate, app)
    server.shutdown()
    thread.join()
