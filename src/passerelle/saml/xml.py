"""The only place where XML from outside is parsed, searched and canonicalised.

No DTD, no entities, no network, no processing instructions, no encoding but UTF-8 and UTF-16;
size, depth, namespaces and attributes are bounded, so that reading takes linear time. Comments are
dropped while parsing, so that text on both sides of one is read as a single text.
"""

import binascii
import re
import threading
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import cast

from lxml import etree

from passerelle.saml.errors import MessageError
from passerelle.saml.names import PREFIXES, ds

SIGNATURE = ds("Signature")
MAX_BYTES = 2 * 1024 * 1024
"""The largest message read: a response with 5,000 groups takes about a quarter of it."""
MAX_PREFIXES = 64
"""Namespace prefixes in one document; canonicalisation looks each of them up again and again."""
MAX_NAMESPACE_LENGTH = 250
"""Of one namespace name: canonicalisation may have to repeat it for every element."""
MAX_DEPTH = 64
"""Elements in one another; canonicalisation looks upwards from each of them."""
MAX_ATTRIBUTES = 64
"""Attributes on one element; canonicalisation sorts them by insertion."""
MAX_MARKS = 100_000
"""Of `<`, and of `=`: each may become a node, which takes a hundred bytes. Of 5,000 groups come a
fifth as many."""
MAX_CANONICAL = 4 * MAX_BYTES
"""Bytes that a document may come to in canonical form."""

WHITE_SPACE = " \t\r\n"
"""What XML calls white space; Python's own notion is wider."""

# The first of all descendants: other ways of asking take quadratic time, or worse.
_FORBIDDEN = {
    "/descendant::processing-instruction()[1]": "no processing instruction",
    "/*" * (MAX_DEPTH + 1): f"at most {MAX_DEPTH} elements in one another",
    f"/descendant::*/@*[{MAX_ATTRIBUTES + 1}]": f"at most {MAX_ATTRIBUTES} attributes in a tag",
}
_IS_FORBIDDEN = " or ".join(_FORBIDDEN)
# The length first: it is asked of every attribute there is.
_IDS = (
    "/descendant::*/@*[string-length(local-name()) = 2][translate(local-name(), 'id', 'ID') = 'ID']"
)
# By hand: xml.sax.saxutils imports all of http, which takes as long as lxml and cryptography do.
_QUOTED = {ord(one): f"&#{ord(one)};" for one in '&<"\t\n\r'}
_WHITE_BYTES = WHITE_SPACE.encode()
_ENCODING_MARKS = (
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
    (b"<\x00", "utf-16-le"),
    (b"\x00<", "utf-16-be"),
)
# White space is XML's own four characters (XML 1.0 §2.3). Python's `\s` holds some that XML allows
# in a name, such as U+1680: what the parser takes for a declaration would not be found here.
_S = f"[{WHITE_SPACE}]"
_DECLARED_ENCODING = re.compile(rf"""<\?xml{_S}[^>]*?encoding{_S}*={_S}*["']([^"'>]*)""")
# A prefix has no colon: with one, "xmlns:xmlns:…" would be read to its end from each beginning.
_NAMESPACE = re.compile(rf"""xmlns(?::([^{WHITE_SPACE}=:]+))?{_S}*={_S}*("[^"]*"|'[^']*')""")
_SEPARATOR = re.compile(_S)
_DATE_TIME = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,12}))?(?:Z|([+-])(\d\d):(\d\d))", re.ASCII
)


def parse(document: bytes) -> etree._Element:
    """Parse a document from outside and return its root; white space around it does not count.

    Raises MessageError: message_too_large, doctype_forbidden, malformed_message.
    """
    if len(document) > MAX_BYTES:
        raise MessageError(
            "message_too_large",
            expected=f"at most {MAX_BYTES} bytes",
            received=f"{len(document)} bytes",
        )
    text = _decoded(document).strip(WHITE_SPACE)
    if "<!DOCTYPE" in text:
        raise MessageError("doctype_forbidden", expected="no DOCTYPE", received="a DOCTYPE")
    encoded = text.encode()
    _bound_size(encoded, text)
    root = _parse(encoded)
    if xpath(_IS_FORBIDDEN)(root):
        expected = next(rule for found, rule in _FORBIDDEN.items() if xpath(found)(root))
        raise _malformed(expected, "something else")
    return root


def parse_within(fragment: bytes, namespaces: Mapping[str | None, str]) -> etree._Element:
    """Parse one element that stood where these namespaces are declared. Raises MessageError."""
    declared = "".join(
        f' xmlns{(prefix and ":" + prefix) or ""}="{uri.translate(_QUOTED)}"'
        for prefix, uri in namespaces.items()
        if prefix != "xml"
    )
    around = parse(b"<_%b>%b</_>" % (declared.encode(), fragment))
    if len(around) != 1 or (around.text or "").strip(WHITE_SPACE):
        raise _malformed("one element", f"{len(around)}")
    return around[0]


