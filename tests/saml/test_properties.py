"""What must hold for every document, not only for those that somebody thought of."""

import random
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from lxml import etree

from passerelle import saml
from passerelle.saml import xml, xmldsig
from passerelle.saml.errors import MessageError

from .response_builder import (
    SAML_NS,
    Shape,
    Signing,
    attribute,
    attributes,
    build,
    expected,
    name_id,
)

pytestmark = pytest.mark.thorough

Claims = tuple[Any, ...]
SAID = attributes(
    attribute("email", "alice@acme.example"),
    attribute("groups", "staff", "", "a b"),
    attribute("groups", "late"),
)
SHAPES = {
    "assertion": Shape(attributes=SAID, name_id=name_id("alice")),
    "response": Shape(attributes=SAID, name_id=name_id("alice"), signed="response"),
    "both": Shape(attributes=SAID, name_id=name_id("alice"), signed="both", pretty=True),
    "default": Shape(
        attributes=SAID,
        name_id=name_id("alice"),
        prefixes={"saml": ""},
        signing=Signing(prefix="", prefix_list="samlp #default"),
    ),
}
MESSAGES = {name: build(shape) for name, shape in SHAPES.items()}
CLAIMS: Claims = (
    saml.NameID("alice", "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"),
    {"email": ("alice@acme.example",), "groups": ("staff", "", "a b", "late")},
    "_session",
    "_assertion",
)

any_message = st.sampled_from(list(MESSAGES))


def claims_of(judgement: saml.Judgement) -> Claims:
    assertion = judgement.assertion
    return (assertion.name_id, assertion.attributes, assertion.session_index, assertion.id)


def reread(canonical: bytes) -> Claims:
    """The claims in the bytes that were hashed, read by other means than the product's."""
    root = etree.fromstring(canonical)
    find = {"namespaces": {"s": SAML_NS}}
    [subject] = root.xpath("descendant-or-self::s:Assertion/s:Subject/s:NameID", **find)
    found: dict[str, tuple[str, ...]] = {}
    for one in root.xpath("//s:AttributeStatement/s:Attribute", **find):
        values = tuple(value.text or "" for value in one.xpath("s:AttributeValue", **find))
        found[one.get("Name")] = found.get(one.get("Name"), ()) + values
    [session] = root.xpath("//s:AuthnStatement/@SessionIndex", **find)
    [identifier] = root.xpath("descendant-or-self::s:Assertion/@ID", **find)
    return (saml.NameID(subject.text, subject.get("Format")), found, session, identifier)


def verified_bytes(message: bytes) -> bytes:
    """The canonical bytes of what is signed in a message that is accepted."""
    root = xml.parse(message)
    signature = next(root.iter("{http://www.w3.org/2000/09/xmldsig#}Signature"))
    return xml.canonical(xmldsig.verify(signature, expected().certificates).element)


@pytest.mark.parametrize("name", MESSAGES)
def test_the_messages_are_accepted_as_they_are(name):
    assert claims_of(saml.judge(MESSAGES[name], expected())) == CLAIMS
    assert reread(verified_bytes(MESSAGES[name])) == CLAIMS


def check_changed(message: bytes) -> None:
    """A message that was tampered with is refused, or says what it said."""
    judgement = saml.judge(message, expected())
    if judgement.accepted:
        assert claims_of(judgement) == CLAIMS
        assert reread(verified_bytes(message)) == CLAIMS


@settings(max_examples=400)
@given(any_message, st.integers(0, 10_000), st.integers(1, 255))
def test_a_changed_byte_never_changes_the_claims(name, place, change):
    message = bytearray(MESSAGES[name])
    message[place % len(message)] ^= change
    check_changed(bytes(message))


@pytest.mark.parametrize("name", MESSAGES)
def test_no_changed_byte_between_the_tags_of_an_assertion_is_overlooked(name):
    """Each byte of the signed part in its turn, apart from the signature itself."""
    message = MESSAGES[name]
    start, end = message.index(b"Subject>"), message.rindex(b"Assertion>")
    for place in range(start, end):
        changed = bytearray(message)
        changed[place] = ord("x") if changed[place] != ord("x") else ord("y")
        judgement = saml.judge(bytes(changed), expected())
        # A prefix or white space inside a tag may differ: then the canonical form is the same.
        assert not judgement.accepted or claims_of(judgement) == CLAIMS


