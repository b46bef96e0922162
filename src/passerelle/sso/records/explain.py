"""The sentences about a sign-in: for the administrator all of it, for the person what helps."""

from dataclasses import dataclass
from typing import Any

from passerelle import saml
from passerelle.provisioning import Refusal
from passerelle.provisioning.describe import REFUSED as REFUSED_BY_PROVISIONING
from passerelle.saml.consoles import Console, mend_in
from passerelle.saml.errors import shortened
from passerelle.saml.explain import CHECK_NAMES as SAML_CHECK_NAMES
from passerelle.saml.explain import CLOSER as CLOSER_SAML
from passerelle.saml.explain import FAILED as FAILED_SAML
from passerelle.saml.explain import NAME_THE_REQUEST, explained_as
from passerelle.saml.explain import PASSED as SAML_PASSED


def gettext_noop(message: str) -> str:
    """Mark a sentence for the translators' catalogue."""
    return message


_ = gettext_noop

FLOW: dict[str, tuple[str, str]] = {
    "request_unknown": (
        _("No sign-in is waiting for this response."),
        _(
            "Start the sign-in again from our sign-in page. A response can be used once, and only "
            "for the sign-in that asked for it."
        ),
    ),
    "request_expired": (
        _("The sign-in took too long: it was started more than %(minutes)s minutes ago."),
        _("Start the sign-in again."),
    ),
    "assertion_replayed": (
        _("The assertion was used before. Each one lets a person in once."),
        _(
            "Start the sign-in again. If nobody pressed “back” or “reload”, somebody may have "
            "copied the response."
        ),
    ),
    "browser_mismatch": (
        _("The sign-in was finished in another browser than the one it was started in."),
        _(
            "Start the sign-in again, and allow cookies for our address. If a link led here, do "
            "not use it."
        ),
    ),
    "connection_disabled": (
        _("Single sign-on is switched off for this connection, or not set up completely."),
        _("Complete the connection in the security settings and switch it on."),
    ),
    "application_not_allowed": (
        _("This person may not open the application."),
        _(
            "Give them the right on their page, or change who may open the application on its "
            "own page."
        ),
    ),
}
GOOGLE: dict[str, tuple[str, str]] = {
    "google_refused": (
        _("Google sent nobody back: %(received)s."),
        _("Start the sign-in again. If it stays so, look at the project in Google's console."),
    ),
    "google_unreachable": (
        _("Google could not be asked, or did not accept our client: %(received)s."),
        _(
            "Compare client ID, client secret and redirect address with those in Google's console. "
            "The server must reach Google over https."
        ),
    ),
    "google_token_invalid": (
        _("What Google sent does not hold: %(received)s."),
        _("Start the sign-in again. If it stays so, compare the server's clock with another."),
    ),
    "google_domain_mismatch": (
        _("The Google account belongs to no domain of this company."),
        _("Sign in with the Google account of the company, not with a private one."),
    ),
    "google_email_unverified": (
        _("Google has not verified the e-mail address of this account."),
        _("Verify the address in the Google account first."),
    ),
}
PASSWORD: dict[str, tuple[str, str]] = {
    "password_not_allowed": (
        _("The password was right, but this person may only enter by single sign-on."),
        _("Let them press the sign-in button, or give them emergency access on their page."),
    ),
    "passkey_wrong": (
        _("The passkey belongs to no account that can sign in."),
        _("Let the person sign in another way, and add a passkey anew under “My account”."),
    ),
    "second_factor_wrong": (
        _("The password was right, the code of the second factor was not."),
        _("If the app or the telephone is lost, reset the second factor on the person's page."),
    ),
    "password_wrong": (
        _("E-mail address and password belong to no account that can sign in."),
        _("If many of these come from one address, somebody may be trying passwords."),
    ),
}
KINDS = (
    (_("The way of the sign-in"), FLOW),
    (_("What the identity provider sent"), FAILED_SAML),
    (_("Accounts and access"), REFUSED_BY_PROVISIONING),
    (_("Passwords, codes and passkeys"), PASSWORD),
    (_("Google"), GOOGLE),
)
"""The reasons by kind, each with its cause and cure."""
EXPLAINED = {slug: pair for _kind, explained in KINDS for slug, pair in explained.items()}
_SAME_PERSON = _(
    "If it is the same person, decide about that account. If the number was given to somebody "
    "else, admit them below."
)
_GIVE_THE_RIGHT = FLOW["application_not_allowed"][1]
CLOSER = {
    **CLOSER_SAML,
    "application_not_allowed.workspace": (
        _(
            "This person may not open %(application)s: they belong to none of its workspaces "
            "(%(workspaces)s)."
        ),
        _GIVE_THE_RIGHT,
    ),
    "application_not_allowed.permission": (
        _("This person may not open %(application)s: they lack the permission %(permission)s."),
        _GIVE_THE_RIGHT,
    ),
    "user_suspended.same_person": (
        _(
            "A suspended account has the same employee number or object identifier, so this seems "
            "to be the same person under another address."
        ),
        _SAME_PERSON,
    ),
    "approval_pending.same_person": (
        _(
            "An account that waits for approval has the same employee number or object identifier, "
            "so this seems to be the same person under another address."
        ),
        _SAME_PERSON,
    ),
    "user_removed.same_person": (
        _(
            "A person who was removed had the same employee number or object identifier, so this "
            "seems to be the same person under another address."
        ),
        _SAME_PERSON,
    ),
    "request_unknown.never_made": (
        _("The response answers a request that nobody made here: %(received)s."),
        NAME_THE_REQUEST,
    ),
}
_SENTENCES = {**EXPLAINED, **CLOSER}

