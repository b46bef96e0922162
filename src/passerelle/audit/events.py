"""Every event's name, `subject:action`."""

from enum import StrEnum


class EventName(StrEnum):
    USER_PROVISIONED = "user:provisioned"
    USER_INVITED = "user:invited"
    USER_ACTIVATED = "user:activated"
    USER_UPDATED = "user:updated"
    USER_APPROVED = "user:approved"
    USER_SUSPENDED = "user:suspended"
    USER_REINSTATED = "user:reinstated"
    USER_REMOVED = "user:removed"
    IDENTITY_LINKED = "identity:linked"
    MEMBERSHIP_GIVEN = "membership:given"
    MEMBERSHIP_WITHDRAWN = "membership:withdrawn"
    SETTINGS_CHANGED = "security_settings:changed"
    CONFIGURATION_APPLIED = "configuration:applied"
