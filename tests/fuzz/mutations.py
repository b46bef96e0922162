"""Random moves on messages: what a network, a careless product or an attacker might do to one.

    mutated(message, random.Random(7), seeds.messages())

Nothing here keeps a state or has a chance of its own, so that the same number gives the same moves.
"""

import base64
import hashlib
import random
import re
from collections.abc import Callable, Sequence

from lxml import etree

from ..saml.encryption import encrypted
from ..saml.response_builder import DS_NS, Signing, c14n, marker, sign
from . import seeds
from .document import Document, Span
from .pieces import (
    ALGORITHMS,
    ATTRIBUTES,
    ENCODINGS,
    EVIL_ASSERTION,
    NAMESPACES,
    PIECES,
    PREFIXES,
    REFERENCES,
    SIGNED_PARTS,
    WRAPPERS,
)

Move = Callable[[Document, random.Random, Sequence[bytes]], str]
MAX_BYTES = 128 * 1024
"""Of a message after its moves; what takes quadratic time is seen in less."""
LARGE = 32 * 1024
"""From here on, a message is only changed byte by byte: looking for its elements takes long."""


def mutated(message: bytes, chance: random.Random, others: Sequence[bytes]) -> bytes:
    """The message after some moves, of which most are few; `others` lend their parts."""
    if len(message) > LARGE:
        return changed_bytes(message, chance)[:MAX_BYTES]
    text = text_of(message)
    for _ in range(chance.choice((1, 1, 1, 2, 2, 3, 5))):
        if len(text) > LARGE:
            break
        text = chance.choice(MOVES)(Document(text), chance, others)[:MAX_BYTES]
    return encoded(text, message, chance)[:MAX_BYTES]


