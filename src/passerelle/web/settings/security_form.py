"""The form of the Security settings page: what an administrator may change about signing in."""

from collections.abc import Iterable
from copy import copy
from datetime import datetime
from typing import Any

from django import forms
from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from passerelle.administration.lockout import google_lets_an_administrator_in
from passerelle.directory.models import Company, PermissionSet, Workspace
from passerelle.infra.domain_names import normalise_domain
from passerelle.infra.tokens import digest
from passerelle.sso.connections import connection as parts
from passerelle.sso.models import SamlConnection, SigningCertificate
from passerelle.sso.sessions.enforcement import password_lets_an_administrator_in
from passerelle.sso.sign_in import google
from passerelle.web.frame.fields import OwnChoice, line
from passerelle.web.frame.labels import DOMAINS, EXISTING, LABELS, NEWCOMERS
from passerelle.web.settings.conflict import adopt_untouched, digests_of
from passerelle.web.settings.connection_form import (
    ADVANCED_CHOICES,
    ADVANCED_SWITCHES,
    ADVANCED_TEXTS,
    ConnectionForm,
)
from passerelle.web.settings.rules_form import RULES, RulesForm

LACKING: dict[str, Promise | str] = {
    parts.NO_CONNECTION: gettext_lazy("a SAML connection"),
    parts.MISSING_NAME: gettext_lazy("the SAML name"),
    parts.MISSING_ENTITY_ID: gettext_lazy("the IdP entity ID"),
    parts.MISSING_TARGET_URL: gettext_lazy("the Target URL"),
    parts.MISSING_CERTIFICATE: gettext_lazy("a certificate"),
    parts.EXPIRED_CERTIFICATE: gettext_lazy("a certificate that has not expired"),
    parts.DISABLED: gettext_lazy("SAML SSO switched on"),
}


ADVANCED = (*ADVANCED_TEXTS, *ADVANCED_SWITCHES, *ADVANCED_CHOICES, "authn_contexts", "domains")
POLICY = (
    "provisioning_domains",
    "provisioning_domain_list",
    "newcomers",
    "existing_accounts",
    "update_profile",
)
"""What the folded part about newcomers holds; a form that was sent without it leaves it alone."""
PROVISIONING = (
    "automatic_user_provisioning",
    "default_workspace",
    "default_permission_set",
    *POLICY,
)


def version_of(
    connection: SamlConnection | None, certificates: Iterable[SigningCertificate]
) -> str:
    """Of all that the page saves of a connection: another one after each change."""
    if connection is None:
        return ""
    shown = ConnectionForm.current_connection(connection)
    trusted = sorted(certificate.fingerprint for certificate in certificates)
    return digest(repr([sorted(shown.items()), connection.post_target_url, trusted]))


