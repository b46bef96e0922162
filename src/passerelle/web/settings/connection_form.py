"""The part of the Security settings form that is about one SAML connection."""

from copy import copy
from datetime import datetime
from typing import Any, cast

from django import forms
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext as _

from passerelle import saml
from passerelle.administration.draft import Draft
from passerelle.directory.models import Company, Domain
from passerelle.infra.fetch import FetchError, fetch_for
from passerelle.saml.errors import MetadataError
from passerelle.sso.connections.connection import (
    MISSING_CERTIFICATE,
    MISSING_ENTITY_ID,
    MISSING_NAME,
    MISSING_TARGET_URL,
    holder_of_provider,
    is_usable,
    is_web_address,
    missing_for_sign_in,
)
from passerelle.sso.connections.idp_metadata import (
    MAX_CERTIFICATES,
    MAX_ENTITY_ID,
    read_metadata_of,
    settings_of,
)
from passerelle.sso.connections.problems import metadata_sentence, noted_together
from passerelle.sso.models import GOOGLE_ISSUER, Binding, SamlConnection
from passerelle.web.frame.fields import line
from passerelle.web.frame.labels import CONNECTION_LABELS
from passerelle.web.settings.connection_sentences import (
    ANOTHER_PROVIDER,
    OUR_METADATA,
    too_many,
    would_break,
)

# What the folded part of the form holds; a form that was sent without it leaves them alone.
ADVANCED_TEXTS = (
    "subject_attribute",
    "email_attribute",
    "first_name_attribute",
    "last_name_attribute",
    "value_separator",
    "name_id_format",
    "logout_url",
    "logout_answer_url",
)


ADVANCED_SWITCHES = ("sign_requests", "force_authn", "allow_cbc", "absent_is_empty")
ADVANCED_CHOICES = ("request_binding", "logout_binding")


FIELD_OF = {
    MISSING_NAME: "name",
    MISSING_ENTITY_ID: "idp_entity_id",
    MISSING_TARGET_URL: "target_url",
    MISSING_CERTIFICATE: "removed_certificates",
}


# What is typed for a new connection; where all of it is empty, there is to be none.
_MAKES_ONE = (
    "name",
    "metadata",
    "metadata_file",
    "metadata_url",
    "idp_entity_id",
    "target_url",
    "new_certificates",
)


