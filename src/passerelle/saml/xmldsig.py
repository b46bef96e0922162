"""XML Signature, in the one shape that SAML needs (Core §5.4): see only what is signed.

One Reference, to the element that carries the signature; enveloped-signature and exclusive C14N;
listed algorithms; keys only from the caller. What verifies is read again from the canonical bytes
that were hashed, so nothing that was not signed can be read afterwards.
"""

import base64
import hashlib
import hmac
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from typing import Literal, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from lxml import etree

from passerelle.saml import xml
from passerelle.saml.certificate import (
    Certificate,
    PrivateKey,
    UnknownCertificate,
    load_certificate,
)
from passerelle.saml.errors import CertificateError, MessageError
from passerelle.saml.names import C14N, DSIG_NS, ENVELOPED, EXC_C14N, EXCLUSIVE_C14N, ds

SHA1_DIGEST = "http://www.w3.org/2000/09/xmldsig#sha1"
RSA_SHA1 = "http://www.w3.org/2000/09/xmldsig#rsa-sha1"
RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
_SHA1_NAMES = (RSA_SHA1, SHA1_DIGEST)
ECDSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"
SHA256_DIGEST = "http://www.w3.org/2001/04/xmlenc#sha256"

_INFO_PARTS = [ds("CanonicalizationMethod"), ds("SignatureMethod"), ds("Reference")]
_INCLUSIVE_NAMESPACES = f"{{{EXC_C14N}}}InclusiveNamespaces"
_MORE = "http://www.w3.org/2001/04/xmldsig-more#"
_PSS = "http://www.w3.org/2007/05/xmldsig-more#"

MAX_INCLUSIVE_PREFIXES = 16
"""In one PrefixList: each of them is looked up again at every element."""
MAX_SIGNED_INFO = 20_000
"""Bytes in canonical form: four hundred of them say everything, and prefixes add at most 4,000."""
MAX_EMBEDDED = 5
"""Certificates of one KeyInfo that may be a stranger's: a verification each."""

DIGESTS: dict[str, type[hashes.HashAlgorithm]] = {
    SHA1_DIGEST: hashes.SHA1,
    SHA256_DIGEST: hashes.SHA256,
    _MORE + "sha384": hashes.SHA384,
    "http://www.w3.org/2001/04/xmlenc#sha512": hashes.SHA512,
}
SIGNATURES: dict[str, tuple[Literal["rsa", "pss", "ecdsa"], type[hashes.HashAlgorithm]]] = {
    RSA_SHA1: ("rsa", hashes.SHA1),
    RSA_SHA256: ("rsa", hashes.SHA256),
    _MORE + "rsa-sha384": ("rsa", hashes.SHA384),
    _MORE + "rsa-sha512": ("rsa", hashes.SHA512),
    _PSS + "sha256-rsa-MGF1": ("pss", hashes.SHA256),
    _PSS + "sha384-rsa-MGF1": ("pss", hashes.SHA384),
    _PSS + "sha512-rsa-MGF1": ("pss", hashes.SHA512),
    ECDSA_SHA256: ("ecdsa", hashes.SHA256),
    _MORE + "ecdsa-sha384": ("ecdsa", hashes.SHA384),
    _MORE + "ecdsa-sha512": ("ecdsa", hashes.SHA512),
}

_EARNED = object()


class VerifiedElement:
    """An element read from bytes whose signature holds; only `verify` and what it gave make one."""

    __slots__ = ("algorithm", "certificate", "element")

    def __init__(
        self, element: etree._Element, certificate: Certificate, algorithm: str, proof: object
    ) -> None:
        if proof is not _EARNED:
            raise TypeError("a VerifiedElement is made by verifying a signature")
        self.element = element
        self.certificate = certificate
        self.algorithm = algorithm

    def child(self, name: str) -> "VerifiedElement":
        """A child is covered by the same signature."""
        element = xml.exactly_one(self.element, name)
        return VerifiedElement(element, self.certificate, self.algorithm, _EARNED)

    def decrypted(self, element: etree._Element) -> "VerifiedElement":
        """What was decrypted from this element is covered as its ciphertext is."""
        return VerifiedElement(element, self.certificate, self.algorithm, _EARNED)