# For lists, where no one attempt gives the values.
_TITLES: dict[str, str] = {
    "status_not_success": _("The identity provider did not sign the person in."),
    "expired": _("The assertion had expired."),
    "not_yet_valid": _("The assertion was not valid yet."),
    "request_expired": _("The sign-in took too long."),
    "google_refused": _("Google sent nobody back."),
    "google_unreachable": _("Google could not be asked, or did not accept our client."),
    "google_token_invalid": _("What Google sent does not hold."),
}


def title_of(reason: str) -> str:
    """What a reason means in general, as a sentence without values; the slug of a strange one."""
    return _TITLES.get(reason) or EXPLAINED.get(reason, (reason, ""))[0]


CHECK_NAMES = {
    **SAML_CHECK_NAMES,
    "connection": _("Connection"),
    "request": _("Known request"),
    "replay": _("Not used before"),
    "browser": _("Same browser"),
    "account": _("Account"),
    "logout": _("Sign-out asked for by the identity provider"),
    "password": _("Password"),
    "second_factor": _("Second factor"),
    "google": _("Google"),
    "passkey": _("Passkey"),
    "application": _("Application"),
}
PASSED = {
    **SAML_PASSED,
    "request": _("The response answers a sign-in that was started here."),
    "replay": _("The assertion was not used before."),
    "browser": _("The sign-in was finished in the browser it was started in."),
    "account": _("The person may enter."),
    "password": _("The password is the account's."),
    "google": _("Google vouches for the person."),
    "passkey": _("The passkey is the account's."),
    "application": _("The person may open the application."),
}

# For the person: what happened, in plain words. Whoever can mend it sees the rest.
_TRY_AGAIN = _(
    "The sign-in could not be completed. Try it again; if that does not help, ask an administrator."
)
_SET_UP = _(
    "Your company's sign-in service is not connected correctly to this application "
    "yet. An administrator can fix that."
)
PERSON: dict[str, str] = {
    "status_not_success": _(
        "Your company's sign-in service did not let you through to here. You "
        "may not be assigned to this application yet."
    ),
    "request_expired": _("The sign-in took too long. Please start again."),
    "request_unknown": _(
        "This sign-in was finished already, or is no longer valid. Please start again."
    ),
    # Starting again would not help.
    "request_unknown.never_made": _SET_UP,
    "malformed_message.redirected": _SET_UP,
    "assertion_replayed": _("This sign-in was used already. Please start again."),
    "browser_mismatch": _(
        "The sign-in was started in another browser or window. Please start again "
        "here, with cookies allowed."
    ),
    "connection_disabled": _("Single sign-on is not switched on for your company."),
    "application_not_allowed": _("You may not open this application."),
    "unsolicited_refused": _(
        "Please start from the sign-in page here, not from your company's application list."
    ),
    "expired": _("The sign-in took too long, or a clock is wrong. Please start again."),
    "not_yet_valid": _("A clock is wrong: your company's sign-in service is ahead of this one."),
    "email_missing": _("Your company's sign-in service did not tell us your e-mail address."),
    "email_invalid": _(
        "The e-mail address that your company's sign-in service sent cannot be used."
    ),
    "jit_disabled": _(
        "You have no account here yet, and your company has not opened automatic access."
    ),
    "jit_unavailable": _(
        "You have no account here yet, and your company has not opened automatic access."
    ),
    "domain_not_allowed": _(
        "Your company accepted your sign-in, but automatic access is not open "
        "for addresses at %(received)s."
    ),
    "account_exists": _(
        "Your sign-in could not be connected to your account yet. An administrator can do that."
    ),
    "identity_ambiguous": _(
        "Your company's sign-in service sent several e-mail addresses, which belong to different "
        "accounts here. An administrator can fix that."
    ),
    "identity_conflict": _(
        "Your sign-in could not be connected to your account. An administrator can fix that."
    ),
    "user_suspended": _("Your account is suspended."),
    "user_removed": _("Your account was removed."),
    "approval_pending": _(
        "Your account has been created and is waiting for an administrator's "
        "approval. You can sign in as soon as that is done."
    ),
    "address_not_allowed": _(
        "You cannot sign in from this network. Use your company's network or its VPN."
    ),
    "google_refused": _TRY_AGAIN,
    "google_domain_mismatch": _(
        "This Google account does not belong to your company. Sign in with the company's one."
    ),
    "google_email_unverified": _("Google has not verified the e-mail address of this account."),
    "google_token_invalid": _TRY_AGAIN,
    "message_too_large": _SET_UP,
    "malformed_message": _TRY_AGAIN,
}