class ConnectionForm(forms.Form):
    """Takes a draft of the connection from the fields, and from metadata where some is given."""

    saml_enabled = forms.BooleanField(required=False)
    name = line(150)
    metadata_url = line(2048)
    metadata = forms.CharField(required=False, widget=forms.Textarea)
    metadata_file = forms.FileField(required=False)
    idp_entity_id = line(1024)
    migrates = forms.BooleanField(required=False)
    target_url = line(2048)
    new_certificates = forms.CharField(required=False, widget=forms.Textarea)
    removed_certificates = forms.MultipleChoiceField(required=False)
    idp_initiated = forms.BooleanField(required=False)

    advanced = forms.BooleanField(required=False, widget=forms.HiddenInput)
    request_binding = forms.ChoiceField(choices=Binding.choices, required=False)
    sign_requests = forms.BooleanField(required=False)
    force_authn = forms.BooleanField(required=False)
    authn_contexts = forms.CharField(max_length=1000, required=False, widget=forms.Textarea)
    name_id_format = line(200)
    subject_attribute = line(300)
    email_attribute = line(300)
    first_name_attribute = line(300)
    last_name_attribute = line(300)
    value_separator = line(5)
    absent_is_empty = forms.BooleanField(required=False)
    allow_cbc = forms.BooleanField(required=False)
    logout_url = line(2048)
    logout_binding = forms.ChoiceField(choices=Binding.choices, required=False)
    logout_answer_url = line(2048)
    domains = forms.ModelMultipleChoiceField(Domain.objects.none(), required=False)

    by_link = False
    """A stranger fills it in: what they have followed is looked at before it is saved."""
    upload_too_large = False
    asked_for = ""
    """The field that a link leads to."""
    shared_with: SamlConnection | None = None
    """Another connection of the company with the identity provider that is wanted here."""

    def __init__(
        self,
        company: Company,
        connection: SamlConnection | None,
        *,
        now: datetime,
        reads_metadata: bool = True,
        **keywords: Any,
    ) -> None:
        super().__init__(**keywords)
        for name, label in CONNECTION_LABELS.items():
            self.fields[name].label = label  # type: ignore[assignment]
        self.reads_metadata = reads_metadata
        self.company, self.connection, self.now = company, connection, now
        self.certificates = list(connection.certificates.all()) if connection else []
        self._field("removed_certificates").choices = [
            (row.fingerprint, row.fingerprint) for row in self.certificates
        ]
        self._field("domains").queryset = company.domains.filter(verified_at__isnull=False)
        # A copy: the page goes on showing the connection as it is.
        self.draft = Draft(
            copy(connection),
            list(self.certificates),
            before=connection,
            trusted=self.certificates,
            refuses_removed=True,
        )

    def _field(self, name: str) -> Any:
        return self.fields[name]

    @classmethod
    def current_connection(cls, connection: SamlConnection | None) -> dict[str, Any]:
        """The values as they are, for a form that was not sent yet."""
        shown = connection or SamlConnection()
        plain = (*ADVANCED_TEXTS, *ADVANCED_SWITCHES, *ADVANCED_CHOICES)
        return {
            "saml_enabled": shown.enabled,
            "name": shown.name,
            "metadata_url": shown.metadata_url,
            "idp_entity_id": shown.idp_entity_id,
            "migrates": shown.migrating_since is not None,
            "target_url": shown.target_url,
            "idp_initiated": shown.idp_initiated,
            "authn_contexts": "\n".join(shown.authn_contexts.split()),
            "domains": sorted(domain.id for domain in connection.domains.all())
            if connection
            else [],
            **{name: getattr(shown, name) for name in plain},
        }

    @property
    def advanced_open(self) -> bool:
        """Whether something in the folded part is wrong, or was asked for: then it is open."""
        names = (*ADVANCED_TEXTS, *ADVANCED_CHOICES, "authn_contexts", "domains")
        return self.asked_for in names or (
            self.is_bound and any(name in self.errors for name in names)
        )

    def clean_metadata_file(self) -> bytes:
        if self.upload_too_large:
            raise forms.ValidationError(
                metadata_sentence(MetadataError("metadata_too_large", received=_("a larger file")))
            )
        file = cast("UploadedFile[bytes] | None", self.cleaned_data.get("metadata_file"))
        return file.read() if file else b""

    def clean_metadata_url(self) -> str:
        typed = str(self.cleaned_data["metadata_url"])
        if typed and not typed.startswith("https://"):
            raise forms.ValidationError(_("Enter an address that starts with https://"))
        return self._web_address("metadata_url")

    def clean_idp_entity_id(self) -> str:
        typed = str(self.cleaned_data["idp_entity_id"])
        if len(typed.encode()) > MAX_ENTITY_ID:
            raise forms.ValidationError(
                _("Enter an entity ID of at most %(limit)s bytes.") % {"limit": MAX_ENTITY_ID}
            )
        if typed == GOOGLE_ISSUER:
            raise forms.ValidationError(metadata_sentence(MetadataError("metadata_of_google")))
        return typed

    def clean_logout_url(self) -> str:
        return self._web_address("logout_url")

    def clean_logout_answer_url(self) -> str:
        return self._web_address("logout_answer_url")

    def clean_authn_contexts(self) -> str:
        contexts = str(self.cleaned_data["authn_contexts"]).split()
        if len(contexts) > 10 or not all(
            context.isprintable() and len(context) <= 90 for context in contexts
        ):
            raise forms.ValidationError(
                _("Enter at most 10 URIs, one a line, each of at most 90 characters.")
            )
        return " ".join(contexts)

    def _web_address(self, name: str) -> str:
        typed = str(self.cleaned_data[name])
        if typed and not is_web_address(typed):
            raise forms.ValidationError(_("Enter an address that starts with https://"))
        return typed

    def clean_connection(self, values: dict[str, Any]) -> None:
        """Take the draft from the cleaned fields; an untouched empty section makes none."""
        if self.connection is None and not any(values.get(one) for one in _MAKES_ONE):
            return
        if self.connection is None and (problem := too_many(self.company)):
            self.add_error("name", problem)
        draft = self.draft
        draft.connection = draft.connection or SamlConnection(company=self.company)
        self._take_fields(draft.connection, values)
        removed = set(values.get("removed_certificates", []))
        draft.kept = [row for row in self.certificates if row.fingerprint not in removed]
        self._read_metadata(values)
        if draft.moves and not draft.from_metadata:
            # Whoever has a key of the provider before would speak for the one after.
            draft.kept = []
        self._add_certificates(values.get("new_certificates", ""))
        if not draft.connection.name and "name" not in self.errors:
            self.add_error("name", _("Enter the text of the sign-in button, such as “Acme SSO”."))
        if self._is_called_like_another(draft.connection):
            self.add_error(
                "name",
                _(
                    "Another connection is called so: people could not tell the two buttons "
                    "apart. Choose another name."
                ),
            )
        self._share_provider(draft.connection, wanted=bool(values.get("migrates")))
        target = draft.connection.target_url
        if target and not is_web_address(target) and "target_url" not in self.errors:
            self.add_error(
                "target_url",
                _(
                    "Enter the address of the identity provider's sign-in service, starting with "
                    "https://"
                ),
            )

    def _share_provider(self, connection: SamlConnection, *, wanted: bool) -> None:
        """Two connections have one identity provider only while an administrator means it."""
        was = self.connection
        moved = was is not None and was.idp_entity_id != connection.idp_entity_id
        if moved or not wanted:
            connection.migrating_since = None
        self.shared_with = holder_of_provider(connection)
        if self.shared_with is not None and wanted:
            connection.migrating_since = self.now
        elif self.shared_with is not None:
            self.add_error("idp_entity_id", self.provider_held(self.shared_with))

    def provider_held(self, holder: SamlConnection) -> str:
        return _(
            "“%(name)s” trusts this identity provider already. Two connections with one entity ID "
            "can each sign in everybody of the other. Change that connection instead, or start a "
            "migration below."
        ) % {"name": holder.name}

    def _is_called_like_another(self, connection: SamlConnection) -> bool:
        if not connection.name or (self.connection and self.connection.name == connection.name):
            return False
        others = self.company.connections.exclude(id=connection.id)
        return others.filter(name__iexact=connection.name).exists()

    def refuse_to_break(self) -> None:
        """A connection that people use stays complete, as long as it is on."""
        was, draft = self.connection, self.draft.connection
        if was is None or draft is None or not draft.enabled or not is_usable(was):
            return
        lacking = missing_for_sign_in(draft, len(self.draft.ends))
        if self.draft.moves and MISSING_CERTIFICATE in lacking:
            lacking.remove(MISSING_CERTIFICATE)
            if draft.idp_entity_id:
                self.add_error("new_certificates", str(ANOTHER_PROVIDER))
        for one in lacking:
            name = FIELD_OF[one]
            if name not in self.errors:
                self.add_error(name if name in self.fields else None, would_break(one))

    def _take_fields(self, connection: SamlConnection, values: dict[str, Any]) -> None:
        connection.enabled = values["saml_enabled"]
        connection.idp_initiated = values["idp_initiated"]
        if connection.target_url != values.get("target_url", ""):
            # Typed by hand: what metadata said of the other binding belongs to another address.
            connection.post_target_url = ""
        for name in ("name", "idp_entity_id", "target_url"):
            setattr(connection, name, values.get(name, ""))
        if not values.get("advanced"):
            return
        for name in (*ADVANCED_TEXTS, *ADVANCED_SWITCHES):
            setattr(connection, name, values.get(name, ""))
        for name in ADVANCED_CHOICES:
            setattr(connection, name, values.get(name) or Binding.REDIRECT)
        connection.authn_contexts = values.get("authn_contexts", "")
        self.draft.domains = list(values.get("domains", []))

    def _read_metadata(self, values: dict[str, Any]) -> None:
        """Metadata is the provider's own word: it replaces what the fields say."""
        connection = self.draft.connection
        assert connection is not None
        pasted, uploaded = values.get("metadata") or "", values.get("metadata_file") or b""
        url = values.get("metadata_url", "")
        is_new_url = bool(url) and url != (self.connection.metadata_url if self.connection else "")
        connection.follow_metadata(url, now=self.now)
        is_given = bool(pasted.strip() or uploaded)
        fetched = None
        try:
            if is_new_url and self.reads_metadata and (self.by_link or not is_given):
                fetched = self._fetched(url)
            if pasted.strip():
                self._take_metadata("metadata", pasted.encode())
            elif uploaded:
                self._take_metadata("metadata_file", uploaded)
            elif fetched is not None:
                self._take_metadata("metadata_url", fetched)
                connection.metadata_read_at = self.now
        except FetchError as error:
            self.add_error("metadata_url", metadata_sentence(error))

    def _fetched(self, url: str) -> bytes:
        """The document at an address. Raises FetchError."""
        return fetch_for(
            self.company.id, url, private_networks=settings.PASSERELLE.private_networks
        )

    def _take_metadata(self, field_name: str, document: bytes) -> None:
        connection = self.draft.connection
        assert connection is not None
        try:
            typed = connection.idp_entity_id
            read = read_metadata_of(document, entity_id=typed, now=self.now)
        except saml.SAMLError as error:
            ours = f"{settings.PASSERELLE.base_url}/auth/saml/".encode() in document
            self.add_error(field_name, OUR_METADATA if ours else metadata_sentence(error))
            return
        said = settings_of(read)
        for name, value in said.items():
            setattr(connection, name, value)
        if connection.metadata_url:
            connection.metadata_said = said
        connection.certificates_left_out = noted_together(read.left_out)
        given = {certificate.fingerprint: certificate for certificate in read.certificates}
        self.draft.from_metadata = frozenset(given)
        self.draft.kept = [row for row in self.draft.kept if row.fingerprint in given]
        known = {row.fingerprint for row in self.draft.kept}
        self.draft.added = [one for key, one in given.items() if key not in known]

    def _add_certificates(self, text: str) -> None:
        connection = self.draft.connection
        if connection is None or not text.strip():
            return
        known = {row.fingerprint for row in self.draft.kept}
        known |= {one.fingerprint for one in self.draft.added}
        try:
            found = saml.load_bundle(text)
        except saml.SAMLError as error:
            self.add_error("new_certificates", metadata_sentence(error))
            return
        self.draft.added += [one for one in found.usable if one.fingerprint not in known]
        if found.left_out:
            before = connection.certificates_left_out if self.draft.from_metadata else ""
            noted = [before, noted_together(found.left_out)]
            connection.certificates_left_out = "\n".join(filter(None, noted))
        if len(self.draft.ends) > MAX_CERTIFICATES:
            many = MetadataError("certificates_many", received=str(len(self.draft.ends)))
            self.add_error("new_certificates", metadata_sentence(many))
