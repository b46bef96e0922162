"""Signatures in forbidden shapes."""

import re
from collections.abc import Callable

import pytest

from ..response_builder import DS_NS, EXC, MORE, Signing
from .cases import Attack, names, refuse, replaced

FORBIDDEN = "signature_profile_forbidden"
TRANSFORM = f'<ds:Transform Algorithm="{EXC}"></ds:Transform>'
ENVELOPED = f'<ds:Transform Algorithm="{DS_NS}enveloped-signature"/>'
CANONICALIZATION = f'<ds:CanonicalizationMethod Algorithm="{EXC}"></ds:CanonicalizationMethod>'


def info(
    name: str, old: str, new: str, reason: str = FORBIDDEN, *, prefix_list: str | None = None
) -> Attack:
    """SignedInfo is odd, and yet signed by the right key."""

    def edit(text: str) -> str:
        assert re.search(old, text)
        return re.sub(old, lambda _: new, text, count=1)

    return Attack(
        name=name,
        reason=reason,
        parts={"signing": Signing(edit_info=edit, prefix_list=prefix_list)},
    )


def transform(name: str, algorithm: str, inside: str = "") -> Attack:
    return info(
        f"the transform {name}",
        re.escape(TRANSFORM),
        f'<ds:Transform Algorithm="{algorithm}">{inside}</ds:Transform>',
    )


def with_a_comment(text: str) -> str:
    """SignedInfo in its form with comments, and with one."""
    named = text.replace(CANONICALIZATION, CANONICALIZATION.replace(EXC, f"{EXC}WithComments"))
    assert named != text
    return named.replace("<ds:Reference", "<!-- signed --><ds:Reference")


def second_info(edit: Callable[[str], str]) -> Callable[[str], str]:
    """Put a second SignedInfo into a signature."""

    def add(signature: str) -> str:
        found = re.search("<ds:SignedInfo>.*</ds:SignedInfo>", signature, re.DOTALL)
        assert found is not None
        return signature.replace(found[0], found[0] + edit(found[0]))

    return add


def signature(name: str, edit: Callable[[str], str], reason: str = FORBIDDEN) -> Attack:
    """The Signature is changed after it was made."""
    return Attack(name=name, reason=reason, parts={"signing": Signing(edit_signature=edit)})


