"""The xmlsec1 command, an independent implementation of XML Signature."""

import subprocess
from pathlib import Path

from .keys import KeyPair
from .response_builder import SAML_NS, SAMLP_NS

IDS = (f"{SAML_NS}:Assertion", f"{SAMLP_NS}:Response")


def verifies(message: bytes, key: KeyPair, folder: Path) -> bool:
    """Whether xmlsec1 accepts the first signature of a message."""
    document, certificate = folder / "message.xml", folder / "idp.pem"
    document.write_bytes(message)
    certificate.write_bytes(key.certificate_pem)
    return _run("--verify", "--pubkey-cert-pem", str(certificate), str(document)).returncode == 0


def signed(template: bytes, key: KeyPair, folder: Path) -> bytes:
    """A message whose signature is a template, filled in by xmlsec1."""
    document, private = folder / "template.xml", folder / "key.pem"
    document.write_bytes(template)
    private.write_bytes(key.pem)
    done = _run("--sign", "--privkey-pem", str(private), str(document))
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def _run(action: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    ids = [part for name in IDS for part in ("--id-attr:ID", name)]
    return subprocess.run(
        ["xmlsec1", action, *ids, *arguments], capture_output=True, check=False, timeout=30
    )
