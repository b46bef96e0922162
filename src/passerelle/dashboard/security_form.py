"""The form of the Security settings page: what an administrator may change about signing in."""

from copy import copy
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast

from django import forms
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from passerelle import saml
from passerelle.directory.models import Company, PermissionSet, Workspace
from passerelle.provisioning import normalise_domain
from passerelle.sso import connections as parts
from passerelle.sso.metadata_errors import metadata_sentence
from passerelle.sso.models import SamlConnection, SigningCertificate

LACKING: dict[str, Promise | str] = {
    parts.NO_CONNECTION: gettext_lazy("a SAML connection"),
    parts.MISSING_NAME: gettext_lazy("the SAML name"),
    parts.MISSING_ENTITY_ID: gettext_lazy("the IdP entity ID"),
    parts.MISSING_TARGET_URL: gettext_lazy("the Target URL"),
    parts.MISSING_CERTIFICATE: gettext_lazy("a certificate"),
    parts.EXPIRED_CERTIFICATE: gettext_lazy("a certificate that has not expired"),
    parts.DISABLED: gettext_lazy("SAML SSO switched on"),
}


@dataclass(slots=True)
class Draft:
    """The settings as they would be after saving."""

    connection: SamlConnection | None
    kept: list[SigningCertificate] = field(default_factory=list)
    added: list[saml.Certificate] = field(default_factory=list)

    @property
    def ends(self) -> list[datetime]:
        return [row.not_after for row in self.kept] + [one.not_after for one in self.added]


class OwnChoice(forms.ModelChoiceField):  # type: ignore[type-arg]
    """A choice among the company's own rows; anything else is the same mistake."""

    default_error_messages = {
        "invalid_choice": gettext_lazy("Select one from the list: this one is not there any more.")
    }

    def to_python(self, value: Any) -> Any:
        try:
            return super().to_python(value)
        except forms.ValidationError:
            raise forms.ValidationError(self.error_messages["invalid_choice"]) from None