def text_of(message: bytes) -> str:
    """The text of a message, in which bytes that are none keep their place."""
    codec = "utf-16" if message[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8"
    return message.decode(codec, "surrogateescape" if codec == "utf-8" else "replace")


def encoded(text: str, message: bytes, chance: random.Random) -> bytes:
    """Mostly in UTF-8, now and then in another encoding or with a wrong byte."""
    lot = chance.random()
    if lot < 0.05:
        codec = chance.choice(ENCODINGS)
        declared = chance.choice(("", f'<?xml version="1.0" encoding="{codec}"?>'))
        return (declared + text).encode(codec, "xmlcharrefreplace")
    content = text.encode("utf-8", "surrogateescape" if _is_escaped(text) else "surrogatepass")
    return changed_bytes(content, chance) if lot < 0.15 else content


def _is_escaped(text: str) -> bool:
    try:
        text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return False
    return True


def changed_bytes(content: bytes, chance: random.Random) -> bytes:
    """A few bytes changed, cut, doubled or put in."""
    changed = bytearray(content)
    for _ in range(chance.choice((1, 1, 2, 4))):
        at = chance.randrange(len(changed) + 1)
        to = min(len(changed), at + chance.choice((1, 1, 2, 16, 200)))
        match chance.randrange(5) if chance.random() < 0.99 else -1:
            case -1:
                piece = changed[at:to] * (MAX_BYTES // max(1, to - at))
                changed[at:at] = piece[: max(0, MAX_BYTES - len(changed))]
            case 0:
                changed[at:to] = bytes(one ^ chance.randrange(256) for one in changed[at:to])
            case 1:
                del changed[at:to]
            case 2:
                changed[at:at] = changed[at:to]
            case 3:
                changed[at:at] = chance.randbytes(chance.choice((1, 2, 8)))
            case _:
                changed[at:to] = bytes(one ^ 1 << chance.randrange(8) for one in changed[at:to])
    return bytes(changed)


# Moves on any text.


def put_in_a_piece(document: Document, chance: random.Random, others: Sequence[bytes]) -> str:
    places = document.boundaries
    anywhere = chance.random() < 0.2 or not places
    place = chance.randrange(len(document.text) + 1) if anywhere else chance.choice(places)
    return document.inserted(place, chance.choice(PIECES))


def cut_or_double_a_range(
    document: Document, chance: random.Random, others: Sequence[bytes]
) -> str:
    text, places = document.text, [0, *document.boundaries, len(document.text)]
    start, end = sorted((chance.choice(places), chance.choice(places)))
    if chance.random() < 0.5:
        return text[:start] + text[end:]
    return document.inserted(chance.choice(places), text[start:end])


def change_a_letter(document: Document, chance: random.Random, others: Sequence[bytes]) -> str:
    at = chance.randrange(len(document.text) + 1)
    letter = chance.choice("xX0 \n<>&;\"'=:/#-_\u00e9\u212a\u1680\u0085\u00a0")
    return document.text[:at] + letter + document.text[at + 1 :]


def change_the_spaces(document: Document, chance: random.Random, others: Sequence[bytes]) -> str:
    """Where XML does not care, and where it does."""
    old, new = chance.choice(
        (
            ("\n", "\r\n"),
            ("\n", "\r"),
            ("\n", "&#13;\n"),
            ("\n", ""),
            ("/>", " />"),
            (" ID=", "\n\tID = "),
            ("><", ">\n<"),
            (">", " >"),
            ("</", " </"),
            ('"', "'"),
        )
    )
    return document.text.replace(old, new, chance.choice((1, 2, -1)))


def repeat_a_piece(document: Document, chance: random.Random, others: Sequence[bytes]) -> str:
    """A message grown large, to see what grows faster than it."""
    if chance.random() < 0.8 or not document.boundaries:
        return put_in_a_piece(document, chance, others)
    pieces = (*PIECES, "<x>", "<saml:x ", *ATTRIBUTES, "-----BEGIN CERTIFICATE-----")
    if document.elements and chance.random() < 0.5:
        pieces = (document.whole(chance.choice(document.elements)),)
    piece = chance.choice(pieces)
    room = max(0, MAX_BYTES - len(document.text)) // len(piece)
    times = min(room, chance.choice((10, 100, 1000, 100_000)))
    return document.inserted(chance.choice(document.boundaries), piece * times)


# Moves on what stands in an element.


def split_a_text(document: Document, chance: random.Random, others: Sequence[bytes]) -> str:
    """By a comment and its like, which may leave what is read as it was, or cut it short."""
    if not document.texts:
        return put_in_a_piece(document, chance, others)
    span = chance.choice(document.texts)
    at = chance.randint(span.start, span.end)
    piece = chance.choice(("<!---->", "<!-- admin -->", "<![CDATA[]]>", "<?x?>", "<x/>", "&#10;"))
    return document.inserted(at, piece)


def write_a_text_otherwise(
    document: Document, chance: random.Random, others: Sequence[bytes]
) -> str:
    """The same text as CDATA or by character references, in an element or an attribute."""
    in_element = chance.random() < 0.6
    spans = document.texts if in_element else document.attributes
    if not spans:
        return document.text
    span = chance.choice(spans)
    content = document.content(span)
    start = chance.randint(0, len(content))
    end = chance.randint(start, min(len(content), start + 8))
    piece = content[start:end]
    if in_element and chance.random() < 0.4:
        piece = f"<![CDATA[{piece}]]>"
    else:
        form = chance.choice(("&#{};", "&#x{:x};", "&#x{:X};", "&#000{};"))
        piece = "".join(form.format(ord(letter)) for letter in piece)
    return document.filled(span, content[:start] + piece + content[end:])


def change_a_text(document: Document, chance: random.Random, others: Sequence[bytes]) -> str:
    spans = document.texts + document.attributes
    if not spans:
        return document.text
    content = chance.choice(
        ("admin", "", " ", "bruno", "AAAA", "2.0", "#_assertion", "1", "x" * 99)
    )
    return document.filled(chance.choice(spans), content)


# Moves on elements.


def some_element(document: Document, chance: random.Random) -> Span | None:
    """Any element, or rather one that a signature depends on."""
    if chance.random() < 0.6 and (found := document.named(*SIGNED_PARTS)):
        return chance.choice(found)
    return chance.choice(document.elements) if document.elements else None


def self_contained(piece: str) -> str:
    """An element with the namespaces that it needs elsewhere, so that it can stand there."""
    for prefix, namespace in PREFIXES.items():
        if f"<{prefix}:" in piece and f"xmlns:{prefix}=" not in piece:
            piece = re.sub(r"^(<[^\s/>]+)", rf'\1 xmlns:{prefix}="{namespace}"', piece)
    return piece


def move_an_element(document: Document, chance: random.Random, others: Sequence[bytes]) -> str:
    """Elsewhere, or, as often, a copy of it."""
    span = some_element(document, chance)
    if span is None:
        return document.text
    whole = self_contained(document.whole(span))
    place = chance.choice(document.boundaries)
    if chance.random() < 0.5:
        return document.inserted(place, whole)
    if span.start < place < span.end:
        return document.text
    rest = document.replaced(span, "")
    at = place if place <= span.start else place - (span.end - span.start)
    return rest[:at] + whole + rest[at:]


def remove_an_element(document: Document, chance: random.Random, others: Sequence[bytes]) -> str:
    """With what it holds, or only its tags."""
    span = some_element(document, chance)
    if span is None:
        return document.text
    return document.replaced(span, document.content(span) if chance.random() < 0.3 else "")


def wrap_an_element(document: Document, chance: random.Random, others: Sequence[bytes]) -> str:
    span = some_element(document, chance)
    if span is None:
        return document.text
    start, end = chance.choice(WRAPPERS)
    return document.replaced(span, start + document.whole(span) + end)


def swap_two_elements(document: Document, chance: random.Random, others: Sequence[bytes]) -> str:
    pair = [some_element(document, chance), some_element(document, chance)]
    spans = sorted((one for one in pair if one), key=lambda one: one.start)
    if len(spans) < 2 or spans[0].end > spans[1].start:
        return document.text
    first, second = spans
    text = document.text
    between = text[first.end : second.start]
    wholes = [self_contained(document.whole(one)) for one in (second, first)]
    swapped = between.join(wholes)
    return text[: first.start] + swapped + text[second.end :]


def take_a_part_of_another(
    document: Document, chance: random.Random, others: Sequence[bytes]
) -> str:
    """Put an element of another message in the place of ours, or beside it."""
    span = some_element(document, chance)
    if span is None:
        return document.text
    other = Document(text_of(chance.choice(others)))
    found = other.named(span.local)
    if not found:
        return document.text
    taken = self_contained(other.whole(chance.choice(found)))
    kept = chance.choice(("", "", document.whole(span)))
    return document.replaced(span, chance.choice((taken + kept, kept + taken)))


def set_beside_an_evil_twin(
    document: Document, chance: random.Random, others: Sequence[bytes]
) -> str:
    """Signature wrapping: keep what is signed somewhere, and say something else beside it."""
    holders = document.named("Assertion", "Response", "EncryptedAssertion")
    if not holders:
        return document.text
    span = chance.choice(holders)
    whole = document.whole(span)
    twin = chance.choice((evil_twin(whole, chance), EVIL_ASSERTION))
    start, end = chance.choice((*WRAPPERS, ("", ""), ("", "")))
    hidden = start + whole + end
    inside = Document(twin).boundaries
    at = chance.choice(inside)
    placed = (twin[:at] + hidden + twin[at:], twin + hidden, hidden + twin)
    return document.replaced(span, chance.choice(placed))


def evil_twin(whole: str, chance: random.Random) -> str:
    """The same but for whom it is about; perhaps of another ID, perhaps without the signature."""
    twin = re.sub("alice|bruno", "admin", whole)
    if chance.random() < 0.5:
        twin = re.sub(' ID="', ' ID="_evil', twin, count=1)
    signatures = Document(twin).named("Signature")
    if signatures and chance.random() < 0.6:
        twin = Document(twin).replaced(chance.choice(signatures), "")
    return twin


# Moves on attributes, identifiers and algorithms.


def change_an_attribute(document: Document, chance: random.Random, others: Sequence[bytes]) -> str:
    """Take one away, double it, move it to another tag, or give it another's value."""
    if not document.attributes:
        return document.text
    span, other = chance.choice(document.attributes), chance.choice(document.attributes)
    match chance.randrange(4):
        case 0:
            return document.replaced(span, "")
        case 1:
            return document.inserted(span.end, document.whole(span))
        case 2:
            return document.inserted(other.start, document.whole(span))
        case _:
            return document.filled(span, document.content(other))


def put_in_an_attribute(document: Document, chance: random.Random, others: Sequence[bytes]) -> str:
    span = some_element(document, chance)
    if span is None:
        return document.text
    return document.inserted(span.start + 1 + len(span.name), chance.choice(ATTRIBUTES))


def change_an_algorithm(document: Document, chance: random.Random, others: Sequence[bytes]) -> str:
    spans = [one for one in document.attributes if one.name == "Algorithm"]
    if not spans:
        return document.text
    return document.filled(chance.choice(spans), chance.choice(ALGORITHMS))


def change_an_identifier(document: Document, chance: random.Random, others: Sequence[bytes]) -> str:
    spans = [one for one in document.attributes if one.name.lower() in ("id", "uri")]
    if not spans:
        return document.text
    span = chance.choice(spans)
    names = [document.content(one) for one in spans]
    value = chance.choice((*REFERENCES, *names, *names))
    if span.name.lower() == "id" and chance.random() < 0.8:
        value = value.strip("# ")
    return document.filled(span, value)


# Moves on namespaces.


def rename_a_prefix(document: Document, chance: random.Random, others: Sequence[bytes]) -> str:
    """Everywhere, in the declarations only, or in one tag only."""
    declared = re.findall(r"xmlns:([^\s=]+)=", document.text)
    if not declared:
        return document.text
    old, new = chance.choice(declared), chance.choice((*declared, "x", "saml", "ds", ""))
    text = document.text
    declaration = f"xmlns:{new}=" if new else "xmlns="
    lot = chance.randrange(3)
    if lot != 2:
        text = text.replace(f"xmlns:{old}=", declaration)
    if lot == 1:
        return text
    times = 0 if lot == 0 else chance.choice((1, 2))
    return re.sub(rf"(</?){re.escape(old)}:", rf"\1{new}:" if new else r"\1", text, count=times)


def change_a_namespace(document: Document, chance: random.Random, others: Sequence[bytes]) -> str:
    """Declare another, take a declaration away, or repeat it further in."""
    spans = [one for one in document.attributes if one.name.startswith("xmlns")]
    if not spans:
        return document.text
    span = chance.choice(spans)
    match chance.randrange(3):
        case 0:
            return document.filled(span, chance.choice(NAMESPACES))
        case 1:
            return document.replaced(span, "")
        case _:
            element = chance.choice(document.elements) if document.elements else span
            place = element.start + 1 + len(element.name)
            return document.inserted(place, document.whole(span))


# Moves that need a key: what a stranger can compute by itself.


def fit_a_digest(document: Document, chance: random.Random, others: Sequence[bytes]) -> str:
    """Say something else, and write the digest of it into the reference."""
    text = re.sub("alice|bruno", "admin", document.text)
    changed = Document(text)
    found = changed.named("DigestValue")
    try:
        root = etree.fromstring(text.encode(), etree.XMLParser(resolve_entities=False))
        for signature in list(root.iter(f"{{{DS_NS}}}Signature")):
            parent = signature.getparent()
            if parent is not None:
                parent.remove(signature)
                digest = hashlib.sha256(c14n(parent)).digest()
                value = base64.b64encode(digest).decode()
                return changed.filled(chance.choice(found), value) if found else text
    except (etree.LxmlError, ValueError):
        return text
    return text


def sign_as_a_stranger(document: Document, chance: random.Random, others: Sequence[bytes]) -> str:
    """A signature that holds, by a key that nobody trusts or by one made of a public key."""
    signatures = document.named("Signature")
    if not signatures:
        return document.text
    text = re.sub("alice|bruno", "admin", document.text)
    holder = chance.choice(("_assertion", "_response"))
    stranger = Signing(algorithm="ecdsa-sha256", key=seeds.key("stranger"))
    confused = Signing(algorithm="hmac-sha256", key=seeds.key("rsa"))
    marked = Document(text).replaced(signatures[0], marker(holder))
    try:
        return sign(marked, holder, chance.choice((stranger, confused)))
    except (etree.LxmlError, ValueError):
        return text


def encrypt_an_element(document: Document, chance: random.Random, others: Sequence[bytes]) -> str:
    """Anybody can encrypt for us: a signed assertion, a changed one, or something else."""
    holders = {"Assertion": "Assertion", "NameID": "ID", "Attribute": "Attribute"}
    spans = document.named(*holders)
    if not spans:
        return document.text
    span = chance.choice(spans)
    scheme = seeds.encryption(chance.choice(("aes256-gcm", "aes128-cbc")))
    plain = document.whole(span).encode("utf-8", "replace").decode()
    if chance.random() < 0.3:
        plain = plain.replace("alice", "admin")
    prefix = span.name[: -len(span.local)]
    return document.replaced(
        span, encrypted(plain, f"{prefix}Encrypted{holders[span.local]}", scheme)
    )


MOVES: tuple[Move, ...] = (
    put_in_a_piece,
    cut_or_double_a_range,
    change_a_letter,
    change_the_spaces,
    repeat_a_piece,
    split_a_text,
    write_a_text_otherwise,
    change_a_text,
    move_an_element,
    remove_an_element,
    wrap_an_element,
    swap_two_elements,
    take_a_part_of_another,
    set_beside_an_evil_twin,
    change_an_attribute,
    put_in_an_attribute,
    change_an_algorithm,
    change_an_identifier,
    rename_a_prefix,
    change_a_namespace,
    fit_a_digest,
    sign_as_a_stranger,
    encrypt_an_element,
)
