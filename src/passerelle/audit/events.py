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
    KEY_ROTATED = "connection:key_rotated"
    METADATA_FOLLOWED = "connection:metadata_followed"
    METADATA_HELD = "connection:metadata_held"
    METADATA_ACCEPTED = "connection:metadata_accepted"
    METADATA_DISMISSED = "connection:metadata_dismissed"
    CERTIFICATE_ACCEPTED = "connection:certificate_accepted"
    LOGGED_OUT_BY_IDP = "session:ended_by_identity_provider"
    CONFIGURATION_APPLIED = "configuration:applied"
