"""A user of one company, their external identities, and the marks that removed users leave."""

from typing import ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.hashers import make_password
from django.db import models
from django.db.models import F, Q

from passerelle.directory.models.company import Company
from passerelle.infra.identifiers import uuid7
from passerelle.provisioning import EmailAddress


class User(AbstractBaseUser):
    """An account. The same e-mail in two companies is two users."""

    class Status(models.TextChoices):
        INVITED = "invited"
        PENDING = "pending"
        ACTIVE = "active"
        SUSPENDED = "suspended"

    class Origin(models.TextChoices):
        INVITATION = "invitation"
        JIT = "jit"
        SCIM = "scim"
        OPERATOR = "operator"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="users")
    email = models.CharField(max_length=254)
    email_key = models.CharField(max_length=300)
    email_domain = models.CharField(max_length=253)
    first_name = models.CharField(max_length=150, blank=True)
    last_name = models.CharField(max_length=150, blank=True)
    status = models.CharField(max_length=10, choices=Status.choices)
    # What a suspended account was before: reinstating approves nobody.
    status_before = models.CharField(max_length=10, blank=True)
    provisioned_by = models.CharField(max_length=10, choices=Origin.choices)
    is_administrator = models.BooleanField(default=False)
    # Where a provisioning rule says so: it ends when no rule does any more.
    administrator_by_rule = models.BooleanField(default=False, db_default=False)
    # Enters by password even where single sign-on alone is allowed.
    breaks_glass = models.BooleanField(default=False)
    # One of those who try it before everybody has to.
    tests_sso = models.BooleanField(default=False)
    password_set_at = models.DateTimeField(null=True, blank=True)
    # How often the links to choose a password that were out have been ended: each names it.
    links_ended = models.PositiveIntegerField(default=0, db_default=0)
    # Chosen by the person; empty means whatever their browser asks for.
    language = models.CharField(max_length=10, blank=True)
    # The names of their groups in the company's directory, as dashboards are told: in step with
    # `GroupMember`, so that telling costs no query.
    directory_groups = models.JSONField(default=list, db_default=[])
    created_at = models.DateTimeField()
    last_sign_in_at = models.DateTimeField(null=True, blank=True)
    last_login = None

    USERNAME_FIELD = "id"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects = BaseUserManager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["company", "email_key"], name="email_once_in_a_company"
            ),
            models.UniqueConstraint(fields=["company", "id"], name="user_of_company"),
            models.CheckConstraint(
                name="administrator_by_rule_is_one",
                condition=Q(administrator_by_rule=False) | Q(is_administrator=True),
            ),
            models.CheckConstraint(
                name="user_status_known",
                condition=Q(status__in=["invited", "pending", "active", "suspended"]),
            ),
        ]
        indexes = [
            # Which domains are known: those of active accounts that JIT did not make.
            models.Index(
                fields=["company", "email_domain"],
                name="user_known_domains",
                condition=Q(status="active") & ~Q(provisioned_by="jit"),
            ),
            models.Index(fields=["company", "last_sign_in_at", "id"], name="user_by_last_sign_in"),
            models.Index(fields=["company", "created_at", "id"], name="user_by_age"),
            models.Index(
                fields=["company"],
                name="user_administrators",
                condition=Q(is_administrator=True),
            ),
        ]

    def __str__(self) -> str:
        return self.email

    @property
    def is_active(self) -> bool:  # type: ignore[override]
        return self.status == self.Status.ACTIVE

    @staticmethod
    def no_password() -> str:
        """What stands for a password that nobody has: different each time, as links hang on it."""
        return make_password(None)

    def end_links(self) -> None:
        """End the links to choose a password that are out: whatever happens, none lives again."""
        User.objects.filter(id=self.id).update(links_ended=F("links_ended") + 1)
        self.links_ended += 1

    @property
    def may_break_glass(self) -> bool:
        """Emergency access is an administrator's: it sleeps while somebody is none."""
        return self.breaks_glass and self.is_administrator

    @property
    def has_password(self) -> bool:
        return self.password.startswith("argon2")

    @property
    def shown_name(self) -> str:
        return f"{self.first_name} {self.last_name}".strip() or self.email

    @property
    def address(self) -> EmailAddress:
        return EmailAddress(self.email, self.email_key)

    def set_email(self, address: EmailAddress) -> None:
        self.email, self.email_key = address.shown, address.key
        self.email_domain = address.domain


class ExternalIdentity(models.Model):
    """Who a person is: this subject of this identity provider is this user of the company."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="+")
    connection = models.ForeignKey(
        "sso.SamlConnection", null=True, on_delete=models.SET_NULL, related_name="identities"
    )
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="identities")
    idp_entity_id = models.CharField(max_length=1024)
    subject = models.CharField(max_length=1024)
    # Of the attributes that rules read, those that the provider sent last for this person.
    sent_attributes = models.JSONField(null=True)
    # A digest of an attribute that says who the person is even when their subject changes.
    person_mark = models.CharField(max_length=64, default="", db_default="")
    # The account that had the same mark: an administrator says whether they are one person.
    duplicate_of = models.ForeignKey(
        User, null=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["company", "idp_entity_id", "subject"], name="subject_is_one_user"
            ),
            # A provider has one subject for each account: two racing ones cannot both link.
            models.UniqueConstraint(
                fields=["user", "idp_entity_id"], name="user_has_one_subject_a_provider"
            ),
        ]
        indexes = [
            models.Index(
                fields=["company", "person_mark"],
                name="identity_by_person",
                condition=~Q(person_mark=""),
            ),
            models.Index(
                fields=["duplicate_of"],
                name="identity_of_a_duplicate",
                condition=Q(duplicate_of__isnull=False),
            ),
        ]


class Tombstone(models.Model):
    """The mark of a removed person: enough to know them again, nothing to read.

    `mark` is a digest of an e-mail address or of an external identity.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="tombstones")
    mark = models.CharField(max_length=64)
    # The mark of the e-mail address that the person had: both go when somebody invites them again.
    email_mark = models.CharField(max_length=64, default="")
    removed_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["company", "mark"], name="tombstone_once_in_a_company")
        ]
