"""How messages travel: HTTP-Redirect (Bindings §3.4) and HTTP-POST (§3.5), signed or not."""

import base64
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote_plus, unquote_plus

from lxml import etree

from passerelle.saml import xml, xmldsig
from passerelle.saml.certificate import Certificate, PrivateKey
from passerelle.saml.errors import MessageError
from passerelle.saml.xmldsig import VerifiedElement

Field = Literal["SAMLRequest", "SAMLResponse"]
MAX_PARAMETER = 64 * 1024
"""Characters of one query parameter: no address carries more."""


@dataclass(frozen=True, slots=True)
class Signer:
    """Our private key for one connection, with its certificate."""

    key: PrivateKey
    certificate_der: bytes


def redirect_url(
    target: str,
    message: etree._Element,
    *,
    field: Field = "SAMLRequest",
    relay_state: str | None = None,
    signer: Signer | None = None,
) -> str:
    """The address that carries a message in its query, next to what the target already has.

    The signature covers the query as it is written here, in this order (§3.4.4.1).
    """
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    deflated = compressor.compress(etree.tostring(message)) + compressor.flush()
    query = f"{field}={quote_plus(base64.b64encode(deflated))}"
    if relay_state:
        query += f"&RelayState={quote_plus(relay_state)}"
    if signer is not None:
        query += f"&SigAlg={quote_plus(xmldsig.algorithm_of(signer.key))}"
        value = xmldsig.signature_over(signer.key, query.encode())
        query += f"&Signature={quote_plus(base64.b64encode(value))}"
    address, _, old_query = target.partition("#")[0].partition("?")
    return f"{address}?{old_query}{'&' if old_query else ''}{query}"


def post_field(message: etree._Element, *, signer: Signer | None = None) -> str:
    """The value of the form field that carries a message; signed, it carries its signature."""
    if signer is not None:
        xmldsig.sign(message, signer.key, signer.certificate_der)
    return base64.b64encode(etree.tostring(message)).decode()


def read_post(field_value: str, certificates: Sequence[Certificate]) -> VerifiedElement:
    """A message from a form field, which must be signed. Raises MessageError."""
    try:
        root = xml.parse(xml.decode_base64(field_value))
    except ValueError:
        raise _unreadable("a message in base64", "text that is not base64") from None
    signature = xml.at_most_one(root, xml.SIGNATURE)
    if signature is None or sum(1 for _ in root.iter(xml.SIGNATURE)) > 1:
        raise MessageError(
            "signature_missing" if signature is None else "signature_profile_forbidden",
            expected="one signature, of the message",
            received="none" if signature is None else "several",
        )
    return xmldsig.verify(signature, certificates)


def read_redirect(query: str, field: Field, certificates: Sequence[Certificate]) -> VerifiedElement:
    """A message from a query string, which must be signed (§3.4.4.1). Raises MessageError.

    The signature is over the parameters as they were sent: they are not decoded and encoded anew.
    """
    sent = _parameters(query)
    for name in (field, "SigAlg", "Signature"):
        if name not in sent:
            raise MessageError("signature_missing", expected=name, received="none")
    order = [name for name in (field, "RelayState", "SigAlg") if name in sent]
    signed = "&".join(f"{name}={sent[name]}" for name in order)
    algorithm = unquote_plus(sent["SigAlg"])
    signer = xmldsig.verify_detached(
        algorithm, _base64(sent["Signature"]), signed.encode(), certificates
    )
    return xmldsig.covered(xml.parse(inflated(sent[field])), signer, algorithm)


def _parameters(query: str) -> dict[str, str]:
    """The parameters as they were sent; each at most once, or somebody reads another one."""
    found: dict[str, str] = {}
    for part in query.split("&"):
        name, _, value = part.partition("=")
        # A name in another spelling is the same to whoever decodes it, and is signed by nobody.
        if name in found or len(value) > MAX_PARAMETER or unquote_plus(name) != name:
            raise _unreadable("each parameter once, and not longer than an address", name)
        found[name] = value
    return found


def inflated(value: str) -> bytes:
    """Inflate a message of a query, up to the size that is read at all. Raises MessageError."""
    inflater = zlib.decompressobj(-15)
    try:
        message = inflater.decompress(_base64(value), xml.MAX_BYTES)
    except zlib.error:
        raise _unreadable("a deflated message", "something else") from None
    if inflater.unconsumed_tail:
        raise MessageError(
            "message_too_large", expected=f"at most {xml.MAX_BYTES} bytes", received="more"
        )
    return message


def _base64(value: str) -> bytes:
    try:
        return xml.decode_base64(unquote_plus(value))
    except ValueError:
        raise _unreadable("base64", "text that is not base64") from None


def _unreadable(expected: str, received: str) -> MessageError:
    return MessageError("malformed_message", expected=expected, received=received)
