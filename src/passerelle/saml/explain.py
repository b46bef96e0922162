"""The sentences that explain a verdict: what happened, and what to change, and where.

Written once, in English, with `%(name)s` for what varies; pages translate the same templates.
"""

from collections.abc import Collection, Mapping

from passerelle.saml.checks import Check
from passerelle.saml.consoles import Console, mend_in


def gettext_noop(message: str) -> str:
    """Mark a sentence for the translators' catalogue."""
    return message


_ = gettext_noop

CHECK_NAMES = {
    "message": _("Readable message"),
    "message_type": _("SAML response"),
    "version": _("SAML version"),
    "status": _("Status"),
    "signature": _("Signature"),
    "decryption": _("Decryption"),
    "assertion_count": _("One assertion"),
    "assertion": _("Readable assertion"),
    "issuer": _("Issuer"),
    "destination": _("Destination"),
    "recipient": _("Recipient"),
    "audience": _("Audience"),
    "conditions": _("Conditions"),
    "subject_confirmation": _("Subject confirmation"),
    "in_response_to": _("Answer to our request"),
    "expiry": _("Not expired"),
    "start": _("Already valid"),
    "authn_statement": _("Statement of authentication"),
    "authentication": _("Authenticated anew"),
    "authn_context": _("Way of authentication"),
    "name_id": _("NameID"),
}

PASSED = {
    "message": _("The message is well-formed XML."),
    "message_type": _("The message is a SAML 2.0 response."),
    "version": _("The assertion is of SAML version 2.0."),
    "status": _("The identity provider reports success."),
    "signature": _("The %(covered)s is signed with %(algorithm)s by a trusted certificate."),
    "decryption": _("The assertion was encrypted with %(algorithm)s."),
    "issuer": _("The response comes from the identity provider of this connection."),
    "destination": _("The response was sent to our address."),
    "recipient": _("The assertion names our address as its recipient."),
    "audience": _("The assertion is meant for us."),
    "subject_confirmation": _("The browser may present the assertion, until a set time."),
    "in_response_to": _("The response belongs to the sign-in that was started."),
    "expiry": _("The assertion has not expired."),
    "start": _("The assertion is already valid."),
    "authn_statement": _("The assertion states that the person was authenticated."),
    "authentication": _("The person was authenticated for this sign-in."),
    "authn_context": _("The person was authenticated in a way that was asked for."),
    "name_id": _("The assertion says whom it is about."),
}

