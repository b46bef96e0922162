"""Well-signed responses that come from, or are meant for, somebody else."""

import pytest

from ..response_builder import (
    ACS,
    IDP,
    SP,
    audiences,
    conditions,
    confirmation,
)
from .cases import Attack, issuer, names, refuse, said

CM = "urn:oasis:names:tc:SAML:2.0:cm:"
STATUS = "urn:oasis:names:tc:SAML:2.0:status:"
LONG = "x" * 100_000


def entity(kind: str) -> str:
    return f'Format="urn:oasis:names:tc:SAML:2.0:nameid-format:{kind}"'


ISSUERS = (
    *(
        said(f"issuer {name}", "issuer_mismatch", issuer=issuer(value))
        for name, value in (
            ("of another company", "https://idp.globex.example/metadata"),
            ("in capitals", IDP.upper()),
            ("with a slash behind", IDP + "/"),
            ("with a longer name", IDP + ".evil.example"),
            ("with a comment that hides the rest", f"{IDP}<!-- -->.evil.example"),
            ("in CDATA with more behind", f"<![CDATA[{IDP}]]>.evil.example"),
            ("of nothing", ""),
            ("of white space", " \n "),
            ("with a no-break space", IDP + "\u00a0"),
            ("with a letter that looks the same", IDP.replace("i", "і", 1)),
            ("too long", LONG),
        )
    ),
    said(
        "issuer of the response is another",
        "issuer_mismatch",
        response_issuer=issuer("https://evil.example"),
    ),
    said(
        "issuer of the response is another, response signed",
        "issuer_mismatch",
        response_issuer=issuer("https://evil.example"),
        signed="response",
    ),
    said(
        "issuer of the assertion is another",
        "issuer_mismatch",
        issuer=issuer("https://evil.example"),
        response_issuer=issuer(IDP),
    ),
    said(
        "issuer is no entity ID but an e-mail address",
        "issuer_mismatch",
        issuer=issuer(IDP, entity("emailAddress")),
        response_issuer=issuer(IDP),
    ),
    said(
        "issuer of the response is no entity ID",
        "issuer_mismatch",
        response_issuer=issuer(IDP, entity("persistent")),
    ),
    said("no issuer in the assertion", "malformed_message", issuer="", response_issuer=issuer(IDP)),
    said(
        "two issuers in the assertion",
        "malformed_message",
        issuer=issuer(IDP) * 2,
        response_issuer=issuer(IDP),
    ),
    said("two issuers in the response", "malformed_message", response_issuer=issuer(IDP) * 2),
    said("an element in the issuer", "malformed_message", issuer=issuer(f"{IDP}<x/>")),
)

ADDRESSES = (
    said("another destination", "destination_mismatch", destination="https://evil.example"),
    said(
        "another destination, response signed",
        "destination_mismatch",
        signed="response",
        destination="https://evil.example",
    ),
    said(
        "no destination on a signed response",
        "destination_mismatch",
        signed="response",
        destination=None,
    ),
    said("an empty destination", "destination_mismatch", destination=""),
    said("the destination with a slash", "destination_mismatch", destination=ACS + "/"),
    said("the destination in capitals", "destination_mismatch", destination=ACS.upper()),
    said(
        "the destination over http",
        "destination_mismatch",
        destination=ACS.replace("https", "http"),
    ),
    said(
        "another recipient",
        "recipient_mismatch",
        confirmations=confirmation(recipient="https://evil.example"),
    ),
    said("no recipient", "recipient_mismatch", confirmations=confirmation(recipient=None)),
    said("an empty recipient", "recipient_mismatch", confirmations=confirmation(recipient="")),
    said(
        "the recipient with a query",
        "recipient_mismatch",
        confirmations=confirmation(recipient=ACS + "?x=1"),
    ),
    said(
        "another audience",
        "audience_mismatch",
        conditions=conditions(audiences("https://evil.example")),
    ),
    said(
        "the audience with more behind",
        "audience_mismatch",
        conditions=conditions(audiences(SP + "2")),
    ),
    said(
        "the audience with a slash", "audience_mismatch", conditions=conditions(audiences(SP + "/"))
    ),
    said(
        "two restrictions, one for somebody else",
        "audience_mismatch",
        conditions=conditions(audiences(SP), audiences("https://evil.example")),
    ),
    said("a restriction to nobody", "audience_mismatch", conditions=conditions(audiences())),
    said(
        "a restriction to us and one to nobody",
        "audience_mismatch",
        conditions=conditions(audiences(SP), audiences()),
    ),
    said("an empty audience", "audience_mismatch", conditions=conditions(audiences(""))),
    said("no restriction", "audience_mismatch", conditions=conditions("<saml:OneTimeUse/>")),
    said("no conditions", "audience_mismatch", conditions=""),
    said(
        "an audience with a comment that hides the rest",
        "audience_mismatch",
        conditions=conditions(
            f"<saml:AudienceRestriction><saml:Audience>{SP}<!-- -->.evil.example"
            "</saml:Audience></saml:AudienceRestriction>"
        ),
    ),
    said(
        "an element in the audience",
        "malformed_message",
        conditions=conditions(
            f"<saml:AudienceRestriction><saml:Audience>{SP}<x/></saml:Audience>"
            "</saml:AudienceRestriction>"
        ),
    ),
    said(
        "an audience that is too long",
        "audience_mismatch",
        conditions=conditions(audiences(*[LONG] * 5)),
    ),
    said("conditions twice", "malformed_message", conditions=conditions() * 2),
    said(
        "a condition that nobody knows",
        "condition_unknown",
        conditions=conditions(audiences(SP), '<x:Moon xmlns:x="urn:example:x"/>'),
    ),
    said(
        "an extended condition",
        "condition_unknown",
        conditions=conditions(audiences(SP), "<saml:Condition/>"),
    ),
)