def reparse(canonical: bytes) -> etree._Element:
    """Parse canonical bytes that we made ourselves: no further limits are needed."""
    return _parse(canonical)


def _decoded(document: bytes) -> str:
    """The text of a document in UTF-8 or UTF-16.

    The parser is handed this text and nothing else, whatever the document says of its encoding:
    otherwise one that only the parser knows, such as UTF-7, could hide a document type from us.
    """
    marked = (codec for mark, codec in _ENCODING_MARKS if document.startswith(mark))
    codec = next(marked, "utf-8-sig")
    try:
        text = document.decode(codec)
    except UnicodeDecodeError as error:
        raise _malformed("text in UTF-8 or UTF-16", f"a wrong byte at {error.start}") from None
    if "\0" in text:
        raise _malformed("text without NUL", "a NUL")
    declared = _DECLARED_ENCODING.match(text.lstrip(WHITE_SPACE))
    if declared and not declared[1].lower().startswith(("utf-8", "utf-16", "us-ascii")):
        raise _malformed("text in UTF-8 or UTF-16", f"text declared as {declared[1]}")
    return text


def declared_namespaces(text: str) -> dict[str, int]:
    """The prefixes that are declared, each with the length of its longest namespace name.

    Names of attributes cannot be escaped, so every declaration is found in the text; the prefix of
    a default namespace is empty. Raises MessageError for more or longer ones than are bounded.
    """
    found: dict[str, int] = {}
    at = text.find("xmlns")
    while at >= 0:
        if declaration := _NAMESPACE.match(text, at):
            prefix, length = declaration[1] or "", len(declaration[2].encode()) - 2
            found[prefix] = max(found.get(prefix, 0), length)
        at = text.find("xmlns", at + 1)
    longest = max(found.values(), default=0)
    if longest > MAX_NAMESPACE_LENGTH:
        limit = f"namespace names of at most {MAX_NAMESPACE_LENGTH} bytes"
        raise _malformed(limit, f"one of {longest}")
    if len(found) > MAX_PREFIXES:
        raise _malformed(f"at most {MAX_PREFIXES} namespace prefixes", f"{len(found)}")
    return found


