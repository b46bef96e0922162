"""What a person may do, and where: workspaces, permissions, permission sets, memberships, rules."""

from django.db import models
from django.db.models import Q
from django.utils.translation import get_language

from passerelle.directory.models.company import Company
from passerelle.directory.models.user import User
from passerelle.infra.identifiers import uuid7


class Workspace(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="workspaces")
    name = models.CharField(max_length=150)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["company", "name"], name="workspace_once_in_a_company"),
            # What composite references within a company point at.
            models.UniqueConstraint(fields=["company", "id"], name="workspace_of_company"),
        ]

    def __str__(self) -> str:
        return self.name


class Permission(models.Model):
    """One entry of the installation's catalogue, `area.action`."""

    key = models.CharField(primary_key=True, max_length=100)
    name_en = models.CharField(max_length=150)
    name_fr = models.CharField(max_length=150)
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["position", "key"]

    def __str__(self) -> str:
        return self.name_fr if get_language() == "fr" else self.name_en


class PermissionSet(models.Model):
    """A named bundle of permissions, for the whole company."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="permission_sets")
    name = models.CharField(max_length=150)
    permissions = models.ManyToManyField(Permission, related_name="+")

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                fields=["company", "name"], name="permission_set_once_in_a_company"
            ),
            models.UniqueConstraint(fields=["company", "id"], name="permission_set_of_company"),
        ]

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """This user, in this workspace, with this permission set, and where that right comes from."""

    class Source(models.TextChoices):
        HAND = "hand"
        DEFAULT = "default"
        RULE = "rule"
        SCIM = "scim"
        INVITATION = "invitation"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="memberships")
    permission_set = models.ForeignKey(
        PermissionSet, on_delete=models.PROTECT, related_name="memberships"
    )
    source = models.CharField(max_length=10, choices=Source.choices)
    why = models.CharField(max_length=500, blank=True)
    granted_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "workspace", "permission_set", "source"],
                name="membership_once_for_each_source",
            ),
            models.CheckConstraint(
                name="membership_source_known",
                condition=Q(source__in=["hand", "default", "rule", "scim", "invitation"]),
            ),
        ]


class ProvisioningRule(models.Model):
    """Attribute → membership; the first rule that gives a membership is named as its reason."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="rules")
    position = models.PositiveSmallIntegerField()
    attribute = models.CharField(max_length=300)
    equals = models.CharField(max_length=500, null=True)  # noqa: DJ001 - null: `matches` is used
    matches = models.CharField(max_length=500, null=True)  # noqa: DJ001 - null: `equals` is used
    # Either a right, or the administration of the company.
    workspace = models.ForeignKey(Workspace, null=True, on_delete=models.PROTECT, related_name="+")
    permission_set = models.ForeignKey(
        PermissionSet, null=True, on_delete=models.PROTECT, related_name="+"
    )
    administrator = models.BooleanField(default=False, db_default=False)
    # Empty: as the company's rules are.
    sync = models.CharField(max_length=15, blank=True, default="", db_default="")

    class Meta:
        ordering = ["position"]
        constraints = [
            models.CheckConstraint(
                name="rule_gives_a_right_or_administration",
                condition=Q(
                    administrator=False, workspace__isnull=False, permission_set__isnull=False
                )
                | Q(administrator=True, workspace__isnull=True, permission_set__isnull=True),
            ),
            models.CheckConstraint(
                name="rule_sync_known", condition=Q(sync__in=["", "always", "first_sign_in"])
            ),
            models.CheckConstraint(
                name="rule_equals_or_matches",
                condition=Q(equals__isnull=True) ^ Q(matches__isnull=True),
            ),
        ]