CONFIRMATIONS = (
    *(
        said(
            f"confirmation {method}",
            "subject_confirmation_invalid",
            confirmations=confirmation(method=CM + method),
        )
        for method in ("sender-vouches", "holder-of-key", "Bearer", "bearer ")
    ),
    said(
        "confirmation of no method",
        "subject_confirmation_invalid",
        confirmations=confirmation().replace(f' Method="{CM}bearer"', ""),
    ),
    said(
        "bearer of SAML 1.0",
        "subject_confirmation_invalid",
        confirmations=confirmation(method="urn:oasis:names:tc:SAML:1.0:cm:bearer"),
    ),
    said("no confirmation", "subject_confirmation_invalid", confirmations=""),
    said("no subject", "subject_confirmation_invalid", subject=""),
    said(
        "bearer without data", "subject_confirmation_invalid", confirmations=confirmation(data="")
    ),
    said(
        "bearer without an end",
        "subject_confirmation_invalid",
        confirmations=confirmation(minutes=None),
    ),
    said(
        "bearer with data twice",
        "malformed_message",
        confirmations=confirmation(data="<saml:SubjectConfirmationData/>" * 2),
    ),
    said("an answer to another request", "in_response_to_mismatch", in_response_to="_other"),
    said(
        "the response answers another request, the confirmation ours",
        "in_response_to_mismatch",
        in_response_to="_other",
        confirmations=confirmation(),
    ),
    said(
        "the confirmation answers another request, the response ours",
        "in_response_to_mismatch",
        confirmations=confirmation(in_response_to="_other"),
    ),
    said(
        "the confirmation answers nothing, the response ours",
        "in_response_to_mismatch",
        confirmations=confirmation(in_response_to=None),
    ),
    said(
        "the confirmation answers an empty name",
        "in_response_to_mismatch",
        confirmations=confirmation(in_response_to=""),
    ),
    said(
        "an unsolicited response where a request was made",
        "in_response_to_mismatch",
        in_response_to=None,
    ),
    said(
        "an answer where none was asked for",
        "in_response_to_mismatch",
        expected={"request_id": None},
    ),
    said(
        "an answer where none was asked for, in the response only",
        "in_response_to_mismatch",
        confirmations=confirmation(in_response_to=None),
        expected={"request_id": None},
    ),
    said(
        "an answer where none was asked for, in the confirmation only",
        "in_response_to_mismatch",
        in_response_to=None,
        confirmations=confirmation(),
        expected={"request_id": None},
    ),
    said(
        "an answer where none was asked for nor is allowed",
        "in_response_to_mismatch",
        expected={"request_id": None, "unsolicited_allowed": False},
    ),
    said(
        "unsolicited where that is not allowed",
        "unsolicited_refused",
        in_response_to=None,
        expected={"request_id": None, "unsolicited_allowed": False},
    ),
    said(
        "an answer to an empty request",
        "in_response_to_mismatch",
        in_response_to="",
        expected={"request_id": ""},
    ),
)

ATTACKS = (*ISSUERS, *ADDRESSES, *CONFIRMATIONS)


@pytest.mark.parametrize("attack", ATTACKS, ids=names(ATTACKS))
def test_a_response_of_or_for_somebody_else_is_refused(attack: Attack):
    refuse(attack)


@pytest.mark.parametrize("attack", ATTACKS, ids=names(ATTACKS))
def test_what_was_received_is_never_shown_at_length(attack: Attack):
    for check in attack.judged().checks:
        assert len(check.received or "") <= 300
        assert all(len(value) <= 300 for value in check.values.values())
