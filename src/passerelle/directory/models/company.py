"""A company: the wall around everything that belongs to it."""

from typing import Self
from uuid import UUID

from django.db import models
from django.db.models import F, Q

from passerelle.infra.identifiers import uuid7


class ProvisioningPolicy(models.Model):
    """A company's just-in-time settings, as columns of the company's own row.

    They stand on one row so that the database itself can hold the rule: automatic provisioning
    means both selections, early access open, and Google SSO off.
    """

    class Domains(models.TextChoices):
        KNOWN = "known"
        VERIFIED = "verified"
        LISTED = "listed"

    class Newcomers(models.TextChoices):
        CREATE = "create"
        APPROVE = "approve"

    class ExistingAccounts(models.TextChoices):
        LINK = "link"
        REFUSE = "refuse"

    class SyncRules(models.TextChoices):
        ALWAYS = "always"
        FIRST_SIGN_IN = "first_sign_in"

    jit_provisioning_available = models.BooleanField(default=False)
    automatic_user_provisioning = models.BooleanField(default=False)
    default_workspace = models.ForeignKey(
        "directory.Workspace", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    default_permission_set = models.ForeignKey(
        "directory.PermissionSet", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    provisioning_domains = models.CharField(
        max_length=10, choices=Domains.choices, default=Domains.KNOWN
    )
    provisioning_domain_list = models.JSONField(default=list, blank=True)
    newcomers = models.CharField(max_length=10, choices=Newcomers.choices, default=Newcomers.CREATE)
    existing_accounts = models.CharField(
        max_length=10, choices=ExistingAccounts.choices, default=ExistingAccounts.LINK
    )
    update_profile = models.BooleanField(default=True)
    sync_rules = models.CharField(
        max_length=15, choices=SyncRules.choices, default=SyncRules.ALWAYS
    )

    class Meta:
        abstract = True


class SecurityRules(models.Model):
    """A company's rules for signing in, as columns of the company's own row."""

    class TwoFactor(models.TextChoices):
        OPTIONAL = "optional"
        REQUIRED = "required"

    class Enforcement(models.TextChoices):
        OFF = "off"
        TEST_USERS = "test_users"
        EVERYONE = "everyone"

    google_sso_enabled = models.BooleanField(default=False)
    google_client_id = models.CharField(max_length=200, blank=True)
    # Sealed by the secret key of the installation, for this company only.
    google_client_secret = models.TextField(blank=True)
    google_hosted_domain = models.CharField(max_length=253, blank=True)
    password_min_length = models.PositiveSmallIntegerField(default=8)
    password_complexity = models.BooleanField(default=False)
    password_reuse = models.PositiveSmallIntegerField(default=3)
    password_expiry_days = models.PositiveSmallIntegerField(default=0)
    session_minutes = models.PositiveSmallIntegerField(default=1440)
    two_factor = models.CharField(
        max_length=10, choices=TwoFactor.choices, default=TwoFactor.OPTIONAL
    )
    sso_enforcement = models.CharField(
        max_length=12, choices=Enforcement.choices, default=Enforcement.OFF
    )
    ip_allowlist = models.JSONField(default=list, blank=True)

    class Meta:
        abstract = True


class Company(ProvisioningPolicy, SecurityRules):
    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    slug = models.SlugField(max_length=63, unique=True)
    name = models.CharField(max_length=150)
    # Raised by every change of settings: two administrators saving at once notice each other,
    # and a worker knows when what it remembers is out of date.
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="jit_needs_selections_early_access_and_no_google_sso",
                condition=Q(automatic_user_provisioning=False)
                | Q(
                    default_workspace__isnull=False,
                    default_permission_set__isnull=False,
                    jit_provisioning_available=True,
                    google_sso_enabled=False,
                ),
            ),
            models.CheckConstraint(
                name="saml_enforcement_excludes_google_sso",
                condition=Q(sso_enforcement="off") | Q(google_sso_enabled=False),
            ),
            models.CheckConstraint(
                name="session_a_day_or_a_week_with_two_factor",
                condition=Q(session_minutes__gte=1, session_minutes__lte=1440)
                | Q(session_minutes__gte=1, session_minutes__lte=10080, two_factor="required"),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @classmethod
    def locked(cls, company_id: UUID) -> Self:
        """The row as it is, for this transaction alone.

        Whoever changes what belongs to a company locks its row first: one order, no deadlock. A row
        that merely points at the company is not in the way, hence `no_key`.
        """
        return cls.objects.select_for_update(no_key=True).get(id=company_id)

    def raise_version(self) -> None:
        """Settings have changed: who edits them notices, and workers read them anew."""
        type(self).objects.filter(id=self.id).update(version=F("version") + 1)
        self.refresh_from_db(fields=["version"])


class Domain(models.Model):
    """An e-mail domain of a company; verified by the operator's word or by a DNS record."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="domains")
    name = models.CharField(max_length=253)
    verified_at = models.DateTimeField(null=True, blank=True)
    # By its DNS, and not by the operator's word: the configuration file does not take it back.
    is_proved = models.BooleanField(default=False)
    # The connection for people with an address of this domain, where a company has several.
    connection = models.ForeignKey(
        "sso.SamlConnection",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="domains",
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["company", "name"], name="domain_once_in_a_company"),
            models.UniqueConstraint(
                fields=["name"], condition=Q(is_proved=True), name="domain_proved_by_one_company"
            ),
        ]
        indexes = [models.Index(fields=["name"], name="domain_by_name")]

    def __str__(self) -> str:
        return self.name
