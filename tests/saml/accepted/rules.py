"""Contents at the edge of what the rules allow, and every kind of attribute."""

from ..response_builder import (
    EXC,
    IDP,
    NOW,
    SP,
    XSI,
    Signing,
    attribute,
    attributes,
    audiences,
    authn_statement,
    conditions,
    confirmation,
    name_id,
)
from .cases import GROUPS, TYPED, UNSOLICITED, Valid, said


def named_with_comments(info: str) -> str:
    return info.replace(f'Algorithm="{EXC}"', f'Algorithm="{EXC}WithComments"')


RULES = (
    Valid(
        name="unsolicited",
        parts={"in_response_to": None},
        expected=UNSOLICITED,
    ),
    Valid(name="no Destination on an unsigned response", parts={"destination": None}),
    Valid(
        name="no InResponseTo on the response itself",
        parts={"edit": lambda text: text.replace(' InResponseTo="_request-1"', "", 1)},
    ),
    Valid(name="no Issuer on the response", parts={"response_issuer": ""}),
    Valid(
        name="white space around URIs",
        parts={
            "issuer": f"<saml:Issuer>\n {IDP} </saml:Issuer>",
            "conditions": conditions(audiences(f"\n  {SP}\n")),
        },
    ),
    Valid(
        name="several bearer confirmations, the last fits",
        parts={
            "confirmations": confirmation(recipient="https://other.example/acs")
            + confirmation(in_response_to="_other")
            + confirmation(minutes=-30)
            + confirmation(starts="2030-01-31T13:00:00Z")
            + confirmation(minutes=None)
            + confirmation()
        },
    ),
    Valid(
        name="a confirmation that has just ended, before one that fits",
        parts={"confirmations": confirmation(ends="2030-01-31T11:59:00Z") + confirmation()},
    ),
    Valid(
        name="a confirmation that has just begun, behind one that does not fit",
        parts={
            "confirmations": confirmation(recipient="https://other.example/acs")
            + confirmation(starts="2030-01-31T12:01:00Z")
        },
    ),
    Valid(
        name="a holder-of-key confirmation next to a bearer",
        parts={
            "confirmations": confirmation(method="urn:oasis:names:tc:SAML:2.0:cm:holder-of-key")
            + confirmation()
        },
    ),
    Valid(
        name="several names in one AudienceRestriction",
        parts={"conditions": conditions(audiences("https://other.example", SP))},
    ),
    Valid(
        name="several AudienceRestrictions that all name us",
        parts={"conditions": conditions(audiences(SP, "https://a.example"), audiences(SP))},
    ),
    Valid(
        name="OneTimeUse and ProxyRestriction",
        parts={
            "conditions": conditions(
                audiences(SP), "<saml:OneTimeUse/>", '<saml:ProxyRestriction Count="0"/>'
            )
        },
    ),
    Valid(
        name="the last instant of the skew",
        parts={"confirmations": confirmation(ends="2030-01-31T11:59:00.000001Z")},
    ),
    Valid(
        name="the first instant of the skew",
        parts={"conditions": conditions(starts="2030-01-31T12:01:00Z")},
    ),
    Valid(
        name="ends in the year 9999",
        parts={
            "confirmations": confirmation(ends="9999-12-31T23:59:59Z"),
            "conditions": conditions(
                starts="0001-01-01T00:00:00Z", ends="9999-12-31T23:59:59.9999999Z"
            ),
            "statements": authn_statement(ends="9999-12-31T23:59:59Z"),
        },
    ),
    Valid(
        name="times with an offset and with outer white space",
        parts={
            "confirmations": confirmation(ends="2030-01-31T14:01:00+02:00"),
            "conditions": conditions(starts=" 2030-01-31T06:29:00-05:30 "),
        },
    ),
    Valid(
        name="rsa-sha1 where it is allowed",
        parts={"signing": Signing(algorithm="rsa-sha1", digest="sha1")},
        expected={"allow_sha1": True},
    ),
    Valid(
        name="an identity provider's certificate that has expired",
        parts={"now": NOW.replace(year=2045)},
        expected={"now": NOW.replace(year=2045)},
    ),
    Valid(
        name="a harmless extension",
        parts={
            "extensions": "<samlp:Extensions><x:hint xmlns:x='urn:example:x' Id='hint'>1</x:hint>"
            "</samlp:Extensions>",
            "signed": "both",
        },
    ),
    Valid(
        name="exclusive C14N with comments, as FusionAuth writes it",
        parts={"signing": Signing(edit_info=named_with_comments), "signed": "both"},
    ),
    Valid(
        name="comments where nothing is signed with them",
        parts={
            "signing": Signing(edit_info=named_with_comments),
            "edit": lambda text: text.replace("<saml:Subject>", "<saml:Subject><!-- who -->"),
        },
    ),
    Valid(
        name="advice without an assertion",
        parts={
            "advice": "<saml:Advice><saml:AssertionURIRef>urn:x</saml:AssertionURIRef>"
            "</saml:Advice>"
        },
    ),
)

ATTRIBUTES = (
    said(
        "one name twice",
        attribute("g", "a", "b") + attribute("h") + attribute("g", "a"),
        g=("a", "b", "a"),
        h=(),
    ),
    Valid(
        name="one name in two statements",
        parts={"attributes": attributes(attribute("g", "a")) + attributes(attribute("g", "b"))},
        attributes={"g": ("a", "b")},
    ),
    said(
        "empty and nil values",
        f"<saml:Attribute {XSI} Name='g'><saml:AttributeValue/>"
        "<saml:AttributeValue xsi:nil='true'/>"
        "<saml:AttributeValue xsi:nil=' 1 '/><saml:AttributeValue xsi:nil='false'>x"
        "</saml:AttributeValue></saml:Attribute>",
        g=("", "x"),
    ),
    said(
        "nil of no namespace is no nil",
        "<saml:Attribute Name='g'><saml:AttributeValue nil='true'>x</saml:AttributeValue>"
        "</saml:Attribute>",
        g=("x",),
    ),
    said(
        "names differ in case",
        attribute("mail", "a") + attribute("Mail", "b"),
        mail=("a",),
        Mail=("b",),
    ),
    said(
        "white space in values is kept", attribute("g", " a\n\tb ", "a\rb"), g=(" a\n\tb ", "a\nb")
    ),
    said(
        "markup in values",
        attribute("g", "<b>&amp;", "]]>", "a\u2028b\u0085c", "e\u0301"),
        g=("<b>&amp;", "]]>", "a\u2028b\u0085c", "e\u0301"),
    ),
    said("5,000 groups", attribute("groups", *GROUPS, typed=TYPED), groups=GROUPS),
    Valid(
        name="a NameID with outer white space and no Format",
        parts={"name_id": name_id(" u-1\n", None)},
        name_id=" u-1\n",
    ),
    Valid(
        name="a NameID of another script",
        parts={"name_id": name_id("نور@пример")},
        name_id="نور@пример",
    ),
)
