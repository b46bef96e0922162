"""What signing people in to other dashboards keeps. Of every secret, only a digest."""

from django.db import models

from passerelle.directory.models import Application, Company
from passerelle.infra.identifiers import uuid7
from passerelle.sso.models import Session


class SigningKey(models.Model):
    """A key of the installation that signs what dashboards are told; its `id` is the `kid`."""

    class Algorithm(models.TextChoices):
        RS256 = "RS256"
        ES256 = "ES256"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    algorithm = models.CharField(max_length=5, choices=Algorithm.choices)
    sealed_private_key = models.TextField()
    public_jwk = models.JSONField()
    created_at = models.DateTimeField()
    # Published at once; whoever has read the list by then knows it when it signs.
    signs_from = models.DateTimeField()
    # Not published any more from then on.
    retires_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-signs_from", "-id"]


class ClientSecret(models.Model):
    """A secret of a client, by its digest; two at once while one takes the other's place."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="+")
    application = models.ForeignKey(
        Application, on_delete=models.CASCADE, related_name="client_secrets"
    )
    digest = models.CharField(max_length=64)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True, db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["application", "digest"], name="client_secret_once_in_an_application"
            )
        ]


class Grant(models.Model):
    """One sign-in of a person into an application; it ends with the session that it came from."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="+")
    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="grants")
    # No references that hold: what is left of a person or a session that is gone is how we know
    # what to tell.
    subject = models.UUIDField(db_index=True)
    session = models.ForeignKey(
        Session, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+"
    )
    scope = models.CharField(max_length=300, blank=True)
    resource = models.CharField(max_length=500, blank=True)
    nonce = models.CharField(max_length=500, blank=True)
    auth_time = models.DateTimeField()
    created_at = models.DateTimeField()
    # Of the code, and what the client has to repeat or prove for it.
    code_digest = models.CharField(max_length=64, null=True, unique=True)  # noqa: DJ001 - proxies
    code_expires_at = models.DateTimeField(null=True)
    code_used_at = models.DateTimeField(null=True)
    # Or the path at an application's own host.
    redirect_uri = models.CharField(max_length=2000, blank=True)
    code_challenge = models.CharField(max_length=128, blank=True)
    # A digest of the rights that the application was told of.
    told = models.CharField(max_length=64, blank=True)
    # Used or not, it ends then.
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [
            # Not needed for uniqueness: what the walls between companies refer to.
            models.UniqueConstraint(fields=["company", "id"], name="grant_of_company")
        ]

    @property
    def was_used(self) -> bool:
        """Whether the application ever learnt of it."""
        return self.code_digest is None or self.code_used_at is not None


class Token(models.Model):
    """What a client, or a browser at an application's own host, brings."""

    class Kind(models.TextChoices):
        ACCESS = "access"
        REFRESH = "refresh"
        PROXY = "proxy"

    digest = models.CharField(primary_key=True, max_length=64)
    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="+")
    grant = models.ForeignKey(Grant, on_delete=models.CASCADE, related_name="tokens")
    kind = models.CharField(max_length=7, choices=Kind.choices)
    scope = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)
    # Of a refresh token that was exchanged: coming back, it shows that somebody has a copy.
    used_at = models.DateTimeField(null=True)


class LogoutNotice(models.Model):
    """An application is to be told that a session has ended (back-channel logout)."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="+")
    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="+")
    subject = models.UUIDField()
    sid = models.CharField(max_length=64)
    created_at = models.DateTimeField()
    due_at = models.DateTimeField(db_index=True)
    tries = models.PositiveSmallIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["application", "sid"], name="one_notice_of_a_session_to_an_application"
            )
        ]


class UsedAssertion(models.Model):
    """A client's signed assertion (RFC 7523) that was used: its `jti` counts once."""

    digest = models.CharField(primary_key=True, max_length=64)
    expires_at = models.DateTimeField(db_index=True)


class Loss(models.Model):
    """Something that grants hang on has gone: a session, or a right of a person.

    The database itself notes it, whatever takes them away; see `losses.py`.
    """

    id = models.BigAutoField(primary_key=True)
    session_id = models.CharField(max_length=64, null=True)  # noqa: DJ001 - null: of a person
    user_id = models.UUIDField(null=True)
