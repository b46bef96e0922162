"""What must hold for every input; each oracle is a function that raises OracleError otherwise.

examine(content)    holds one input against all of them
"""

import re
import subprocess
import tempfile
import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

import signxml
from lxml import etree

from passerelle import saml
from passerelle.saml.errors import MessageError, SAMLError
from passerelle.saml.explain import FAILED

from ..saml import xmlsec
from ..saml.keys import KeyPair
from ..saml.response_builder import NOW
from . import reading, seeds

T = TypeVar("T")
SECONDS, SECONDS_FOR_A_MEBIBYTE = 1.0, 8.0
"""Many times what a slow machine takes; quadratic cost exceeds it in what the moves make."""
_PRE_DIGEST = re.compile(
    rb"== PreDigest data - start buffer:\n(.*)\n== PreDigest data - end buffer", re.DOTALL
)


class OracleError(Exception):
    """An input for which something does not hold that must."""


def examine(content: bytes) -> None:
    """Hold an input against every oracle, whatever it was made from."""
    examine_message(content)
    metadata_is_read_or_refused(content)
    certificates_are_read_or_refused(content)
    form_field_is_decoded_or_refused(content)


def examine_message(message: bytes) -> saml.Judgement:
    judgement = judge_ends_in_a_known_reason(message)
    if judgement.accepted:
        accepted_says_what_a_seed_says(judgement)
        parts = accepted_says_what_was_hashed(message, judgement)
        for part in parts:
            signxml_verifies_it_too(part)
            xmlsec1_verifies_it_too(part)
    return judgement


def judge_ends_in_a_known_reason(message: bytes) -> saml.Judgement:
    """Judging never raises, and accepts or gives a reason that can be explained."""
    judgement = _in_time(message, "judge", lambda: saml.judge(message, seeds.expectation()))
    for check in judgement.checks:
        if check.passed is (check.reason is not None) or check.reason not in (None, *FAILED):
            raise OracleError(f"judge: {check} has no known reason")
        _raising_only((), "explain", lambda check=check: saml.explain(check))
    if not judgement.accepted and judgement.reason is None:
        raise OracleError("judge: refused without a reason")
    _raising_only((MessageError,), "peek", lambda: saml.peek(message))
    return judgement


def accepted_says_what_a_seed_says(judgement: saml.Judgement) -> None:
    """Nobody but the identity provider signs, so that nothing new can be said."""
    if judgement.assertion not in seeds.assertions():
        raise OracleError(f"accepted: {judgement.assertion} says what no seed says")


def accepted_says_what_was_hashed(
    message: bytes, judgement: saml.Judgement
) -> list[reading.SignedPart]:
    """What the product read is what stands in the bytes of which the digest is signed."""
    claims = reading.claims_of(judgement.assertion)
    try:
        found = _raising_only((), "reading", lambda: reading.read(message))
    except OracleError:
        # expat knows the letters of names of XML 1.0's fourth edition, libxml2 those of the fifth.
        if reading.names_a_letter_beyond_ascii(message):
            return []
        raise
    assert found is not None
    if not found.contents:
        raise OracleError("accepted: no signature covers the assertion")
    for content in found.contents:
        said = _raising_only((), "reading", lambda content=content: reading.claims_in(content))
        if said != claims:
            raise OracleError(f"accepted: {claims} was read, but {said} was signed")
    return found.parts


def signxml_verifies_it_too(part: reading.SignedPart) -> None:
    """signxml accepts the same signature, over the same bytes."""
    config = signxml.SignatureConfiguration(location=part.place, verification_time=NOW)
    # It takes the text before a comment for the whole; the product reads no comments either.
    root = etree.fromstring(part.document, etree.XMLParser(remove_comments=True))
    result = _raising_only(
        # It cannot read its own copy of a document with a name that is not ASCII.
        (etree.XMLSyntaxError,),
        "signxml",
        lambda: signxml.XMLVerifier().verify(
            root,
            x509_cert=_signer(part).certificate_pem.decode(),
            expect_config=config,
            validate_schema=False,
        ),
    )
    if isinstance(result, signxml.VerifyResult) and result.signed_data != part.canonical:
        raise OracleError("signxml: verifies other bytes than the product")