def person_sentence(reason: str, case: str = "") -> str:
    """The sentence for the person who was refused, as a template."""
    return PERSON.get(f"{reason}.{case}") or PERSON.get(reason, _SET_UP)


# Phrases among expected and received values; everything else there is data, shown as it is.
PHRASES = frozenset(
    {
        _("none"),
        _("neither"),
        _("a key of ours that cannot be read"),
        _("well-formed XML"),
        _("no DOCTYPE"),
        _("a DOCTYPE"),
        _("a SAML Response"),
        _("a signed response or assertion"),
        _("content as it was signed"),
        _("content that was changed after signing"),
        _("a signature value that none of these keys made"),
        _("one assertion"),
        _("bearer with NotOnOrAfter"),
        _("bearer without NotOnOrAfter"),
        _("a response to our request"),
        _("a NameID"),
        _("an AuthnStatement"),
        _("an empty InResponseTo"),
        _("InResponseTo on the Response as well"),
        _("only in the SubjectConfirmationData"),
        _("a response in a form (HTTP-POST)"),
        _("one in an address (HTTP-Redirect)"),
        _("a request that we made"),
        _("a complete, enabled connection"),
        _("switched off"),
        _("a new assertion"),
        _("one that was used already"),
        _("a request that waits"),
        _("a code that waits"),
        _("the same browser"),
        _("another browser"),
        _("within a minute"),
        _("later"),
        _("an identifier that stays the same"),
        _("an attribute named email"),
        _("a name on every attribute"),
        _("no attributes"),
        _("an e-mail address"),
        _("text that is not base64"),
        _("a response in base64"),
        _("a decryption key of this connection"),
        _("what one of our keys can decrypt"),
        _("something else"),
        _("each ID once"),
        _("linking allowed"),
        _("one account"),
        _("default"),
        _("no rule gives it any more"),
        _("a verified domain"),
        _("a known domain"),
        _("active"),
        _("suspended"),
        _("approved"),
        _("pending"),
    }
)


@dataclass(frozen=True, slots=True)
class Explained:
    """One line of a trace, as templates with their values."""

    name: str
    passed: bool
    expected: str | None
    received: str | None
    detail: str
    fix: str | None
    values: dict[str, str]


def explain_stored(check: dict[str, Any], console: Console | None = None) -> Explained:
    """Explain a check as a trace keeps it, in the words of the identity provider's console."""
    name, values = check["check"], check.get("values", {})
    entry = explained_as(check.get("reason") or "", values, CLOSER.keys())
    detail, fix = (PASSED.get(name, ""), None) if check["passed"] else _SENTENCES[entry]
    values = {**values, "received": check.get("received") or "?"}
    if not check["passed"] and (mended := mend_in(console, entry)):
        fix, more = mended
        values = {**values, **more}
    return Explained(
        name=CHECK_NAMES.get(name, name),
        passed=check["passed"],
        expected=check.get("expected"),
        received=check.get("received"),
        detail=detail,
        fix=fix,
        values=values,
    )


def account_check(refusal: Refusal) -> saml.Check:
    """What provisioning refused, with what was received as it can be shown."""
    received = refusal.received and shortened(refusal.received)
    values = {"case": refusal.case} if refusal.case else {}
    return saml.Check("account", False, refusal.expected, received, refusal.reason, values)


def stored(check: saml.Check) -> dict[str, Any]:
    """A check as a trace keeps it: data only, so that each reader sees it in their language."""
    return {
        "check": check.check,
        "passed": check.passed,
        "expected": check.expected,
        "received": check.received,
        "reason": check.reason,
        "values": dict(check.values),
    }
