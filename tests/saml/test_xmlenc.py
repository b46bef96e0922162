"""XML Encryption, with xmlsec1 as the second opinion."""

import subprocess

import pytest

from passerelle import saml
from passerelle.saml import xml, xmlenc
from passerelle.saml.errors import DecryptionError
from passerelle.saml.names import saml as saml_name

from .encryption import CONTENT, TRANSPORT, XENC_NS, Encryption, encrypted
from .keys import key_pair
from .response_builder import SAML_NS, expected, response

PLAIN = f'<saml:NameID xmlns:saml="{SAML_NS}">Zoë &amp; Æ</saml:NameID>'
TEMPLATE = """<xenc:EncryptedData xmlns:xenc="{xenc}" Type="{xenc}Element">
<xenc:EncryptionMethod Algorithm="{content}"/>
<ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><xenc:EncryptedKey>
<xenc:EncryptionMethod Algorithm="{transport}"/>
<ds:KeyInfo><ds:KeyName/></ds:KeyInfo>
<xenc:CipherData><xenc:CipherValue/></xenc:CipherData></xenc:EncryptedKey></ds:KeyInfo>
<xenc:CipherData><xenc:CipherValue/></xenc:CipherData></xenc:EncryptedData>"""

# Debian's xmlsec1 1.2 knows RSA-OAEP as of XML Encryption 1.0 only.
CIPHERS = [name for name in CONTENT if name.startswith("aes")]


def xmlsec1(*arguments: str) -> bytes:
    done = subprocess.run(["xmlsec1", *arguments], capture_output=True, check=False, timeout=30)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


@pytest.mark.parametrize("content", CIPHERS)
def test_what_xmlsec1_encrypts_is_read(content, tmp_path):
    plain, template, public = (tmp_path / name for name in ("plain", "template", "public"))
    plain.write_text(PLAIN)
    public.write_bytes(key_pair("ours").certificate_pem)
    parts = {"content": CONTENT[content][0], "transport": TRANSPORT["rsa-oaep-mgf1p"]}
    template.write_text(TEMPLATE.format(xenc=XENC_NS, **parts))
    session = "--session-key", "aes-" + content[3:6]
    done = xmlsec1(
        "--encrypt",
        "--pubkey-cert-pem",
        str(public),
        *session,
        "--xml-data",
        str(plain),
        str(template),
    )
    holder = xml.parse(f'<saml:EncryptedID xmlns:saml="{SAML_NS}"/>'.encode())
    holder.append(xml.parse(done))
    ours = xmlenc.OurKeys((key_pair("ours").private,))
    found = xmlenc.decrypt(holder, saml_name("NameID"), ours, allow_cbc=True)
    assert (found.element.text, found.algorithm) == ("Zoë & Æ", CONTENT[content][0])
    assert found.authenticated is content.endswith("gcm")


@pytest.mark.parametrize("content", CIPHERS)
def test_what_the_tests_encrypt_is_read_by_xmlsec1(content, tmp_path):
    document, key = tmp_path / "document", tmp_path / "key"
    holder = encrypted(PLAIN, "saml:EncryptedID", Encryption(content=content))
    document.write_text(
        holder.replace("<saml:EncryptedID", f'<saml:EncryptedID xmlns:saml="{SAML_NS}"')
    )
    key.write_bytes(key_pair("ours").pem)
    assert (
        "Zo&#xEB; &amp; &#xC6;"
        in xmlsec1("--decrypt", "--privkey-pem", str(key), str(document)).decode()
    )


def test_a_signature_inside_is_verified_although_the_response_is_signed_too():
    parts = {"encrypted": Encryption(), "signed": "both"}
    judgement = saml.judge(response(**parts), expected())
    assert judgement.accepted
    assert judgement.certificate == key_pair().certificate


def test_plain_text_of_another_element_is_no_answer():
    holder = f'<saml:EncryptedID xmlns:saml="{SAML_NS}">'
    document = encrypted(PLAIN, "saml:EncryptedID", Encryption()).replace(
        "<saml:EncryptedID>", holder
    )
    ours = xmlenc.OurKeys((key_pair("ours").private,))
    with pytest.raises(DecryptionError) as failure:
        xmlenc.decrypt(xml.parse(document.encode()), saml_name("Assertion"), ours, allow_cbc=False)
    assert failure.value.reason == "decryption_failed"
