"""Signing and verifying against two other implementations, signxml and xmlsec1."""

import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import signxml
from lxml import etree

from passerelle import saml
from passerelle.saml import xml, xmldsig
from passerelle.saml.errors import MessageError
from passerelle.saml.names import ds

from . import xmlsec
from .keys import key_pair
from .response_builder import (
    DS_NS,
    EXC,
    NOW,
    XS,
    Shape,
    Signing,
    attribute,
    attributes,
    build,
    expected,
    marker,
    response,
)

TYPED = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="xs:string"'
SHAPES = {
    "plain": Shape(),
    "response": Shape(signed="response"),
    "other prefixes": Shape(prefixes={"saml": "", "samlp": "p"}, signing=Signing(prefix="")),
    "pretty": Shape(pretty=True),
    "PrefixList": Shape(
        response_namespaces=XS,
        attributes=attributes(attribute("a", "1", typed=TYPED)),
        signing=Signing(prefix_list="xs", info_prefix_list="xs saml"),
    ),
    "#default": Shape(
        prefixes={"samlp": ""}, signing=Signing(prefix_list="#default", info_prefix_list="#default")
    ),
    "sha512": Shape(signing=Signing(algorithm="rsa-sha512", digest="sha512")),
    "sha384": Shape(signing=Signing(algorithm="rsa-sha384", digest="sha384")),
    **{
        f"ecdsa {curve}": Shape(signing=Signing(algorithm=f"ecdsa-{name}", key=key_pair(curve)))
        for curve, name in (("p256", "sha256"), ("p384", "sha384"), ("p521", "sha512"))
    },
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_xmlsec1_verifies_what_the_builder_signs(shape, tmp_path: Path):
    message, key = build(shape), shape.signing.key
    assert xmlsec.verifies(message, key, tmp_path)
    assert not xmlsec.verifies(message.replace(b"u-1", b"u-2"), key, tmp_path)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_we_accept_what_xmlsec1_signs(shape, tmp_path: Path):
    template = re.sub(rb"(?s)(<(?:ds:)?(?:DigestValue|SignatureValue)>)[^<]*", rb"\1", build(shape))
    key = shape.signing.key
    message = xmlsec.signed(template, key, tmp_path)
    judgement = saml.judge(message, expected(certificates=(key.certificate,)))
    assert judgement.reason is None, judgement.checks[-1]


def signed_by_us(kind: str, target: str = "assertion", *, pretty: bool = False) -> bytes:
    root = etree.fromstring(response(signed="none", pretty=pretty))
    element = root if target == "response" else root.find(".//{*}Assertion")
    assert element is not None
    xmldsig.sign(element, key_pair(kind).private, key_pair(kind).der)
    return etree.tostring(root)


@pytest.mark.parametrize("kind", ["rsa", "p256", "p384", "p521"])
@pytest.mark.parametrize("target", ["assertion", "response"])
@pytest.mark.parametrize("pretty", [False, True])
def test_others_verify_what_we_sign(kind, target, pretty, tmp_path: Path):
    message = signed_by_us(kind, target, pretty=pretty)
    assert xmlsec.verifies(message, key_pair(kind), tmp_path)
    assert not xmlsec.verifies(message.replace(b"u-1", b"u-2"), key_pair(kind), tmp_path)
    verified = signxml.XMLVerifier().verify(
        etree.fromstring(message),
        x509_cert=key_pair(kind).certificate_pem.decode(),
        expect_config=signxml.SignatureConfiguration(verification_time=NOW),
    )
    assert b"u-1" in etree.tostring(verified.signed_xml)
    certificates = (key_pair(kind).certificate,)
    assert saml.judge(message, expected(certificates=certificates)).reason is None


SIGNXML = {
    "rsa-sha256": (signxml.SignatureMethod.RSA_SHA256, "rsa"),
    "rsa-sha512": (signxml.SignatureMethod.RSA_SHA512, "rsa"),
    "sha256-rsa-MGF1": (signxml.SignatureMethod.SHA256_RSA_MGF1, "rsa"),
    "sha512-rsa-MGF1": (signxml.SignatureMethod.SHA512_RSA_MGF1, "rsa"),
    "ecdsa-sha256": (signxml.SignatureMethod.ECDSA_SHA256, "p256"),
    "ecdsa-sha384": (signxml.SignatureMethod.ECDSA_SHA384, "p384"),
}


@pytest.mark.parametrize(("method", "kind"), SIGNXML.values(), ids=SIGNXML)
def test_we_accept_what_signxml_signs(method, kind):
    text = build(
        Shape(
            signed="none",
            edit=lambda text: text.replace(
                marker("_assertion"), f'<ds:Signature xmlns:ds="{DS_NS}" Id="placeholder"/>'
            ),
        )
    )
    root = etree.fromstring(text)
    assertion = root.find(".//{*}Assertion")
    assert assertion is not None
    signer = signxml.XMLSigner(
        method=signxml.SignatureConstructionMethod.enveloped,
        signature_algorithm=method,
        c14n_algorithm=signxml.CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0,
    )
    key = key_pair(kind)
    signed = signer.sign(
        assertion, key=key.pem, cert=key.certificate_pem.decode(), reference_uri="_assertion"
    )
    root.replace(assertion, signed)
    judgement = saml.judge(etree.tostring(root), expected(certificates=(key.certificate,)))
    assert judgement.reason is None, judgement.checks[-1]


@pytest.mark.parametrize("shape", [SHAPES["#default"], SHAPES["PrefixList"]])
def test_a_new_thread_judges_as_the_first(shape):
    with ThreadPoolExecutor(1) as threads:
        judgement = threads.submit(saml.judge, build(shape), expected()).result()
    assert judgement.reason is None


def test_a_new_process_knows_the_default_namespace(tmp_path: Path):
    """What signed the message has met `#default`; a service that starts anew has not."""
    shape = SHAPES["#default"]
    (tmp_path / "message.xml").write_bytes(build(shape))
    (tmp_path / "idp.pem").write_bytes(shape.signing.key.certificate_pem)
    program = (
        "import pathlib; from passerelle.saml import xml, xmldsig, load_certificates;"
        "root = xml.parse(pathlib.Path('message.xml').read_bytes());"
        "keys = load_certificates(pathlib.Path('idp.pem').read_bytes());"
        "print(xmldsig.verify(next(root.iter('{*}Signature')), keys).algorithm)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=False, cwd=tmp_path, timeout=60
    )
    assert done.stdout.decode().strip() == xmldsig.RSA_SHA256, done.stderr.decode()


def test_only_verifying_makes_a_verified_element():
    with pytest.raises(TypeError):
        xmldsig.VerifiedElement(etree.Element("a"), key_pair().certificate, EXC, object())


def test_what_is_signed_needs_an_id():
    with pytest.raises(MessageError) as raised:
        xmldsig.sign(etree.Element("a"), key_pair().private, key_pair().der)
    assert raised.value.reason == "malformed_message"


def test_verifying_takes_the_signature_out_and_reads_the_rest_anew():
    root = xml.parse(response(signed="response"))
    signature = root.find(ds("Signature"))
    assert signature is not None
    verified = xmldsig.verify(signature, [key_pair().certificate])
    assert signature.getparent() is None
    assert verified.element is not root
    assert verified.element.find(ds("Signature")) is None
    assert verified.algorithm == xmldsig.RSA_SHA256


def test_signed_info_that_changes_when_it_is_made_canonical_is_refused(monkeypatch):
    """No known document does this; should one be found, what was hashed must win."""
    message = response(signed="response")
    root = xml.parse(message)
    signature = root.find(ds("Signature"))
    assert signature is not None
    other = xml.canonical(signature[0]).replace(b"#_response", b"#_another")
    monkeypatch.setattr(xml, "canonical", lambda *_: other)
    with pytest.raises(MessageError) as raised:
        xmldsig.verify(signature, [key_pair().certificate])
    assert raised.value.reason == "signature_profile_forbidden"
