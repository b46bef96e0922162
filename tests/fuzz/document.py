"""A document as text with the places of its elements, for moves that keep every other byte.

A parser that writes what it read gives other prefixes and spaces, and breaks the signatures that a
move should leave whole. So elements are found by their tags, in documents that are not well-formed
too.
"""

import re
from dataclasses import dataclass
from functools import cached_property

_TAG = re.compile(
    r"""<!--.*?-->|<!\[CDATA\[.*?\]\]>|<\?.*?\?>"""
    r"""|<(?P<close>/?)(?P<name>[^\s<>/!?]+)(?P<rest>(?:[^<>"']|"[^"]*"|'[^']*')*)>""",
    re.DOTALL,
)
# Anchored where a run of spaces starts, or a long run would take quadratic time.
_ATTRIBUTE = re.compile(r"""(?<!\s)\s+([^\s=<>"'/]+)\s*=\s*("[^"]*"|'[^']*')""")
_TEXT = re.compile(r">([^<>]+)<")


@dataclass(frozen=True, slots=True)
class Span:
    """A place in the text, of an element with its tags, of an attribute or of some text."""

    name: str
    start: int
    end: int
    inside: int
    """Where the content starts: behind the start tag, or in the quotes."""
    inside_end: int

    @property
    def local(self) -> str:
        return self.name.rpartition(":")[2]


@dataclass(frozen=True)
class Document:
    text: str

    @cached_property
    def elements(self) -> list[Span]:
        """Every element that has its end tag, in the order of the ends."""
        found, opened = [], list[tuple[str, int, int]]()
        for tag in _TAG.finditer(self.text):
            name, rest = tag["name"], tag["rest"] or ""
            if name is None:
                continue
            if tag["close"]:
                while opened:
                    begun, start, inside = opened.pop()
                    if begun == name:
                        found.append(Span(name, start, tag.end(), inside, tag.start()))
                        break
            elif rest.endswith("/"):
                found.append(Span(name, tag.start(), tag.end(), tag.end(), tag.end()))
            else:
                opened.append((name, tag.start(), tag.end()))
        return found

    def named(self, *locals_: str) -> list[Span]:
        return [one for one in self.elements if one.local in locals_]

    @cached_property
    def attributes(self) -> list[Span]:
        return [
            Span(found[1], found.start(), found.end(), found.start(2) + 1, found.end(2) - 1)
            for found in _ATTRIBUTE.finditer(self.text)
        ]

    @cached_property
    def texts(self) -> list[Span]:
        """What stands between tags, where it is more than white space."""
        return [
            Span("", found.start(1), found.end(1), found.start(1), found.end(1))
            for found in _TEXT.finditer(self.text)
            if not found[1].isspace()
        ]

    @cached_property
    def boundaries(self) -> list[int]:
        """Before and behind each tag."""
        return [place for tag in _TAG.finditer(self.text) for place in (tag.start(), tag.end())]

    def whole(self, span: Span) -> str:
        return self.text[span.start : span.end]

    def content(self, span: Span) -> str:
        return self.text[span.inside : span.inside_end]

    def replaced(self, span: Span, whole: str) -> str:
        return self.text[: span.start] + whole + self.text[span.end :]

    def filled(self, span: Span, content: str) -> str:
        return self.text[: span.inside] + content + self.text[span.inside_end :]

    def inserted(self, place: int, piece: str) -> str:
        return self.text[:place] + piece + self.text[place:]
