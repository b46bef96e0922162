"""The responses that are verified: in several shapes, and each also with a fault."""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from passerelle.practice_idp.issue import make_signing_key, write_idp_metadata
from tests.saml.encryption import Encryption
from tests.saml.keys import KeyPair
from tests.saml.response_builder import (
    IDP,
    XS,
    XSI,
    Signing,
    attribute,
    attributes,
    conditions,
    confirmation,
    response,
    same,
    when,
)

VALID = timedelta(hours=1)


@dataclass(frozen=True)
class Keys:
    """Of the identity provider, of ourselves and of a stranger; in `folder` for who reads files."""

    idp: KeyPair
    ours: KeyPair
    stranger: KeyPair
    folder: Path

    @classmethod
    def make(cls, now: datetime, folder: Path) -> "Keys":
        idp, ours, stranger = (_key_pair(name, now) for name in ("idp", "ours", "stranger"))
        (folder / "idp.pem").write_bytes(idp.certificate_pem)
        (folder / "ours.pem").write_bytes(ours.certificate_pem)
        (folder / "ours.key").write_bytes(ours.pem)
        return cls(idp, ours, stranger, folder)

    @property
    def idp_metadata(self) -> str:
        sso_url = "https://idp.example/sso"
        metadata = write_idp_metadata(entity_id=IDP, sso_url=sso_url, certificate_der=self.idp.der)
        return metadata.decode()


def _key_pair(name: str, now: datetime) -> KeyPair:
    made = make_signing_key(name=name, now=now)
    return KeyPair(made.key, made.certificate_der)


@dataclass(frozen=True)
class Payload:
    """A response as the value of its form field."""

    title: str
    issued_at: datetime
    groups: int
    field: str
    changed: str
    """The same with one byte of what is signed changed after signing."""
    half_signed: tuple[str, ...] = ()
    """The same with either of its two signatures made by a stranger."""
    encrypted: bool = False

    @property
    def both_signed(self) -> bool:
        return bool(self.half_signed)


def make_payloads(keys: Keys, now: datetime) -> list[Payload]:
    return [
        _payload("signed assertion", 17, keys, now),
        _payload("response and assertion signed", 2, keys, now, both_signed=True),
        _payload("encrypted assertion, signed inside", 2, keys, now, encrypted=True),
        _payload("500 groups, signed assertion", 500, keys, now),
        _payload("5,000 groups, signed assertion", 5000, keys, now),
    ]


def _payload(
    title: str,
    groups: int,
    keys: Keys,
    now: datetime,
    *,
    both_signed: bool = False,
    encrypted: bool = False,
) -> Payload:
    idp, stranger = Signing(key=keys.idp), Signing(key=keys.stranger)

    def build(
        change: Callable[[str], str] = same, assertion: Signing = idp, around: Signing = idp
    ) -> bytes:
        shape: dict[str, Any] = {"edit_signed": change}
        if encrypted:
            encryption = Encryption(
                content="aes256-gcm",
                transport="rsa-oaep-mgf1p",
                keys=(keys.ours,),
                edit_plain=change,
            )
            shape = {"encrypted": encryption}
        return response(
            now=now,
            confirmations=confirmation(now=now, minutes=VALID / timedelta(minutes=1)),
            conditions=conditions(now=now, ends=when(now + VALID)),
            assertion_namespaces=f"{XS} {XSI}",
            attributes=_attributes(groups),
            signed="both" if both_signed else "assertion",
            signing=assertion,
            response_signing=around,
            **shape,
        )

    def change_last_group(text: str) -> str:
        last = f"group-{groups - 1:05d}"
        assert text.count(last) == 1
        return text.replace(last, last.replace("group", "grouq"))

    good = build()
    half_signed = [build(assertion=stranger), build(around=stranger)] if both_signed else []
    return Payload(
        title=f"{_kilobytes(len(good))}, {title}",
        issued_at=now,
        groups=groups,
        field=_form_field(good),
        changed=_form_field(build(change_last_group)),
        half_signed=tuple(_form_field(one) for one in half_signed),
        encrypted=encrypted,
    )


def _kilobytes(size: int) -> str:
    return f"{size / 1000:.{1 if size < 10_000 else 0}f} KB"


def _form_field(message: bytes) -> str:
    return base64.b64encode(message).decode()


def _attributes(groups: int) -> str:
    values = {
        "email": ["ada@acme.example"],
        "firstName": ["Ada"],
        "lastName": ["Example"],
        "groups": [f"CN=group-{n:05d},OU=Employees,DC=acme,DC=example" for n in range(groups)],
    }
    typed = 'xsi:type="xs:string"'
    return attributes(*(attribute(name, *found, typed=typed) for name, found in values.items()))
