"""Well-signed responses at the wrong time, that say no, or that leave something out."""

import re
from datetime import timedelta

import pytest

from ..response_builder import (
    IDP,
    NOW,
    attribute,
    attributes,
    authn_statement,
    conditions,
    confirmation,
    name_id,
    status,
)
from .cases import Attack, issuer, names, refuse, replaced, said

CM = "urn:oasis:names:tc:SAML:2.0:cm:"
STATUS = "urn:oasis:names:tc:SAML:2.0:status:"
LONG = "x" * 100_000


TIMES = (
    said(
        "the bearer's end, exactly at the skew",
        "expired",
        confirmations=confirmation(ends="2030-01-31T11:59:00Z"),
    ),
    said(
        "the conditions' end, exactly at the skew",
        "expired",
        conditions=conditions(ends="2030-01-31T11:59:00Z"),
    ),
    said(
        "the session's end, exactly at the skew",
        "expired",
        statements=authn_statement(ends="2030-01-31T11:59:00Z"),
    ),
    said(
        "the end without skew, exactly now",
        "expired",
        confirmations=confirmation(ends="2030-01-31T12:00:00Z"),
        expected={"clock_skew": NOW - NOW},
    ),
    said("an end long ago", "expired", conditions=conditions(ends="0001-01-01T00:00:00Z")),
    said(
        "one of two sessions has ended",
        "expired",
        statements=authn_statement() + authn_statement(ends="2030-01-31T11:00:00Z"),
    ),
    said(
        "a start one microsecond after the skew",
        "not_yet_valid",
        conditions=conditions(starts="2030-01-31T12:01:00.000001Z"),
    ),
    said(
        "the bearer's start is to come",
        "not_yet_valid",
        confirmations=confirmation(starts="2030-01-31T12:02:00Z"),
    ),
    said("issued in the future", "not_yet_valid", issued_at="2030-01-31T12:02:00Z"),
    said(
        "a start in the year 9999",
        "not_yet_valid",
        conditions=conditions(starts="9999-12-31T23:59:59Z", ends="9999-12-31T23:59:59Z"),
    ),
    *(
        said(
            f"the time {value[:40] or 'of nothing'}",
            "malformed_message",
            confirmations=confirmation(ends=value),
        )
        for value in (
            "soon",
            "2030-01-31",
            "2030-01-31T12:05:00",
            "2030-02-30T12:00:00Z",
            "2030-01-31T25:00:00Z",
            "2030-01-31T12:05:00z",
            "2030-01-31 12:05:00Z",
            "-2030-01-31T12:05:00Z",
            "12030-01-31T12:05:00Z",
            "0000-01-31T12:05:00Z",
            "2030-01-31T12:05:00.Z",
            "٢٠٣٠-01-31T12:05:00Z",
            "2030-01-31T12:05:00+25",
            "9999-12-31T23:59:59-01:00",
            "0001-01-01T00:00:00+01:00",
            "2030-01-31T12:05:00Z" * 9,
            "2030-01-31T12:05:00.0000000000000Z",
            "1896091500",
            LONG,
        )
    ),
    said(
        "an empty time",
        "malformed_message",
        confirmations=confirmation(data='<saml:SubjectConfirmationData NotOnOrAfter=""/>'),
    ),
    said(
        "an end that is no time in a condition",
        "malformed_message",
        conditions=conditions(ends="never"),
    ),
    said(
        "an end that is no time in a statement",
        "malformed_message",
        statements=authn_statement(ends="never"),
    ),
    Attack(
        name="no IssueInstant on the assertion",
        reason="malformed_message",
        parts={
            "edit": lambda text: text.replace(
                ' Version="2.0" IssueInstant="2030-01-31T12:00:00Z"><saml:Issuer>',
                ' Version="2.0"><saml:Issuer>',
            )
        },
    ),
)

SUBJECTS = (
    said("no NameID", "name_id_missing", name_id=""),
    said("an empty NameID", "name_id_missing", name_id=name_id("")),
    said("a NameID of white space", "name_id_missing", name_id=name_id(" \n\u00a0")),
    said("an EncryptedID with nothing in it", "decryption_failed", name_id="<saml:EncryptedID/>"),
    said(
        "a NameID beside an EncryptedID",
        "malformed_message",
        name_id=name_id() + "<saml:EncryptedID/>",
    ),
    said("a BaseID", "name_id_missing", name_id="<saml:BaseID/>"),
    said("a NameID of another namespace", "name_id_missing", name_id="<NameID>u-1</NameID>"),
    said("two NameIDs", "malformed_message", name_id=name_id() * 2),
    said(
        "an element in the NameID",
        "malformed_message",
        name_id="<saml:NameID>u-1<x/>.evil</saml:NameID>",
    ),
    said(
        "two subjects",
        "malformed_message",
        subject=f"<saml:Subject>{name_id()}{confirmation()}</saml:Subject>" * 2,
    ),
    said(
        "an attribute without a name",
        "attribute_without_name",
        attributes=attributes("<saml:Attribute/>"),
    ),
    said(
        "an attribute with an empty name",
        "attribute_without_name",
        attributes=attributes(attribute("", "x")),
    ),
)