class SecurityForm(RulesForm, ConnectionForm):
    """Field errors stand beside their field; nothing is changed unless all of it is right."""

    automatic_user_provisioning = forms.BooleanField(required=False)
    default_workspace = OwnChoice(Workspace.objects.none(), required=False)
    default_permission_set = OwnChoice(PermissionSet.objects.none(), required=False)
    policy = forms.BooleanField(required=False, widget=forms.HiddenInput)
    provisioning_domains = forms.ChoiceField(choices=DOMAINS.items(), required=False)
    provisioning_domain_list = forms.CharField(
        max_length=20_000, required=False, widget=forms.Textarea
    )
    newcomers = forms.ChoiceField(choices=NEWCOMERS.items(), required=False)
    existing_accounts = forms.ChoiceField(choices=EXISTING.items(), required=False)
    update_profile = forms.BooleanField(required=False)
    google_sso_enabled = forms.BooleanField(required=False)
    google_client_id = line(200)
    google_client_secret = forms.CharField(
        max_length=200, required=False, widget=forms.PasswordInput(render_value=False)
    )
    google_hosted_domain = line(253)
    version = forms.IntegerField(widget=forms.HiddenInput)
    connection_version = forms.CharField(required=False, widget=forms.HiddenInput)

    theirs: dict[str, Any] | None = None
    """What is saved now where this form says something else, when somebody saved meanwhile."""

    def __init__(
        self,
        company: Company,
        connection: SamlConnection | None,
        *,
        now: datetime,
        **keywords: Any,
    ) -> None:
        super().__init__(company, connection, now=now, **keywords)
        for name, label in LABELS.items():
            self._field(name).label = label
        self._field("default_workspace").queryset = company.workspaces.all()
        self._field("default_permission_set").queryset = company.permission_sets.all()

    @classmethod
    def current(cls, company: Company, connection: SamlConnection | None) -> dict[str, Any]:
        """The values as they are, for a form that was not sent yet."""
        return {
            **cls.current_connection(connection),
            **cls.current_rules(company),
            "automatic_user_provisioning": company.automatic_user_provisioning,
            "default_workspace": company.default_workspace_id,
            "default_permission_set": company.default_permission_set_id,
            **{name: getattr(company, name) for name in POLICY},
            "provisioning_domain_list": "\n".join(company.provisioning_domain_list),
            "google_sso_enabled": company.google_sso_enabled,
            "google_client_id": company.google_client_id,
            "google_hosted_domain": company.google_hosted_domain,
            "version": company.version,
        }

    @property
    def policy_open(self) -> bool:
        """Whether something in the folded part about newcomers is wrong, or was asked for."""
        return self.asked_for in POLICY or (
            self.is_bound and any(name in self.errors for name in POLICY)
        )

    def clean_provisioning_domain_list(self) -> list[str]:
        typed = str(self.cleaned_data["provisioning_domain_list"]).replace(",", " ").split()
        domains = {one: normalise_domain(one) for one in typed}
        if wrong := next((one for one, domain in domains.items() if domain is None), None):
            raise forms.ValidationError(
                _("“%(typed)s” is not a domain. Enter one such as acme.example.")
                % {"typed": wrong[:100]}
            )
        return sorted({domain for domain in domains.values() if domain})

    def _keep_policy(self, values: dict[str, Any]) -> None:
        """What was not sent, or cannot be chosen, stays as it is."""
        for name in POLICY:
            if not values.get("policy") or (name != "update_profile" and name not in values):
                values[name] = getattr(self.company, name)
        for name in ("provisioning_domains", "newcomers", "existing_accounts"):
            values[name] = values[name] or getattr(self.company, name)

    def changed_company(self) -> Company:
        """The company as it would be after saving what is right in the form; not saved."""
        changed = copy(self.company)
        for name in (*PROVISIONING, *RULES, *google.SETTINGS):
            setattr(changed, name, self.cleaned_data.get(name, getattr(changed, name)))
        return changed

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
        self.clean_connection(values)
        self._keep_policy(values)
        self.keep_rules(values)
        lists = values["provisioning_domains"] == Company.Domains.LISTED
        if lists and not values.get("provisioning_domain_list"):
            self.add_error("provisioning_domain_list", _("Enter at least one domain."))
        self._clean_google(values)
        if values.get("automatic_user_provisioning"):
            self._clean_provisioning(values)
        self.refuse_to_break()
        if not self.errors:
            self._refuse_without_connection()
        if not self.errors and not values.get("automatic_user_provisioning"):
            self._refuse_lock_out(values)
        if values.get("version") is not None and self._is_outdated(values):
            self.refuse_as_outdated()
        return values

    def _is_outdated(self, values: dict[str, Any]) -> bool:
        # A set-up link changes a connection that is off, and the company's version stays.
        shown = values.get("connection_version") or self.shown_connection
        return (values["version"], shown) != (self.company.version, self.shown_connection)

    def _clean_google(self, values: dict[str, Any]) -> None:
        """All that Google needs, and nothing that excludes it."""
        if secret := values.pop("google_client_secret", ""):
            values["google_client_secret"] = google.sealed_secret(self.company, secret)
        else:
            values["google_client_secret"] = self.company.google_client_secret
        if not values.get("google_sso_enabled"):
            return
        if not values.get("google_client_id"):
            self.add_error("google_client_id", _("Enter the client ID that Google gave you."))
        if self.company.sso_enforcement != Company.Enforcement.OFF:
            self.add_error(
                "google_sso_enabled",
                _("SAML single sign-on alone is allowed here: allow passwords again first."),
            )

    @property
    def shown_values(self) -> str:
        """What this page shows, sent along with what becomes of it."""
        return digests_of(self._now())

    @property
    def shown_connection(self) -> str:
        """Which state of the connection this page shows."""
        return version_of(self.connection, self.certificates)

    def read_again(self) -> None:
        """What is saved by now: somebody was quicker."""
        self.company.refresh_from_db()
        if self.connection is not None:
            self.connection = SamlConnection.objects.filter(id=self.connection.id).first()
        self.certificates = list(self.connection.certificates.all()) if self.connection else []

    def _now(self) -> dict[str, Any]:
        current = self.current(self.company, self.connection)
        return {name: value for name, value in current.items() if name != "version"}

    def refuse_as_outdated(self) -> None:
        """Somebody saved meanwhile: what was not touched here is theirs; the rest is asked."""
        now = self._now()
        self.data, touched = adopt_untouched(self.data, now)  # type: ignore[arg-type]
        sent = self.cleaned_data
        left_out = {
            *(RULES if not sent.get("rules") else ()),
            *(POLICY if not sent.get("policy") else ()),
            *(ADVANCED if not sent.get("advanced") else ()),
        }
        self.theirs = {name: now[name] for name in now if name in touched - left_out}
        self.add_error(
            None,
            _(
                "These settings were saved elsewhere while you were editing. What you had not "
                "touched shows what is saved now, and your own entries are kept: look at them, "
                "then save again to put them in place."
            ),
        )

    def _lacking(self) -> list[str]:
        """What stands in the way of provisioning, judged as it would be after saving."""
        others = self.company.connections.prefetch_related("certificates")
        found = [
            (other, [row.not_after for row in other.certificates.all()])
            for other in others
            if self.connection is None or other.id != self.connection.id
        ]
        if self.draft.connection is not None:
            found.insert(0, (self.draft.connection, self.draft.ends))
        return parts.company_lacks_for_provisioning(found, now=self.now)

    def _others_usable(self) -> bool:
        return any(
            self.connection is None or connection.id != self.connection.id
            for connection in parts.usable_connections(self.company)
        )

    def _refuse_without_connection(self) -> None:
        """Where people have to use single sign-on, a connection stays that they can use."""
        was_usable = self.connection is not None and parts.is_usable(self.connection)
        enforced = self.company.sso_enforcement != Company.Enforcement.OFF
        if enforced and was_usable and not self.draft.is_usable and not self._others_usable():
            self.add_error(
                "saml_enabled",
                _(
                    "People have to use single sign-on, and this is the only connection that "
                    "works. First choose “Nobody” under “Single sign-on for everybody”."
                ),
            )

    def _refuse_lock_out(self, values: dict[str, Any]) -> None:
        """The last way in stays, unless an administrator can come in by password."""
        was_usable = self.connection is not None and parts.is_usable(self.connection)
        others_usable = self._others_usable()
        after = copy(self.company)
        for name in google.SETTINGS:
            setattr(after, name, values.get(name, ""))
        same_domain = after.google_hosted_domain == self.company.google_hosted_domain
        by_google = google_lets_an_administrator_in(after, same_domain=same_domain)
        if self.draft.is_usable or others_usable or by_google:
            return
        if not was_usable and not google_lets_an_administrator_in(self.company):
            return
        if not password_lets_an_administrator_in(self.company):
            self.refuse_lock_out("saml_enabled" if was_usable else "google_sso_enabled")

    def refuse_lock_out(self, name: str) -> None:
        self.add_error(
            name,
            _(
                "Nobody could sign in any more, not even you: no administrator has a password. "
                "Give one a password first, with `passerelle admin create` on the server."
            ),
        )

    def _clean_provisioning(self, values: dict[str, Any]) -> None:
        """The conditions for automatic provisioning, each with its reason beside its field."""
        toggle, was_on = "automatic_user_provisioning", self.company.automatic_user_provisioning
        if not self.company.jit_provisioning_available:
            self.add_error(toggle, early_access_sentence())
            return
        lacking = self._lacking()
        if was_on:
            # An expired certificate stops switching on; it does not throw anybody out.
            lacking = [one for one in lacking if one != parts.EXPIRED_CERTIFICATE]
        lacking = [one for one in lacking if not self._is_wrong_already(one)]
        if lacking:
            names = ", ".join(str(LACKING[one]) for one in lacking)
            self.add_error(self._where(lacking[0], was_on=was_on), self._condition(names, was_on))
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

    def _is_wrong_already(self, lacking: str) -> bool:
        """Something typed wrong has its own sentence: it is not missing besides."""
        typed = "new_certificates" if lacking == parts.MISSING_CERTIFICATE else lacking
        names = (typed, "metadata", "metadata_file", "metadata_url")
        return self.draft.comes_again(lacking) or any(name in self.errors for name in names)

    def _where(self, lacking: str, *, was_on: bool) -> str:
        """The field that was just changed where provisioning was on; the toggle otherwise."""
        changed = {
            parts.DISABLED: "saml_enabled",
            parts.MISSING_CERTIFICATE: "removed_certificates",
            parts.MISSING_ENTITY_ID: "idp_entity_id",
            parts.MISSING_TARGET_URL: "target_url",
        }
        toggle = "automatic_user_provisioning"
        return changed.get(lacking, toggle) if was_on else toggle

    def _condition(self, names: str, was_on: bool) -> str:
        if was_on:
            return _(
                "Automatic user provisioning needs this: %(names)s. Keep it, or switch automatic "
                "user provisioning off as well."
            ) % {"names": names}
        return _("SAML SSO must be set up first. What is missing: %(names)s.") % {"names": names}


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
