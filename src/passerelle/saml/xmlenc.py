"""XML Encryption, in the shapes that SAML needs (Core §2.2.4, §2.3.4; XML Encryption 1.1 §5).

An EncryptedAssertion, EncryptedID or EncryptedAttribute holds one EncryptedData and, inside or
beside it, one EncryptedKey for each reader. Content by AES-GCM, or by AES-CBC where the caller says
so; keys by RSA-OAEP. Nothing outside the element is ever followed.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from lxml import etree

from passerelle.saml import xml
from passerelle.saml.certificate import PrivateKey
from passerelle.saml.errors import DecryptionError, MessageError
from passerelle.saml.names import DSIG_NS, XENC11_NS, XENC_NS, ds, xenc
from passerelle.saml.xmldsig import DIGESTS, SHA1_DIGEST

MAX_KEYS = 8
"""EncryptedKeys in one element: each of them costs a private-key operation."""
MAX_OPERATIONS = 500
"""With private keys of ours, for one message: a millisecond each. A hundred attributes, each
encrypted by itself, take four hundred with the most keys that we have."""

RSA_OAEP_MGF1P = XENC_NS + "rsa-oaep-mgf1p"
RSA_OAEP = XENC11_NS + "rsa-oaep"
# Key sizes in bytes.
GCM = {XENC11_NS + f"aes{bits}-gcm": bits // 8 for bits in (128, 192, 256)}
CBC = {XENC_NS + f"aes{bits}-cbc": bits // 8 for bits in (128, 192, 256)}
MGF1_SHA1 = XENC11_NS + "mgf1sha1"
MASKS: dict[str, type[hashes.HashAlgorithm]] = {
    MGF1_SHA1: hashes.SHA1,
    XENC11_NS + "mgf1sha256": hashes.SHA256,
    XENC11_NS + "mgf1sha384": hashes.SHA384,
    XENC11_NS + "mgf1sha512": hashes.SHA512,
}


class OurKeys:
    """Our private keys, for one message: they are used so often and no more."""

    def __init__(self, keys: Sequence[PrivateKey]) -> None:
        self.keys, self._left = keys, MAX_OPERATIONS

    def count(self) -> None:
        """Count one operation. Raises MessageError: message_too_large."""
        if not self._left:
            raise MessageError(
                "message_too_large",
                expected=f"at most {MAX_OPERATIONS} keys to try",
                received="more",
                case="encrypted",
                most=str(MAX_OPERATIONS),
            )
        self._left -= 1


@dataclass(frozen=True, slots=True)
class Decrypted:
    """An element that was encrypted. `authenticated` tells whether the cipher itself would have
    noticed a change (GCM); otherwise only a signature around the ciphertext does."""

    element: etree._Element
    algorithm: str
    authenticated: bool


def decrypt(holder: etree._Element, tag: str, ours: OurKeys, *, allow_cbc: bool) -> Decrypted:
    """Decrypt the one element `tag` in an Encrypted… element, with whichever key fits.

    Whatever goes wrong with secrets is one and the same failure, so that nobody can learn from
    asking: a key that does not fit, padding, a tag, text that is not the element.

    Raises DecryptionError: algorithm_forbidden, decryption_failed; MessageError: message_too_large.
    """
    encrypted_data, encrypted_keys = _parts(holder)
    algorithm = _algorithm(_method(encrypted_data)) or "none"
    allowed = {**GCM, **CBC} if allow_cbc else GCM
    if algorithm not in allowed:
        raise _forbidden(allowed, algorithm)
    ciphertext = _cipher_value(encrypted_data)
    schemes = [
        (_oaep(encrypted_key), _cipher_value(encrypted_key)) for encrypted_key in encrypted_keys
    ]
    if not ours.keys:
        raise _failed("a decryption key of this connection", "none")
    for plain in _plaintexts(schemes, ours, algorithm, allowed[algorithm], ciphertext):
        element = _element(plain, tag, holder)
        if element is not None:
            return Decrypted(element, algorithm, algorithm in GCM)
    raise secret_failure()


def secret_failure() -> DecryptionError:
    return _failed("what one of our keys can decrypt", "something else")


def _parts(holder: etree._Element) -> tuple[etree._Element, list[etree._Element]]:
    """The EncryptedData, and its keys: inside its KeyInfo, or beside it.

    A RetrievalMethod can only mean one of those: it is not needed, and not followed.
    """
    inside = list(holder)
    data = [one for one in inside if one.tag == xenc("EncryptedData")]
    beside = [one for one in inside if one.tag == xenc("EncryptedKey")]
    if len(data) != 1 or len(data) + len(beside) != len(inside):
        raise _failed(
            "one EncryptedData, and EncryptedKeys",
            ", ".join(xml.local_name(one.tag) for one in inside[:10]) or "nothing",
        )
    found = data[0].findall(f"{{{DSIG_NS}}}KeyInfo/{{{XENC_NS}}}EncryptedKey") + beside
    if not 0 < len(found) <= MAX_KEYS:
        raise _failed(f"1 to {MAX_KEYS} EncryptedKeys", str(len(found)))
    return data[0], found


def _method(encrypted: etree._Element) -> etree._Element:
    found = encrypted.findall(f"{{{XENC_NS}}}EncryptionMethod")
    if len(found) != 1:
        raise _failed("one EncryptionMethod", str(len(found)))
    return found[0]


def _algorithm(method: etree._Element | None) -> str | None:
    return None if method is None else method.get("Algorithm") or "none"


def _cipher_value(encrypted: etree._Element) -> bytes:
    """The ciphertext, which has to stand here: a CipherReference leads elsewhere."""
    found = encrypted.findall(f"{{{XENC_NS}}}CipherData/{{{XENC_NS}}}CipherValue")
    if len(found) != 1:
        raise _failed("one CipherValue", str(len(found)))
    return _base64(found[0])


def _base64(element: etree._Element) -> bytes:
    try:
        if len(element):
            raise ValueError
        return xml.decode_base64(element.text or "")
    except ValueError:
        name = xml.local_name(element.tag)
        raise _failed(f"base64 in {name}", "text that is not base64") from None


def _oaep(encrypted_key: etree._Element) -> padding.OAEP:
    """RSA-OAEP as an EncryptedKey describes it (§5.5.2); SHA-1 in it makes a mask, no signature."""
    method = _method(encrypted_key)
    digest = _algorithm(method.find(ds("DigestMethod")))
    mask = _algorithm(method.find(f"{{{XENC11_NS}}}MGF"))
    params = method.find(xenc("OAEPparams"))
    allowed = (RSA_OAEP_MGF1P, RSA_OAEP)
    if (scheme := _algorithm(method)) not in allowed:
        raise _forbidden(allowed, scheme)
    if digest not in (None, *DIGESTS):
        raise _forbidden(DIGESTS, digest)
    if mask not in (None, *MASKS):
        raise _forbidden(MASKS, mask)
    return padding.OAEP(
        mgf=padding.MGF1(MASKS[mask or MGF1_SHA1]()),
        algorithm=DIGESTS[digest or SHA1_DIGEST](),
        label=None if params is None else _base64(params),
    )


def _plaintexts(
    schemes: Sequence[tuple[padding.OAEP, bytes]],
    ours: OurKeys,
    algorithm: str,
    key_size: int,
    ciphertext: bytes,
) -> Iterator[bytes]:
    """What our keys make of it: during a rollover there are several of them."""
    for private in ours.keys:
        for scheme, wrapped in schemes:
            ours.count()
            content_key = _unwrapped(private, scheme, wrapped)
            if content_key is not None and len(content_key) == key_size:
                plain = (_gcm if algorithm in GCM else _cbc)(content_key, ciphertext)
                if plain is not None:
                    yield plain


def _unwrapped(private: PrivateKey, scheme: padding.OAEP, wrapped: bytes) -> bytes | None:
    if not isinstance(private, rsa.RSAPrivateKey):
        return None
    try:
        return private.decrypt(wrapped, scheme)
    except ValueError:
        return None


def _gcm(key: bytes, ciphertext: bytes) -> bytes | None:
    """A 96-bit initialization vector, the ciphertext, a 128-bit tag (XML Encryption §5.2.4)."""
    try:
        return AESGCM(key).decrypt(ciphertext[:12], ciphertext[12:], None)
    except (InvalidTag, ValueError):
        return None


def _cbc(key: bytes, ciphertext: bytes) -> bytes | None:
    """The last byte tells how many bytes of the last block are padding (XML Encryption §5.2.1)."""
    if len(ciphertext) < 32 or len(ciphertext) % 16:
        return None
    decryptor = Cipher(algorithms.AES(key), modes.CBC(ciphertext[:16])).decryptor()
    padded = decryptor.update(ciphertext[16:]) + decryptor.finalize()
    return padded[: -padded[-1]] if 1 <= padded[-1] <= 16 else None


def _element(plain: bytes, tag: str, holder: etree._Element) -> etree._Element | None:
    """The element in a plaintext, with the namespaces of where it stood (§4.4)."""
    try:
        element = xml.parse_within(plain, holder.nsmap)
    except MessageError:
        return None
    return element if element.tag == tag else None


def _forbidden(allowed: Iterable[str], received: str | None) -> DecryptionError:
    names = ", ".join(name.rpartition("#")[2] for name in allowed)
    return DecryptionError("algorithm_forbidden", expected=names, received=received)


def _failed(expected: str, received: str) -> DecryptionError:
    return DecryptionError("decryption_failed", expected=expected, received=received)
