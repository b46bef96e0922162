"""Connections, and what a sign-in leaves behind on its way."""

from datetime import datetime

from django.db import models
from django.db.models import Q

from passerelle.directory.models import Application, Company, User
from passerelle.infra.identifiers import uuid7


class Binding(models.TextChoices):
    REDIRECT = "redirect", "HTTP-Redirect"
    POST = "post", "HTTP-POST"


TRUST = ("idp_entity_id", "target_url", "post_target_url", "request_binding")
"""After a change of these fields a connection has to prove itself anew."""
GOOGLE_ISSUER = "https://accounts.google.com"  # Of Google SSO: no connection can have it.


class SamlConnection(models.Model):
    """One company's trust in one identity provider."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="connections")
    slug = models.SlugField(max_length=63, unique=True)
    name = models.CharField(max_length=150)
    enabled = models.BooleanField(default=True)
    idp_entity_id = models.CharField(max_length=1024, blank=True)
    target_url = models.CharField(max_length=2048, blank=True)
    # Where requests go by HTTP-POST, if metadata says that this is elsewhere.
    post_target_url = models.CharField(max_length=2048, blank=True, default="", db_default="")
    sp_entity_id = models.CharField(max_length=1024, blank=True)
    idp_initiated = models.BooleanField(default=False)
    last_success_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()
    # Since when what is trusted here is as it is now: who came before came another way.
    trusted_since = models.DateTimeField(null=True, blank=True)
    # Since when it shares its identity provider with another connection of the company: a
    # migration, which an administrator began. Each of the two can sign in the other's people.
    migrating_since = models.DateTimeField(null=True, blank=True)
    # The product behind it, where somebody said so: the set-up guide speaks that console's words.
    product = models.CharField(max_length=20, blank=True)

    # What a request asks for, and how it travels.
    request_binding = models.CharField(
        max_length=8, choices=Binding.choices, default=Binding.REDIRECT
    )
    sign_requests = models.BooleanField(default=False)
    force_authn = models.BooleanField(default=False)
    name_id_format = models.CharField(max_length=200, blank=True)
    authn_contexts = models.CharField(max_length=1000, blank=True)
    """Classes with white space between them, of which one must hold."""

    # What is read in an answer; an empty name means the usual ones.
    subject_attribute = models.CharField(max_length=300, blank=True)
    email_attribute = models.CharField(max_length=300, blank=True)
    first_name_attribute = models.CharField(max_length=300, blank=True)
    last_name_attribute = models.CharField(max_length=300, blank=True)
    # What stands between several values that come as one; without it, each value is one.
    value_separator = models.CharField(max_length=5, blank=True, db_default="", default="")
    # Whether what rules read is empty, when it was sent for a person before and is not sent now.
    absent_is_empty = models.BooleanField(default=True, db_default=True)
    # What sign-ins have shown of such attributes; see `provisioning/absence.py`.
    attributes_seen = models.JSONField(default=dict, blank=True, db_default={})
    allow_cbc = models.BooleanField(default=False)

    # Single logout; without an address only our own session ends.
    logout_url = models.CharField(max_length=2048, blank=True)
    logout_binding = models.CharField(
        max_length=8, choices=Binding.choices, default=Binding.REDIRECT
    )
    logout_answer_url = models.CharField(max_length=2048, blank=True)

    # The identity provider's metadata, where it is followed by address.
    metadata_url = models.CharField(max_length=2048, blank=True)
    # Its address came by a set-up link, and no administrator has stood for it yet.
    metadata_by_link = models.BooleanField(default=False, db_default=False)
    metadata_read_at = models.DateTimeField(null=True, blank=True)
    metadata_due_at = models.DateTimeField(null=True, blank=True, db_index=True)
    metadata_problem = models.CharField(max_length=500, blank=True)
    # A change that an administrator has to look at first: metadata as it was fetched.
    metadata_held = models.TextField(blank=True)
    # The digest of one that was looked at and not wanted.
    metadata_dismissed = models.CharField(max_length=64, blank=True)
    # Why certificates that were given beside others are not used: a line each.
    certificates_left_out = models.TextField(blank=True, default="", db_default="")
    # What was last taken from it: a setting that says something else was chosen by a person.
    metadata_said = models.JSONField(default=dict, blank=True)
    # The values it has replaced, by setting: a file that still names one of them is older.
    metadata_replaced = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ["name", "slug"]
        constraints = [
            models.UniqueConstraint(fields=["company", "id"], name="connection_of_company"),
            # A person is known by provider and subject: another key for the same provider could
            # speak for everybody.
            models.UniqueConstraint(
                fields=["company", "idp_entity_id"],
                condition=Q(migrating_since=None) & ~Q(idp_entity_id=""),
                name="provider_held_by_one_connection",
            ),
            models.CheckConstraint(
                condition=~Q(idp_entity_id=GOOGLE_ISSUER), name="google_is_no_saml_provider"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def request_address(self) -> str:
        """Where requests go, by the binding that is chosen."""
        by_post = self.request_binding == Binding.POST and self.post_target_url
        return self.post_target_url if by_post else self.target_url

    def follow_metadata(self, url: str, *, now: datetime) -> None:
        """Follow another address, or none; what was learnt from the one before is forgotten."""
        if url == self.metadata_url:
            return
        self.metadata_url, self.metadata_due_at = url, now if url else None
        self.metadata_problem = self.metadata_held = self.metadata_dismissed = ""
        self.metadata_said, self.metadata_replaced, self.metadata_read_at = {}, {}, None
        self.certificates_left_out = ""

    def refuse_certificates(self, fingerprints: list[str]) -> None:
        """A person removed these: metadata does not bring them back."""
        refused = self.metadata_replaced.get(REFUSED, [])
        self.metadata_replaced[REFUSED] = [*refused, *fingerprints][-50:]


REFUSED = "refused_certificates"
FOLLOWING = (
    "metadata_url",
    "metadata_read_at",
    "metadata_due_at",
    "metadata_problem",
    "metadata_held",
    "metadata_dismissed",
    "metadata_said",
    "metadata_replaced",
    "certificates_left_out",
)


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
    # Metadata that is followed takes away only what it brought.
    from_metadata = models.BooleanField(default=False)

    class Meta:
        ordering = ["not_after"]
        constraints = [
            models.UniqueConstraint(
                fields=["connection", "fingerprint"], name="certificate_once_in_a_connection"
            )
        ]


class ExpiryNotice(models.Model):
    """An announcement that a connection's certificate is about to expire: made once."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="+")
    connection = models.ForeignKey(SamlConnection, on_delete=models.CASCADE, related_name="+")
    fingerprint = models.CharField(max_length=95)
    days = models.PositiveSmallIntegerField()
    sent_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["connection", "fingerprint", "days"], name="expiry_announced_once"
            )
        ]


