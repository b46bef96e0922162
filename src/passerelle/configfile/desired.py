"""What a file asks of one company, in the shape of `settings`, with every reference checked."""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from passerelle import saml
from passerelle.configfile.applications import check_application, wanted_application
from passerelle.configfile.document import Company, ConfigurationFile, Saml
from passerelle.configfile.positions import Place
from passerelle.configfile.settings import CONNECTION_CHOICES, CONNECTION_TEXTS
from passerelle.saml.errors import MetadataError
from passerelle.sso.connections.connection import (
    EXPIRED_CERTIFICATE,
    company_lacks_for_provisioning,
)
from passerelle.sso.connections.idp_metadata import MAX_CERTIFICATES, read_metadata, settings_of
from passerelle.sso.connections.problems import metadata_sentence
from passerelle.sso.models import GOOGLE_ISSUER, SamlConnection

T = TypeVar("T")

_PLAIN = settings_of(saml.IdPMetadata("", "", None, (), None, None, wants_signed_requests=False))
"""A connection without metadata."""
LACKING = {
    "no_connection": "a [[companies.saml]] table",
    "name": "name",
    "idp_entity_id": "entity_id",
    "target_url": "target_url",
    "certificates": "certificates",
    "disabled": "enabled = true",
    EXPIRED_CERTIFICATE: "a certificate that has not expired",
}


OMITTABLE = (
    "jit_provisioning_available",
    "workspaces",
    "permission_sets",
    "domains",
    "applications",
    "saml",
    "provisioning",
    "google_sso",
    "security",
)
"""What of a company stays as it stands where the file says nothing of it."""


