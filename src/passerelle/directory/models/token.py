"""Bearer tokens of machines that act for a company."""

from django.db import models
from django.db.models import Q

from passerelle.directory.models.company import Company
from passerelle.infra.identifiers import uuid7


class MachineToken(models.Model):
    """Only its digest is kept; each scope reaches its own interface alone."""

    class Scope(models.TextChoices):
        SCIM = "scim"
        API = "api"

    MOST = 50
    """So many of a company at once."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="machine_tokens")
    name = models.CharField(max_length=150)
    scope = models.CharField(max_length=4, choices=Scope.choices)
    read_only = models.BooleanField(default=False)
    digest = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["created_at", "id"]
        constraints = [
            models.CheckConstraint(
                name="machine_token_scope_known", condition=Q(scope__in=["scim", "api"])
            )
        ]
