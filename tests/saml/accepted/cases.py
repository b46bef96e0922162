"""One valid response, and the claims that have to be read from it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ..keys import key_pair
from ..response_builder import (
    XS,
    XSI,
    Signing,
    attributes,
)

EMAIL = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
UNSPECIFIED = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"
URI_NAMES = 'NameFormat="urn:oasis:names:tc:SAML:2.0:attrname-format:uri"'
BASIC_NAMES = 'NameFormat="urn:oasis:names:tc:SAML:2.0:attrname-format:basic"'
TYPED = f'{XS} {XSI} xsi:type="xs:string"'
CLAIMS = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims"
GROUPS = tuple(f"group-{number:04}" for number in range(5000))
UNSOLICITED: dict[str, Any] = {"request_id": None}


@dataclass(frozen=True, kw_only=True)
class Valid:
    name: str
    parts: dict[str, Any] = field(default_factory=dict)
    expected: dict[str, Any] = field(default_factory=dict)
    name_id: str = "u-1"
    attributes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    carry: Callable[[bytes], bytes | str] = bytes
    """How the message arrives."""


def algorithm(name: str, digest: str = "sha256", key: str = "rsa") -> Valid:
    pair = key_pair(key)
    return Valid(
        name=f"{name} with {digest} and {key}",
        parts={"signing": Signing(algorithm=name, digest=digest, key=pair)},
        expected={"certificates": (pair.certificate,)},
    )


def said(name: str, statement: str, **values: tuple[str, ...]) -> Valid:
    return Valid(name=name, parts={"attributes": attributes(statement)}, attributes=values)
