"""The parser's own rules: outer limits, canonical form, times."""

from datetime import UTC, datetime, timedelta, timezone
from xml.etree.ElementTree import canonicalize

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from passerelle.saml import xml
from passerelle.saml.errors import MessageError


def test_limits_can_be_reached():
    prefixes = " ".join(f'xmlns:p{number}="urn:x"' for number in range(xml.MAX_PREFIXES))
    attributes = " ".join(f'a{number}=""' for number in range(xml.MAX_ATTRIBUTES))
    longest = "urn:" + "x" * (xml.MAX_NAMESPACE_LENGTH - 4)
    assert xml.parse(f"<a {prefixes}/>".encode()).tag == "a"
    assert len(xml.parse(f"<a {attributes}/>".encode()).attrib) == xml.MAX_ATTRIBUTES
    assert xml.parse(f'<a xmlns="{longest}"/>'.encode()).tag == f"{{{longest}}}a"
    assert xml.parse(b"<a>" + b"x" * (xml.MAX_BYTES - 7) + b"</a>").tag == "a"


def test_a_repeated_prefix_counts_once():
    depth = xml.MAX_DEPTH
    assert xml.parse(b"<a>" * depth + b"</a>" * depth).tag == "a"
    repeated = "".join(f'<b xmlns:x="urn:x:{number}"/>' for number in range(1000))
    assert len(xml.parse(f"<a>{repeated}</a>".encode())) == 1000


def test_a_relative_namespace_has_no_canonical_form():
    with pytest.raises(MessageError) as raised:
        xml.canonical(xml.parse(b'<a xmlns="relative"/>'))
    assert raised.value.reason == "signature_profile_forbidden"


def test_default_in_a_prefix_list_keeps_the_default_namespace():
    root = xml.parse(b'<p:a xmlns:p="urn:p" xmlns="urn:d"><p:b><c/></p:b></p:a>')
    plain, inclusive = (xml.canonical(root[0], prefixes) for prefixes in ((), ("#default",)))
    assert plain == b'<p:b xmlns:p="urn:p"><c xmlns="urn:d"></c></p:b>'
    assert inclusive == b'<p:b xmlns="urn:d" xmlns:p="urn:p"><c></c></p:b>'


@pytest.mark.parametrize(
    ("document", "left"),
    [
        ("<a>1<b/>2</a>", "<a>12</a>"),
        ("<a><b/>2</a>", "<a>2</a>"),
        ("<a><b/></a>", "<a></a>"),
        ("<a>1<c/><b/>2<d/></a>", "<a>1<c></c>2<d></d></a>"),
        ("<a>1<c/>3<b/>2</a>", "<a>1<c></c>32</a>"),
    ],
)
def test_the_text_behind_a_removed_child_stays(document, left):
    root = xml.parse(document.encode())
    xml.remove(next(root.iter("b")))
    assert xml.canonical(root) == left.encode()


def test_a_comment_does_not_divide_text():
    assert xml.parse(b"<a>x<!-- y -->z</a>").text == "xz"


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2030-01-31T12:00:00Z", datetime(2030, 1, 31, 12, tzinfo=UTC)),
        ("2030-01-31T12:00:00.5Z", datetime(2030, 1, 31, 12, 0, 0, 500000, UTC)),
        ("2030-01-31T12:00:00.1234567Z", datetime(2030, 1, 31, 12, 0, 0, 123456, UTC)),
        ("2030-01-31T12:00:00+01:30", datetime(2030, 1, 31, 10, 30, tzinfo=UTC)),
        ("2030-01-31T12:00:00-01:30", datetime(2030, 1, 31, 13, 30, tzinfo=UTC)),
        ("2030-01-31T12:00:00-00:00", datetime(2030, 1, 31, 12, tzinfo=UTC)),
    ],
)
def test_times_are_read_to_the_microsecond(text, moment):
    assert xml.parse_instant(text) == moment


def test_times_are_written_in_utc_with_four_digits_of_a_year():
    paris = timezone(timedelta(hours=1))
    assert xml.written(datetime(2030, 1, 31, 0, 30, tzinfo=paris)) == "2030-01-30T23:30:00Z"
    assert xml.written(datetime(1, 1, 1, tzinfo=UTC)) == "0001-01-01T00:00:00Z"


NAMES = st.sampled_from(["a", "b", "p:a", "q:a", "p:b"])
TEXTS = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs")), max_size=5)
# The other implementation is wrong where two prefixes have one namespace, or where xmlns="".
DECLARATIONS = st.fixed_dictionaries(
    {},
    optional={
        prefix: st.sampled_from([f"urn:{prefix}:1", f"urn:{prefix}:2"]) for prefix in ("", "p", "q")
    },
)


@st.composite
def documents(draw: st.DrawFn, depth: int = 2) -> str:
    """Documents in which the same prefixes mean this and that."""
    name, text = draw(NAMES), draw(TEXTS)
    declared = draw(DECLARATIONS)
    inside = draw(st.lists(documents(depth - 1), max_size=3)) if depth else []
    values = draw(st.dictionaries(st.sampled_from(["x", "p:x", "q:y"]), TEXTS, max_size=3))
    spaces = [f' xmlns:{p}="{uri}"' if p else f' xmlns="{uri}"' for p, uri in declared.items()]
    written = [f' {key}="{quoted(value)}"' for key, value in values.items()]
    return f"<{name}{''.join(spaces + written)}>{quoted(text)}{''.join(inside)}</{name}>"


def quoted(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")


@settings(max_examples=60)
@given(documents())
def test_the_canonical_form_is_what_another_implementation_makes(inside):
    document = f'<r xmlns:p="urn:p" xmlns:q="urn:q">{inside}</r>'
    root = xml.parse(document.encode())
    assert xml.canonical(root).decode() == canonicalize(document)
    assert xml.canonical(xml.reparse(xml.canonical(root[0]))) == xml.canonical(root[0])
