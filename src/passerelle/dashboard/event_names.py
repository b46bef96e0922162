"""What the events of the audit log, and their details, are called on a page."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from passerelle.audit.events import EventName
from passerelle.dashboard.security_form import LABELS
from passerelle.dashboard.user_filters import SOURCES, STATUSES

EVENT_LABELS: dict[EventName, Promise] = {
    EventName.USER_PROVISIONED: _("Account made at the first sign-in"),
    EventName.USER_INVITED: _("User invited"),
    EventName.USER_ACTIVATED: _("Account activated with a password"),
    EventName.USER_UPDATED: _("Name or e-mail address changed"),
    EventName.USER_APPROVED: _("Account approved"),
    EventName.USER_SUSPENDED: _("User suspended"),
    EventName.USER_REINSTATED: _("User reinstated"),
    EventName.USER_REMOVED: _("User removed"),
    EventName.IDENTITY_LINKED: _("Account linked to single sign-on"),
    EventName.MEMBERSHIP_GIVEN: _("Right given"),
    EventName.MEMBERSHIP_WITHDRAWN: _("Right withdrawn"),
    EventName.PASSWORD_CHANGED: _("Password changed"),
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
    EventName.DOMAIN_VERIFIED: _("E-mail domain proved"),
    EventName.DOMAIN_REMOVED: _("E-mail domain removed"),
    EventName.SESSIONS_ENDED: _("Sessions ended"),
    EventName.ADMINISTRATOR_CHANGED: _("Administrator or emergency access changed"),
    EventName.WORKSPACE_CREATED: _("Workspace created"),
    EventName.WORKSPACE_RENAMED: _("Workspace renamed"),
    EventName.WORKSPACE_DELETED: _("Workspace deleted"),
    EventName.PERMISSION_SET_CREATED: _("Permission set created"),
    EventName.PERMISSION_SET_CHANGED: _("Permission set changed"),
    EventName.PERMISSION_SET_DELETED: _("Permission set deleted"),
    EventName.SETTINGS_CHANGED: _("Security settings changed"),
    EventName.KEY_ROTATED: _("New key made for a connection"),
    EventName.METADATA_FOLLOWED: _("Change of metadata taken over"),
    EventName.METADATA_HELD: _("Change of metadata held back"),
    EventName.METADATA_ACCEPTED: _("Change of metadata accepted"),
    EventName.METADATA_DISMISSED: _("Change of metadata refused"),
    EventName.CERTIFICATE_ACCEPTED: _("Certificate accepted"),
    EventName.CONNECTION_DELETED: _("Connection deleted"),
    EventName.SETUP_LINK_MADE: _("Set-up link made"),
    EventName.SETUP_LINK_OPENED: _("Set-up link opened"),
    EventName.SETUP_LINK_FINISHED: _("Set-up finished by link"),
    EventName.SETUP_LINK_REVOKED: _("Set-up link revoked"),
    EventName.LOGGED_OUT_BY_IDP: _("Signed out by the identity provider"),
    EventName.CONFIGURATION_APPLIED: _("Configuration file applied"),
}
_DETAIL_LABELS: dict[str, Promise] = {
    "address": _("Network address"),
    "breaks_glass": _("Emergency access"),
    "changes": _("Changes"),
    "email": _("E-mail address"),
    "first_name": _("First name"),
    "is_administrator": _("Administrator"),
    "last_name": _("Last name"),
    "memberships": _("Rights"),
    "name": _("Name"),
    "permission_set": _("Permission set"),
    "permissions": _("Permissions"),
    "sessions": _("Sessions"),
    "source": _("Where it comes from"),
    "status": _("Status"),
    "sso_enforcement": _("Single sign-on for everybody"),
    "tests_sso": _("Tries single sign-on"),
    "tombstone": _("Refused until invited again"),
    "verified": _("Verified"),
    "why": _("Why"),
    "workspace": _("Workspace"),
}


_VALUE_LABELS: dict[str, dict[str, Promise]] = {"source": SOURCES, "status": STATUSES}


def event_label(name: str) -> Promise | str:
    return EVENT_LABELS[EventName(name)] if name in list(EventName) else name


def value_label(name: str, value: str) -> Promise | str:
    """What a value is called where the pages have a word for it."""
    return _VALUE_LABELS.get(name, {}).get(value, value)


def detail_label(name: str) -> Promise | str:
    """The words of the page where the value is set; the name itself where there are none."""
    setting = name.removeprefix("saml.").removeprefix("provisioning.")
    return _DETAIL_LABELS.get(name) or LABELS.get(setting) or name