class ConnectionKey(models.Model):
    """A private key of ours for one connection: it signs what we send and decrypts what we get.

    A new one is published at once and signs only later, when identity providers have read it; the
    old one goes on decrypting until it retires. Nothing has to happen at those times.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="+")
    connection = models.ForeignKey(SamlConnection, on_delete=models.CASCADE, related_name="keys")
    # Sealed by the secret key of the installation, for this row only.
    sealed_private_key = models.TextField()
    certificate_pem = models.TextField()
    fingerprint = models.CharField(max_length=95)
    created_at = models.DateTimeField()
    signs_from = models.DateTimeField()
    retires_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at", "-id"]


class AuthnRequest(models.Model):
    """A request sent to an identity provider, waiting for its one answer."""

    id = models.CharField(primary_key=True, max_length=64)
    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="+")
    connection = models.ForeignKey(SamlConnection, on_delete=models.CASCADE, related_name="+")
    next = models.CharField(max_length=2000, blank=True)
    binding_digest = models.CharField(max_length=64)
    # Whether the person has to be authenticated anew (ForceAuthn), whatever the connection says.
    forced = models.BooleanField(default=False)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)
    answered_at = models.DateTimeField(null=True)


class SetupLink(models.Model):
    """Lets whoever runs the identity provider set up one connection, without an account here.

    It opens once, in one browser, and ends when they are done, at its time, or when it is revoked.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="+")
    connection = models.OneToOneField(
        SamlConnection, on_delete=models.CASCADE, related_name="setup_link"
    )
    token_digest = models.CharField(max_length=64, unique=True)
    browser_digest = models.CharField(max_length=64, blank=True)
    made_by = models.CharField(max_length=320)
    # It holds as long as they administer the company.
    maker = models.ForeignKey(
        User, null=True, on_delete=models.SET_NULL, related_name="setup_links"
    )
    expires_at = models.DateTimeField(db_index=True)
    opened_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)


class Trial(models.Model):
    """A test sign-in: the real way, through settings that need not be saved, writing no account."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="+")
    # Whose keys of ours are used; a connection that was never saved has none.
    connection = models.ForeignKey(
        SamlConnection, null=True, on_delete=models.CASCADE, related_name="+"
    )
    request_id = models.CharField(max_length=64, unique=True)
    slug = models.SlugField(max_length=63)
    settings = models.JSONField()
    """The connection as it was to be saved, by field."""
    certificates = models.JSONField()
    provisioning = models.JSONField()
    """The company's own fields that differ from what is saved."""
    by_setup_link = models.BooleanField(default=False)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)
    answered_at = models.DateTimeField(null=True)
    result = models.JSONField(null=True)

    @property
    def connection_works(self) -> bool:
        """Whether the answer was accepted, and read as far as the connection decides."""
        result = self.result or {}
        return bool(result.get("connection_works", result.get("outcome") not in (None, "refused")))


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
    # The dashboard that a person went on to, or wanted to.
    application = models.ForeignKey(
        Application, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    reference = models.CharField(max_length=9)
    time = models.DateTimeField()
    outcome = models.CharField(max_length=10, choices=Outcome.choices)
    reason = models.CharField(max_length=50, blank=True)
    email = models.CharField(max_length=300, null=True)  # noqa: DJ001 - null: nothing verified
    checks = models.JSONField(default=list)
    # The certificate that signed and is not trusted (PEM), for whoever decides to trust it.
    offered_certificate = models.TextField(blank=True)
    steps = models.JSONField(default=list)
    notes = models.JSONField(default=list)
    address = models.GenericIPAddressField(null=True)
    # What the identity provider said, for thirty days: to see what other settings would have done.
    claims = models.JSONField(null=True)
    # Identical failures of unverifiable messages are counted in one row, not listed one by one.
    count = models.PositiveIntegerField(default=1)
    # So are those of one message that was signed once and is sent again.
    same_as = models.CharField(max_length=64, null=True)  # noqa: DJ001 - null: never counted

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["company", "same_as"], name="sign_in_failure_counted")
        ]
        indexes = [
            models.Index(fields=["company", "-time", "-id"], name="sign_in_newest_of_company"),
            models.Index(fields=["company", "reference"], name="sign_in_by_reference"),
            models.Index(fields=["connection", "-time"], name="sign_in_newest_of_connection"),
            models.Index(
                fields=["application", "-time"],
                condition=Q(application__isnull=False),
                name="sign_in_newest_of_application",
            ),
        ]


SIGNED = "signed "
"""How `same_as` begins where an identity provider of the company stands behind it."""
BY_STRANGERS = Q(same_as__isnull=False) & ~Q(same_as__startswith=SIGNED)
