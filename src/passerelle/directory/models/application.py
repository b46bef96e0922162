"""Applications: the dashboards that people open, and what each of them is told about a person."""

from urllib.parse import urlsplit

from django.db import models
from django.db.models import Q

from passerelle.directory.models.access import Permission, PermissionSet, Workspace
from passerelle.directory.models.company import Company
from passerelle.infra.identifiers import uuid7


class Application(models.Model):
    """A dashboard: a link, an OpenID Connect client, or a site behind a proxy that asks us."""

    class Kind(models.TextChoices):
        LINK = "link"
        OIDC = "oidc"
        PROXY = "proxy"

    MOST, LONGEST = 50, 500
    """So many at most in a company, with addresses so long: all of them stand on one small page."""
    MOST_ADDRESSES = 20
    """Redirect addresses, addresses after sign-out and hosts of one application, each."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="applications")
    name = models.CharField(max_length=150)
    url = models.CharField(max_length=500)
    kind = models.CharField(
        max_length=8, choices=Kind.choices, default=Kind.LINK, db_default=Kind.LINK
    )
    # Which product it is, where somebody said so: the page speaks its configuration.
    product = models.CharField(max_length=30, blank=True, db_default="")
    # Who may open it: the people of these workspaces (without any, everybody), and only those who
    # have this permission in one of them.
    workspaces = models.ManyToManyField(
        Workspace, through="ApplicationWorkspace", related_name="applications"
    )
    permission = models.ForeignKey(
        Permission, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    default_role = models.CharField(max_length=200, blank=True, db_default="")
    # Whoever signs in and asked for nothing else is led here, past their own dashboard.
    open_at_sign_in = models.BooleanField(default=False, db_default=False)

    # OpenID Connect.
    client_id = models.CharField(max_length=200, null=True, unique=True)  # noqa: DJ001 - null: none
    public = models.BooleanField(default=False, db_default=False)
    redirect_uris = models.JSONField(default=list, blank=True, db_default=[])
    post_logout_redirect_uris = models.JSONField(default=list, blank=True, db_default=[])
    backchannel_logout_uri = models.CharField(max_length=500, blank=True, db_default="")
    # The public keys of a client that signs its requests (JWKS), in place of a secret.
    client_keys = models.JSONField(null=True, blank=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                fields=["company", "name"], name="application_once_in_a_company"
            ),
            models.UniqueConstraint(fields=["company", "id"], name="application_of_company"),
            models.UniqueConstraint(
                fields=["company"],
                condition=Q(open_at_sign_in=True),
                name="one_application_opens_at_sign_in",
            ),
            # Whatever else a browser would follow, such as a script, is no address of a dashboard.
            models.CheckConstraint(
                name="application_is_on_the_web",
                condition=Q(url__istartswith="https://") | Q(url__istartswith="http://"),
            ),
            models.CheckConstraint(
                name="openid_connect_has_a_client_id",
                condition=~Q(kind="oidc") | Q(client_id__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def host(self) -> str:
        """What a person recognises of its address."""
        return urlsplit(self.url).hostname or self.url


class ApplicationWorkspace(models.Model):
    """The people of this workspace may open this application."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="+")
    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="+")
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["application", "workspace"], name="workspace_once_in_an_application"
            )
        ]


class ApplicationRole(models.Model):
    """Who has this permission set has this role there; the strongest role comes first."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="+")
    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="roles")
    permission_set = models.ForeignKey(PermissionSet, on_delete=models.PROTECT, related_name="+")
    role = models.CharField(max_length=200)
    position = models.PositiveSmallIntegerField()

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(
                fields=["application", "permission_set"], name="role_once_for_a_permission_set"
            )
        ]


class ApplicationHost(models.Model):
    """A host whose proxy asks us about each request; of one application in the installation."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="+")
    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="hosts")
    # In lower case; with a port only where it is not the usual one.
    host = models.CharField(max_length=260, unique=True)

    class Meta:
        ordering = ["host"]
