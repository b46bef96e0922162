"""The least that verifying can cost with the primitives that Passerelle uses.

Base64 and one hardened parse; for each signature one exclusive C14N of what is signed, SHA-256 and
one RSA-2048 verification; for what is encrypted RSA-OAEP, AES-GCM and one parse of the plaintext.
It checks digests and signatures, nothing else, and knows beforehand what they have to be.
"""

import base64
import hashlib
from collections.abc import Callable

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from lxml import etree

from benchmarks.payloads import Keys, Payload
from passerelle.saml.names import ds, xenc

PARSER = etree.XMLParser(
    encoding="utf-8",
    resolve_entities=False,
    load_dtd=False,
    no_network=True,
    huge_tree=False,
    remove_comments=True,
)
OAEP = padding.OAEP(padding.MGF1(hashes.SHA1()), algorithm=hashes.SHA1(), label=None)


def floor(payload: Payload, keys: Keys) -> Callable[[str], None]:
    public, private = keys.idp.private.public_key(), keys.ours.private
    assert isinstance(public, rsa.RSAPublicKey) and isinstance(private, rsa.RSAPrivateKey)

    def signed_elements(field: str) -> list[etree._Element]:
        """The outer one first: its signature covers the inner one's."""
        root = etree.fromstring(base64.b64decode(field), PARSER)
        if not payload.encrypted:
            return [root, root[-1]] if payload.both_signed else [root[-1]]
        wrapped, cipher = (base64.b64decode(one.text) for one in root.iter(xenc("CipherValue")))
        content_key = AESGCM(private.decrypt(wrapped, OAEP))
        return [etree.fromstring(content_key.decrypt(cipher[:12], cipher[12:], None), PARSER)]

    known = [_signature(element[1]) for element in signed_elements(payload.field)]

    def verify(field: str) -> None:
        for element, (info, value, digest) in zip(signed_elements(field), known, strict=True):
            del element[1]  # The signature stands behind the Issuer.
            if hashlib.sha256(_canonical(element)).digest() != digest:
                raise ValueError("changed")
            public.verify(value, info, padding.PKCS1v15(), hashes.SHA256())

    return verify


def _signature(signature: etree._Element) -> tuple[bytes, bytes, bytes]:
    value, digest = (signature.find(f".//{ds(n)}").text for n in ("SignatureValue", "DigestValue"))
    return _canonical(signature[0]), base64.b64decode(value), base64.b64decode(digest)


def _canonical(element: etree._Element) -> bytes:
    return etree.tostring(element, method="c14n", exclusive=True, with_comments=False)
