"""What a provisioning client (SCIM) keeps here: its people and its groups."""

from django.db import models
from django.db.models import Q

from passerelle.directory.models.company import Company
from passerelle.directory.models.user import User
from passerelle.infra.identifiers import uuid7


class ManagedUser(models.Model):
    """An account that a provisioning client looks after, and what it said besides."""

    user = models.OneToOneField(
        User, on_delete=models.CASCADE, primary_key=True, related_name="managed"
    )
    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="+")
    user_name = models.CharField(max_length=300)
    user_name_key = models.CharField(max_length=300)
    external_id = models.CharField(max_length=300, null=True)  # noqa: DJ001 - null: none was sent
    # As it was sent, but for what has a column of its own here or in the account.
    data = models.JSONField(default=dict)
    # Only what the client has suspended does it reinstate.
    suspended_here = models.BooleanField(default=False)
    revision = models.PositiveIntegerField(default=1)
    modified_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["company", "user_name_key"], name="user_name_once_in_a_company"
            )
        ]
        indexes = [
            models.Index(
                fields=["company", "external_id"],
                name="managed_user_by_external_id",
                condition=Q(external_id__isnull=False),
            )
        ]


class Group(models.Model):
    """A group of the company's directory; rules say what its people may do here."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="groups")
    name = models.CharField(max_length=300)
    name_key = models.CharField(max_length=600)
    external_id = models.CharField(max_length=300, null=True)  # noqa: DJ001 - null: none was sent
    revision = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField()
    modified_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["company", "name_key"], name="group_once_in_a_company"),
            models.UniqueConstraint(fields=["company", "id"], name="group_of_company"),
        ]

    def __str__(self) -> str:
        return self.name


class GroupMember(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="+")
    group = models.ForeignKey(Group, on_delete=models.CASCADE, related_name="members")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="groups")
    # What the client calls them in this group; without it they are shown by their address.
    display = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["group", "user"], name="member_once_in_a_group")
        ]