class Desired:
    """Reads one company's tables; every problem is told with its line, key and value.

    `before` is the company as it stands, in the shape of `settings`.
    """

    def __init__(
        self,
        file: ConfigurationFile,
        index: int,
        permissions: set[str],
        *,
        before: dict[str, Any],
        now: datetime,
    ) -> None:
        self.file, self.index, self.now, self.permissions = file, index, now, permissions
        self.before = before
        self.place: Place = ("companies", index)
        self.company: Company = file.configuration.companies[index]

    def says(self, table: str) -> bool:
        """Whether the file speaks of this table of the company at all."""
        return table in self.company.model_fields_set

    def names(self, table: str, key: str = "name") -> list[str]:
        """What there is of a table: as the file says, or as it stands."""
        if self.says(table):
            return [getattr(one, key) for one in getattr(self.company, table)]
        return [str(one[key]) for one in self.before[table]]

    def settings(self) -> dict[str, Any]:
        """The company as the file wants it. Raises WrongConfiguration."""
        company = self.company
        self._refuse_twice("workspaces", (workspace.name for workspace in company.workspaces))
        self._refuse_twice(
            "permission_sets", (permission_set.name for permission_set in company.permission_sets)
        )
        self._refuse_twice("domains", (domain.name for domain in company.domains))
        self._refuse_twice(
            "applications", (application.name for application in company.applications)
        )
        for position, one in enumerate(company.applications):
            place: Place = (*self.place, "applications", position, "workspace")
            self._refuse_unknown(one.workspace, "workspaces", place)
            check_application(
                self.file, self.index, position, permissions=self.permissions, names=self.names
            )
        self._check_permissions()
        self._check_domains()
        wanted = {
            "slug": company.slug,
            "name": company.name,
            "jit_provisioning_available": company.jit_provisioning_available,
            "workspaces": _by_name({"name": workspace.name} for workspace in company.workspaces),
            "permission_sets": _by_name(
                {
                    "name": permission_set.name,
                    "permissions": sorted(set(permission_set.permissions)),
                }
                for permission_set in company.permission_sets
            ),
            "domains": _by_name(
                {"name": domain.name, "verified": domain.verified, "connection": domain.connection}
                for domain in company.domains
            ),
            "applications": _by_name(
                wanted_application(application, company.slug)
                for application in company.applications
            ),
            "saml": sorted(
                (self._connection(i, one) for i, one in enumerate(company.saml)),
                key=lambda one: one["slug"],
            ),
            "provisioning": self._provisioning(),
            "google_sso": company.google_sso.model_dump(),
            "security": company.security.model_dump(),
        }
        return wanted | {
            name: self._as_it_stands(name) for name in OMITTABLE if not self.says(name)
        }

    def _as_it_stands(self, table: str) -> Any:
        if table != "domains":
            return self.before[table]
        slugs = self.names("saml", "slug")
        return [
            {**one, "connection": one["connection"] if one["connection"] in slugs else None}
            for one in self.before["domains"]
        ]

    def refuse_impossible(self, wanted: dict[str, Any], *, was_on: bool) -> None:
        """What no company can have at once, as the settings page refuses it.

        `wanted` as it will be: with what was learnt from metadata, beside the file.
        """
        if any(self.says(one) for one in ("provisioning", "google_sso", "saml")):
            self._refuse_unless_provisioning_possible(wanted, was_on=was_on)
        if any(self.says(one) for one in ("security", "google_sso", "saml")):
            self._refuse_unless_enforcement_possible(wanted)

    def _refuse_unless_enforcement_possible(self, wanted: dict[str, Any]) -> None:
        """Single sign-on alone needs a connection that people can use, or will once it is read."""
        place: Place = (*self.place, "security", "sso_enforcement")
        if wanted["security"]["sso_enforcement"] == "off":
            return
        if wanted["google_sso"]["enabled"]:
            raise self.file.wrong(
                place, "expected off while google_sso is enabled: they exclude each other"
            )
        if any(
            connection["enabled"] and connection["metadata_url"] for connection in wanted["saml"]
        ):
            return
        lacking = [one for one in self._lacking(wanted) if one != EXPIRED_CERTIFICATE]
        if lacking:
            names = ", ".join(LACKING[one] for one in lacking)
            raise self.file.wrong(
                place,
                f"expected off without a complete SAML connection; what is missing: {names}",
            )

    def _lacking(self, wanted: dict[str, Any]) -> list[str]:
        connections = [_judged(connection) for connection in wanted["saml"]]
        return company_lacks_for_provisioning(connections, now=self.now)

    def _refuse_unless_provisioning_possible(self, wanted: dict[str, Any], *, was_on: bool) -> None:
        """The conditions for automatic provisioning."""
        provisioning = wanted["provisioning"]
        if not provisioning["automatic_user_provisioning"]:
            return
        place: Place = (*self.place, "provisioning", "automatic_user_provisioning")
        if not wanted["jit_provisioning_available"]:
            raise self.file.wrong(place, "expected false while jit_provisioning_available is false")
        if wanted["google_sso"]["enabled"]:
            raise self.file.wrong(
                place, "expected false while google_sso is enabled: they exclude each other"
            )
        for key in ("default_workspace", "default_permission_set"):
            if provisioning[key] is None:
                raise self.file.wrong(place, f"expected {key} as well, which is required with true")
        lacking = self._lacking(wanted)
        if was_on:
            lacking = [one for one in lacking if one != EXPIRED_CERTIFICATE]
        if lacking:
            names = ", ".join(LACKING[one] for one in lacking)
            raise self.file.wrong(
                place, f"expected a complete SAML connection first; what is missing: {names}"
            )

    def _refuse_twice(self, table: str, names: Iterable[str]) -> None:
        seen = set()
        for index, name in enumerate(names):
            if name in seen:
                raise self.file.wrong(
                    (*self.place, table, index, "name"), "expected each name once"
                )
            seen.add(name)

    def _check_permissions(self) -> None:
        for index, one in enumerate(self.company.permission_sets):
            for position, key in enumerate(one.permissions):
                if key not in self.permissions:
                    place = (*self.place, "permission_sets", index, "permissions", position)
                    known = ", ".join(sorted(self.permissions))
                    raise self.file.wrong(place, f"expected one of {known}")

    def _check_domains(self) -> None:
        slugs = self.names("saml", "slug")
        for index, one in enumerate(self.company.domains):
            if one.connection is not None and one.connection not in slugs:
                known = ", ".join(slugs) or "none"
                place = (*self.place, "domains", index, "connection")
                raise self.file.wrong(place, f"expected one of this company's saml: {known}")

    def _connection(self, index: int, table: Saml) -> dict[str, Any]:
        place: Place = (*self.place, "saml", index)
        settings, found = dict(_PLAIN), []
        if table.metadata_file:
            metadata = self._metadata(table, (*place, "metadata_file"))
            settings, found = settings_of(metadata), list(metadata.certificates)
        else:
            settings |= {
                "idp_entity_id": table.entity_id or "",
                "target_url": table.target_url or "",
            }
        # What the file says itself wins over what metadata says.
        settings |= {
            name: value
            for name in _PLAIN
            if name in Saml.model_fields and (value := getattr(table, name)) is not None
        }
        if settings["idp_entity_id"] == GOOGLE_ISSUER:
            why = metadata_sentence(MetadataError("metadata_of_google")).rstrip(".")
            raise self.file.wrong((*place, "entity_id"), f"expected another entity ID: {why}")
        for position, source in enumerate(table.certificates):
            found += self._certificates(source, (*place, "certificates", position))
        unique = {one.fingerprint: one for one in found}
        if len(unique) > MAX_CERTIFICATES:
            raise self.file.wrong(
                (*place, "certificates"), f"expected at most {MAX_CERTIFICATES} certificates"
            )
        texts = {name: settings.get(name, getattr(table, name)) for name in CONNECTION_TEXTS}
        return {
            "slug": table.slug,
            "name": table.name,
            "enabled": table.enabled,
            "entity_id": settings["idp_entity_id"] or None,
            "target_url": settings["target_url"] or None,
            "certificates": [unique[key].pem for key in sorted(unique)],
            "sp_entity_id": table.sp_entity_id or None,
            "idp_initiated": table.idp_initiated,
            **{name: value or None for name, value in texts.items()},
            **{name: settings.get(name, getattr(table, name)) for name in CONNECTION_CHOICES},
            "authn_contexts": table.authn_contexts,
        }

    def _metadata(self, table: Saml, place: Place) -> saml.IdPMetadata:
        content = self._read(table.metadata_file or "", place)
        metadata = self._usable(
            place, lambda: read_metadata(content, entity_id=table.entity_id, now=self.now)
        )
        self._name_left_out(place, metadata.left_out)
        return metadata

    def _certificates(self, source: str, place: Place) -> tuple[saml.Certificate, ...]:
        content = source.encode() if "-----BEGIN" in source else self._read(source, place)
        found = self._usable(place, lambda: saml.load_bundle(content))
        self._name_left_out(place, found.left_out)
        return found.usable

    def _name_left_out(self, place: Place, errors: Iterable[saml.SAMLError]) -> None:
        for error in errors:
            self.file.note(place, f"a certificate was left out: {metadata_sentence(error)}")

    def _read(self, name: str, place: Place) -> bytes:
        path = self.file.path.parent / name
        try:
            return Path(path).read_bytes()
        except (OSError, ValueError) as error:
            problem = getattr(error, "strerror", None) or error
            raise self.file.wrong(place, f"expected a file that can be read ({problem})") from error

    def _usable(self, place: Place, read: Callable[[], T]) -> T:
        try:
            return read()
        except saml.SAMLError as error:
            why = f"({error.reason}): {metadata_sentence(error).rstrip('.')}"
            raise self.file.wrong(place, f"expected something usable {why}") from error

    def _provisioning(self) -> dict[str, Any]:
        table = self.company.provisioning
        place: Place = (*self.place, "provisioning")
        self._refuse_unknown(table.default_workspace, "workspaces", (*place, "default_workspace"))
        self._refuse_unknown(
            table.default_permission_set, "permission_sets", (*place, "default_permission_set")
        )
        for index, rule in enumerate(table.rules):
            at: Place = (*place, "rules", index)
            self._refuse_unknown(rule.workspace, "workspaces", (*at, "workspace"))
            self._refuse_unknown(rule.permission_set, "permission_sets", (*at, "permission_set"))
        values = table.model_dump()
        if isinstance(values["domains"], list):
            values["domains"] = sorted(set(values["domains"]))
        if "rules" not in table.model_fields_set:
            values["rules"] = self.before["provisioning"]["rules"]
        return values

    def _refuse_unknown(self, name: str | None, table: str, place: Place) -> None:
        known = self.names(table)
        if name is not None and name not in known:
            raise self.file.wrong(
                place, f"expected one of this company's {table}: {', '.join(known) or 'none'}"
            )


def _judged(wanted: dict[str, Any]) -> tuple[SamlConnection, list[datetime]]:
    """A connection as it will be, and the ends of its certificates."""
    connection = SamlConnection(
        name=wanted["name"],
        enabled=wanted["enabled"],
        idp_entity_id=wanted["entity_id"] or "",
        target_url=wanted["target_url"] or "",
    )
    return connection, [saml.load_certificate(pem).not_after for pem in wanted["certificates"]]


def _by_name(entries: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(entries, key=lambda entry: str(entry["name"]))


def repeated_slugs(file: ConfigurationFile) -> Iterator[Place]:
    """The places of slugs that stand in the file twice, of companies and of connections."""
    companies: set[str] = set()
    connections: set[str] = set()
    for index, company in enumerate(file.configuration.companies):
        if company.slug in companies:
            yield ("companies", index, "slug")
        companies.add(company.slug)
        for position, connection in enumerate(company.saml):
            if connection.slug in connections:
                yield ("companies", index, "saml", position, "slug")
            connections.add(connection.slug)
