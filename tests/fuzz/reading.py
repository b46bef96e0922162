"""Reads a signed response by other means than the product: what was hashed, and what it says.

Canonical bytes are made as the builder of the tests makes them, and only count if the digest in the
reference fits; the claims in them are read by Python's own parser. It is for messages that were
accepted, and may raise anything for others.
"""

import base64
import hashlib
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple
from xml.sax.saxutils import quoteattr

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from lxml import etree

from passerelle import saml

from ..saml.encryption import XENC_NS
from ..saml.response_builder import BEARER, DIGESTS, DS_NS, EXC, SAML_NS, c14n
from . import seeds

SAML, DS, XENC = (f"{{{name}}}" for name in (SAML_NS, DS_NS, XENC_NS))
UNSPECIFIED = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"
HASHES = {uri: name for name, uri in DIGESTS.items()}
ENCODINGS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16", b"<\0": "utf-16-le", b"\0<": "utf-16-be"}


class Claims(NamedTuple):
    """What an assertion says, as far as two readers can be compared."""

    identifier: str | None
    issuer: str
    name_id: tuple[str, str]
    attributes: dict[str, tuple[str, ...]]
    session: str | None
    audiences: tuple[str, ...]
    recipients: tuple[str | None, ...]


@dataclass(frozen=True)
class SignedPart:
    """An element whose digest fits its signature."""

    document: bytes
    """A document in which this signature is the first, without its KeyInfo."""
    place: str
    """Where the signature stands in it, as signxml wants to hear it."""
    algorithm: str
    canonical: bytes


@dataclass(frozen=True)
class Reading:
    parts: list[SignedPart]
    """What is signed where it can be seen, response before assertion."""
    contents: list[bytes]
    """XML that holds the assertion, each from what a signature covers."""


def claims_of(assertion: saml.Assertion) -> Claims:
    """The claims that the product read."""
    assert assertion.name_id is not None
    return Claims(
        assertion.id,
        assertion.issuer,
        (assertion.name_id.value, assertion.name_id.format),
        assertion.attributes,
        assertion.session_index,
        tuple(name for names in assertion.conditions.audiences for name in names),
        tuple(one.recipient for one in assertion.confirmations),
    )


def read(message: bytes) -> Reading:
    """What the signatures of an accepted message cover."""
    root = tree_of(message)
    of_response = _taken_part(root, "./")
    assertion = root.find(f"{SAML}Assertion")
    is_encrypted = assertion is None
    if assertion is None:
        around = root if of_response is None else etree.fromstring(of_response.canonical)
        assertion = decrypted(_the(around, f"{SAML}EncryptedAssertion"), f"{SAML}Assertion")
    of_assertion = _taken_part(assertion, f"./{SAML}Assertion/")
    contents = [opened(part.canonical) for part in (of_assertion,) if part]
    if of_response and not is_encrypted:
        contents.append(opened(of_response.canonical))
    if of_response and not contents:
        contents.append(opened(c14n(assertion)))
    seen = [of_response, None if is_encrypted else of_assertion]
    return Reading([part for part in seen if part], contents)


def tree_of(message: bytes) -> etree._Element:
    """The message as a tree with its comments, whatever encoding it declares."""
    text = message.decode(ENCODINGS.get(message[:2], "utf-8-sig")).strip(" \t\r\n")
    text = re.sub(r"\A<\?xml\s.*?\?>", "", text, flags=re.DOTALL)
    # Python's own parser is the stricter one about prefixes that are not declared.
    ElementTree.fromstring(text)
    return etree.fromstring(text.encode(), etree.XMLParser(resolve_entities=False))


def _the(element: etree._Element, path: str) -> etree._Element:
    found = element.find(path)
    assert found is not None, f"no {path} in {element.tag}"
    return found


def _taken_part(element: etree._Element, place: str) -> SignedPart | None:
    """What the signature in an element covers; it is taken out of its document."""
    signature = element.find(f"{DS}Signature")
    if signature is None:
        return None
    key_info = signature.find(f"{DS}KeyInfo")
    if key_info is not None:
        signature.remove(key_info)
    # No signature of an element covers the text behind it, on which signxml stumbles.
    element.tail = None
    document = etree.tostring(element.getroottree(), encoding="utf-8")
    reference = _the(signature, f"{DS}SignedInfo/{DS}Reference")
    assert reference.get("URI") == f"#{element.get('ID')}", "what is signed is another element"
    _take_out(signature)
    inclusive = reference.find(f"{DS}Transforms/{DS}Transform/{{{EXC}}}InclusiveNamespaces")
    canonical = c14n(element, None if inclusive is None else inclusive.get("PrefixList"))
    algorithm = HASHES[_the(reference, f"{DS}DigestMethod").get("Algorithm") or ""]
    digest = base64.b64decode(_text(_the(reference, f"{DS}DigestValue")))
    assert hashlib.new(algorithm, canonical).digest() == digest, "the digest does not fit"
    method = _the(signature, f"{DS}SignedInfo/{DS}SignatureMethod").get("Algorithm") or ""
    return SignedPart(document, place, method.partition("#")[2], canonical)