SHAPES = (
    info("an empty Reference URI", 'URI="#_assertion"', 'URI=""'),
    info("no Reference URI", ' URI="#_assertion"', ""),
    info("a Reference to the response", 'URI="#_assertion"', 'URI="#_response"'),
    info("a Reference without #", 'URI="#_assertion"', 'URI="_assertion"'),
    info("a Reference by XPointer", 'URI="#_assertion"', "URI=\"#xpointer(id('_assertion'))\""),
    info("a Reference to a file", 'URI="#_assertion"', 'URI="file:///etc/passwd"'),
    info("a Reference to the web", 'URI="#_assertion"', 'URI="https://evil.example/#_assertion"'),
    info("no Reference", "<ds:Reference.*</ds:Reference>", ""),
    info("two References", "</ds:Reference>", "</ds:Reference><ds:Reference/>"),
    info("a Reference in an Object", "<ds:Reference.*</ds:Reference>", "<ds:Object/>"),
    info(
        "two digest values",
        "</ds:Reference>",
        "<ds:DigestValue>eA==</ds:DigestValue></ds:Reference>",
    ),
    info("two digest methods", "<ds:DigestMethod", "<ds:DigestMethod/><ds:DigestMethod"),
    info("no digest", "<ds:DigestMethod.*</ds:DigestValue>", ""),
    info("an element in DigestValue", "</ds:DigestValue>", "<x/></ds:DigestValue>"),
    info(
        "an element in SignatureMethod",
        "<ds:SignatureMethod([^>]*)/>",
        f'<ds:SignatureMethod Algorithm="{MORE}rsa-sha256"><ds:HMACOutputLength>1'
        "</ds:HMACOutputLength></ds:SignatureMethod>",
        "algorithm_forbidden",
    ),
    info("no Transforms", "<ds:Transforms>.*</ds:Transforms>", ""),
    info("empty Transforms", "<ds:Transforms>.*</ds:Transforms>", "<ds:Transforms/>"),
    info("only enveloped-signature", re.escape(TRANSFORM), ""),
    info("only canonicalisation", re.escape(ENVELOPED), ""),
    info(
        "the transforms in the wrong order",
        "<ds:Transforms>.*</ds:Transforms>",
        f"<ds:Transforms>{TRANSFORM}{ENVELOPED}</ds:Transforms>",
    ),
    info("canonicalisation twice", re.escape(TRANSFORM), TRANSFORM * 2),
    info("enveloped-signature twice", re.escape(ENVELOPED), ENVELOPED * 2),
    info(
        "something inside enveloped-signature",
        re.escape(ENVELOPED),
        f'<ds:Transform Algorithm="{DS_NS}enveloped-signature"><x/></ds:Transform>',
    ),
    info(
        "a Transform of another namespace", re.escape(TRANSFORM), f'<Transform Algorithm="{EXC}"/>'
    ),
    transform(
        "XSLT",
        "http://www.w3.org/TR/1999/REC-xslt-19991116",
        '<s:stylesheet xmlns:s="http://www.w3.org/1999/XSL/Transform" version="1.0"/>',
    ),
    transform("XPath", "http://www.w3.org/TR/1999/REC-xpath-19991116", "<ds:XPath>1</ds:XPath>"),
    transform("XPath Filter 2", "http://www.w3.org/2002/06/xmldsig-filter2"),
    transform("base64", f"{DS_NS}base64"),
    transform("inclusive C14N", "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"),
    transform("C14N 1.1", "http://www.w3.org/2006/12/xml-c14n11"),
    transform("C14N with comments", "http://www.w3.org/TR/2001/REC-xml-c14n-20010315#WithComments"),
    transform("exclusive C14N of another name", f"{EXC}withcomments"),
    transform("of no name", ""),
    transform("exclusive C14N with something strange inside", EXC, "<x/>"),
    transform(
        "exclusive C14N with two lists",
        EXC,
        f'<e:InclusiveNamespaces xmlns:e="{EXC}" PrefixList="a"/>' * 2,
    ),
    Attack(
        name="17 prefixes in a PrefixList",
        reason=FORBIDDEN,
        parts={"signing": Signing(prefix_list=" ".join(f"p{n}" for n in range(17)))},
    ),
    info(
        "inclusive C14N of SignedInfo",
        re.escape(CANONICALIZATION),
        '<ds:CanonicalizationMethod Algorithm="http://www.w3.org/TR/2001/REC-xml-c14n-20010315"/>',
    ),
    info(
        "C14N 1.1 of SignedInfo",
        re.escape(CANONICALIZATION),
        '<ds:CanonicalizationMethod Algorithm="http://www.w3.org/2006/12/xml-c14n11"/>',
    ),
    Attack(
        name="a SignedInfo that was signed with the comments in it",
        reason="signature_invalid",
        parts={"signing": Signing(edit_info=with_a_comment, with_comments=True)},
    ),
    info("no canonicalisation of SignedInfo", re.escape(CANONICALIZATION), ""),
    info("two canonicalisations of SignedInfo", re.escape(CANONICALIZATION), CANONICALIZATION * 2),
    info(
        "SignedInfo in another order",
        f"{re.escape(CANONICALIZATION)}(<ds:SignatureMethod[^>]*/>)",
        f'<ds:SignatureMethod Algorithm="{MORE}rsa-sha256"/>{CANONICALIZATION}',
    ),
    info("an empty SignedInfo", "<ds:SignedInfo>.*</ds:SignedInfo>", "<ds:SignedInfo/>"),
    Attack(
        name="a relative namespace: no canonical form, which some take for an empty one",
        reason=FORBIDDEN,
        change=replaced("<ds:SignedInfo>", '<ds:SignedInfo xmlns:r="relative" r:a="">'),
    ),
)