INSERTED = st.sampled_from(
    [
        "<x/>",
        "<!-- x -->",
        "<![CDATA[x]]>",
        "<![CDATA[]]>",
        "x",
        " ",
        "&#120;",
        "<saml:Assertion/>",
        '<saml:Assertion ID="_assertion"/>',
        "<saml:NameID>admin</saml:NameID>",
        "<saml:Subject><saml:NameID>admin</saml:NameID></saml:Subject>",
        '<saml:Attribute Name="groups"><saml:AttributeValue>admin</saml:AttributeValue>'
        "</saml:Attribute>",
        '<saml:AttributeStatement><saml:Attribute Name="email"><saml:AttributeValue>admin'
        "</saml:AttributeValue></saml:Attribute></saml:AttributeStatement>",
        '<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#"/>',
        "<samlp:Extensions/>",
        '<x xmlns="urn:oasis:names:tc:SAML:2.0:assertion"/>',
        "<?x?>",
    ]
)


@settings(max_examples=400)
@given(any_message, st.lists(st.tuples(st.integers(0, 10_000), INSERTED), min_size=1, max_size=3))
def test_inserted_elements_never_change_the_claims(name, insertions):
    text = MESSAGES[name].decode()
    if name == "default":
        text = text.replace("<samlp:Response ", f'<samlp:Response xmlns:saml="{SAML_NS}" ', 1)
    for place, inserted in insertions:
        # Behind some tag, wherever that is.
        tags = [at for at, letter in enumerate(text) if letter == ">"]
        at = tags[place % len(tags)] + 1
        text = text[:at] + inserted + text[at:]
    check_changed(text.encode())


@settings(max_examples=200)
@given(any_message, st.integers(0, 1000), st.integers(0, 1000), st.booleans())
def test_moved_and_copied_elements_never_change_the_claims(name, source, target, copy):
    root = etree.fromstring(MESSAGES[name])
    elements = list(root.iter())[1:]
    moved, where = elements[source % len(elements)], elements[target % len(elements)]
    if copy:
        moved = etree.fromstring(etree.tostring(moved))
    elif where in moved.iter():
        return
    where.append(moved)
    check_changed(etree.tostring(root))


@settings(max_examples=300)
@given(st.binary(max_size=200))
@example(b"\xff\xfe")
@example(b"\xfe\xff\xd8\x00")
@example(b"<\x00")
@example(b"<?xml encoding='")
@example(b"<a xmlns='")
def test_any_bytes_are_judged(message):
    assert not saml.judge(message, expected()).accepted
    with suppress(MessageError):
        assert not saml.judge(saml.decode_response(message), expected()).accepted


@settings(max_examples=200)
@given(st.text(max_size=60))
def test_any_text_is_judged(text):
    with suppress(MessageError):
        assert not saml.judge(saml.decode_response(text), expected()).accepted


@settings(max_examples=300)
@given(any_message, st.randoms(use_true_random=False), st.integers(1, 40))
def test_any_rubbish_made_of_a_message_is_judged(name, chance: random.Random, times):
    """Cut, double and shuffle pieces of a good message: judging never raises."""
    pieces = MESSAGES[name].decode().replace("<", "\0<").replace(" ", "\0 ").split("\0")
    for _ in range(times):
        at, other = chance.randrange(len(pieces)), chance.randrange(len(pieces))
        if chance.random() < 0.5:
            pieces[at] = pieces[other]
        else:
            pieces[at : at + 1] = []
    check_changed("".join(pieces).encode())


@settings(max_examples=100)
@given(
    st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1).filter(
        str.strip
    ),
    st.lists(st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")))),
)
def test_whatever_is_signed_is_read_as_it_was_written(subject, values):
    values = [value for value in values if not any(map(is_no_character, value))]
    if any(map(is_no_character, subject)):
        return
    message = build(Shape(name_id=name_id(subject), attributes=attributes(attribute("a", *values))))
    assertion = saml.judge(message, expected()).assertion
    assert assertion.name_id is not None
    assert assertion.name_id.value == subject
    assert assertion.attributes == {"a": tuple(values)}


def is_no_character(letter: str) -> bool:
    return letter in "\ufffe\uffff"