class _SignedInfo(NamedTuple):
    algorithm: str
    digest_algorithm: str
    digest: bytes
    reference: str
    transform_prefixes: tuple[str, ...]


def verify(
    signature: etree._Element, certificates: Sequence[Certificate], *, allow_sha1: bool = False
) -> VerifiedElement:
    """Verify the signature that stands in an element and return that element, read anew.

    The signature is taken out of its element for good: putting it back would let lxml give it
    another prefix, and then whatever else is signed around it would no longer verify.

    Raises MessageError: signature_profile_forbidden, algorithm_forbidden, certificate_unknown,
    signature_invalid.
    """
    parent = signature.getparent()
    assert parent is not None
    signed_info, value, key_info = _parts(signature)
    # Only how to canonicalise it is taken from what was sent; all else from what was signed.
    canonical_info = xml.canonical(signed_info, _info_prefixes(signed_info))
    if len(canonical_info) > MAX_SIGNED_INFO:
        received = f"{len(canonical_info)} bytes"
        raise _profile(f"a SignedInfo of at most {MAX_SIGNED_INFO} bytes", received)
    info = _read_signed_info(xml.reparse(canonical_info), allow_sha1)
    if info.reference != "#" + (parent.get("ID") or ""):
        raise _profile("a reference to the element that is signed", info.reference or "none")
    certificate = _signer(info.algorithm, _base64(value), canonical_info, certificates, key_info)
    xml.remove(signature)
    canonical = xml.canonical(parent, info.transform_prefixes)
    if not hmac.compare_digest(_digest(info.digest_algorithm, canonical), info.digest):
        raise MessageError(
            "signature_invalid",
            expected="content as it was signed",
            received="content that was changed after signing",
            fingerprint=certificate.fingerprint,
        )
    return VerifiedElement(xml.reparse(canonical), certificate, info.algorithm, _EARNED)


def verify_detached(
    algorithm: str, value: bytes, signed: bytes, certificates: Sequence[Certificate]
) -> Certificate:
    """The certificate whose key signed these bytes. Raises MessageError."""
    if algorithm not in SIGNATURES or algorithm in _SHA1_NAMES:
        allowed = [name for name in SIGNATURES if name not in _SHA1_NAMES]
        raise _forbidden(allowed, algorithm)
    return _signer(algorithm, value, signed, certificates, None)


def covered(element: etree._Element, certificate: Certificate, algorithm: str) -> VerifiedElement:
    """A message read from bytes that `verify_detached` has verified."""
    return VerifiedElement(element, certificate, algorithm, _EARNED)


def _parts(
    signature: etree._Element,
) -> tuple[etree._Element, etree._Element, etree._Element | None]:
    parts = list(signature)
    names = [part.tag for part in parts]
    if names not in (
        [ds("SignedInfo"), ds("SignatureValue")],
        [ds("SignedInfo"), ds("SignatureValue"), ds("KeyInfo")],
    ):
        raise _profile(
            "SignedInfo, SignatureValue and KeyInfo in a Signature",
            ", ".join(xml.local_name(name) for name in names) or "nothing",
        )
    return parts[0], parts[1], parts[2] if len(parts) == 3 else None


def _info_prefixes(signed_info: etree._Element) -> tuple[str, ...]:
    """How SignedInfo is to be canonicalised, if it is of the size and shape that it may have."""
    _three_parts(signed_info)
    return _prefixes(signed_info[0])


def _three_parts(signed_info: etree._Element) -> list[etree._Element]:
    parts = list(signed_info)
    names = [part.tag for part in parts]
    if names != _INFO_PARTS:
        raise _profile(
            "one CanonicalizationMethod, one SignatureMethod, one Reference",
            ", ".join(xml.local_name(name) for name in names[:10]) or "nothing",
        )
    return parts


def _read_signed_info(signed_info: etree._Element, allow_sha1: bool) -> _SignedInfo:
    _method, signature_method, reference = _three_parts(signed_info)
    digest_method, digest = _reference_digest(reference)
    return _SignedInfo(
        algorithm=_allowed(signature_method, SIGNATURES, allow_sha1),
        digest_algorithm=_allowed(digest_method, DIGESTS, allow_sha1),
        digest=_base64(digest),
        reference=reference.get("URI") or "",
        transform_prefixes=_transform_prefixes(reference[0]),
    )


