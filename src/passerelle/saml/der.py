"""Just enough DER to take a certificate apart: elements one after another (X.690 §8.1)."""

SEQUENCE = 0x30
MAX_ELEMENTS = 16
"""In one another of the elements that are taken apart here: a certificate has ten at most."""


def split(content: bytes) -> list[bytes]:
    """The elements that content is made of, each with its head. Raises ValueError."""
    found = []
    at = 0
    while at < len(content):
        _start, end = _bounds(content, at)
        found.append(content[at:end])
        at = end
        if len(found) > MAX_ELEMENTS:
            raise ValueError("too many elements")
    return found


def inside(element: bytes, tag: int = SEQUENCE) -> bytes:
    """The content of one element of this kind. Raises ValueError."""
    start, end = _bounds(element, 0)
    if element[0] != tag or end != len(element):
        raise ValueError("another element")
    return element[start:end]


def element(content: bytes, tag: int = SEQUENCE) -> bytes:
    """An element with this content."""
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes((tag, 0x80 | len(length))) + length + content


def _bounds(content: bytes, at: int) -> tuple[int, int]:
    """Where the content of the element at this place starts and ends."""
    if len(content) < at + 2 or content[at] & 0x1F == 0x1F:
        raise ValueError("no element")
    start, length = at + 2, content[at + 1]
    if length >= 0x80:
        octets = length & 0x7F
        if not 1 <= octets <= 4:
            raise ValueError("no definite length")
        start += octets
        length = int.from_bytes(content[at + 2 : start])
    if start + length > len(content):
        raise ValueError("an element that is cut off")
    return start, start + length
