"""Named ways for a response to be wrong, so that each refusal can be seen.

A fault changes what is said before the response is built (`said`), how it is signed (`signed`),
or the signed document afterwards (`sent`).
"""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import timedelta

from lxml import etree

from passerelle.practice_idp.issue import (
    Issue,
    SigningKey,
    build_response,
    encoded,
    make_signing_key,
    sign_assertion,
)
from passerelle.saml.names import NAME_ID_TRANSIENT, ds, saml, samlp


def gettext_noop(message: str) -> str:
    return message


_ = gettext_noop

Said = Callable[[Issue], None]
Signed = Callable[[etree._Element, Issue, SigningKey], None]
Sent = Callable[[etree._Element], None]


@dataclass(frozen=True, slots=True)
class Fault:
    """`reason` is what the service is going to answer."""

    slug: str
    label: str
    reason: str
    said: Said | None = None
    signed: Signed | None = None
    sent: Sent | None = None


def _earlier(issue: Issue) -> None:
    issue.now -= timedelta(hours=1)


def _later(issue: Issue) -> None:
    issue.now += timedelta(hours=1)


def _other_audience(issue: Issue) -> None:
    issue.audience = "https://globex.example/auth/saml/globex/metadata"


def _other_destination(issue: Issue) -> None:
    issue.recipient = "https://globex.example/auth/saml/globex/callback"


def _other_company(issue: Issue) -> None:
    issue.idp_entity_id = "https://idp.globex.example/metadata"


def _refusal(issue: Issue) -> None:
    issue.status = "urn:oasis:names:tc:SAML:2.0:status:Responder"


def _no_email(issue: Issue) -> None:
    issue.attributes = {k: v for k, v in issue.attributes.items() if k != "email"}


def _odd_email(issue: Issue) -> None:
    issue.attributes = {**issue.attributes, "email": ("not an address",)}


def _transient(issue: Issue) -> None:
    issue.name_id_format = NAME_ID_TRANSIENT
    issue.name_id = "t-" + issue.assertion_id


def _no_name_id(issue: Issue) -> None:
    issue.name_id = None


def _unsigned(root: etree._Element, issue: Issue, key: SigningKey) -> None:
    """Signs nothing."""


def _stranger(root: etree._Element, issue: Issue, key: SigningKey) -> None:
    sign_assertion(root, make_signing_key(name="stranger", now=issue.now))


def _changed(root: etree._Element) -> None:
    name_id = root.find(f"{saml('Assertion')}/{saml('Subject')}/{saml('NameID')}")
    if name_id is not None:
        name_id.text = "u-0001"


def _two_assertions(root: etree._Element) -> None:
    root.append(_without_signature(root))


def _wrapped(root: etree._Element) -> None:
    """Move the signed assertion aside and put a forged one, without signature, in its place."""
    original = root.find(saml("Assertion"))
    assert original is not None
    forged = _without_signature(root)
    forged.set("ID", "forged")
    root.replace(original, forged)
    extensions = etree.Element(samlp("Extensions"))
    extensions.append(original)
    root.insert(1, extensions)


def _without_signature(root: etree._Element) -> etree._Element:
    copy = deepcopy(root.find(saml("Assertion")))
    assert copy is not None
    signature = copy.find(ds("Signature"))
    if signature is not None:
        copy.remove(signature)
    return copy


FAULTS = (
    Fault("expired", _("Expired an hour ago"), "expired", said=_earlier),
    Fault("clock_ahead", _("Clock an hour ahead"), "not_yet_valid", said=_later),
    Fault("audience", _("Meant for another service"), "audience_mismatch", said=_other_audience),
    Fault(
        "recipient",
        _("Addressed to another service"),
        "recipient_mismatch",
        said=_other_destination,
    ),
    Fault("issuer", _("From another company’s provider"), "issuer_mismatch", said=_other_company),
    Fault("unsigned", _("Not signed"), "signature_missing", signed=_unsigned),
    Fault("stranger", _("Signed with an unknown key"), "certificate_unknown", signed=_stranger),
    Fault("changed", _("Changed after signing"), "signature_invalid", sent=_changed),
    Fault("wrapped", _("Signature wrapping attack"), "assertion_count", sent=_wrapped),
    Fault("two", _("Two assertions"), "assertion_count", sent=_two_assertions),
    Fault("status", _("The provider says no"), "status_not_success", said=_refusal),
    Fault("no_email", _("Without an e-mail address"), "email_missing", said=_no_email),
    Fault("odd_email", _("An e-mail address that is none"), "email_invalid", said=_odd_email),
    Fault("transient", _("A new NameID each time"), "subject_unstable", said=_transient),
    Fault("no_name_id", _("Without a NameID"), "name_id_missing", said=_no_name_id),
    Fault("replayed", _("The last response once more"), "assertion_replayed"),
)


def find_fault(slug: str) -> Fault | None:
    return next((fault for fault in FAULTS if fault.slug == slug), None)


def respond(issue: Issue, signing_key: SigningKey, fault: Fault | None) -> str:
    """The SAMLResponse field for one sign-in, right or wrong in one named way."""
    issue = replace(issue)
    if fault and fault.said:
        fault.said(issue)
    root = build_response(issue)
    ((fault and fault.signed) or _properly)(root, issue, signing_key)
    if fault and fault.sent:
        fault.sent(root)
    return encoded(root)


def _properly(root: etree._Element, issue: Issue, key: SigningKey) -> None:
    sign_assertion(root, key)