def canonical_size_at_most(document: bytes, namespaces: Mapping[str, int]) -> int:
    """What the canonical form of any part can come to in bytes, by arithmetic on the text.

    A name may come to stand in an end tag as well, and a character reference grows by a quarter:
    twice the text. Some characters are escaped. And exclusive C14N declares a prefix anew at each
    element that uses it (§3), which takes a colon; a default namespace, at each element.
    """
    opened = document.count(b"<")
    size = 2 * len(document) + 3 * (opened + document.count(b">"))
    size += 4 * document.count(b"&") + 5 * document.count(b'"')
    for prefix, longest in namespaces.items():
        name = prefix.encode()
        uses = document.count(name + b":") if prefix else opened
        size += uses * (len(name) + longest + longest // 4 + len(' xmlns:=""'))
    return size


def _bound_size(document: bytes, text: str) -> None:
    """Refuse what would take much memory to read, or grow large, before anything is built of it."""
    marks = max(document.count(b"<"), document.count(b"="))
    if marks > MAX_MARKS:
        raise _too_large(f"at most {MAX_MARKS} tags and attributes", marks)
    size = canonical_size_at_most(document, declared_namespaces(text))
    if size > MAX_CANONICAL:
        raise _too_large(f"at most {MAX_CANONICAL} bytes in canonical form", size)


def _too_large(expected: str, received: int) -> MessageError:
    return MessageError("message_too_large", expected=expected, received=f"up to {received}")


class _Parsers(threading.local):
    """A parser for each thread: one keeps a lock, and threads would wait for each other."""

    def __init__(self) -> None:
        self.hardened = etree.XMLParser(
            encoding="utf-8",
            resolve_entities=False,
            load_dtd=False,
            no_network=True,
            huge_tree=False,
            remove_comments=True,
        )


_parsers = _Parsers()


def _parse(document: bytes) -> etree._Element:
    parser = _parsers.hardened
    try:
        root = etree.fromstring(document, parser)
    except etree.LxmlError as error:
        raise _malformed("well-formed XML", _first_line(error)) from error
    # A warning that comes later makes lxml overlook an error of namespaces: a prefix of nothing.
    for entry in parser.error_log:
        if entry.level >= etree.ErrorLevels.ERROR:
            raise _malformed("well-formed XML", entry.message)
    return root


def _malformed(expected: str, received: str) -> MessageError:
    return MessageError("malformed_message", expected=expected, received=received)


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


@cache
def xpath(expression: str) -> etree.XPath:
    """A compiled XPath expression with the usual prefixes."""
    return etree.XPath(expression, namespaces=PREFIXES, smart_strings=False)


def ids(root: etree._Element) -> list[str]:
    """The values of all attributes that some reader might take for an ID."""
    return cast(list[str], xpath(_IDS)(root))


def canonical(element: etree._Element, inclusive_prefixes: Iterable[str] = ()) -> bytes:
    """Exclusive C14N without comments of one subtree.

    A relative namespace URI has no canonical form: libxml2 refuses it, and so do we.
    """
    prefixes = list(inclusive_prefixes)
    if "#default" in prefixes:
        _intern_default()
    try:
        return etree.tostring(
            element,
            method="c14n",
            exclusive=True,
            with_comments=False,
            inclusive_ns_prefixes=prefixes or None,
        )
    except (etree.LxmlError, ValueError) as error:
        raise MessageError(
            "signature_profile_forbidden",
            expected="an element that has a canonical form",
            received=_first_line(error),
        ) from error


def _intern_default() -> None:
    """Make lxml pass `#default` on: it leaves out prefixes that no parser of this thread has met.

    Should it ever be left out all the same, then the hash differs and the message is refused.
    """
    _parse(b'<_ xmlns:_="#default"/>')


def remove(child: etree._Element) -> None:
    """Take a child out of its parent; the text after it stays."""
    parent, previous = child.getparent(), child.getprevious()
    assert parent is not None
    if previous is None:
        parent.text = (parent.text or "") + (child.tail or "")
    else:
        previous.tail = (previous.tail or "") + (child.tail or "")
    parent.remove(child)


def children(parent: etree._Element, name: str) -> list[etree._Element]:
    return list(parent.iterchildren(name))


def at_most_one(parent: etree._Element, name: str) -> etree._Element | None:
    found = children(parent, name)
    if len(found) > 1:
        raise _malformed(
            f"at most one {local_name(name)} in {local_name(parent.tag)}", f"{len(found)} of them"
        )
    return found[0] if found else None


def exactly_one(parent: etree._Element, name: str) -> etree._Element:
    found = at_most_one(parent, name)
    if found is None:
        raise _malformed(f"one {local_name(name)} in {local_name(parent.tag)}", "none")
    return found


def text_of(element: etree._Element) -> str:
    """The text of an element that may hold nothing but text."""
    if len(element):
        raise _malformed(
            f"only text in {local_name(element.tag)}", f"an element {local_name(element[0].tag)}"
        )
    return element.text or ""


def all_text_of(element: etree._Element) -> str:
    """The text of an element and of what it holds."""
    return "".join(str(text) for text in element.itertext())


def words(text: str | None) -> list[str]:
    """The items of a list with white space between them, as XML Schema separates them."""
    return [word for word in _SEPARATOR.split(text or "") if word]


def decode_base64(text: str | bytes) -> bytes:
    """Base64 with whatever white space in it (XML Schema Part 2 §3.2.16). Raises ValueError."""
    raw = text.encode() if isinstance(text, str) else text
    if any(white_byte in raw for white_byte in _WHITE_BYTES):
        raw = raw.translate(None, _WHITE_BYTES)
    return binascii.a2b_base64(raw, strict_mode=True)


def uri_of(element: etree._Element) -> str:
    """The text of an element of type anyURI, whose outer white space does not count."""
    return text_of(element).strip(WHITE_SPACE)


def required_attribute(element: etree._Element, name: str) -> str:
    value = element.get(name)
    if not value:
        raise _malformed(f"an attribute {name} on {local_name(element.tag)}", "none")
    return value


def instant(element: etree._Element, name: str) -> datetime | None:
    """An xs:dateTime attribute in UTC (SAML Core §1.3.3); fractions beyond microseconds are cut.

    Raises MessageError(malformed_message) for anything else, a missing zone included.
    """
    value = element.get(name)
    return None if value is None else parse_instant(value.strip(WHITE_SPACE), name)


def parse_instant(value: str, name: str = "time") -> datetime:
    match = _DATE_TIME.fullmatch(value)
    try:
        if match is None:
            raise ValueError
        whole, fraction, sign, hours, minutes = match.groups()
        moment = datetime.fromisoformat(whole + "+00:00")
        if fraction:
            moment = moment.replace(microsecond=int(fraction[:6].ljust(6, "0")))
        if sign:
            offset = timedelta(hours=int(hours), minutes=int(minutes))
            moment = moment - offset if sign == "+" else moment + offset
        return moment
    except (ValueError, OverflowError):
        raise _malformed(f"{name} as a time in UTC such as 2030-01-31T12:00:00Z", value) from None


def written(moment: datetime) -> str:
    """A time as xs:dateTime in UTC, to the second."""
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    return moment.isoformat(timespec="seconds").removesuffix("+00:00") + "Z"


def local_name(tag: object) -> str:
    return str(tag).rpartition("}")[2]
