"""Applications: what a company's people open from their dashboard."""

from urllib.parse import urlsplit

from django.db import models
from django.db.models import Q

from passerelle.directory.models.access import Workspace
from passerelle.directory.models.company import Company
from passerelle.infra.identifiers import uuid7


class Application(models.Model):
    """A link on people's dashboard: for a workspace's people or, without one, for everybody."""

    MOST, LONGEST = 50, 500
    """So many at most in a company, with addresses so long: all of them stand on one small page."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="applications")
    name = models.CharField(max_length=150)
    url = models.CharField(max_length=500)
    workspace = models.ForeignKey(
        Workspace, null=True, on_delete=models.PROTECT, related_name="applications"
    )

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                fields=["company", "name"], name="application_once_in_a_company"
            ),
            # Whatever else a browser would follow, such as a script, is no address of a dashboard.
            models.CheckConstraint(
                name="application_is_on_the_web",
                condition=Q(url__istartswith="https://") | Q(url__istartswith="http://"),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def host(self) -> str:
        """What a person recognises of its address."""
        return urlsplit(self.url).hostname or self.url