def _take_out(child: etree._Element) -> None:
    """Without the text behind it, which stays."""
    parent, previous = child.getparent(), child.getprevious()
    assert parent is not None
    if previous is None:
        parent.text = (parent.text or "") + (child.tail or "")
    else:
        previous.tail = (previous.tail or "") + (child.tail or "")
    parent.remove(child)


def opened(canonical: bytes) -> bytes:
    """The same with what is encrypted in an assertion put into its place."""
    root = etree.fromstring(canonical)
    for holder_name, name in (("EncryptedID", "NameID"), ("EncryptedAttribute", "Attribute")):
        for holder in list(root.iter(f"{SAML}{holder_name}")):
            parent = holder.getparent()
            assert parent is not None
            parent.replace(holder, decrypted(holder, f"{SAML}{name}"))
    return etree.tostring(root, encoding="utf-8")


def decrypted(holder: etree._Element, name: str) -> etree._Element:
    """The element in an Encrypted… element, read with the namespaces of where it stands."""
    declared = " ".join(
        f"xmlns{(prefix and ':' + prefix) or ''}={quoteattr(uri)}"
        for prefix, uri in holder.nsmap.items()
    )
    parser = etree.XMLParser(resolve_entities=False, remove_comments=True)
    text = b"<_ %b>%b</_>" % (declared.encode(), _plaintext(holder))
    [element] = etree.fromstring(text, parser)
    assert element.tag == name, f"{element.tag} was encrypted in {holder.tag}"
    return element


def _plaintext(holder: etree._Element) -> bytes:
    """The content, by whichever of the keys beside it or in its KeyInfo fits."""
    data = _the(holder, f"{XENC}EncryptedData")
    keys = data.findall(f"{DS}KeyInfo/{XENC}EncryptedKey") + holder.findall(f"{XENC}EncryptedKey")
    method = _the(data, f"{XENC}EncryptionMethod").get("Algorithm") or ""
    for one in keys:
        with suppress(ValueError, InvalidTag):
            return _deciphered(_unwrapped(_cipher(one)), _cipher(data), method)
    raise AssertionError(f"none of {len(keys)} keys fits")


def _unwrapped(wrapped: bytes) -> bytes:
    private = seeds.key("ours").private
    assert isinstance(private, rsa.RSAPrivateKey)
    return private.decrypt(wrapped, padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None))


def _deciphered(secret: bytes, content: bytes, method: str) -> bytes:
    if method.endswith("-gcm"):
        return AESGCM(secret).decrypt(content[:12], content[12:], None)
    plain = Cipher(algorithms.AES(secret), modes.CBC(content[:16])).decryptor().update(content[16:])
    return plain[: -plain[-1]]


def _cipher(encrypted: etree._Element) -> bytes:
    return base64.b64decode(_text(_the(encrypted, f"{XENC}CipherData/{XENC}CipherValue")))


def _text(element: etree._Element) -> str:
    """All the text of an element, whatever comments stand in it."""
    return "".join(str(part) for part in element.itertext("*"))


def claims_in(content: bytes) -> Claims:
    """The claims in what was hashed, read by Python's own parser."""
    root = ElementTree.fromstring(content)
    assertion = root if root.tag == f"{SAML}Assertion" else root.find(f"{SAML}Assertion")
    assert assertion is not None, "no assertion in what was hashed"
    name_id = assertion.find(f"{SAML}Subject/{SAML}NameID")
    session = assertion.find(f"{SAML}AuthnStatement")
    assert name_id is not None, "no NameID in what was hashed"
    return Claims(
        assertion.get("ID"),
        (assertion.findtext(f"{SAML}Issuer") or "").strip(),
        (name_id.text or "", name_id.get("Format") or UNSPECIFIED),
        _attributes(assertion),
        None if session is None else session.get("SessionIndex"),
        tuple((one.text or "").strip() for one in assertion.iter(f"{SAML}Audience")),
        tuple(_recipients(assertion)),
    )


def _attributes(assertion: ElementTree.Element) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for one in assertion.iterfind(f"{SAML}AttributeStatement/{SAML}Attribute"):
        values = tuple(value.text or "" for value in one.iterfind(f"{SAML}AttributeValue"))
        name = one.get("Name") or ""
        found[name] = found.get(name, ()) + values
    return found


def _recipients(assertion: ElementTree.Element) -> Iterator[str | None]:
    for one in assertion.iterfind(f"{SAML}Subject/{SAML}SubjectConfirmation"):
        data = one.find(f"{SAML}SubjectConfirmationData")
        if one.get("Method") == BEARER and data is not None:
            yield data.get("Recipient")


def names_a_letter_beyond_ascii(message: bytes) -> bool:
    """Whether a tag holds a letter that not every parser takes for part of a name."""
    encoding = next((one for mark, one in ENCODINGS.items() if message.startswith(mark)), "utf-8")
    text = message.decode(encoding, "replace")
    return re.search(r"<[^>]*[^\x00-\x7f][^>]*>", text) is not None
