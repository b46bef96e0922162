"""The form of the set-up guide: what it asks for of one connection, and what a stranger may see."""

from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from django.utils.translation import gettext as _

from passerelle import saml
from passerelle.directory.models import Company
from passerelle.infra.fetch import FetchError, fetch_for
from passerelle.sso.models import SamlConnection
from passerelle.sso.records.failures import count_failure
from passerelle.web.settings.connection_form import ConnectionForm


class GuideForm(ConnectionForm):
    """What the set-up guide asks for of a connection that exists already, switched off or on.

    Who comes `by_link` is a stranger to this service: their addresses are fetched from the public
    internet only, and nothing is told of what is found there but whether it was metadata.
    """

    def __init__(
        self,
        company: Company,
        connection: SamlConnection | None,
        *,
        now: datetime,
        by_link: bool = False,
        **keywords: Any,
    ) -> None:
        super().__init__(company, connection, now=now, **keywords)
        self.by_link = by_link
        for name in [name for name in self.fields if name not in GUIDED]:
            del self.fields[name]
        if by_link:
            del self.fields["migrates"]

    def provider_held(self, holder: SamlConnection) -> str:
        if not self.by_link:
            return super().provider_held(holder)
        return _("This entity ID cannot be used here. Ask the company that sent you the link.")

    def refuse_lock_out(self) -> None:
        self.add_error(
            "idp_entity_id",
            _(
                "No administrator could sign in any more: none has a password, nor an address at "
                "a verified domain by which the new identity provider could know them."
            ),
        )

    def refuse_as_switched_on(self) -> None:
        """Somebody switched the connection on while less than it needs was being typed."""
        self.add_error(
            None,
            _("This connection was switched on in the meantime: what it needs cannot be emptied."),
        )

    def refuse_until(self, time: datetime) -> None:
        """So much was saved by this set-up link that it has to wait."""
        self.add_error(
            None,
            _("Too many changes in one hour. You can save again from %(time)s UTC.")
            % {"time": f"{time:%H:%M}"},
        )

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        assert self.connection is not None
        values["saml_enabled"] = self.connection.enabled
        values["idp_initiated"] = self.connection.idp_initiated
        if not values.get("name"):
            values["name"] = self.connection.name
        self.clean_connection(values)
        self.refuse_to_break()
        return values

    def _fetched(self, url: str) -> bytes:
        if not self.by_link:
            return super()._fetched(url)
        assert self.connection is not None
        tried = count_failure("setup fetch", str(self.connection.id), now=self.now)
        if tried > MAX_FETCHES or urlsplit(url).port not in (None, 443):
            raise FetchError("fetch_not_from_here")
        try:
            document = fetch_for(self.company.id, url)
        except FetchError:
            raise FetchError("fetch_not_from_here") from None
        if not _is_metadata(document):
            raise FetchError("metadata_malformed", "something else")
        return document


def _is_metadata(document: bytes) -> bool:
    try:
        saml.read_idp_metadata(document)
    except saml.SAMLError as error:
        return error.reason in _OF_METADATA
    return True


# What can be wrong with metadata itself.
_OF_METADATA = (
    "metadata_ambiguous",
    "metadata_no_certificate",
    "metadata_no_entity_id",
    "metadata_no_idp",
    "metadata_no_sso_url",
    "metadata_service_provider",
    "metadata_time",
)
GUIDED = (
    "name",
    "metadata_url",
    "metadata",
    "metadata_file",
    "idp_entity_id",
    "migrates",
    "target_url",
    "new_certificates",
)
MAX_FETCHES = 20
"""Addresses that the holder of a set-up link may have read within ten minutes."""
