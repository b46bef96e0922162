"""What the events of the audit log, and their details, are called on a page."""

from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from passerelle.administration.announce import EMERGENCY_CODE
from passerelle.audit.events import EventName
from passerelle.audit.record import PROVISIONING_CLIENT
from passerelle.sso.connections.setup_links import ACTOR_KIND
from passerelle.web.frame.labels import (
    DOMAINS,
    EXISTING,
    LABELS,
    NEWCOMERS,
    SOURCES,
    STATUSES,
    TWO_FACTOR,
)

EVENT_LABELS: dict[EventName, Promise] = {
    EventName.USER_PROVISIONED: _("Account made"),
    EventName.USER_INVITED: _("User invited"),
    EventName.USER_ACTIVATED: _("Account activated with a password"),
    EventName.USER_UPDATED: _("Account changed"),
    EventName.USER_APPROVED: _("Account approved"),
    EventName.USER_SUSPENDED: _("User suspended"),
    EventName.USER_REINSTATED: _("User reinstated"),
    EventName.USER_REMOVED: _("User removed"),
    EventName.USERS_MERGED: _("Accounts merged"),
    EventName.USERS_KEPT_APART: _("Accounts kept apart"),
    EventName.IDENTITY_LINKED: _("Account linked to single sign-on"),
    EventName.IDENTITY_REPLACED: _("Identifier replaced"),
    EventName.IDENTITY_REMOVED: _("Identity removed"),
    EventName.MEMBERSHIP_GIVEN: _("Right given"),
    EventName.MEMBERSHIP_WITHDRAWN: _("Right withdrawn"),
    EventName.PASSWORD_CHANGED: _("Password changed"),
    EventName.PASSWORD_REMOVED: _("Password taken away"),
    EventName.PASSKEY_ADDED: _("Passkey added"),
    EventName.PASSKEY_REMOVED: _("Passkey removed"),
    EventName.SECOND_FACTOR_SET: _("Authenticator app set up"),
    EventName.SECOND_FACTOR_RESET: _("Second factor taken away"),
    EventName.RECOVERY_CODE_USED: _("Recovery code used"),
    EventName.GLASS_BROKEN: _("Emergency access used"),
    EventName.ENFORCEMENT_CHANGED: _("Single sign-on for everybody changed"),
    EventName.EMERGENCY_CODES_MADE: _("Emergency codes made"),
    EventName.EMERGENCY_CODE_USED: _("Emergency code used"),
    EventName.DELIVERY_CHANGED: _("Delivery of security events changed"),
    EventName.DOMAIN_ADDED: _("E-mail domain added"),
    EventName.DOMAIN_VERIFIED: _("E-mail domain verified"),
    EventName.DOMAIN_REMOVED: _("E-mail domain removed"),
    EventName.SESSIONS_ENDED: _("Sessions ended"),
    EventName.ADMINISTRATOR_CHANGED: _("Administrator or emergency access changed"),
    EventName.WORKSPACE_CREATED: _("Workspace created"),
    EventName.WORKSPACE_RENAMED: _("Workspace renamed"),
    EventName.WORKSPACE_DELETED: _("Workspace deleted"),
    EventName.PERMISSION_SET_CREATED: _("Permission set created"),
    EventName.PERMISSION_SET_CHANGED: _("Permission set changed"),
    EventName.PERMISSION_SET_DELETED: _("Permission set deleted"),
    EventName.APPLICATION_ADDED: _("Application added"),
    EventName.APPLICATION_CHANGED: _("Application changed"),
    EventName.APPLICATION_REMOVED: _("Application removed"),
    EventName.CLIENT_SECRET_MADE: _("Client secret made"),
    EventName.USER_MANAGED: _("Account looked after by the identity provider"),
    EventName.GROUP_ADDED: _("Group added"),
    EventName.GROUP_CHANGED: _("Group changed"),
    EventName.GROUP_REMOVED: _("Group removed"),
    EventName.TOKEN_MADE: _("Token made"),
    EventName.TOKEN_REVOKED: _("Token revoked"),
    EventName.SETTINGS_CHANGED: _("Security settings changed"),
    EventName.KEY_ROTATED: _("New key made for a connection"),
    EventName.METADATA_FOLLOWED: _("Change of metadata taken over"),
    EventName.METADATA_HELD: _("Change of metadata held back"),
    EventName.METADATA_ACCEPTED: _("Change of metadata accepted"),
    EventName.METADATA_DISMISSED: _("Change of metadata refused"),
    EventName.CERTIFICATE_ACCEPTED: _("Certificate accepted"),
    EventName.CONNECTION_DELETED: _("SAML connection deleted"),
    EventName.SETUP_LINK_MADE: _("Set-up link made"),
    EventName.SETUP_LINK_OPENED: _("Set-up link opened"),
    EventName.SETUP_LINK_FINISHED: _("Set-up finished by link"),
    EventName.SETUP_LINK_REVOKED: _("Set-up link revoked"),
    EventName.LOGGED_OUT_BY_IDP: _("Signed out by the identity provider"),
    EventName.CONFIGURATION_APPLIED: _("Configuration file applied"),
}
_DETAIL_LABELS: dict[str, Promise] = {
    "certificates_left_out": _("Certificates left out"),
    "address": _("Network address"),
    "breaks_glass": _("Emergency access"),
    "certificates": _("Certificates"),
    "changes": _("Changes"),
    "connection": _("SAML connection"),
    "slug": _("Name in the address"),
    "migrating_since": _("Migration"),
    "post_target_url": _("Target URL for HTTP-POST"),
    "codes": _("Codes"),
    "enabled": _("SAML SSO is on"),
    "email": _("E-mail address"),
    "first_name": _("First name"),
    "is_administrator": _("Administrator"),
    "certificates_added": _("Certificates added"),
    "certificates_removed": _("Certificates removed"),
    "bucket": _("Bucket"),
    "folder": _("Folder"),
    "region": _("Region"),
    "access_key": _("Access key"),
    "last_name": _("Last name"),
    "left": _("Codes left"),
    "identity": _("Identifier"),
    "provider": _("Identity provider"),
    "reference": _("Reference"),
    "identities": _("Identifiers"),
    "memberships": _("Rights"),
    "merged": _("Merged account"),
    "other": _("Other account"),
    "name": _("Name"),
    "permission_set": _("Permission set"),
    "permissions": _("Permissions"),
    "secret_changed": _("New secret"),
    "remembered_browsers": _("Remembered browsers"),
    "sessions": _("Sessions"),
    "source": _("Where it comes from"),
    "status": _("Status"),
    "sso_enforcement": _("Single sign-on for everybody"),
    "tests_sso": _("Tries single sign-on"),
    "tombstone": _("Refused until invited again"),
    "url": _("Address"),
    "verified": _("Verified"),
    "why": _("Why"),
    "workspace": _("Workspace"),
}