class SecurityForm(forms.Form):
    """Field errors stand beside their field; nothing is changed unless all of it is right."""

    saml_enabled = forms.BooleanField(required=False)
    name = forms.CharField(max_length=150, required=False)
    metadata = forms.CharField(required=False, widget=forms.Textarea)
    metadata_file = forms.FileField(required=False)
    idp_entity_id = forms.CharField(max_length=1024, required=False)
    target_url = forms.CharField(max_length=2048, required=False)
    new_certificates = forms.CharField(required=False, widget=forms.Textarea)
    removed_certificates = forms.MultipleChoiceField(required=False)
    idp_initiated = forms.BooleanField(required=False)
    automatic_user_provisioning = forms.BooleanField(required=False)
    default_workspace = OwnChoice(Workspace.objects.none(), required=False)
    default_permission_set = OwnChoice(PermissionSet.objects.none(), required=False)
    google_sso_enabled = forms.BooleanField(required=False)
    google_client_id = forms.CharField(max_length=200, required=False)
    google_hosted_domain = forms.CharField(max_length=253, required=False)
    version = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(
        self,
        company: Company,
        connection: SamlConnection | None,
        *,
        now: datetime,
        **keywords: Any,
    ) -> None:
        super().__init__(**keywords)
        self.company, self.connection, self.now = company, connection, now
        self.certificates = list(connection.certificates.all()) if connection else []
        self._field("default_workspace").queryset = company.workspaces.all()
        self._field("default_permission_set").queryset = company.permission_sets.all()
        self._field("removed_certificates").choices = [
            (row.fingerprint, row.fingerprint) for row in self.certificates
        ]
        # A copy: the page goes on showing the connection as it is.
        self.draft = Draft(copy(connection), list(self.certificates))

    def _field(self, name: str) -> Any:
        return self.fields[name]

    @classmethod
    def current(cls, company: Company, connection: SamlConnection | None) -> dict[str, Any]:
        """The values as they are, for a form that was not sent yet."""
        return {
            "saml_enabled": connection.enabled if connection else True,
            "name": connection.name if connection else "",
            "idp_entity_id": connection.idp_entity_id if connection else "",
            "target_url": connection.target_url if connection else "",
            "idp_initiated": bool(connection and connection.idp_initiated),
            "automatic_user_provisioning": company.automatic_user_provisioning,
            "default_workspace": company.default_workspace_id,
            "default_permission_set": company.default_permission_set_id,
            "google_sso_enabled": company.google_sso_enabled,
            "google_client_id": company.google_client_id,
            "google_hosted_domain": company.google_hosted_domain,
            "version": company.version,
        }

    def clean_metadata_file(self) -> str:
        file = cast("UploadedFile[bytes] | None", self.cleaned_data.get("metadata_file"))
        return file.read().decode("utf-8", "replace") if file else ""

    def clean_google_hosted_domain(self) -> str:
        typed = self.cleaned_data["google_hosted_domain"]
        domain = normalise_domain(typed) if typed else ""
        if domain is None:
            raise forms.ValidationError(
                _("“%(typed)s” is not a domain. Enter one such as acme.example.") % {"typed": typed}
            )
        return domain

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        if self._wants_connection(values):
            self._clean_connection(values)
        if values.get("google_sso_enabled") and not values.get("google_client_id"):
            self.add_error("google_client_id", _("Enter the client ID that Google gave you."))
        if values.get("automatic_user_provisioning"):
            self._clean_provisioning(values)
        if values.get("version") is not None and values["version"] != self.company.version:
            self.add_error(
                None,
                _(
                    "Someone else saved these settings while you were editing. Your entries are "
                    "still here: reload the page to see theirs, then save again."
                ),
            )
        return values

    def _wants_connection(self, values: dict[str, Any]) -> bool:
        """An untouched empty section makes no connection."""
        names = ("metadata", "metadata_file", "idp_entity_id", "target_url", "new_certificates")
        return self.connection is not None or any(values.get(name) for name in names)

    def _clean_connection(self, values: dict[str, Any]) -> None:
        """Take the draft's connection from the fields, or from metadata where some was given."""
        draft = self.draft
        draft.connection = draft.connection or SamlConnection(company=self.company)
        connection = draft.connection
        connection.enabled = values["saml_enabled"]
        connection.name = values.get("name", "")
        connection.idp_entity_id = values.get("idp_entity_id", "").strip()
        connection.target_url = values.get("target_url", "").strip()
        connection.idp_initiated = values["idp_initiated"]
        removed = set(values.get("removed_certificates", []))
        draft.kept = [row for row in self.certificates if row.fingerprint not in removed]
        self._add_certificates(values.get("new_certificates", ""))
        pasted = (values.get("metadata") or "").strip()
        uploaded = values.get("metadata_file") or ""
        if pasted or uploaded:
            self._read_metadata("metadata" if pasted else "metadata_file", pasted or uploaded)
        if not connection.name:
            self.add_error("name", _("Enter the text of the sign-in button, such as “Acme SSO”."))
        if connection.target_url and not parts.is_web_address(connection.target_url):
            self.add_error(
                "target_url",
                _(
                    "Enter the address of the identity provider's sign-in service, starting with "
                    "https://"
                ),
            )

    def _add_certificates(self, text: str) -> None:
        if not text.strip():
            return
        known = {row.fingerprint for row in self.draft.kept}
        try:
            found = saml.load_certificates(text)
        except saml.SAMLError as error:
            self.add_error("new_certificates", metadata_sentence(error))
            return
        self.draft.added = [one for one in found if one.fingerprint not in known]

    def _read_metadata(self, field_name: str, text: str) -> None:
        """Metadata is the provider's own word: it replaces entity ID, address and certificates."""
        assert self.draft.connection is not None
        try:
            read = saml.read_idp_metadata(text.encode())
        except saml.SAMLError as error:
            self.add_error(field_name, metadata_sentence(error))
            return
        if read.redirect_url is None:
            self.add_error(
                field_name,
                _(
                    "This identity provider offers no HTTP-Redirect sign-in address. "
                    "Enable HTTP-Redirect in its console."
                ),
            )
            return
        connection = self.draft.connection
        connection.idp_entity_id, connection.target_url = read.entity_id, read.redirect_url
        given = {one.fingerprint: one for one in read.certificates}
        self.draft.kept = [row for row in self.certificates if row.fingerprint in given]
        known = {row.fingerprint for row in self.draft.kept}
        self.draft.added = [one for key, one in given.items() if key not in known]

    def _clean_provisioning(self, values: dict[str, Any]) -> None:
        """The conditions for automatic provisioning, each with its reason beside its field."""
        toggle, was_on = "automatic_user_provisioning", self.company.automatic_user_provisioning
        if not self.company.jit_provisioning_available:
            self.add_error(toggle, early_access_sentence())
            return
        lacking = parts.missing_for_provisioning(
            self.draft.connection, self.draft.ends, now=self.now
        )
        if was_on:
            # An expired certificate stops switching on; it does not throw anybody out.
            lacking = [one for one in lacking if one != parts.EXPIRED_CERTIFICATE]
        if lacking:
            names = ", ".join(str(LACKING[one]) for one in lacking)
            self.add_error(
                toggle,
                _("SAML SSO must be set up first. What is missing: %(names)s.") % {"names": names},
            )
        if values.get("google_sso_enabled"):
            sentence = _(
                "Automatic user provisioning and Google SSO cannot be on together. "
                "Switch one of them off."
            )
            self.add_error(toggle, sentence)
            self.add_error("google_sso_enabled", sentence)
        if not values.get("default_workspace") and "default_workspace" not in self.errors:
            self.add_error("default_workspace", _("Select the workspace that newcomers join."))
        if not values.get("default_permission_set") and "default_permission_set" not in self.errors:
            self.add_error(
                "default_permission_set", _("Select the permission set that newcomers get.")
            )


def early_access_sentence() -> str:
    contact = settings.PASSERELLE.early_access_contact
    if contact:
        return _(
            "Automatic user provisioning is in early access. To take part, contact %(contact)s."
        ) % {"contact": contact}
    return _(
        "Automatic user provisioning is in early access. To take part, contact whoever runs "
        "this service."
    )
