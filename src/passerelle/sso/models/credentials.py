"""Signing in without SAML: what proves who somebody is, and the letters that are sent to them."""

from django.db import models

from passerelle.directory.models import Company, User
from passerelle.infra.identifiers import uuid7


class OfUser(models.Model):
    """A row of one person, gone with them."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="+")

    class Meta:
        abstract = True


class EarlierPassword(OfUser):
    """The hash of a password that somebody had: not to be chosen again so soon."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="earlier_passwords")
    password = models.CharField(max_length=128)
    replaced_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["user", "-replaced_at"], name="earlier_password_of_user")]


class Totp(OfUser):
    """An authenticator app (RFC 6238)."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, related_name="totp")
    # Sealed by the secret key of the installation, for this row only.
    sealed_secret = models.TextField()
    created_at = models.DateTimeField()
    # A code is good once: only those of a later step than the last are taken.
    last_step = models.PositiveBigIntegerField(default=0)


class Passkey(OfUser):
    """A key of a device or a password manager (WebAuthn)."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="passkeys")
    credential_id = models.CharField(max_length=1400, unique=True)
    # The attested credential data, as the authenticator gave it, in base64.
    credential = models.TextField()
    sign_count = models.PositiveBigIntegerField(default=0)
    name = models.CharField(max_length=100)
    created_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True)


class PasskeyChallenge(models.Model):
    """A question to an authenticator that waits for its one answer."""

    token_digest = models.CharField(primary_key=True, max_length=64)
    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="+")
    # Who adds a passkey; None where somebody signs in.
    user = models.ForeignKey(User, null=True, on_delete=models.CASCADE, related_name="+")
    state = models.JSONField()
    expires_at = models.DateTimeField(db_index=True)


class RecoveryCode(OfUser):
    """One of ten codes that stand in for a lost second factor: each once, kept as a digest."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="recovery_codes")
    digest = models.CharField(max_length=64, unique=True)
    used_at = models.DateTimeField(null=True)


class TrustedDevice(OfUser):
    """A browser that is not asked for the second factor until a day, or until it is withdrawn."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="trusted_devices")
    digest = models.CharField(max_length=64, unique=True)
    agent = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)


class SecondStep(OfUser):
    """Somebody whose password was right and who has not shown the second factor yet."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="second_steps")
    digest = models.CharField(max_length=64, unique=True)
    # Of the password that was right: with another one, the step is worth nothing.
    password_digest = models.CharField(max_length=64)
    next = models.CharField(max_length=2000, blank=True)
    # A new authenticator app that is being set up, sealed for this row.
    sealed_secret = models.TextField(blank=True)
    expires_at = models.DateTimeField(db_index=True)


class GoogleRequest(models.Model):
    """Somebody who was sent to Google, waiting to come back."""

    state_digest = models.CharField(primary_key=True, max_length=64)
    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="+")
    nonce = models.CharField(max_length=64)
    # What proves to Google that whoever asked is whoever gets the answer (PKCE).
    verifier = models.CharField(max_length=64)
    binding_digest = models.CharField(max_length=64)
    next = models.CharField(max_length=2000, blank=True)
    expires_at = models.DateTimeField(db_index=True)


class EventDelivery(models.Model):
    """Where a company's security events go once a day."""

    class Kind(models.TextChoices):
        WEBHOOK = "webhook"
        BUCKET = "bucket"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="deliveries")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    # The webhook's address; or that of an S3-compatible service.
    url = models.CharField(max_length=2048)
    bucket = models.CharField(max_length=100, blank=True)
    region = models.CharField(max_length=50, blank=True)
    folder = models.CharField(max_length=200, blank=True)
    access_key = models.CharField(max_length=200, blank=True)
    # Sealed by the secret key of the installation, for this row only.
    sealed_secret = models.TextField()
    # Events before this time were delivered.
    sent_until = models.DateTimeField()
    due_at = models.DateTimeField(db_index=True)
    tries = models.PositiveSmallIntegerField(default=0)
    sent_at = models.DateTimeField(null=True)
    problem = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["company", "kind"], name="delivery_once_of_a_kind")
        ]


class EmergencyCode(models.Model):
    """One of a company's ten codes: with it, people may use passwords again."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="emergency_codes")
    digest = models.CharField(max_length=64, unique=True)
    used_at = models.DateTimeField(null=True)
    used_by = models.CharField(max_length=320, blank=True)


class Letter(models.Model):
    """An e-mail that waits to be sent, or was: written by whoever sends it, not by who asks."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=30)
    to = models.CharField(max_length=320)
    values = models.JSONField(default=dict)
    created_at = models.DateTimeField()
    due_at = models.DateTimeField(null=True, db_index=True)
    """None once it was sent or given up."""
    tries = models.PositiveSmallIntegerField(default=0)
    sent_at = models.DateTimeField(null=True)
    # As it was sent; kept only in the demonstration, which shows it on a page.
    subject = models.CharField(max_length=300, blank=True)
    body = models.TextField(blank=True)

    class Meta:
        indexes = [models.Index(fields=["-created_at"], name="letter_newest")]