def xmlsec1_verifies_it_too(part: reading.SignedPart) -> None:
    """xmlsec1 accepts the same signature, over the same bytes."""
    done = _asked_xmlsec1(part.document, _signer(part))
    if b"Relative namespace" in done.stderr:
        # It refuses one wherever it is declared; the product, only where something signed uses it.
        return
    hashed = _PRE_DIGEST.search(done.stdout)
    if done.returncode or not hashed:
        raise OracleError(f"xmlsec1: refuses it: {done.stderr.decode(errors='replace')}")
    if hashed[1] != part.canonical:
        raise OracleError(f"xmlsec1: hashes {hashed[1]!r}")


@lru_cache(10_000)
def _asked_xmlsec1(document: bytes, key: KeyPair) -> subprocess.CompletedProcess[bytes]:
    """What xmlsec1 says of the first signature; asked once for each."""
    with tempfile.TemporaryDirectory() as name:
        message, certificate = Path(name) / "message.xml", Path(name) / "idp.pem"
        message.write_bytes(document)
        certificate.write_bytes(key.certificate_pem)
        ids = [part for one in xmlsec.IDS for part in ("--id-attr:ID", one)]
        command = ["xmlsec1", "--verify", "--store-references", "--print-debug", *ids]
        return subprocess.run(
            [*command, "--pubkey-cert-pem", str(certificate), str(message)],
            capture_output=True,
            check=False,
            timeout=60,
        )


def _signer(part: reading.SignedPart) -> KeyPair:
    return seeds.key("ec" if part.algorithm.startswith("ecdsa") else "rsa")


def metadata_is_read_or_refused(document: bytes) -> None:
    """Metadata is read, with addresses of the web only, or refused with a reason."""
    found = _in_time(
        document,
        "metadata",
        lambda: _raising_only((SAMLError,), "metadata", lambda: saml.read_idp_metadata(document)),
    )
    if found is None:
        return
    urls = [url for url in (found.redirect_url, found.post_url) if url is not None]
    if not urls or not all(url.startswith(("https://", "http://")) for url in urls):
        raise OracleError(f"metadata: {urls} are no addresses to send people to")
    if not found.entity_id or not found.certificates:
        raise OracleError("metadata: read without a name or without a certificate")


def certificates_are_read_or_refused(content: bytes) -> None:
    """As bytes of a file and as text of a form."""
    for source in (content, content.decode("utf-8", "replace")):
        _in_time(
            content,
            "certificates",
            lambda source=source: _raising_only(
                (SAMLError,), "certificates", lambda: saml.load_certificates(source)
            ),
        )


def form_field_is_decoded_or_refused(content: bytes) -> None:
    """As bytes and as text."""
    for field in (content, content.decode("utf-8", "surrogateescape")):
        _raising_only(
            (MessageError,), "form field", lambda field=field: saml.decode_response(field)
        )


def _raising_only(
    allowed: tuple[type[Exception], ...], what: str, step: Callable[[], T]
) -> T | None:
    try:
        return step()
    except allowed:
        return None
    except Exception as error:
        raise OracleError(f"{what}: raises {type(error).__name__}: {error}") from error


def _in_time(content: bytes, what: str, step: Callable[[], T]) -> T:
    """The step, in a time that grows no faster than what it is given."""
    before = time.process_time()
    try:
        result = step()
    except OracleError:
        raise
    except Exception as error:
        raise OracleError(f"{what}: raises {type(error).__name__}: {error}") from error
    taken = time.process_time() - before
    if taken > SECONDS + SECONDS_FOR_A_MEBIBYTE * len(content) / 2**20:
        raise OracleError(f"{what}: {taken:.1f} seconds for {len(content)} bytes")
    return result