_SEND_LESS = _(
    "In the identity provider, send fewer attributes: usually only the groups that matter here "
    "instead of all of them."
)
FAILED: dict[str, tuple[str, str]] = {
    "malformed_message": (
        _("The message cannot be read as a SAML response."),
        _(
            "Start the sign-in again. If it happens every time, the identity provider or "
            "something between it and us changes the message: compare what it sends with what "
            "arrives."
        ),
    ),
    "attribute_without_name": (
        _("An attribute came without a name. Before it came those with these names: %(named)s."),
        _(
            "In the identity provider, give every attribute that it sends to this application a "
            "name, such as “email”, “firstName” or “lastName”."
        ),
    ),
    "message_too_large": (
        _("The message is larger than Passerelle accepts."),
        _SEND_LESS,
    ),
    "doctype_forbidden": (
        _("The message declares a document type, which SAML forbids."),
        _("No identity provider sends this by itself: find out what produced the message."),
    ),
    "unsupported_version": (
        _("The message is not of SAML version 2.0."),
        _("In the identity provider, choose SAML 2.0 for this application."),
    ),
    "wrong_message": (
        _("The message is not a SAML response."),
        _(
            "In the identity provider, choose SAML 2.0 single sign-on for this application, and "
            "our ACS URL as the address for its responses."
        ),
    ),
    "status_not_success": (
        _("The identity provider did not sign the person in. %(message)s"),
        _(
            "Look the sign-in up in the identity provider's own log: it usually means that the "
            "person is not assigned to this application there."
        ),
    ),
    "signature_missing": (
        _("Neither the response nor the assertion is signed."),
        _("In the identity provider, switch on signing of the assertion (or of the response)."),
    ),
    "signature_invalid": (
        _(
            "The signature is not valid: the message was changed after signing, or signed"
            " with another key."
        ),
        _(
            "Compare the certificate of this connection with the one in the identity provider. "
            "If they are the same, something between it and us changes the message."
        ),
    ),
    "signature_profile_forbidden": (
        _("The signature is not in the form that SAML prescribes."),
        _(
            "If your identity provider sent this by itself, report it to its maker; otherwise "
            "treat it as an attack."
        ),
    ),
    "algorithm_forbidden": (
        _("The message is signed or encrypted with an algorithm that is not safe enough here."),
        _(
            "In the identity provider, choose RSA-SHA256 as the signature algorithm and SHA-256 as "
            "the digest. For encryption choose AES-256-GCM with RSA-OAEP; AES-CBC only if the "
            "whole response is signed."
        ),
    ),
    "certificate_unknown": (
        _("The message is signed with a certificate that this connection does not trust."),
        _(
            "If the identity provider's certificate was renewed, add the new one to this "
            "connection: its fingerprint must be the one that was received."
        ),
    ),
    "decryption_failed": (
        _("What the response holds encrypted cannot be decrypted."),
        _(
            "Give the identity provider the encryption certificate of this connection, which "
            "stands in our metadata, or switch encryption off there: what is sent is protected by "
            "TLS all the same."
        ),
    ),
    "assertion_count": (
        _("The response must hold exactly one assertion, directly inside it."),
        _(
            "In the identity provider, send one assertion for each sign-in. If it already does, "
            "treat this as an attack."
        ),
    ),
    "issuer_mismatch": (
        _("The response comes from another identity provider than this connection's."),
        _(
            "Compare the IdP entity ID of this connection with the one in the identity provider: "
            "they must be the same to the letter."
        ),
    ),
    "destination_mismatch": (
        _("The response was sent to another address than ours."),
        _(
            "In the identity provider, set the ACS URL to the expected value. If it is right "
            "there, our own public address is wrong: check PASSERELLE_BASE_URL."
        ),
    ),
    "recipient_mismatch": (
        _("The assertion names another recipient than us."),
        _(
            "In the identity provider, set the recipient (often the same field as the ACS URL) "
            "to the expected value."
        ),
    ),
    "audience_mismatch": (
        _("The assertion is meant for another service provider."),
        _(
            "In the identity provider, set the audience (SP entity ID) to the expected value, to "
            "the letter."
        ),
    ),
    "condition_unknown": (
        _("The assertion sets a condition that we do not know, so we cannot rely on it."),
        _("In the identity provider, remove the condition for this application."),
    ),
    "subject_confirmation_invalid": (
        _("The assertion lacks a bearer confirmation with an end time."),
        _("In the identity provider, choose the Web Browser SSO profile with bearer confirmation."),
    ),
    "in_response_to_mismatch": (
        _("The response does not belong to the sign-in that was started."),
        _("Start the sign-in again, in one browser window."),
    ),
    "unsolicited_refused": (
        _(
            "The sign-in was started at the identity provider, which this connection does not "
            "allow."
        ),
        _(
            "Start from our sign-in page, or allow sign-ins started at the identity provider in "
            "the settings of this connection."
        ),
    ),
    "expired": (
        _("The assertion expired %(seconds)s seconds ago; clocks may differ by %(skew)s seconds."),
        _(
            "Start the sign-in again. If it happens every time, the clocks differ: "
            "synchronise both servers' clocks (NTP)."
        ),
    ),
    "not_yet_valid": (
        _(
            "The assertion becomes valid in %(seconds)s seconds; clocks may differ by "
            "%(skew)s seconds."
        ),
        _(
            "The identity provider's clock is ahead of ours: synchronise both servers' "
            "clocks (NTP)."
        ),
    ),
    "authn_statement_missing": (
        _("The assertion does not state that the person was authenticated."),
        _(
            "In the identity provider, choose the Web Browser SSO profile for this application: "
            "its assertions hold an AuthnStatement."
        ),
    ),
    "authentication_too_old": (
        _("The identity provider did not ask the person to authenticate again, as we had asked."),
        _(
            "In the identity provider, let applications demand a new authentication (ForceAuthn), "
            "or do not demand it in the settings of this connection."
        ),
    ),
    "authn_context_mismatch": (
        _("The person was not authenticated in any of the ways that this connection asks for."),
        _(
            "In the identity provider, require such an authentication for this application, or "
            "change what the settings of this connection ask for."
        ),
    ),
    "name_id_missing": (
        _("The assertion does not say whom it is about."),
        _("In the identity provider, send a NameID: an e-mail address or a persistent identifier."),
    ),
}