STATUSES = (
    said("the provider says no", "status_not_success", status=status(STATUS + "Responder")),
    said(
        "the provider says no, and why",
        "status_not_success",
        status=status(
            STATUS + "Responder",
            f'<samlp:StatusCode Value="{STATUS}AuthnFailed"/>',
            "Not assigned",
        ),
    ),
    said(
        "success inside no",
        "status_not_success",
        status=status(STATUS + "Requester", f'<samlp:StatusCode Value="{STATUS}Success"/>'),
    ),
    said(
        "a status that is too long",
        "status_not_success",
        status=status(LONG, f'<samlp:StatusCode Value="{LONG}"/>', LONG),
    ),
    said(
        "a status without a value",
        "status_not_success",
        status=status().replace(f' Value="{STATUS}Success"', ""),
    ),
    said("the status Success of nobody", "status_not_success", status=status("Success")),
    said("no status", "malformed_message", status=""),
    said("two statuses", "malformed_message", status=status() * 2),
    said("no status code", "malformed_message", status="<samlp:Status/>"),
    said(
        "two status codes",
        "malformed_message",
        status=status().replace(
            "</samlp:Status>", f'<samlp:StatusCode Value="{STATUS}Success"/></samlp:Status>'
        ),
    ),
    said(
        "a status of another namespace",
        "malformed_message",
        status=status().replace("samlp:Status>", "saml:Status>"),
    ),
)

COUNTS = (
    said("no assertion in a signed response", "assertion_count", signed="response", assertion=""),
    said(
        "an encrypted assertion",
        "decryption_failed",
        signed="response",
        assertion="<saml:EncryptedAssertion/>",
    ),
    said(
        "an encrypted assertion in an unsigned response",
        "decryption_failed",
        signed="none",
        assertion="<saml:EncryptedAssertion/>",
    ),
    said(
        "two encrypted assertions",
        "assertion_count",
        signed="response",
        assertion="<saml:EncryptedAssertion/>" * 2,
    ),
    said(
        "an assertion in the advice of another",
        "assertion_count",
        signed="response",
        advice='<saml:Advice><saml:Assertion ID="_2"/></saml:Advice>',
    ),
    said(
        "everything missing from the assertion",
        "malformed_message",
        signed="response",
        assertion='<saml:Assertion ID="_a"/>',
    ),
    said(
        "almost everything missing from the assertion",
        "unsupported_version",
        signed="response",
        assertion=f'<saml:Assertion ID="_a" IssueInstant="2030-01-31T12:00:00Z">{issuer(IDP)}'
        "</saml:Assertion>",
    ),
    Attack(
        name="an assertion that was signed for its longer NameID",
        reason="signature_invalid",
        parts={"name_id": name_id("admin@acme.example.evil.example")},
        change=replaced("admin@acme.example.evil.example", "admin@acme.example"),
    ),
)

AGAIN = {"authenticated_since": NOW}
STRONG = {"authn_contexts": ("urn:oasis:names:tc:SAML:2.0:ac:classes:X509",)}

AUTHENTICATION = (
    said("no statement of an authentication", "authn_statement_missing", statements=""),
    said(
        "no statement of an authentication where a new one was asked for",
        "authn_statement_missing",
        statements="",
        expected=AGAIN,
    ),
    said(
        "a statement of an authentication outside the signed assertion",
        "authn_statement_missing",
        statements="",
        after_assertion=authn_statement(),
    ),
    said(
        "a statement of an authentication in the Advice",
        "authn_statement_missing",
        statements="",
        advice=f"<saml:Advice>{authn_statement()}</saml:Advice>",
    ),
    said(
        "an old authentication where a new one was asked for",
        "authentication_too_old",
        statements=authn_statement(now=NOW - timedelta(seconds=61)),
        expected=AGAIN,
    ),
    said(
        "an authentication of no time where a new one was asked for",
        "authentication_too_old",
        statements=re.sub('AuthnInstant="[^"]*"', "", authn_statement()),
        expected=AGAIN,
    ),
    said(
        "another way of authentication than was asked for",
        "authn_context_mismatch",
        expected=STRONG,
    ),
    said(
        "an authentication in no way where a way was asked for",
        "authn_context_mismatch",
        statements=re.sub("<saml:AuthnContext>.*</saml:AuthnContext>", "", authn_statement()),
        expected=STRONG,
    ),
    said(
        "a way of authentication named in another element",
        "authn_context_mismatch",
        statements=authn_statement().replace("AuthnContextClassRef", "AuthnContextDeclRef"),
        expected=STRONG,
    ),
    said(
        "two ways of authentication in one statement",
        "malformed_message",
        statements=re.sub("(<saml:AuthnContextClassRef>.*ClassRef>)", r"\1\1", authn_statement()),
    ),
)

ATTACKS = (*TIMES, *SUBJECTS, *STATUSES, *COUNTS, *AUTHENTICATION)


@pytest.mark.parametrize("attack", ATTACKS, ids=names(ATTACKS))
def test_an_incomplete_response_is_refused(attack: Attack):
    refuse(attack)


@pytest.mark.parametrize("attack", ATTACKS, ids=names(ATTACKS))
def test_what_was_received_is_never_shown_at_length(attack: Attack):
    for check in attack.judged().checks:
        assert len(check.received or "") <= 300
        assert all(len(value) <= 300 for value in check.values.values())
