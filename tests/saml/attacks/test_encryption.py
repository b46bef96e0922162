"""Encryption that is broken, forbidden, or hides an attack."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from passerelle import saml

from ..encryption import DS_NS, XENC_NS, Encryption, encrypted
from ..keys import key_pair
from ..response_builder import (
    DS_NS as SIGNATURE_NS,
)
from ..response_builder import (
    SAML_NS,
    Signing,
    attribute,
    attributes,
    expected,
    name_id,
    response,
)
from .cases import EVIL, Attack, names, refuse, replaced

GONE: dict[str, Any] = {"decryption_keys": ()}


def attack(
    name: str,
    reason: str,
    encryption: Encryption | None = None,
    *,
    wanted: dict[str, Any] | None = None,
    change: Callable[[bytes], bytes | str] = bytes,
    **parts: Any,
) -> Attack:
    parts["encrypted"] = encryption or Encryption()
    return Attack(name=name, reason=reason, parts=parts, expected=wanted or {}, change=change)


def failed(name: str, edit: Callable[[str], str], **parts: Any) -> Attack:
    """An EncryptedAssertion that was changed on its way."""
    return attack(name, "decryption_failed", Encryption(edit=edit), **parts)


def without(pattern: str) -> Callable[[str], str]:
    def edit(text: str) -> str:
        assert re.search(pattern, text, re.DOTALL)
        return re.sub(pattern, "", text, count=1, flags=re.DOTALL)

    return edit


def flipped(place: int) -> Callable[[bytes], bytes]:
    def edit(cipher: bytes) -> bytes:
        changed = bytearray(cipher)
        changed[place] ^= 1
        return bytes(changed)

    return edit


def twice(text: str) -> str:
    [found] = re.findall(r"(?s)<xenc:EncryptedData.*</xenc:EncryptedData>", text)
    return text.replace(found, found + re.sub(' Id="[^"]*"', "", found))


FORBIDDEN = (
    attack("3DES", "algorithm_forbidden", Encryption(content="tripledes-cbc"), signed="both"),
    attack("an unknown cipher", "algorithm_forbidden", Encryption(content="none"), signed="both"),
    attack("a key by RSA 1.5", "algorithm_forbidden", Encryption(transport="rsa-1_5")),
    attack(
        "a key by RSA 1.5 in a signed response",
        "algorithm_forbidden",
        Encryption(transport="rsa-1_5"),
        signed="response",
    ),
    attack(
        "RSA 1.5 beside a good key",
        "algorithm_forbidden",
        Encryption(
            keys=(key_pair("ours"), key_pair("ours")),
            edit=lambda text: text.replace("rsa-oaep-mgf1p", "rsa-1_5", 1),
        ),
    ),
    attack(
        "an MD5 digest for the key",
        "algorithm_forbidden",
        Encryption(
            edit=lambda text: text.replace(
                'rsa-oaep-mgf1p">',
                f'rsa-oaep-mgf1p"><ds:DigestMethod xmlns:ds="{DS_NS}" Algorithm="md5"/>',
            )
        ),
    ),
    attack(
        "an unknown mask for the key",
        "algorithm_forbidden",
        Encryption(
            transport="rsa-oaep",
            mask="sha256",
            edit=lambda text: text.replace("mgf1sha256", "mgf1md5"),
        ),
    ),
    attack(
        "a DigestMethod without an algorithm",
        "algorithm_forbidden",
        Encryption(
            digest="sha1", edit=lambda text: text.replace(f'Algorithm="{DS_NS}sha1"', 'Other=""')
        ),
    ),
    *(
        attack(
            f"{name} with no signature around it", "algorithm_forbidden", Encryption(content=name)
        )
        for name in ("aes128-cbc", "aes192-cbc", "aes256-cbc")
    ),
    attack(
        "an EncryptionMethod without an algorithm",
        "algorithm_forbidden",
        Encryption(edit=lambda text: text.replace(" Algorithm=", " Other=", 1)),
    ),
)

SHAPES = (
    attack("no key of ours", "decryption_failed", wanted=GONE),
    attack(
        "only a key on a curve is ours",
        "decryption_failed",
        wanted={"decryption_keys": (key_pair("p256").private,)},
    ),
    attack(
        "encrypted for somebody else", "decryption_failed", Encryption(keys=(key_pair("next"),))
    ),
    attack(
        "encrypted for somebody else, in a signed response",
        "decryption_failed",
        Encryption(keys=(key_pair("next"),)),
        signed="response",
    ),
    failed("no EncryptedData", without("<xenc:EncryptedData.*</xenc:EncryptedData>")),
    failed("two EncryptedData", twice),
    failed("no EncryptedKey", without("<xenc:EncryptedKey.*</xenc:EncryptedKey>")),
    failed(
        "EncryptedData of another namespace",
        lambda text: text.replace(f'"{XENC_NS}"', '"urn:other"', 1),
    ),
    failed("no EncryptionMethod", without("<xenc:EncryptionMethod[^>]*/>")),
    failed(
        "two EncryptionMethods",
        lambda text: re.sub("(<xenc:EncryptionMethod[^>]*/>)", r"\1\1", text, count=1),
    ),
    failed(
        "two EncryptionMethods of the key",
        lambda text: text.replace(
            "</xenc:EncryptionMethod>", "</xenc:EncryptionMethod><xenc:EncryptionMethod/>"
        ),
    ),
    failed("no CipherData", without("<xenc:CipherData>.*?</xenc:CipherData>")),
    failed(
        "a CipherReference to elsewhere",
        lambda text: re.sub(
            "(?s)<xenc:CipherValue>.*?</xenc:CipherValue>",
            '<xenc:CipherReference URI="https://evil.example/"/>',
            text,
        ),
    ),
    failed(
        "two CipherValues",
        lambda text: text.replace("<xenc:CipherData>", "<xenc:CipherData><xenc:CipherValue/>", 1),
    ),
    failed(
        "a CipherValue that is not base64",
        lambda text: text.replace("<xenc:CipherValue>", "<xenc:CipherValue>!", 1),
    ),
    failed(
        "an element in the CipherValue",
        lambda text: text.replace("<xenc:CipherValue>", "<xenc:CipherValue><x/>", 1),
    ),
    failed("an element beside EncryptedData", lambda text: text.replace("<xenc:", "<x/><xenc:", 1)),
    failed(
        "an assertion in the clear inside EncryptedAssertion's sibling",
        lambda text: text.replace("<xenc:EncryptedData", "<saml:Advice/><xenc:EncryptedData", 1),
    ),
    attack(
        "more EncryptedKeys than anybody needs",
        "decryption_failed",
        Encryption(keys=(key_pair("stranger"),) * 8 + (key_pair("ours"),)),
    ),
    attack(
        "a content key of another size",
        "decryption_failed",
        Encryption(
            content="aes128-gcm", edit=lambda text: text.replace("aes128-gcm", "aes256-gcm")
        ),
    ),
    attack(
        "another label than the key's",
        "decryption_failed",
        Encryption(label=b"a", edit=lambda text: text.replace(">YQ==<", ">Yg==<")),
    ),
    attack(
        "another digest than the key's",
        "decryption_failed",
        Encryption(
            digest="sha256", edit=lambda text: text.replace("xmlenc#sha256", "xmlenc#sha512")
        ),
    ),
)

CHANGED = (
    *(
        attack(f"a changed {what}", "decryption_failed", Encryption(edit_cipher=flipped(place)))
        for what, place in (("nonce", 0), ("ciphertext", 40), ("tag", -1))
    ),
    attack("no ciphertext", "decryption_failed", Encryption(edit_cipher=lambda cipher: b"")),
    attack(
        "ciphertext shorter than a tag",
        "decryption_failed",
        Encryption(edit_cipher=lambda cipher: cipher[:20]),
    ),
    attack(
        "a ciphertext that is cut short",
        "decryption_failed",
        Encryption(edit_cipher=lambda cipher: cipher[:-16]),
    ),
    attack(
        "a ciphertext that was changed inside a signed response",
        "signature_invalid",
        signed="response",
        change=replaced("<xenc:CipherValue>", "<xenc:CipherValue>AAAA"),
    ),
    attack(
        "another EncryptedAssertion in a signed response",
        "signature_invalid",
        signed="response",
        change=lambda message: re.sub(
            b"(?s)<saml:EncryptedAssertion.*</saml:EncryptedAssertion>",
            encrypted(
                f'<saml:Assertion xmlns:saml="{SAML_NS}"/>', "saml:EncryptedAssertion", Encryption()
            ).encode(),
            message,
        ),
    ),
)


def hidden(name: str, reason: str, edit: Callable[[str], str], **parts: Any) -> Attack:
    """What the ciphertext holds is changed before it is encrypted: anybody can encrypt for us."""
    return attack(name, reason, Encryption(edit_plain=edit), **parts)


NOT_AN_ASSERTION = (
    hidden("nothing encrypted", "decryption_failed", lambda text: ""),
    hidden("text encrypted", "decryption_failed", lambda text: "alice"),
    hidden("text before the assertion", "decryption_failed", lambda text: "x" + text),
    hidden("an assertion cut short", "decryption_failed", lambda text: text[:-5]),
    hidden("two assertions encrypted", "decryption_failed", lambda text: text * 2),
    hidden(
        "a Response encrypted",
        "decryption_failed",
        lambda text: f"<samlp:Response>{text}</samlp:Response>",
    ),
    hidden(
        "an element that closes what is around it",
        "decryption_failed",
        lambda text: f"</_><_>{text}",
    ),
    hidden("a document type encrypted", "decryption_failed", lambda text: "<!DOCTYPE x>" + text),
    hidden(
        "a processing instruction encrypted", "decryption_failed", lambda text: "<?x y?>" + text
    ),
    hidden(
        "an XML declaration encrypted",
        "decryption_failed",
        lambda text: '<?xml version="1.0"?>' + text,
    ),
    hidden(
        "an EncryptedAssertion encrypted",
        "decryption_failed",
        lambda text: encrypted(text, "saml:EncryptedAssertion", Encryption()),
    ),
    hidden(
        "an assertion of another namespace",
        "decryption_failed",
        lambda text: text.replace(SAML_NS, "urn:other"),
    ),
    hidden(
        "elements nested without end",
        "decryption_failed",
        lambda text: "<x>" * 100 + text + "</x>" * 100,
    ),
)

WRAPPED = (
    hidden(
        "an unsigned assertion encrypted by anybody",
        "signature_missing",
        lambda text: re.sub("(?s)<ds:Signature.*</ds:Signature>", "", text),
    ),
    hidden(
        "a signed assertion changed and encrypted again",
        "signature_invalid",
        lambda text: text.replace("u-1", EVIL),
    ),
    hidden(
        "a second assertion in the Advice of an encrypted one",
        "assertion_count",
        lambda text: text.replace(
            "<saml:AuthnStatement",
            "<saml:Advice><saml:Assertion/></saml:Advice><saml:AuthnStatement",
        ),
    ),
    hidden(
        "a stray signature in an encrypted assertion",
        "signature_profile_forbidden",
        lambda text: text.replace(
            "<saml:Subject>", f'<saml:Subject><ds:Signature xmlns:ds="{SIGNATURE_NS}"/>'
        ),
    ),
    hidden(
        "two signatures of an encrypted assertion",
        "signature_profile_forbidden",
        lambda text: re.sub("(?s)(<ds:Signature .*</ds:Signature>)", r"\1\1", text),
    ),
    hidden(
        "the ID of the response once more inside the ciphertext",
        "signature_profile_forbidden",
        lambda text: text.replace("<saml:Subject>", '<saml:Subject ID="_response">'),
    ),
    hidden(
        "an ID twice inside the ciphertext",
        "signature_profile_forbidden",
        lambda text: text.replace("<saml:Subject>", '<saml:Subject id="_assertion">'),
    ),
    attack(
        "signed inside by a stranger",
        "certificate_unknown",
        signing=Signing(key=key_pair("stranger")),
    ),
    attack(
        "signed inside by a stranger, around by the provider",
        "certificate_unknown",
        signed="both",
        signing=Signing(key=key_pair("stranger")),
        response_signing=Signing(),
    ),
    attack(
        "signed inside with SHA-1",
        "algorithm_forbidden",
        signing=Signing(algorithm="rsa-sha1", digest="sha1"),
    ),
    attack(
        "an assertion in the clear beside an encrypted one",
        "assertion_count",
        signed="response",
        after_assertion="<saml:Assertion/>",
    ),
    attack(
        "two encrypted assertions",
        "assertion_count",
        Encryption(edit=lambda text: text * 2),
    ),
    attack(
        "an encrypted assertion inside Extensions",
        "assertion_count",
        Encryption(edit=lambda text: f"<samlp:Extensions>{text}</samlp:Extensions>"),
    ),
    attack(
        "a signature inside EncryptedAssertion",
        "signature_profile_forbidden",
        Encryption(
            edit=lambda text: text.replace(
                "<xenc:EncryptedData",
                f'<ds:Signature xmlns:ds="{SIGNATURE_NS}"/><xenc:EncryptedData',
                1,
            )
        ),
    ),
    attack(
        "encrypted for another audience", "audience_mismatch", wanted={"sp_entity_id": "urn:other"}
    ),
    attack("encrypted and expired", "expired", wanted={"now": expected().now.replace(hour=13)}),
    attack(
        "encrypted for another request", "in_response_to_mismatch", wanted={"request_id": "_other"}
    ),
)


def part(name: str, reason: str, which: str, encryption: Encryption, **parts: Any) -> Attack:
    return Attack(name=name, reason=reason, parts={"encrypted_parts": {which: encryption}, **parts})


PARTS = (
    part(
        "a NameID encrypted for somebody else",
        "decryption_failed",
        "saml:NameID",
        Encryption(keys=(key_pair("next"),)),
    ),
    part(
        "a NameID encrypted with 3DES",
        "algorithm_forbidden",
        "saml:NameID",
        Encryption(content="tripledes-cbc"),
    ),
    part(
        "an encrypted NameID that is none",
        "decryption_failed",
        "saml:NameID",
        Encryption(edit_plain=lambda text: "<saml:Issuer>x</saml:Issuer>"),
    ),
    part(
        "an encrypted NameID with an element in it",
        "malformed_message",
        "saml:NameID",
        Encryption(edit_plain=lambda text: text.replace("u-1", "u-1<x/>")),
    ),
    part(
        "an encrypted NameID that is empty",
        "name_id_missing",
        "saml:NameID",
        Encryption(edit_plain=lambda text: text.replace("u-1", " ")),
    ),
    part(
        "an encrypted Attribute that is none",
        "decryption_failed",
        "saml:Attribute",
        Encryption(edit_plain=lambda text: "<saml:NameID>x</saml:NameID>"),
        attributes=attributes(attribute("email", "a@acme.example")),
    ),
    part(
        "an encrypted Attribute without a Name",
        "attribute_without_name",
        "saml:Attribute",
        Encryption(edit_plain=lambda text: text.replace("Name=", "Other=")),
        attributes=attributes(attribute("email", "a@acme.example")),
    ),
    Attack(
        name="an EncryptedID exchanged after signing",
        reason="signature_invalid",
        parts={
            "name_id": name_id("u-1"),
            "encrypted_parts": {"saml:NameID": Encryption(content="aes256-cbc")},
        },
        change=lambda message: re.sub(
            b"(?s)<saml:EncryptedID>.*</saml:EncryptedID>",
            encrypted(
                f"<saml:NameID>{EVIL}</saml:NameID>", "saml:EncryptedID", Encryption()
            ).encode(),
            message,
        ),
    ),
)


# With AES-CBC and no signature around it, a stranger can change what is decrypted. Nothing that
# happens between decryption and a valid signature inside may then be told apart.
def blind(name: str, **how: Any) -> Attack:
    return attack(
        name,
        "decryption_failed",
        Encryption(content="aes128-cbc", **how),
        wanted={"allow_cbc": True},
    )


ORACLES = (
    blind("CBC: padding of no length", edit_cipher=lambda cipher: cipher[:-16] + bytes(16)),
    blind("CBC: a changed byte", edit_cipher=flipped(16 + 200)),
    blind("CBC: a changed vector", edit_cipher=flipped(1)),
    blind("CBC: half a block", edit_cipher=lambda cipher: cipher[:-8]),
    blind("CBC: only a vector", edit_cipher=lambda cipher: cipher[:16]),
    blind("CBC: not XML", edit_plain=lambda text: "alice"),
    blind("CBC: not an assertion", edit_plain=lambda text: "<saml:NameID/>"),
    blind(
        "CBC: no signature inside",
        edit_plain=lambda text: re.sub("(?s)<ds:Signature.*</ds:Signature>", "", text),
    ),
    blind("CBC: a changed assertion inside", edit_plain=lambda text: text.replace("u-1", EVIL)),
    blind(
        "CBC: two assertions inside",
        edit_plain=lambda text: text.replace("<saml:Subject>", "<saml:Subject><saml:Assertion/>"),
    ),
    blind(
        "CBC: an algorithm inside that is forbidden",
        edit_plain=lambda text: text.replace("rsa-sha256", "rsa-sha1"),
    ),
    blind(
        "CBC: a reference inside to nothing",
        edit_plain=lambda text: text.replace("#_assertion", "#_other"),
    ),
    blind("CBC: for somebody else", keys=(key_pair("next"),)),
    Attack(
        name="CBC: signed inside by a stranger",
        reason="decryption_failed",
        parts={
            "encrypted": Encryption(content="aes128-cbc"),
            "signing": Signing(key=key_pair("stranger")),
        },
        expected={"allow_cbc": True},
    ),
)

ATTACKS = (*FORBIDDEN, *SHAPES, *CHANGED, *NOT_AN_ASSERTION, *WRAPPED, *PARTS, *ORACLES)


@pytest.mark.parametrize("attack", ATTACKS, ids=names(ATTACKS))
def test_encryption_hides_nothing_and_tells_nothing(attack: Attack):
    refuse(attack)


def test_what_fails_with_unprotected_cbc_looks_the_same_whatever_it_was():
    shown = [attack.judged().checks for attack in ORACLES]
    assert all(checks == shown[0] for checks in shown)


def test_no_plaintext_is_shown_before_a_signature_was_verified():
    for attack in (*CHANGED, *NOT_AN_ASSERTION, *WRAPPED, *ORACLES):
        judgement = attack.judged()
        if not any(one.check == "signature" and one.passed for one in judgement.checks):
            assert judgement.verified is None


def test_a_decrypted_assertion_names_its_cipher():
    checks = saml.judge(response(encrypted=Encryption(), signed="response"), expected()).checks
    assert [one.check for one in checks][3:5] == ["signature", "decryption"]
    checks = saml.judge(response(encrypted=Encryption()), expected()).checks
    assert [one.check for one in checks][3:5] == ["decryption", "signature"]
    assert saml.explain(checks[3])[0] == "The assertion was encrypted with aes256-gcm."
