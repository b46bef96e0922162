"""No canonical form is larger than the arithmetic that is done before one is made."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from passerelle.saml import xml
from passerelle.saml.errors import MessageError

pytestmark = pytest.mark.thorough

NAMES = ["a", "p:a", "q\u1680:bb", "\u00e9\u00b7", "\u0eb3:x"]
PREFIXES = ["", "p", "q\u1680", "\u0eb3"]
URIS = ["", "urn:p", "urn:" + "y" * 240, "urn:a?b&#38;c", "urn:a'b"]
AROUND = "".join(f' xmlns:{prefix}="urn:around"' for prefix in PREFIXES if prefix)
TEXTS = ["", "x", ">>", "&#13;", "&#38;", "<![CDATA[<&>]]>", "'\"", "\u2028\u1680", "<!--c-->"]
VALUES = ["", "v", "''", ">>", "&#9;&#10;", "&#34;", "\u00e9\U0001f511"]


@st.composite
def elements(draw: st.DrawFn, depth: int = 3) -> str:
    name = draw(st.sampled_from(NAMES))
    spaces = draw(st.dictionaries(st.sampled_from(PREFIXES), st.sampled_from(URIS), max_size=3))
    values = draw(st.dictionaries(st.sampled_from(NAMES), st.sampled_from(VALUES), max_size=3))
    declared = "".join(
        f' xmlns:{prefix}="{uri or "urn:x"}"' if prefix else f' xmlns="{uri}"'
        for prefix, uri in spaces.items()
    )
    written = "".join(f' {key}="{value}"' for key, value in values.items())
    inside = draw(st.lists(elements(depth - 1), max_size=4)) if depth else []
    text = draw(st.sampled_from(TEXTS))
    start = f"<{name}{declared}{written}"
    return f"{start}/>" if not inside and not text else f"{start}>{text}{''.join(inside)}</{name}>"


@settings(max_examples=400, deadline=None)
@given(elements())
def test_the_canonical_form_of_any_part_is_within_what_was_reckoned(inside):
    document = f"<r{AROUND}>{inside}</r>".encode()
    reckoned = xml.canonical_size_at_most(document, xml.declared_namespaces(document.decode()))
    root = xml.parse(document)
    for part in root.iter():
        assert len(xml.canonical(part)) <= reckoned
        assert len(xml.canonical(part, ("p", "q\u1680", "\u0eb3", "#default"))) <= reckoned


@settings(max_examples=300, deadline=None)
@given(elements())
def test_every_declaration_that_the_parser_finds_is_found_in_the_text(inside):
    document = f"<r{AROUND}>{inside}</r>"
    declared = xml.declared_namespaces(document)
    for element in xml.parse(document.encode()).iter():
        for prefix, uri in element.nsmap.items():
            assert declared[prefix or ""] >= len((uri or "").encode())


@pytest.mark.parametrize("space", [chr(code) for code in range(0x110000) if chr(code).isspace()])
def test_white_space_of_python_that_is_none_of_xml_hides_no_declaration(space):
    """Either the parser refuses the character, or what it declares is counted."""
    document = f'<r xmlns:p{space}q="urn:{"x" * 300}"/>'
    with pytest.raises(MessageError):
        xml.parse(document.encode())
