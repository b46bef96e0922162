"""The sentences about what provisioning decided, as templates that pages translate."""

from collections.abc import Iterable
from typing import Any

from passerelle.provisioning.model import (
    ADMINISTRATION,
    ActivateAccount,
    CreateAccount,
    Give,
    LinkIdentity,
    Step,
    UpdateProfile,
    Withdraw,
)


def gettext_noop(message: str) -> str:
    """Mark a sentence for the translators' catalogue."""
    return message


_ = gettext_noop

REFUSED: dict[str, tuple[str, str]] = {
    "address_not_allowed": (
        _("The sign-in came from a network address that is not on the company's list."),
        _(
            "Add the address to the IP allow list, or ask the person to come through the company's "
            "network."
        ),
    ),
    "subject_unstable": (
        _(
            "The identity provider sends a new identifier at each sign-in, so nobody can be "
            "recognised by it."
        ),
        _(
            "In the identity provider, send a persistent NameID or an e-mail address as NameID; or "
            "name a stable attribute in the settings of this connection."
        ),
    ),
    "subject_too_long": (
        _("The identifier of the person is longer than Passerelle accepts."),
        _(
            "In the identity provider, send a shorter NameID: a persistent identifier has at most "
            "256 characters."
        ),
    ),
    "user_suspended": (
        _("The account is suspended."),
        _(
            "Reinstate the account if the person should enter again. A sign-in never does that by "
            "itself."
        ),
    ),
    "user_removed": (
        _("The person was removed from this company."),
        _("To let them return, admit them again: they will get a new account."),
    ),
    "approval_pending": (
        _("The account waits for an administrator's decision."),
        _("Approve the account, or leave it waiting."),
    ),
    "email_missing": (
        _("The identity provider sent no e-mail address."),
        _(
            "In the identity provider, send the person's e-mail address as an attribute named "
            "“email”."
        ),
    ),
    "email_invalid": (
        _(
            "The identity provider sent an e-mail address that is not valid, or that "
            "could be confused with another one."
        ),
        _("In the identity provider, correct the person's e-mail address."),
    ),
    "identity_conflict": (
        _(
            "The account with this e-mail address already belongs to another identity of the same "
            "provider."
        ),
        _(
            "If it is the same person, whose identifier has changed, let an administrator replace "
            "the known identity by the new one, on the page of this sign-in. Otherwise correct the "
            "e-mail address in the identity provider."
        ),
    ),
    "identity_ambiguous": (
        _(
            "The identity provider sent several e-mail addresses, and they lead to different "
            "accounts."
        ),
        _(
            "Decide which account is the person's. Then remove the other one or change its "
            "address, or let the identity provider send only the right address."
        ),
    ),
    "account_exists": (
        _(
            "An account with this e-mail address exists, and linking it automatically is "
            "not allowed."
        ),
        _(
            "Verify the e-mail domain and allow linking in the provisioning settings, or remove "
            "the old account."
        ),
    ),
    "jit_unavailable": (
        _("Automatic user provisioning is not open for this company."),
        _("Ask the operator of this installation to open early access."),
    ),
    "jit_disabled": (
        _("Automatic user provisioning is off, and this person has no account."),
        _("Switch automatic user provisioning on in the security settings, or create the account."),
    ),
    "domain_not_allowed": (
        _("People with an e-mail address of this domain may not be provisioned."),
        _("Add the domain to those that may be provisioned, if its people belong to the company."),
    ),
}

STEPS: dict[type, str] = {
    CreateAccount: _("Create the account %(email)s"),
    LinkIdentity: _("Link the identity %(subject)s"),
    ActivateAccount: _("Activate the invited account"),
    UpdateProfile: _("Update the profile: %(changes)s"),
    Give: _("Give %(permission_set)s in %(workspace)s (%(why)s)"),
    Withdraw: _("Withdraw %(permission_set)s in %(workspace)s (%(why)s)"),
}

ADMINISTRATES: dict[type, str] = {
    Give: _("Make them an administrator (%(why)s)"),
    Withdraw: _("They are no administrator any more (%(why)s)"),
}

NOTES = {
    "email_taken": _(
        "The new e-mail address %(value)s belongs to another account: kept the old one."
    ),
    "email_removed": _(
        "The new e-mail address %(value)s was that of a person who was removed: kept the old one."
    ),
    "email_domain_not_allowed": _(
        "The domain of the new e-mail address %(value)s is not allowed: kept the old one."
    ),
    "attribute_missing": _(
        "“%(value)s”, which your rules depend on, was not sent, so nothing was withdrawn."
    ),
    "attribute_left": _(
        "“%(value)s” was sent for this person before, and not this time: it counts as empty, so "
        "what rules gave by it was withdrawn. A setting of the connection decides that."
    ),
    "attribute_stopped": _(
        "“%(value)s” was sent for this person before, and not this time. Nobody has been sent it "
        "since, so the identity provider may have stopped sending it to everybody: nothing was "
        "withdrawn. Look at what it sends for this application."
    ),
    "same_person": _(
        "The identity provider sends the same employee number or object identifier for "
        "%(value)s: this may be a second account of the same person. Compare the two under "
        "Sign-ins, Changed identifiers."
    ),
    "rule_just_missed": _(
        "“%(value)s” just misses the rule “%(rule)s”: they differ only in capitals, in white "
        "space, in the form of a character, or by a path in front. Correct the rule if it means "
        "this value."
    ),
    "next_is_elsewhere": _(
        "The identity provider asked to go on to %(value)s, which is not an address of ours: the "
        "person was led to the dashboard."
    ),
}


def describe_step(step: Step, names: dict[str, str]) -> tuple[str, dict[str, str]]:
    """A step as a template and its values; `names` gives the name for each identifier."""
    values: dict[str, str] = {}
    if isinstance(step, CreateAccount):
        values = {"email": step.email.shown}
    elif isinstance(step, LinkIdentity):
        values = {"subject": step.subject}
    elif isinstance(step, UpdateProfile):
        changed = (step.email and step.email.shown, step.first_name, step.last_name)
        values = {"changes": ", ".join(one for one in changed if one)}
    elif isinstance(step, Give | Withdraw) and step.grant == ADMINISTRATION:
        return ADMINISTRATES[type(step)], {"why": step.why}
    elif isinstance(step, Give | Withdraw):
        values = {
            "workspace": names.get(step.grant.workspace, step.grant.workspace),
            "permission_set": names.get(step.grant.permission_set, step.grant.permission_set),
            "why": step.why,
        }
    return STEPS[type(step)], values


def described(steps: Iterable[Step], names: dict[str, str]) -> list[dict[str, Any]]:
    """Steps as a trace keeps them."""
    found = (describe_step(step, names) for step in steps)
    return [{"template": template, "values": values} for template, values in found]
