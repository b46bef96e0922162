"""Audit events, and the head of each chain that they are sealed into."""

from django.db import models

INSTALLATION = "installation"
"""The chain of events that concern no single company."""


class AuditEvent(models.Model):
    """One thing that happened. Written in the transaction of what it tells, sealed shortly after.

    Never updated but by sealing, never deleted.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    company = models.ForeignKey(
        "directory.Company", null=True, on_delete=models.PROTECT, related_name="+"
    )
    chain = models.CharField(max_length=36)
    time = models.DateTimeField()
    event = models.CharField(max_length=50)
    actor_kind = models.CharField(max_length=20)
    actor = models.CharField(max_length=300)
    target = models.CharField(max_length=300, blank=True)
    details = models.JSONField(default=dict)
    # Made with a key that is not in the database, when the event is written: nobody can put an
    # event, or a changed one, before the sealer.
    mac = models.CharField(max_length=64)
    sequence = models.PositiveBigIntegerField(null=True)
    digest = models.CharField(max_length=64, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["chain", "sequence"], name="audit_place_in_chain")
        ]
        indexes = [
            models.Index(fields=["company", "-id"], name="audit_newest_of_company"),
            models.Index(
                fields=["chain"],
                name="audit_unsealed",
                condition=models.Q(sequence__isnull=True),
            ),
        ]


class AuditChain(models.Model):
    """The head of a chain: how many events are sealed, and the digest of the last.

    It shows when events at the end of a chain are missing.
    """

    chain = models.CharField(primary_key=True, max_length=36)
    sequence = models.PositiveBigIntegerField(default=0)
    digest = models.CharField(max_length=64, blank=True)