def _reference_digest(reference: etree._Element) -> tuple[etree._Element, etree._Element]:
    expected = [ds("Transforms"), ds("DigestMethod"), ds("DigestValue")]
    if [part.tag for part in reference] != expected:
        raise _profile(
            "Transforms, DigestMethod and DigestValue in the Reference",
            ", ".join(xml.local_name(part.tag) for part in reference) or "nothing",
        )
    return reference[1], reference[2]


def _transform_prefixes(transforms: etree._Element) -> tuple[str, ...]:
    algorithms = [part.get("Algorithm") for part in transforms]
    tags = {part.tag for part in transforms}
    known = algorithms[:1] == [ENVELOPED] and algorithms[1:] in [[one] for one in C14N]
    if not known or tags != {ds("Transform")} or len(transforms[0]):
        raise _profile(
            "the transforms enveloped-signature and exclusive C14N, in this order",
            ", ".join(str(algorithm) for algorithm in algorithms) or "none",
        )
    return _prefixes(transforms[1])


def _prefixes(method: etree._Element) -> tuple[str, ...]:
    """The PrefixList of a canonicalisation, which must be exclusive C14N.

    With comments is the same here: a reference by name leaves them out (XML Signature §4.4.3.3),
    and a SignedInfo that was signed with comments does not verify, as it is read without them.
    """
    if (algorithm := method.get("Algorithm") or "none") not in EXCLUSIVE_C14N:
        case = {"case": "canonicalisation"} if algorithm in C14N else {}
        raise _profile(EXC_C14N, algorithm, **case)
    if any(part.tag != _INCLUSIVE_NAMESPACES for part in method) or len(method) > 1:
        raise _profile("at most InclusiveNamespaces", xml.local_name(method[0].tag))
    prefixes = tuple(xml.words(method[0].get("PrefixList"))) if len(method) else ()
    if len(prefixes) > MAX_INCLUSIVE_PREFIXES:
        raise _profile(f"at most {MAX_INCLUSIVE_PREFIXES} prefixes", str(len(prefixes)))
    return prefixes


def _allowed(method: etree._Element, known: Collection[str], allow_sha1: bool) -> str:
    algorithm = method.get("Algorithm") or "none"
    weak = algorithm in _SHA1_NAMES and not allow_sha1
    if algorithm not in known or weak or len(method):
        allowed = [name for name in known if allow_sha1 or name not in _SHA1_NAMES]
        raise _forbidden(allowed, algorithm)
    return algorithm


def _forbidden(allowed: Iterable[str], received: str) -> MessageError:
    names = ", ".join(name.rpartition("#")[2] for name in allowed)
    return MessageError("algorithm_forbidden", expected=names, received=received)


def _signer(
    algorithm: str,
    value: bytes,
    signed: bytes,
    certificates: Sequence[Certificate],
    key_info: etree._Element | None,
) -> Certificate:
    for certificate in certificates:
        if _verifies(algorithm, certificate, value, signed):
            return certificate
    trusted = ", ".join(certificate.fingerprint for certificate in certificates) or "none"
    # KeyInfo is never trusted: it only tells a wrong certificate from a changed message.
    embedded = _embedded(key_info)
    stranger = next((one for one in embedded if _verifies(algorithm, one, value, signed)), None)
    if stranger is not None:
        raise UnknownCertificate(stranger, trusted=trusted)
    raise MessageError(
        "signature_invalid",
        expected=f"a signature by {trusted}",
        received="a signature value that none of these keys made",
    )


def _verifies(algorithm: str, certificate: Certificate, value: bytes, signed: bytes) -> bool:
    kind, hash_class = SIGNATURES[algorithm]
    key, digest = certificate.public_key, hash_class()
    try:
        if isinstance(key, rsa.RSAPublicKey) and kind == "rsa":
            key.verify(value, signed, padding.PKCS1v15(), digest)
        elif isinstance(key, rsa.RSAPublicKey) and kind == "pss":
            pss = padding.PSS(padding.MGF1(digest), salt_length=digest.digest_size)
            key.verify(value, signed, pss, digest)
        elif isinstance(key, ec.EllipticCurvePublicKey) and kind == "ecdsa":
            key.verify(_der_signature(value, key.curve), signed, ec.ECDSA(digest))
        else:
            return False
    except (InvalidSignature, ValueError):
        return False
    return True