SIGNATURES = (
    info("no algorithm", ' Algorithm="[^"]*rsa-sha256"', "", "algorithm_forbidden"),
    info(
        "the algorithm none",
        'Algorithm="[^"]*rsa-sha256"',
        'Algorithm="none"',
        "algorithm_forbidden",
    ),
    signature("two SignedInfo", second_info(lambda text: text)),
    signature(
        "a forged SignedInfo before the signed",
        lambda text: text.replace("<ds:SignedInfo>", "<ds:SignedInfo/><ds:SignedInfo>"),
    ),
    signature("no SignedInfo", lambda text: re.sub("<ds:SignedInfo>.*</ds:SignedInfo>", "", text)),
    signature(
        "no SignatureValue",
        lambda text: re.sub("(?s)<ds:SignatureValue>.*</ds:SignatureValue>", "", text),
    ),
    signature(
        "two SignatureValues",
        lambda text: text.replace("<ds:KeyInfo>", "<ds:SignatureValue/><ds:KeyInfo>"),
    ),
    signature(
        "two KeyInfos", lambda text: text.replace("<ds:KeyInfo>", "<ds:KeyInfo/><ds:KeyInfo>")
    ),
    signature(
        "KeyInfo first",
        lambda text: text.replace("<ds:SignedInfo>", "<ds:KeyInfo/><ds:SignedInfo>"),
    ),
    signature(
        "an Object", lambda text: text.replace("</ds:Signature>", "<ds:Object/></ds:Signature>")
    ),
    signature("an empty Signature", lambda _: f'<ds:Signature xmlns:ds="{DS_NS}"/>'),
    signature(
        "an element in SignatureValue",
        lambda text: text.replace("</ds:SignatureValue>", "<x/></ds:SignatureValue>"),
    ),
    signature(
        "an empty SignatureValue",
        lambda text: re.sub("(?s)(<ds:SignatureValue>).*(</ds:SignatureValue>)", r"\1\2", text),
        "signature_invalid",
    ),
    signature(
        "a SignatureValue that is not base64",
        lambda text: text.replace("<ds:SignatureValue>", "<ds:SignatureValue>é*"),
        "signature_invalid",
    ),
    signature(
        "a SignatureValue with white space that XML does not know",
        lambda text: text.replace("<ds:SignatureValue>", "<ds:SignatureValue>\u2028"),
        "signature_invalid",
    ),
    signature(
        "a SignatureValue with a letter that is not base64",
        lambda text: text.replace("<ds:SignatureValue>", "<ds:SignatureValue>*"),
        "signature_invalid",
    ),
    signature(
        "a SignatureValue of another length",
        lambda text: re.sub("(?s)(<ds:SignatureValue>).*(</ds:SignatureValue>)", r"\1AAAA\2", text),
        "signature_invalid",
    ),
    signature(
        "a comment in DigestValue, before another digest",
        lambda text: text.replace("<ds:DigestValue>", "<ds:DigestValue>AAAA<!-- -->"),
        "signature_invalid",
    ),
    signature(
        "CDATA in DigestValue, before another digest",
        lambda text: text.replace("<ds:DigestValue>", "<ds:DigestValue><![CDATA[AAAA]]>"),
        "signature_invalid",
    ),
    signature(
        "a processing instruction in DigestValue",
        lambda text: text.replace("<ds:DigestValue>", "<ds:DigestValue><?x?>"),
        "malformed_message",
    ),
    signature(
        "SignedInfo changed after it was signed",
        lambda text: text.replace("<ds:SignedInfo>", "<ds:SignedInfo> "),
        "signature_invalid",
    ),
    signature(
        "the algorithm changed after signing",
        lambda text: text.replace("rsa-sha256", "rsa-sha512"),
        "signature_invalid",
    ),
)


ATTACKS = (*SHAPES, *SIGNATURES)


@pytest.mark.parametrize("attack", ATTACKS, ids=names(ATTACKS))
def test_a_bad_signature_is_refused(attack: Attack):
    refuse(attack)


@pytest.mark.parametrize(
    ("name", "received"),
    [
        ("an empty Reference URI", "none"),
        ("a Reference to the response", "#_response"),
        ("no algorithm", "none"),
        ("empty Transforms", "none"),
        ("no digest", "Transforms"),
        ("only canonicalisation", EXC),
        ("an empty SignedInfo", "nothing"),
        ("an empty Signature", "nothing"),
        ("two SignedInfo", "SignedInfo, SignedInfo, SignatureValue, KeyInfo"),
        ("two References", "CanonicalizationMethod, SignatureMethod, Reference, Reference"),
        ("C14N 1.1 of SignedInfo", "http://www.w3.org/2006/12/xml-c14n11"),
        ("17 prefixes in a PrefixList", "17"),
    ],
)
def test_what_is_odd_about_a_signature_is_named(name, received):
    [attack] = [one for one in ATTACKS if one.name == name]
    assert attack.judged().checks[-1].received == received
