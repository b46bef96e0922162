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
from passerelle.directory.models.user import ExternalIdentity, Tombstone, User

__all__ = [
    "Application",
    "ApplicationHost",
    "ApplicationRole",
    "ApplicationWorkspace",
    "Company",
    "Domain",
    "ExternalIdentity",
    "Membership",
    "Permission",
    "PermissionSet",
    "ProvisioningRule",
    "Tombstone",
    "User",
    "Workspace",
]
