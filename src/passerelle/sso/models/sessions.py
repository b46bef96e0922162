"""Browsers that are signed in, and failures that are counted."""

from django.db import models

from passerelle.directory.models import Company, User
from passerelle.sso.models.saml import SamlConnection


class Session(models.Model):
    """A signed-in browser. Only a digest of its secret is kept; deleting the row ends it."""

    key_digest = models.CharField(primary_key=True, max_length=64)
    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="sessions")
    connection = models.ForeignKey(
        SamlConnection, null=True, on_delete=models.CASCADE, related_name="sessions"
    )
    by_google = models.BooleanField(default=False)
    # What the identity provider calls this session, for single logout both ways.
    name_id = models.TextField(blank=True)
    name_id_digest = models.CharField(max_length=64, blank=True)
    name_id_format = models.TextField(blank=True)
    # The rest of the NameID: asking for a logout repeats it to the letter.
    name_qualifier = models.TextField(blank=True, default="", db_default="")
    sp_name_qualifier = models.TextField(blank=True, default="", db_default="")
    sp_provided_id = models.TextField(blank=True, default="", db_default="")
    session_index = models.TextField(blank=True)
    # Where it was opened, for the person who looks through their sessions.
    address = models.GenericIPAddressField(null=True)
    agent = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    # How they showed who they are (OpenID Connect's `acr` and `amr`), and the groups that the
    # identity provider named: what other dashboards are told.
    acr = models.CharField(max_length=200, blank=True, db_default="")
    amr = models.JSONField(default=list, blank=True, db_default=[])
    groups = models.JSONField(default=list, blank=True, db_default=[])
    # When the person last showed who they are: by password, or at the identity provider.
    confirmed_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(db_index=True)
    # The identity provider's own limit (SessionNotOnOrAfter): using the session does not move it.
    ends_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["connection", "name_id_digest"], name="session_of_a_subject")
        ]


class FailedAttempts(models.Model):
    """Failures within one window of time, counted for each key; successes are never counted."""

    key = models.CharField(primary_key=True, max_length=64)
    window_ends = models.DateTimeField(db_index=True)
    count = models.PositiveIntegerField(default=1)
