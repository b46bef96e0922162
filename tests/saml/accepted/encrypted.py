"""Encrypted assertions and parts of them, in each way that identity providers encrypt."""

from ..encryption import CONTENT, DS_NS, Encryption
from ..keys import key_pair
from ..response_builder import (
    PERSISTENT,
    XS,
    XSI,
    Signing,
    attribute,
    attributes,
    name_id,
)
from .cases import TYPED, UNSOLICITED, Valid

CBC = {"allow_cbc": True}
SAID = {
    "parts": {"attributes": attributes(attribute("groups", "Ingénierie", "R&D"))},
    "attributes": {"groups": ("Ingénierie", "R&D")},
}


def encrypted(name: str, signed: str = "assertion", **how: object) -> Valid:
    return Valid(
        name=name,
        parts={**SAID["parts"], "signed": signed, "encrypted": Encryption(**how)},
        attributes=SAID["attributes"],
    )


ASSERTIONS = (
    *(
        encrypted(f"encrypted with {name} in a signed response", "response", content=name)
        for name in CONTENT
        if name.startswith("aes")
    ),
    *(
        encrypted(f"encrypted with {name}, signed inside", content=name)
        for name in CONTENT
        if name.endswith("gcm")
    ),
    *(
        encrypted(f"encrypted with {name}, signed inside and around", "both", content=name)
        for name in ("aes256-gcm", "aes256-cbc")
    ),
    Valid(
        name="encrypted with aes256-cbc, signed inside only, where that is allowed",
        parts={"encrypted": Encryption(content="aes256-cbc")},
        expected=CBC,
    ),
    *(
        encrypted(
            f"key by {transport} with {digest} and mask {mask}",
            transport=transport,
            digest=digest,
            mask=mask,
        )
        for transport, digest, mask in (
            ("rsa-oaep-mgf1p", None, None),
            ("rsa-oaep-mgf1p", "sha1", None),
            ("rsa-oaep-mgf1p", "sha256", None),
            ("rsa-oaep", None, None),
            ("rsa-oaep", "sha256", "sha256"),
            ("rsa-oaep", "sha1", "sha256"),
            ("rsa-oaep", "sha256", "sha1"),
            ("rsa-oaep", "sha384", "sha384"),
            ("rsa-oaep", "sha512", "sha512"),
        )
    ),
    encrypted("key with a label", label=b"passerelle"),
    encrypted("key with an empty label", label=b""),
    encrypted("EncryptedKey beside EncryptedData", place="beside"),
    encrypted("EncryptedKey by RetrievalMethod", place="retrieval"),
    encrypted("prefix e for xenc", prefix="e"),
    encrypted("xenc as the default namespace", prefix=""),
    encrypted(
        "an EncryptedKey that names its certificate",
        key_name=f'<ds:KeyInfo xmlns:ds="{DS_NS}"><ds:KeyName>acme</ds:KeyName></ds:KeyInfo>',
    ),
    encrypted(
        "for several readers, the last is us",
        keys=(key_pair("stranger"), key_pair("next"), key_pair("ours")),
    ),
    encrypted("no Type", edit=lambda text: text.replace(' Type="', ' MimeType="', 1)),
    Valid(
        name="during a rollover, with the old key",
        parts={"encrypted": Encryption(keys=(key_pair("ours"),))},
        expected={"decryption_keys": (key_pair("next").private, key_pair("ours").private)},
    ),
    Valid(
        name="during a rollover, with the next key",
        parts={"encrypted": Encryption(keys=(key_pair("next"),))},
        expected={"decryption_keys": (key_pair("ours").private, key_pair("next").private)},
    ),
    Valid(
        name="a key on a curve among ours",
        parts={"encrypted": Encryption()},
        expected={"decryption_keys": (key_pair("p256").private, key_pair("ours").private)},
    ),
    Valid(
        name="white space around the encrypted assertion",
        parts={
            "encrypted": Encryption(
                edit_plain=lambda text: f"\n  {text}\n",
                edit=lambda text: text.replace("><", ">\n<", 1),
            )
        },
    ),
    Valid(
        name="an assertion that uses namespaces declared outside its ciphertext",
        parts={
            "response_namespaces": f"{XS} {XSI}",
            "encrypted": Encryption(
                edit_plain=lambda text: text.replace(
                    ' xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion"', "", 1
                )
            ),
            "attributes": attributes(attribute("email", "a@acme.example", typed='xsi:type="x"')),
            "signing": Signing(prefix_list="xs"),
        },
        attributes={"email": ("a@acme.example",)},
    ),
    Valid(
        name="an unsolicited response, encrypted",
        parts={"encrypted": Encryption(), "in_response_to": None},
        expected=UNSOLICITED,
    ),
    Valid(
        name="500 groups, encrypted",
        parts={
            "encrypted": Encryption(),
            "attributes": attributes(attribute("groups", *(f"g{n}" for n in range(500)))),
        },
        attributes={"groups": tuple(f"g{n}" for n in range(500))},
    ),
    Valid(
        name="AD FS, encrypted",
        parts={
            "prefixes": {"saml": ""},
            "encrypted": Encryption(content="aes256-cbc", place="inside", prefix="xenc"),
            "signed": "both",
            "edit": lambda text: text.replace("<Assertion ", "<Assertion ", 1),
        },
    ),
    Valid(
        name="Shibboleth, encrypted",
        parts={
            "prefixes": {"samlp": "saml2p", "saml": "saml2"},
            "signed": "response",
            "response_namespaces": XS,
            "signing": Signing(prefix_list="xs"),
            "encrypted": Encryption(content="aes128-gcm", digest="sha1"),
            "attributes": attributes(
                attribute("urn:oid:0.9.2342.19200300.100.1.3", "a@acme.example", typed=TYPED)
            ),
        },
        attributes={"urn:oid:0.9.2342.19200300.100.1.3": ("a@acme.example",)},
    ),
)

PARTS = (
    *(
        Valid(
            name=f"a NameID encrypted with {content}, {signed} signed",
            parts={
                "name_id": name_id("u-é", PERSISTENT),
                "signed": signed,
                "encrypted_parts": {"saml:NameID": Encryption(content=content)},
            },
            name_id="u-é",
        )
        for content in ("aes128-cbc", "aes256-gcm")
        for signed in ("assertion", "response", "both")
    ),
    Valid(
        name="an encrypted NameID in an encrypted assertion",
        parts={
            "encrypted_parts": {"saml:NameID": Encryption(keys=(key_pair("next"),))},
            "encrypted": Encryption(),
        },
        expected={"decryption_keys": (key_pair("ours").private, key_pair("next").private)},
    ),
    Valid(
        name="an encrypted Attribute",
        parts={
            "attributes": attributes(attribute("email", "a@acme.example")),
            "encrypted_parts": {"saml:Attribute": Encryption(content="aes128-cbc")},
        },
        attributes={"email": ("a@acme.example",)},
    ),
)

ENCRYPTED = (*ASSERTIONS, *PARTS)
