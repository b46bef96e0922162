"""What people hand over instead of a certificate or of metadata, recognised by its beginning."""

import re
from dataclasses import dataclass

from passerelle.saml import der, xml

_BEGINNING = 2000
"""Characters that are looked at."""
_BOM = "\ufeff"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_PEM_LABEL = re.compile(r"-----BEGIN ([A-Z0-9 ]{1,40})-----")
_ADDRESS = re.compile(r"https?://\S+", re.IGNORECASE)
_BYTE = "[0-9a-f]{2}"
# MD5, SHA-1, SHA-256, SHA-384 or SHA-512, with or without colons, as tools print it.
_FINGERPRINT = re.compile(
    r"(?:sha-?\d{1,3}|md5)?\s{0,9}(?:fingerprint|thumbprint)?\s{0,9}[:=]?\s{0,9}"
    rf"({_BYTE}(?:[:\s]?{_BYTE}){{15,63}})\s{{0,9}}",
    re.IGNORECASE,
)
_DIGEST_SIZES = (16, 20, 32, 48, 64)
_ENCODING = re.compile(r"""<\?xml\s[^>]{0,200}?encoding\s{0,9}=\s{0,9}["']([^"'>]{1,40})""")
_INSTRUCTION = re.compile(r"<\?(?!xml\s)([\w:.-]{1,60})")
_ROOT = re.compile(r"<(?:[\w.-]{1,60}:)?(Entit(?:y|ies)Descriptor)\b")
_END = re.compile(r"</(?:[\w.-]{1,60}:)?Entit(?:y|ies)Descriptor\s{0,9}>\s{0,99}\Z")
_TITLE = re.compile(r"<title[^>]{0,200}>([^<]{1,200})", re.IGNORECASE)
_SAVED_PAGE = re.compile(r"(?:mime-version|from|content-type|snapshot-content-location):", re.I)
_SIGNED_DATA = bytes.fromhex("06092a864886f70d010702")
# Base64 of `<?xml`, `<md:E`, `<Ent` and `<EntityD`, without and with a byte order mark.
_XML_IN_BASE64 = ("PD94bW", "PG1kOk", "PEVudG", "77u/PD", "PG5zMD", "PG5zMT")


@dataclass(frozen=True, slots=True)
class Mistake:
    """What it is: a stable reason, and what of it is shown."""

    reason: str
    received: str


def text_of(source: str | bytes) -> str:
    """Text as editors and shells write it: UTF-8 or UTF-16, and anything else byte by byte."""
    if isinstance(source, str):
        return source.removeprefix(_BOM)
    try:
        return source.decode("utf-16" if source.startswith(_UTF16) else "utf-8-sig")
    except UnicodeDecodeError:
        return source.decode("latin-1")


def instead_of_certificate(text: str) -> Mistake | None:
    """What was given where a certificate belongs, if it is known."""
    start = text.strip()[:_BEGINNING]
    if label := _PEM_LABEL.search(start):
        return _labelled(label[1])
    if _is_fingerprint(text.strip()):
        return Mistake("certificate_fingerprint", start[:100])
    if _ADDRESS.fullmatch(text.strip()):
        return Mistake("certificate_address", start[:200])
    if start.startswith("<"):
        return Mistake("certificate_is_xml", start[:60])
    if start.startswith(("{", "[")):
        return Mistake("certificate_is_json", start[:60])
    return None


def _labelled(label: str) -> Mistake | None:
    received = f"-----BEGIN {label}-----"
    if label.endswith("PRIVATE KEY"):
        return Mistake("certificate_private_key", received)
    if label.endswith("CERTIFICATE REQUEST"):
        return Mistake("certificate_request", received)
    if label.endswith("PUBLIC KEY"):
        return Mistake("certificate_public_key", received)
    if label in ("PKCS7", "CMS", "PKCS #7 SIGNED DATA"):
        return Mistake("certificate_container", received)
    if label.endswith("CERTIFICATE"):
        return Mistake("certificate_no_end", received)
    return None