_VALUE_LABELS: dict[str, Mapping[str, Promise]] = {
    "existing_accounts": EXISTING,
    "newcomers": NEWCOMERS,
    "provisioning_domains": DOMAINS,
    "source": SOURCES,
    "sso_enforcement": {
        "off": _("nobody"),
        "test_users": _("those who try it"),
        "everyone": _("everybody"),
    },
    "status": STATUSES,
    "two_factor": TWO_FACTOR,
    "why": {"default": _("what newcomers get")},
}
_ACTORS: dict[tuple[str, str], Promise] = {
    ("operator", "command line"): _("Whoever runs the service (command line)"),
    ("identity provider", "metadata"): _("The identity provider’s metadata"),
}


def event_label(name: str) -> Promise | str:
    return EVENT_LABELS[EventName(name)] if name in list(EventName) else name


def value_label(name: str, value: str) -> Promise | str:
    """What a value is called where the pages have a word for it."""
    return _VALUE_LABELS.get(_setting(name), {}).get(value, value)


def actor_label(kind: str, name: str) -> Promise | str:
    """Who did it, where that is nobody with an address."""
    if kind == EMERGENCY_CODE:
        return gettext("An emergency code, from %(address)s") % {"address": name}
    if kind == ACTOR_KIND:
        made_by = name.removeprefix("made by ")
        return gettext("A set-up link, made by %(name)s") % {"name": made_by}
    if kind == PROVISIONING_CLIENT:
        return gettext("Directory sync, with the token %(name)s") % {"name": name}
    return _ACTORS.get((kind, name), name)


def detail_label(name: str) -> Promise | str:
    """The words of the page where the value is set; the name itself where there are none."""
    setting = _setting(name)
    return _DETAIL_LABELS.get(name) or LABELS.get(setting) or _DETAIL_LABELS.get(setting) or name


def _setting(name: str) -> str:
    return name.removeprefix("saml.").removeprefix("provisioning.")