NAME_THE_REQUEST = _(
    "In the identity provider, let the response and its SubjectConfirmationData name the ID of the "
    "request that they answer in InResponseTo, and leave InResponseTo out where there was no "
    "request."
)
_ONE_OTHER_ISSUER = (
    _(
        "The message comes from another identity provider, “%(issuer)s”, and no certificate of "
        "this connection has signed it."
    ),
    _(
        "Do not accept the certificate: it is the other provider's. If people should come from "
        "there, correct the IdP entity ID of this connection, or add a connection; otherwise find "
        "out why that provider answers here."
    ),
)
CLOSER: dict[str, tuple[str, str]] = {
    "malformed_message.redirected": (
        _("The response came in an address (HTTP-Redirect). Responses are read from a form only."),
        _("In the identity provider, choose HTTP-POST as the binding of our ACS URL."),
    ),
    "message_too_large.attributes": (
        _("%(came)s attributes came. At most %(most)s are read at a sign-in."),
        _SEND_LESS,
    ),
    "message_too_large.values": (
        _("%(came)s values of attributes came. At most %(most)s are read at a sign-in."),
        _SEND_LESS,
    ),
    "message_too_large.encrypted": (
        _(
            "More was encrypted, each with keys of its own, than is decrypted at a sign-in: at "
            "most %(most)s keys are tried."
        ),
        _(
            "In the identity provider, encrypt the assertion as a whole instead of each attribute, "
            "and for this application's certificate only."
        ),
    ),
    "message_too_large.name": (
        _("The %(part)s that came has %(came)s characters. At most %(most)s are read."),
        _(
            "In the identity provider, send a shorter NameID or SessionIndex: a persistent "
            "identifier has at most 256 characters."
        ),
    ),
    "signature_profile_forbidden.canonicalisation": (
        _("The message is signed with another canonicalisation than the exclusive one."),
        _(
            "In the identity provider, choose exclusive canonicalisation (xml-exc-c14n) and "
            "SHA-256. In Keycloak that is “Canonicalization method: EXCLUSIVE”, in Casdoor “Enable "
            "SAML C14N10”."
        ),
    ),
    "certificate_unknown.other_issuer": _ONE_OTHER_ISSUER,
    "signature_invalid.other_issuer": _ONE_OTHER_ISSUER,
    "in_response_to_mismatch.empty": (
        _("The identity provider names a request without giving its ID: InResponseTo is empty."),
        NAME_THE_REQUEST,
    ),
    "in_response_to_mismatch.inside_only": (
        _(
            "The response does not say which request it answers. Only the confirmation inside "
            "names one."
        ),
        NAME_THE_REQUEST,
    ),
    "in_response_to_mismatch.left_out": (
        _(
            "The response names our request, but the confirmation inside leaves it out, so the "
            "assertion could belong to another sign-in."
        ),
        NAME_THE_REQUEST,
    ),
}
"""What can be said more closely of some cases of a reason, by reason and case."""


def explained_as(
    reason: str, values: Mapping[str, str], closer: Collection[str] = CLOSER.keys()
) -> str:
    """The entry of the sentences that says most about a failure."""
    entry = f"{reason}.{values.get('case', '')}"
    return entry if entry in closer else reason


def explain(check: Check, console: Console | None = None) -> tuple[str, str | None]:
    """What this check found, in one sentence, and what to change; nothing when it passed.

    With a `console`, what to change is said in the words of that identity provider's console.
    """
    if check.passed:
        return filled(PASSED.get(check.check, ""), check.values), None
    entry = explained_as(check.reason or "malformed_message", check.values)
    detail, fix = {**FAILED, **CLOSER}[entry]
    if mended := mend_in(console, entry):
        fix = filled(*mended)
    return filled(detail, check.values), fix


def filled(template: str, values: Mapping[str, str]) -> str:
    """A template with its values; one that is missing becomes a question mark."""
    return (template % _Lenient(values)).strip()


class _Lenient(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return "?"
