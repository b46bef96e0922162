"""Write the configuration as TOML: feeding it to `apply` changes nothing."""

import json
from collections.abc import Iterable
from typing import Any

from passerelle.configfile.catalogue import DEFAULT_PERMISSIONS
from passerelle.configfile.settings import company_settings
from passerelle.directory.models import Company, Permission


def export_configuration(company_slug: str | None = None) -> str:
    """The whole installation, or one company, without any secret."""
    companies = Company.objects.order_by("slug").select_related(
        "default_workspace", "default_permission_set"
    )
    if company_slug:
        companies = companies.filter(slug=company_slug)
    lines = [*_catalogue()]
    for company in companies:
        lines += _company(company)
    return "\n".join(lines).strip() + "\n"


def _catalogue() -> Iterable[str]:
    found = [(one.key, one.name_en, one.name_fr) for one in Permission.objects.all()]
    if found == list(DEFAULT_PERMISSIONS) or not found:
        return
    for key, name_en, name_fr in found:
        names = f"{{ en = {_toml(name_en)}, fr = {_toml(name_fr)} }}"
        yield from ("[[permissions]]", f"key = {_toml(key)}", f"name = {names}", "")


def _company(company: Company) -> list[str]:
    document = company_settings(company)
    lines = ["[[companies]]", *_scalars(document), ""]
    for name in ("workspaces", "permission_sets", "domains", "applications", "saml"):
        for entry in document[name]:
            lines += [f"  [[companies.{name}]]", *_scalars(entry, "  "), ""]
            if entry.get("roles"):
                roles = {_toml(key): role for key, role in entry["roles"].items()}
                lines += ["    [companies.applications.roles]", *_scalars(roles, "    "), ""]
    for name in ("provisioning", "google_sso", "security"):
        lines += [f"  [companies.{name}]", *_scalars(document[name], "  "), ""]
        for rule in document[name].get("rules", []):
            lines += ["    [[companies.provisioning.rules]]", *_scalars(rule, "    "), ""]
    return lines


def _scalars(table: dict[str, Any], indent: str = "") -> list[str]:
    """The keys of a table that are not tables themselves; None is left out."""
    return [
        f"{indent}{key} = {_toml(value)}"
        for key, value in table.items()
        if value is not None and not isinstance(value, dict) and not _is_tables(value)
    ]


def _is_tables(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(one, dict) for one in value)


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, list):
        return "[" + ", ".join(_toml(one) for one in value) + "]"
    if value.startswith("-----BEGIN CERTIFICATE-----\n"):
        return f"'''\n{value}'''"
    # A JSON string is a TOML basic string, but for the one control character TOML names itself.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
