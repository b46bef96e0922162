"""The part of the Security settings form that is about passwords, sessions and networks."""

from ipaddress import ip_network
from typing import Any, cast

from django import forms
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from passerelle.directory.models import Company
from passerelle.infra.network import is_within
from passerelle.sso.sign_in.password_rules import MAX_REUSE
from passerelle.web.frame.labels import TWO_FACTOR

DAY, WEEK = 1440, 10_080
MAX_NETWORKS = 200
RULES = (
    "password_min_length",
    "password_complexity",
    "password_reuse",
    "password_expiry_days",
    "session_minutes",
    "two_factor",
    "ip_allowlist",
)


MINUTES = gettext_lazy(
    "Enter a whole number from 1 to 1440 (a day); up to 10080 (a week) only where a second factor "
    "is required for everybody with a password."
)


class NumberField(forms.IntegerField):
    """A whole number within limits; whatever else is typed gets the same sentence, with both."""

    def __init__(self, least: int, most: int, sentence: Promise | str = "") -> None:
        super().__init__(required=False)
        self.least, self.most, self.sentence = least, most, sentence

    def clean(self, value: Any) -> int | None:
        try:
            found = cast("int | None", super().clean(value))
        except forms.ValidationError:
            found = self.least - 1
        if found is not None and not self.least <= found <= self.most:
            sentence = str(self.sentence) or _("Enter a whole number from %(least)s to %(most)s.")
            raise forms.ValidationError(sentence % {"least": self.least, "most": self.most})
        return found


class RulesForm(forms.Form):
    """Fields of the company's own row; a form that was sent without them leaves them alone."""

    company: Company
    client_address: str | None = None
    """Where whoever saves comes from: they must not shut themselves out."""

    rules = forms.BooleanField(required=False, widget=forms.HiddenInput)
    password_min_length = NumberField(8, 128)
    password_complexity = forms.BooleanField(required=False)
    password_reuse = NumberField(0, MAX_REUSE)
    password_expiry_days = NumberField(0, 3650)
    session_minutes = NumberField(1, WEEK, MINUTES)
    two_factor = forms.ChoiceField(choices=TWO_FACTOR.items(), required=False)
    ip_allowlist = forms.CharField(max_length=10_000, required=False, widget=forms.Textarea)

    @classmethod
    def current_rules(cls, company: Company) -> dict[str, Any]:
        return {
            **{name: getattr(company, name) for name in RULES},
            "ip_allowlist": "\n".join(company.ip_allowlist),
        }

    def clean_ip_allowlist(self) -> list[str]:
        typed = str(self.cleaned_data["ip_allowlist"]).replace(",", " ").split()
        networks = []
        for one in typed[: MAX_NETWORKS + 1]:
            try:
                networks.append(str(ip_network(one, strict=False)))
            except ValueError:
                sentence = _("“%(typed)s” is no network. Enter one such as 203.0.113.0/24.")
                raise forms.ValidationError(sentence % {"typed": one[:60]}) from None
        if len(typed) > MAX_NETWORKS:
            raise forms.ValidationError(
                _("Enter at most %(count)s networks.") % {"count": MAX_NETWORKS}
            )
        return list(dict.fromkeys(networks))

    def clean_rules(self) -> bool:
        return bool(self.cleaned_data["rules"])

    def keep_rules(self, values: dict[str, Any]) -> None:
        """What was not sent stays as it is; what was is held against what belongs together."""
        if not values.get("rules"):
            values.update({name: getattr(self.company, name) for name in RULES})
            return
        for name in RULES:
            if values.get(name) in (None, "") and name not in self.errors:
                values[name] = getattr(self.company, name)
        minutes, factor = values.get("session_minutes"), values.get("two_factor")
        if minutes and minutes > DAY and factor != Company.TwoFactor.REQUIRED:
            self.add_error("session_minutes", str(MINUTES))
        networks = values.get("ip_allowlist")
        if networks and not is_within(self.client_address, networks):
            self.add_error(
                "ip_allowlist",
                _(
                    "This would shut you out: you come from %(address)s, which is in none of these "
                    "networks. Add yours first."
                )
                % {"address": self.client_address or "?"},
            )
