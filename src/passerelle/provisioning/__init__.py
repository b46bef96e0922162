"""Provisioning decides: pure functions from a profile and what is known to a plan or a refusal."""

from passerelle.provisioning.email_address import EmailAddress, parse_email
from passerelle.provisioning.engine import plan
from passerelle.provisioning.mapping import AttributeNames, read_profile
from passerelle.provisioning.model import Plan, Policy, Profile, Refusal, Snapshot

__all__ = [
    "AttributeNames",
    "EmailAddress",
    "Plan",
    "Policy",
    "Profile",
    "Refusal",
    "Snapshot",
    "parse_email",
    "plan",
    "read_profile",
]