def instead_of_certificate_der(content: bytes) -> Mistake | None:
    """What a binary file holds that is no certificate, if it is known."""
    try:
        first, *rest = der.split(der.inside(content))
    except ValueError:
        # PKCS #7 is often written without lengths.
        is_signed_data = _SIGNED_DATA in content[:20]
        return Mistake("certificate_container", "PKCS #7") if is_signed_data else None
    if first == _SIGNED_DATA:
        return Mistake("certificate_container", "PKCS #7")
    if first == b"\x02\x01\x03":
        return Mistake("certificate_container", "PKCS #12")
    if first[:1] == b"\x02" and rest:
        return Mistake("certificate_private_key", "a private key")
    return None


def _is_fingerprint(text: str) -> bool:
    found = _FINGERPRINT.fullmatch(text) if len(text) < 300 else None
    return found is not None and len(re.sub(r"[:\s]", "", found[1])) // 2 in _DIGEST_SIZES


def instead_of_metadata(document: bytes) -> Mistake | None:
    """What was given where metadata belongs, or why it cannot be parsed, if that is known."""
    if len(document) > xml.MAX_BYTES:
        return Mistake("metadata_too_large", f"{len(document)} bytes")
    text = text_of(document).strip().removeprefix(_BOM)
    start = text[:_BEGINNING]
    if not text:
        return Mistake("metadata_empty", "nothing")
    if document[:2] in (b"\x30\x82", b"\x30\x80"):
        return Mistake("metadata_is_certificate", "a binary file")
    if document.startswith(b"PK\x03\x04") or "\0" in start:
        return Mistake("metadata_binary", "a binary file")
    if label := _PEM_LABEL.match(start):
        secret = label[1].endswith("PRIVATE KEY")
        reason = "metadata_private_key" if secret else "metadata_is_certificate"
        return Mistake(reason, label[0])
    if _ADDRESS.fullmatch(text):
        return Mistake("metadata_is_address", start[:200])
    if start.startswith("MII"):
        return Mistake("metadata_is_certificate", start[:30])
    if start.startswith(_XML_IN_BASE64):
        return Mistake("metadata_in_base64", start[:30])
    if start.startswith(("{", "[")):
        is_openid = '"authorization_endpoint"' in text
        return Mistake("metadata_openid" if is_openid else "metadata_json", start[:60])
    return _written_page(start) or _broken_xml(document, text)


def _written_page(start: str) -> Mistake | None:
    lower = start.lower()
    if _SAVED_PAGE.match(start):
        return Mistake("metadata_saved_page", start.splitlines()[0][:60])
    if lower.startswith("<") and ("<!doctype html" in lower or "<html" in lower):
        title = _TITLE.search(start)
        return Mistake("metadata_web_page", title[1].strip() if title else "<html>")
    return None


def _broken_xml(document: bytes, text: str) -> Mistake | None:
    """Why metadata cannot be parsed: what to look for, most certain first."""
    start = text[:_BEGINNING]
    if not start.startswith("<"):
        return None
    declared = _ENCODING.match(start)
    if declared and not declared[1].lower().startswith(("utf-8", "utf-16", "us-ascii")):
        return Mistake("metadata_encoding", declared[1])
    if not document.startswith(_UTF16):
        try:
            document.decode()
        except UnicodeDecodeError:
            return Mistake("metadata_encoding", "bytes that are not UTF-8")
    if "<!DOCTYPE" in text:
        return Mistake("metadata_doctype", "<!DOCTYPE")
    if _ROOT.search(start) and not _END.search(text[-200:]):
        return Mistake("metadata_cut_off", "…" + text[-40:])
    if instruction := _INSTRUCTION.search(text):
        return Mistake("metadata_instruction", f"<?{instruction[1]}")
    return None
