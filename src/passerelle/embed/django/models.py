"""Whose each identity is, and what sign-ins have to remember."""

from django.conf import settings
from django.db import models


class Identity(models.Model):
    """A person at an identity provider, and their account here; e-mail addresses decide nothing."""

    idp = models.CharField(max_length=1024)
    subject = models.CharField(max_length=1024)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="saml_identities"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "identities"
        constraints = [
            models.UniqueConstraint(fields=["idp", "subject"], name="passerelle_identity_once")
        ]


class Kept(models.Model):
    """What has to be remembered between two requests, and for how long."""

    key = models.CharField(max_length=200, primary_key=True)
    value = models.TextField()
    until = models.DateTimeField(db_index=True)