def _der_signature(value: bytes, curve: ec.EllipticCurve) -> bytes:
    """XML Signature writes r and s one after the other, each as long as the field (§6.4.2)."""
    size = (curve.key_size + 7) // 8
    if len(value) != 2 * size:
        raise ValueError("wrong length")
    return encode_dss_signature(int.from_bytes(value[:size]), int.from_bytes(value[size:]))


def _embedded(key_info: etree._Element | None) -> Iterator[Certificate]:
    """The certificates that came along, in whatever order a chain is written; a few of them."""
    if key_info is None:
        return
    found = key_info.iterfind(f"{{{DSIG_NS}}}X509Data/{{{DSIG_NS}}}X509Certificate")
    for element in islice(found, MAX_EMBEDDED):
        with suppress(CertificateError):
            yield load_certificate(element.text or "")


def _digest(algorithm: str, content: bytes) -> bytes:
    return hashlib.new(DIGESTS[algorithm]().name, content).digest()


def _base64(element: etree._Element) -> bytes:
    if len(element):
        raise _profile("only text in " + xml.local_name(element.tag), "an element")
    try:
        return xml.decode_base64(element.text or "")
    except ValueError:
        raise MessageError(
            "signature_invalid",
            expected=f"base64 in {xml.local_name(element.tag)}",
            received="text that is not base64",
        ) from None


def _profile(expected: str, received: str, **case: str) -> MessageError:
    return MessageError("signature_profile_forbidden", expected=expected, received=received, **case)


def sign(
    element: etree._Element,
    key: PrivateKey,
    certificate_der: bytes,
    *,
    index: int = 1,
) -> None:
    """Sign an element in place, with RSA-SHA256 or ECDSA-SHA256; the signature becomes its child.

    SAML's schemas want it right behind the Issuer, hence `index`.
    """
    signature = etree.Element(ds("Signature"), nsmap={"ds": DSIG_NS})
    info = etree.SubElement(signature, ds("SignedInfo"))
    _with_algorithm(info, "CanonicalizationMethod", EXC_C14N)
    _with_algorithm(info, "SignatureMethod", algorithm_of(key))
    uri = "#" + xml.required_attribute(element, "ID")
    reference = etree.SubElement(info, ds("Reference"), URI=uri)
    transforms = etree.SubElement(reference, ds("Transforms"))
    _with_algorithm(transforms, "Transform", ENVELOPED)
    _with_algorithm(transforms, "Transform", EXC_C14N)
    _with_algorithm(reference, "DigestMethod", SHA256_DIGEST)
    digest = base64.b64encode(_digest(SHA256_DIGEST, xml.canonical(element))).decode()
    etree.SubElement(reference, ds("DigestValue")).text = digest
    element.insert(index, signature)
    value = signature_over(key, xml.canonical(info))
    etree.SubElement(signature, ds("SignatureValue")).text = base64.b64encode(value).decode()
    data = etree.SubElement(etree.SubElement(signature, ds("KeyInfo")), ds("X509Data"))
    encoded = base64.b64encode(certificate_der).decode()
    etree.SubElement(data, ds("X509Certificate")).text = encoded


def _with_algorithm(parent: etree._Element, name: str, algorithm: str) -> None:
    etree.SubElement(parent, ds(name), Algorithm=algorithm)


def algorithm_of(key: PrivateKey) -> str:
    """What we sign with: RSA-SHA256 or ECDSA-SHA256, as the key is."""
    return ECDSA_SHA256 if isinstance(key, ec.EllipticCurvePrivateKey) else RSA_SHA256


def signature_over(key: PrivateKey, content: bytes) -> bytes:
    """The raw signature, as XML Signature and the redirect binding write it."""
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(content, padding.PKCS1v15(), hashes.SHA256())
    r, s = decode_dss_signature(key.sign(content, ec.ECDSA(hashes.SHA256())))
    size = (key.curve.key_size + 7) // 8
    return r.to_bytes(size) + s.to_bytes(size)
