"""The form of one application: where it is, who may open it, and what it calls their roles."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import urljoin, urlsplit

from django import forms
from django.utils.text import slugify
from django.utils.translation import gettext as _

from passerelle.directory.applications import ApplicationDraft, draft_of
from passerelle.directory.models import Application, Company, Permission, Workspace
from passerelle.oidc.addresses import is_our_host, is_redirect_uri, normal_host
from passerelle.sso.connections.connection import is_web_address
from passerelle.web.applications.products import Product
from passerelle.web.frame.fields import MAX_NAME, OwnChoice, line, name_problem

ROLE = "role_"


def _lines(limit: int = 10_000) -> forms.CharField:
    return forms.CharField(max_length=limit, required=False, widget=forms.Textarea)


def _is_under(host: str, domains: list[str]) -> bool:
    name = host.rpartition(":")[0] or host
    return any(name == domain or name.endswith(f".{domain}") for domain in domains)


class ApplicationForm(forms.Form):
    name = line(MAX_NAME)
    url = line(Application.LONGEST)
    workspaces = forms.ModelMultipleChoiceField(Workspace.objects.none(), required=False)
    permission = OwnChoice(Permission.objects.none(), required=False)
    open_at_sign_in = forms.BooleanField(required=False)
    default_role = line(200)
    client_id = line(200)
    public = forms.BooleanField(required=False)
    redirect_uris = _lines()
    post_logout_redirect_uris = _lines()
    backchannel_logout_uri = line(500)
    hosts = _lines()

    def __init__(
        self,
        company: Company,
        product_slug: str,
        product: Product,
        row: Application | None = None,
        **keywords: Any,
    ) -> None:
        self.company, self.product_slug, self.product, self.row = (
            company,
            product_slug,
            product,
            row,
        )
        keywords.setdefault("initial", self._initial())
        super().__init__(**keywords)
        self._field("workspaces").queryset = company.workspaces.all()
        self._field("permission").queryset = Permission.objects.all()
        self.permission_sets = list(company.permission_sets.all())
        given = {held.permission_set_id: held.role for held in row.roles.all()} if row else {}
        for permission_set in self.permission_sets:
            field = line(200)
            field.initial = given.get(permission_set.id, "")
            self.fields[f"{ROLE}{permission_set.id}"] = field

    def _field(self, name: str) -> Any:
        return self.fields[name]

    def _initial(self) -> dict[str, Any]:
        if self.row is None:
            name = self.product.name if self.product.kind != "link" else ""
            plain = isinstance(name, str)
            return {"name": name if plain else "", "default_role": self.product.default_role}
        held = draft_of(self.row)
        return {
            "name": held.name,
            "url": held.url,
            "workspaces": [workspace.id for workspace in held.workspaces],
            "permission": held.permission.pk if held.permission else None,
            "open_at_sign_in": held.open_at_sign_in,
            "default_role": held.default_role,
            "client_id": held.client_id or "",
            "public": held.public,
            "redirect_uris": "\n".join(held.redirect_uris),
            "post_logout_redirect_uris": "\n".join(held.post_logout_redirect_uris),
            "backchannel_logout_uri": held.backchannel_logout_uri,
            "hosts": "\n".join(held.hosts),
        }

    @property
    def chosen(self) -> set[str]:
        """The identifiers of the workspaces that are ticked."""
        return {str(one) for one in self["workspaces"].value() or []}

    @property
    def role_fields(self) -> list[tuple[str, Any]]:
        """Each permission set with the field for its role."""
        return [(one.name, self[f"{ROLE}{one.id}"]) for one in self.permission_sets]

    def clean_name(self) -> str:
        name = str(self.cleaned_data["name"])
        if problem := name_problem(name):
            raise forms.ValidationError(problem)
        return name

    def clean_url(self) -> str:
        typed = str(self.cleaned_data["url"])
        if not is_web_address(typed):
            raise forms.ValidationError(
                _("Enter the address of the application, such as https://reports.acme.example/")
            )
        return typed

    def clean_client_id(self) -> str:
        typed = str(self.cleaned_data["client_id"])
        if any(character.isspace() or not character.isascii() for character in typed):
            raise forms.ValidationError(_("Enter letters, digits and hyphens, such as reports."))
        own, held = f"{self.company.slug}-", self.row.client_id if self.row else None
        if typed and typed != held and not typed.startswith(own) and self._has_others():
            raise forms.ValidationError(
                _("Several companies share this service: begin it with %(own)s") % {"own": own}
            )
        return typed

    def _has_others(self) -> bool:
        return Company.objects.exclude(id=self.company.id).exists()

    def _not_ours(self, hosts: Iterable[str]) -> str | None:
        """The first host that another of several companies might have, as far as we know."""
        held = {one.host for one in self.row.hosts.all()} if self.row else set()
        new = [host for host in hosts if host not in held]
        if not new or not self._has_others():
            return None
        verified = self.company.domains.exclude(verified_at=None).values_list("name", flat=True)
        return next((host for host in new if not _is_under(host, list(verified))), None)

    def _unverified(self, host: str) -> str:
        return _(
            "Several companies share this service, and %(host)s is in none of your verified "
            "domains: verify its domain first, or have whoever runs Passerelle add the application."
        ) % {"host": host}

    def clean_backchannel_logout_uri(self) -> str:
        typed = str(self.cleaned_data["backchannel_logout_uri"])
        if typed and not is_web_address(typed):
            raise forms.ValidationError(_("Enter an address that starts with https://"))
        return typed

    def clean_redirect_uris(self) -> tuple[str, ...]:
        return self._addresses("redirect_uris")

    def clean_post_logout_redirect_uris(self) -> tuple[str, ...]:
        return self._addresses("post_logout_redirect_uris")

    def _addresses(self, name: str) -> tuple[str, ...]:
        typed = tuple(dict.fromkeys(str(self.cleaned_data[name]).split()))
        if wrong := next((one for one in typed if not is_redirect_uri(one)), None):
            raise forms.ValidationError(
                _("“%(typed)s” is no address that people can be sent back to. Enter one a line.")
                % {"typed": wrong[:100]}
            )
        if len(typed) > Application.MOST_ADDRESSES:
            raise forms.ValidationError(
                _("Enter at most %(limit)s.") % {"limit": Application.MOST_ADDRESSES}
            )
        return typed

    def clean_hosts(self) -> tuple[str, ...]:
        typed = str(self.cleaned_data["hosts"]).split()
        hosts = {one: normal_host(one) for one in typed}
        if wrong := next((one for one, host in hosts.items() if host is None), None):
            raise forms.ValidationError(
                _("“%(typed)s” is no host. Enter one such as reports.acme.example.")
                % {"typed": wrong[:100]}
            )
        if any(is_our_host(host) for host in hosts.values() if host):
            raise forms.ValidationError(_("This is the host of Passerelle itself."))
        if len(hosts) > Application.MOST_ADDRESSES:
            raise forms.ValidationError(
                _("Enter at most %(limit)s.") % {"limit": Application.MOST_ADDRESSES}
            )
        found = tuple(sorted({host for host in hosts.values() if host}))
        if foreign := self._not_ours(found):
            raise forms.ValidationError(self._unverified(foreign))
        return found

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        url = values.get("url")
        if url and self.product.kind == "oidc" and not self.errors:
            base = url if url.endswith("/") else f"{url}/"
            if not values.get("redirect_uris"):
                values["redirect_uris"] = (urljoin(base, self.product.callback),)
            if self.row is None and not values.get("post_logout_redirect_uris"):
                values["post_logout_redirect_uris"] = (urljoin(base, self.product.after_logout),)
            typed = values.get("backchannel_logout_uri")
            if self.row is None and self.product.backchannel and not typed:
                values["backchannel_logout_uri"] = urljoin(base, self.product.backchannel)
            values["client_id"] = values.get("client_id") or self._free_client_id(values["name"])
        if url and self.product.kind == "proxy" and not values.get("hosts") and not self.errors:
            host = normal_host(urlsplit(url).netloc)
            if host is None or is_our_host(host):
                self.add_error("url", _("This is the host of Passerelle itself."))
            elif self._not_ours([host]):
                self.add_error("url", self._unverified(host))
            else:
                values["hosts"] = (host,)
        return values

    def _free_client_id(self, name: str) -> str:
        wanted = f"{self.company.slug}-{slugify(name) or self.product_slug}"[:180]
        taken = set(
            Application.objects.filter(client_id__startswith=wanted).values_list(
                "client_id", flat=True
            )
        )
        numbered = (f"{wanted}-{number}" for number in range(2, len(taken) + 3))
        return wanted if wanted not in taken else next(one for one in numbered if one not in taken)

    @property
    def draft(self) -> ApplicationDraft:
        """What is right and to be saved."""
        values, kind = self.cleaned_data, self.product.kind
        held = draft_of(self.row) if self.row else None
        return ApplicationDraft(
            name=values["name"],
            url=values["url"],
            kind=kind,
            product=self.product_slug,
            workspaces=tuple(values["workspaces"]),
            permission=values["permission"],
            open_at_sign_in=values["open_at_sign_in"],
            default_role=values["default_role"],
            client_id=values["client_id"] if kind == "oidc" else None,
            public=values["public"] and kind == "oidc",
            redirect_uris=tuple(values["redirect_uris"]) if kind == "oidc" else (),
            post_logout_redirect_uris=tuple(values["post_logout_redirect_uris"])
            if kind == "oidc"
            else (),
            backchannel_logout_uri=values["backchannel_logout_uri"] if kind == "oidc" else "",
            client_keys=held.client_keys if held else None,
            hosts=tuple(values["hosts"]) if kind == "proxy" else (),
            roles=tuple(self._roles()),
        )

    def _roles(self) -> list[tuple[Any, str]]:
        """The strongest first, as far as the product's own roles say which those are."""
        order = {role: place for place, role in enumerate(self.product.roles)}
        given = [
            (one, role)
            for one in self.permission_sets
            if (role := self.cleaned_data[f"{ROLE}{one.id}"])
        ]
        return sorted(given, key=lambda pair: order.get(pair[1], len(order)))
