"""The only place where XML from outside is parsed, searched and canonicalised.

No DTD, no entities, no network, no processing instructions, bounded size and depth. Comments are
dropped while parsing, so that text on both sides of one is read as a single text.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache

from lxml import etree

from passerelle.saml.errors import MessageError

MAX_BYTES = 2 * 1024 * 1024
"""The largest message read: a response with 5,000 groups takes about a quarter of it."""

# A document type declaration in each of the encodings that libxml2 detects by itself.
_DOCTYPES = tuple("<!DOCTYPE".encode(codec) for codec in ("ascii", "utf-16-le", "utf-16-be"))
_DATE_TIME = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,12}))?(?:Z|([+-])(\d\d):(\d\d))", re.ASCII
)


def parse(document: bytes) -> etree._Element:
    """Parse a document from outside and return its root.

    Raises MessageError: message_too_large, doctype_forbidden, malformed_message.
    """
    if len(document) > MAX_BYTES:
        raise MessageError(
            "message_too_large",
            expected=f"at most {MAX_BYTES} bytes",
            received=f"{len(document)} bytes",
        )
    if any(mark in document for mark in _DOCTYPES):
        raise MessageError("doctype_forbidden", expected="no DOCTYPE", received="a DOCTYPE")
    root = _parse(document)
    tree = root.getroottree()
    if tree.docinfo.doctype or tree.docinfo.internalDTD is not None:
        raise MessageError("doctype_forbidden", expected="no DOCTYPE", received="a DOCTYPE")
    if xpath("boolean(//processing-instruction()|/processing-instruction())")(root):
        raise MessageError(
            "malformed_message",
            expected="no processing instruction",
            received="a processing instruction",
        )
    return root


def reparse(canonical: bytes) -> etree._Element:
    """Parse canonical bytes that we made ourselves: no further limits are needed."""
    return _parse(canonical)


def _parse(document: bytes) -> etree._Element:
    # A parser keeps state and a lock: one each time, so that threads do not wait for each other.
    parser = etree.XMLParser(
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        huge_tree=False,
        remove_comments=True,
    )
    try:
        return etree.fromstring(document, parser)
    except (etree.XMLSyntaxError, ValueError, LookupError) as error:
        raise MessageError(
            "malformed_message", expected="well-formed XML", received=_first_line(error)
        ) from error


def _first_line(error: Exception) -> str:
    lines = str(error).splitlines()
    return lines[0][:200] if lines else "an unreadable document"


@cache
def xpath(expression: str) -> etree.XPath:
    """A compiled XPath expression with the usual prefixes."""
    from passerelle.saml.names import PREFIXES

    return etree.XPath(expression, namespaces=PREFIXES, smart_strings=False)


def canonical(element: etree._Element, inclusive_prefixes: Iterable[str] = ()) -> bytes:
    """Exclusive C14N without comments of one subtree.

    A relative namespace URI has no canonical form: libxml2 refuses it, and so do we.
    """
    prefixes = list(inclusive_prefixes)
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


@contextmanager
def detached(child: etree._Element) -> Iterator[None]:
    """Take a child out of its parent, keeping the text after it, and put it back afterwards."""
    parent, previous, tail = child.getparent(), child.getprevious(), child.tail
    assert parent is not None
    index = parent.index(child)
    before = parent.text if previous is None else previous.tail
    parent.remove(child)
    if previous is None:
        parent.text = (before or "") + (tail or "") or None
    else:
        previous.tail = (before or "") + (tail or "") or None
    try:
        yield
    finally:
        if previous is None:
            parent.text = before
        else:
            previous.tail = before
        parent.insert(index, child)
        child.tail = tail


def children(parent: etree._Element, name: str) -> list[etree._Element]:
    return parent.findall(name)


def at_most_one(parent: etree._Element, name: str) -> etree._Element | None:
    found = parent.findall(name)
    if len(found) > 1:
        raise MessageError(
            "malformed_message",
            expected=f"at most one {local_name(name)} in {local_name(parent.tag)}",
            received=f"{len(found)} of them",
        )
    return found[0] if found else None


def exactly_one(parent: etree._Element, name: str) -> etree._Element:
    found = at_most_one(parent, name)
    if found is None:
        raise MessageError(
            "malformed_message",
            expected=f"one {local_name(name)} in {local_name(parent.tag)}",
            received="none",
        )
    return found


def text_of(element: etree._Element) -> str:
    """The text of an element that may hold nothing but text."""
    if len(element):
        raise MessageError(
            "malformed_message",
            expected=f"only text in {local_name(element.tag)}",
            received=f"an element {local_name(element[0].tag)}",
        )
    return element.text or ""


def uri_of(element: etree._Element) -> str:
    """The text of an element of type anyURI, whose outer white space does not count."""
    return text_of(element).strip(" \t\r\n")


def required_attribute(element: etree._Element, name: str) -> str:
    value = element.get(name)
    if not value:
        raise MessageError(
            "malformed_message",
            expected=f"an attribute {name} on {local_name(element.tag)}",
            received="none",
        )
    return value


def instant(element: etree._Element, name: str) -> datetime | None:
    """An xs:dateTime attribute in UTC (SAML Core §1.3.3); fractions beyond microseconds are cut.

    Raises MessageError(malformed_message) for anything else, a missing zone included.
    """
    value = element.get(name)
    return None if value is None else parse_instant(value.strip(" \t\r\n"), name)


def parse_instant(value: str, name: str = "time") -> datetime:
    match = _DATE_TIME.fullmatch(value)
    try:
        if match is None:
            raise ValueError
        whole, fraction, sign, hours, minutes = match.groups()
        moment = datetime.fromisoformat(whole).replace(
            microsecond=int((fraction or "0")[:6].ljust(6, "0")), tzinfo=UTC
        )
        if sign:
            offset = timedelta(hours=int(hours), minutes=int(minutes))
            moment = moment - offset if sign == "+" else moment + offset
        return moment
    except (ValueError, OverflowError):
        raise MessageError(
            "malformed_message",
            expected=f"{name} as a time in UTC such as 2030-01-31T12:00:00Z",
            received=value[:100],
        ) from None


def local_name(tag: object) -> str:
    return str(tag).rpartition("}")[2]
