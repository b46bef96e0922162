"""Connections, and what a sign-in leaves behind on its way."""

from django.db import models

from passerelle.directory.models import Company, User
from passerelle.identifiers import uuid7


class SamlConnection(models.Model):
    """One company's trust in one identity provider."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="connections")
    slug = models.SlugField(max_length=63, unique=True)
    name = models.CharField(max_length=150)
    enabled = models.BooleanField(default=True)
    idp_entity_id = models.CharField(max_length=1024, blank=True)
    target_url = models.CharField(max_length=2048, blank=True)
    sp_entity_id = models.CharField(max_length=1024, blank=True)
    idp_initiated = models.BooleanField(default=False)
    subject_attribute = models.CharField(max_length=300, blank=True)
    last_success_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["company", "id"], name="connection_of_company")
        ]

    def __str__(self) -> str:
        return self.name


class SigningCertificate(models.Model):
    """A certificate whose key a connection trusts; several at once for a rollover."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="+")
    connection = models.ForeignKey(
        SamlConnection, on_delete=models.CASCADE, related_name="certificates"
    )
    pem = models.TextField()
    fingerprint = models.CharField(max_length=95)
    subject = models.CharField(max_length=1000)
    not_before = models.DateTimeField()
    not_after = models.DateTimeField()
    last_seen_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["not_after"]
        constraints = [
            models.UniqueConstraint(
                fields=["connection", "fingerprint"], name="certificate_once_in_a_connection"
            )
        ]


class AuthnRequest(models.Model):
    """A request sent to an identity provider, waiting for its one answer."""

    id = models.CharField(primary_key=True, max_length=64)
    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="+")
    connection = models.ForeignKey(SamlConnection, on_delete=models.CASCADE, related_name="+")
    next = models.CharField(max_length=2000, blank=True)
    binding_digest = models.CharField(max_length=64)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)
    answered_at = models.DateTimeField(null=True)


class ConsumedAssertion(models.Model):
    """An assertion that was used: it lets nobody in a second time."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="+")
    # Of identity provider and assertion: it holds whatever becomes of the connection.
    digest = models.CharField(max_length=64)
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["company", "digest"], name="assertion_used_once")
        ]


class PendingSignIn(models.Model):
    """Verified claims between callback and finish, under the digest of a one-time code."""

    code_digest = models.CharField(primary_key=True, max_length=64)
    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="+")
    connection = models.ForeignKey(SamlConnection, on_delete=models.CASCADE, related_name="+")
    binding_digest = models.CharField(max_length=64, blank=True)
    cookie_digest = models.CharField(max_length=64)
    claims = models.JSONField()
    checks = models.JSONField()
    next = models.CharField(max_length=2000, blank=True)
    expires_at = models.DateTimeField(db_index=True)


class SignIn(models.Model):
    """The trace of one attempt: each check, and what became of it."""

    class Outcome(models.TextChoices):
        CREATED = "created"
        LINKED = "linked"
        SIGNED_IN = "signed_in"
        REFUSED = "refused"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="+")
    connection = models.ForeignKey(
        SamlConnection, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    user = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="sign_ins")
    reference = models.CharField(max_length=9)
    time = models.DateTimeField()
    outcome = models.CharField(max_length=10, choices=Outcome.choices)
    reason = models.CharField(max_length=50, blank=True)
    email = models.CharField(max_length=300, null=True)  # noqa: DJ001 - null: nothing verified
    checks = models.JSONField(default=list)
    steps = models.JSONField(default=list)
    notes = models.JSONField(default=list)
    address = models.GenericIPAddressField(null=True)
    # Identical failures of unverifiable messages are counted in one row, not listed one by one.
    count = models.PositiveIntegerField(default=1)
    same_as = models.CharField(max_length=64, null=True)  # noqa: DJ001 - null: never counted

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["company", "same_as"], name="sign_in_failure_counted")
        ]
        indexes = [
            models.Index(fields=["company", "-time", "-id"], name="sign_in_newest_of_company"),
            models.Index(fields=["company", "reference"], name="sign_in_by_reference"),
        ]


class Session(models.Model):
    """A signed-in browser. Only a digest of its secret is kept; deleting the row ends it."""

    key_digest = models.CharField(primary_key=True, max_length=64)
    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="sessions")
    connection = models.ForeignKey(
        SamlConnection, null=True, on_delete=models.CASCADE, related_name="+"
    )
    created_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)


class FailedAttempts(models.Model):
    """Failures within one window of time, counted for each key; successes are never counted."""

    key = models.CharField(primary_key=True, max_length=64)
    window_ends = models.DateTimeField(db_index=True)
    count = models.PositiveIntegerField(default=1)
