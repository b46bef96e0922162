"""A service provider just good enough to try the servers with: it asks, and keeps what it gets."""

import base64
import threading
import urllib.parse
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self

from . import processes

REQUEST_ID = "_request-1"
RELAY_STATE = "/reports?year=2026&é"
_METADATA = """
<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="{url}/metadata">
  <SPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">
    <KeyDescriptor use="encryption">
      <KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#">
        <X509Data><X509Certificate>{certificate}</X509Certificate></X509Data>
      </KeyInfo>
    </KeyDescriptor>
    <AssertionConsumerService index="0" Location="{url}/acs"
        Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"/>
  </SPSSODescriptor>
</EntityDescriptor>
"""
_REQUEST = """
<AuthnRequest xmlns="urn:oasis:names:tc:SAML:2.0:protocol" ID="{id}" Version="2.0"
    IssueInstant="2026-01-01T00:00:00Z" AssertionConsumerServiceURL="{url}/acs">
  <Issuer xmlns="urn:oasis:names:tc:SAML:2.0:assertion">{url}/metadata</Issuer>
</AuthnRequest>
"""


class LoopbackSP:
    """Answers at /login with a redirect to the identity provider; /acs keeps what is posted."""

    def __init__(self, state: Path, idp_url: str) -> None:
        self.received: list[dict[str, list[str]]] = []
        self.idp_url = idp_url
        self.key = state / "sp.key"
        self._certificate = _new_certificate(self.key)
        self._http = _HTTP(self)
        self.url = f"http://{processes.LOOPBACK}:{self._http.server_port}"
        self.entity_id = f"{self.url}/metadata"

    def __enter__(self) -> Self:
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._http.shutdown()
        self._http.server_close()

    @property
    def metadata(self) -> bytes:
        """What the identity provider has to know."""
        return _METADATA.format(url=self.url, certificate=self._certificate).encode()

    @property
    def request_url(self) -> str:
        """The identity provider's sign-in address with a request, by the redirect binding."""
        request = _REQUEST.format(url=self.url, id=REQUEST_ID).strip().encode()
        deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        deflated = deflate.compress(request) + deflate.flush()
        query = {"SAMLRequest": base64.b64encode(deflated), "RelayState": RELAY_STATE}
        return f"{self.idp_url}/saml2/idp/SSOService.php?{urllib.parse.urlencode(query)}"


class _HTTP(ThreadingHTTPServer):
    def __init__(self, sp: LoopbackSP) -> None:
        super().__init__((processes.LOOPBACK, 0), _Exchange)
        self.sp = sp


class _Exchange(BaseHTTPRequestHandler):
    server: _HTTP

    def do_GET(self) -> None:
        self.send_response(302)
        self.send_header("Location", self.server.sp.request_url)
        self.end_headers()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.sp.received.append(urllib.parse.parse_qs(body))
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>Signed in</title><h1>Signed in</h1>")

    def log_message(self, *line: object) -> None:
        """Say nothing on the terminal."""


def _new_certificate(key: Path) -> str:
    options = [
        "-newkey",
        "rsa:2048",
        "-noenc",
        "-keyout",
        str(key),
        "-subj",
        "/CN=sp",
        "-days",
        "2",
    ]
    pem = processes.run(["openssl", "req", "-x509", *options]).decode()
    return "".join(line for line in pem.splitlines() if "CERTIFICATE" not in line)
