"""The models, by noun."""

from passerelle.directory.models.access import (
    Membership,
    Permission,
    PermissionSet,
    ProvisioningRule,
    Workspace,
)
from passerelle.directory.models.application import (
    Application,
    ApplicationHost,
    ApplicationRole,
    ApplicationWorkspace,
)
from passerelle.directory.models.company import Company, Domain
from passerelle.directory.models.managed import Group, GroupMember, ManagedUser
from passerelle.directory.models.token import MachineToken
from passerelle.directory.models.user import ExternalIdentity, Tombstone, User

__all__ = [
    "Application",
    "ApplicationHost",
    "ApplicationRole",
    "ApplicationWorkspace",
    "Company",
    "Domain",
    "ExternalIdentity",
    "Group",
    "GroupMember",
    "MachineToken",
    "ManagedUser",
    "Membership",
    "Permission",
    "PermissionSet",
    "ProvisioningRule",
    "Tombstone",
    "User",
    "Workspace",
]
