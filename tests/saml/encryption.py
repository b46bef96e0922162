"""Encrypts parts of a response as identity providers do, sharing no code with the product.

response(encrypted=Encryption(content="aes256-gcm", transport="rsa-oaep-mgf1p"))
"""

import base64
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from .keys import KeyPair, key_pair

XENC_NS = "http://www.w3.org/2001/04/xmlenc#"
XENC11_NS = "http://www.w3.org/2009/xmlenc11#"
DS_NS = "http://www.w3.org/2000/09/xmldsig#"
ELEMENT = XENC_NS + "Element"
DIGESTS = {
    "sha1": f"{DS_NS}sha1",
    "sha256": f"{XENC_NS}sha256",
    "sha384": "http://www.w3.org/2001/04/xmldsig-more#sha384",
    "sha512": f"{XENC_NS}sha512",
    "md5": "http://www.w3.org/2001/04/xmldsig-more#md5",
}
CONTENT = {
    **{f"aes{bits}-gcm": (f"{XENC11_NS}aes{bits}-gcm", bits // 8) for bits in (128, 192, 256)},
    **{f"aes{bits}-cbc": (f"{XENC_NS}aes{bits}-cbc", bits // 8) for bits in (128, 192, 256)},
    "tripledes-cbc": (f"{XENC_NS}tripledes-cbc", 24),
    "none": ("urn:none", 16),
}
TRANSPORT = {
    "rsa-oaep-mgf1p": f"{XENC_NS}rsa-oaep-mgf1p",
    "rsa-oaep": f"{XENC11_NS}rsa-oaep",
    "rsa-1_5": f"{XENC_NS}rsa-1_5",
}


def same(text: str) -> str:
    return text


def unchanged(content: bytes) -> bytes:
    return content


@dataclass(frozen=True, kw_only=True)
class Encryption:
    """How one element is encrypted."""

    content: str = "aes256-gcm"
    transport: str = "rsa-oaep-mgf1p"
    digest: str | None = None
    mask: str | None = None
    label: bytes | None = None
    keys: tuple[KeyPair, ...] = field(default_factory=lambda: (key_pair("ours"),))
    """One EncryptedKey for each."""
    place: str = "inside"
    """Of EncryptedKey: `inside` EncryptedData's KeyInfo, `beside` it, or by `retrieval`."""
    prefix: str = "xenc"
    key_name: str = ""
    """What stands in the KeyInfo of each EncryptedKey."""
    edit_plain: Callable[[str], str] = same
    edit_cipher: Callable[[bytes], bytes] = unchanged
    """Changes the ciphertext, the initialization vector in front included."""
    edit: Callable[[str], str] = same
    """Changes the finished element."""


def encrypted(plain: str, holder: str, encryption: Encryption) -> str:
    """The element `holder` (such as `saml:EncryptedAssertion`) with `plain` encrypted in it."""
    secret = os.urandom(CONTENT[encryption.content][1])
    content = encryption.edit_plain(plain).encode()
    cipher = encryption.edit_cipher(_encipher(encryption.content, secret, content))
    p = f"{encryption.prefix}:" if encryption.prefix else ""
    declared = f"xmlns:{encryption.prefix}" if encryption.prefix else "xmlns"
    prefix = f"_{os.urandom(8).hex()}"
    keys = "".join(
        _encrypted_key(p, declared, secret, pair, encryption, f"{prefix}-{number}")
        for number, pair in enumerate(encryption.keys)
    )
    inside = {
        "inside": f'<ds:KeyInfo xmlns:ds="{DS_NS}">{keys}</ds:KeyInfo>',
        "beside": "",
        "retrieval": f'<ds:KeyInfo xmlns:ds="{DS_NS}"><ds:RetrievalMethod URI="#{prefix}-0"'
        f' Type="{XENC_NS}EncryptedKey"/></ds:KeyInfo>',
    }[encryption.place]
    data = (
        f'<{p}EncryptedData {declared}="{XENC_NS}" Type="{ELEMENT}">'
        f'<{p}EncryptionMethod Algorithm="{CONTENT[encryption.content][0]}"/>{inside}'
        f"{_cipher_data(p, cipher)}</{p}EncryptedData>"
    )
    beside = keys if encryption.place != "inside" else ""
    return encryption.edit(f"<{holder}>{data}{beside}</{holder}>")


def encrypt_element(text: str, name: str, encryption: Encryption) -> str:
    """Encrypt the one element `name` of a document where it stands: `saml:NameID` and its like."""
    holder = {"NameID": "EncryptedID"}.get(name.partition(":")[2], "Encrypted" + name[5:])
    [found] = re.findall(rf"(?s)<{name}[ >].*</{name}>", text)
    return text.replace(found, encrypted(found, f"saml:{holder}", encryption))


def _encipher(name: str, secret: bytes, content: bytes) -> bytes:
    if name.endswith("gcm"):
        nonce = os.urandom(12)
        return nonce + AESGCM(secret).encrypt(nonce, content, None)
    size = 8 if name == "tripledes-cbc" else 16
    missing = size - len(content) % size
    padded = content + os.urandom(missing - 1) + bytes([missing])
    vector = os.urandom(16)
    if name in ("tripledes-cbc", "none"):
        # Nobody may get as far as decrypting it.
        return vector + padded
    encryptor = Cipher(algorithms.AES(secret), modes.CBC(vector)).encryptor()
    return vector + encryptor.update(padded) + encryptor.finalize()


def _encrypted_key(
    p: str, declared: str, secret: bytes, pair: KeyPair, encryption: Encryption, identifier: str
) -> str:
    method = ""
    if encryption.digest:
        method += f'<ds:DigestMethod xmlns:ds="{DS_NS}" Algorithm="{DIGESTS[encryption.digest]}"/>'
    if encryption.mask:
        mask = f"{XENC11_NS}mgf1{encryption.mask}"
        method += f'<x11:MGF xmlns:x11="{XENC11_NS}" Algorithm="{mask}"/>'
    if encryption.label is not None:
        label = base64.b64encode(encryption.label).decode()
        method += f"<{p}OAEPparams>{label}</{p}OAEPparams>"
    return (
        f'<{p}EncryptedKey {declared}="{XENC_NS}" Id="{identifier}">'
        f'<{p}EncryptionMethod Algorithm="{TRANSPORT[encryption.transport]}">{method}'
        f"</{p}EncryptionMethod>{encryption.key_name}"
        f"{_cipher_data(p, _wrapped(secret, pair, encryption))}</{p}EncryptedKey>"
    )


def _wrapped(secret: bytes, pair: KeyPair, encryption: Encryption) -> bytes:
    public = pair.private.public_key()
    assert isinstance(public, rsa.RSAPublicKey)
    if encryption.transport == "rsa-1_5":
        return public.encrypt(secret, padding.PKCS1v15())
    mask, digest = (
        getattr(hashes, (name or "sha1").upper())() for name in (encryption.mask, encryption.digest)
    )
    scheme = padding.OAEP(padding.MGF1(mask), algorithm=digest, label=encryption.label)
    return public.encrypt(secret, scheme)


def _cipher_data(p: str, cipher: bytes) -> str:
    value = base64.encodebytes(cipher).decode()
    return f"<{p}CipherData><{p}CipherValue>{value}</{p}CipherValue></{p}CipherData>"
