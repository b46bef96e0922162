"""What is wrong with an installation, and what to do about it."""

import os
import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from html import unescape
from http import HTTPStatus

from django.conf import settings
from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor

from passerelle.audit.models import AuditEvent
from passerelle.cli.diagnosis.asking import AskError, ask
from passerelle.cli.diagnosis.finding import Finding
from passerelle.config.env import PREFIX, Environment
from passerelle.directory.models import Company
from passerelle.directory.walls import missing_walls
from passerelle.infra.database_faults import CURES, Fault, fault_of, standing_fault, try_to_write
from passerelle.sso.connections.connection import missing_for_sign_in
from passerelle.sso.connections.keys import lost_keys
from passerelle.sso.connections.problems import noted_sentence
from passerelle.sso.models import SamlConnection, SignIn
from passerelle.sso.outbox.expiry_notices import EXPIRY_NOTICE, signing_certificate
from passerelle.sso.sessions.enforcement import ADMINISTRATOR_WITH_PASSWORD, has_way_back

MAX_CLOCK_DIFFERENCE = timedelta(seconds=5)
MAX_SEALING_LAG = timedelta(minutes=10)


def diagnose(*, now: datetime, deploy: bool) -> list[Finding]:
    """Every finding, good and bad; without a database only what needs none."""
    findings = [*_environment(), *_base_url(deploy)]
    if deploy and settings.PASSERELLE.has_tls:
        findings.append(ask_itself(settings.PASSERELLE.base_url))
    database = _database()
    findings.append(database)
    if not database.passed:
        return findings
    checks: tuple[Callable[[datetime], Iterator[Finding]], ...] = (
        _clock,
        _connections,
        _keys,
        _policies,
        _walls,
        _ways_back,
        _audit,
    )
    for check in checks:
        findings += check(now)
    return findings


def _environment() -> Iterator[Finding]:
    known = {PREFIX + field.upper() for field in Environment.model_fields}
    unknown = sorted(name for name in os.environ if name.startswith(PREFIX) and name not in known)
    if unknown:
        yield Finding(
            "environment",
            False,
            f"{', '.join(unknown)}: no such variable",
            f"Correct the name. Known: {', '.join(sorted(known - {PREFIX + 'DEMO'}))}.",
        )
    else:
        yield Finding("environment", True, "every variable is known")


def _base_url(deploy: bool) -> Iterator[Finding]:
    ours = settings.PASSERELLE
    if not ours.base_url:
        yield Finding(
            "base_url",
            False,
            "the public address is not set",
            "Set PASSERELLE_BASE_URL, such as https://sso.example.",
        )
    elif deploy and not ours.has_tls:
        yield Finding(
            "base_url",
            False,
            f"{ours.base_url} is not https: cookies are not Secure, and there is no HSTS",
            "Put a proxy with TLS in front, and set PASSERELLE_BASE_URL to its https address.",
        )
    else:
        yield Finding("base_url", True, ours.base_url)
    if deploy and ours.has_tls and not ours.trusted_proxies:
        yield Finding(
            "trusted_proxies",
            False,
            "no proxy is trusted, so a request that came to it by TLS looks like plain http",
            "Set PASSERELLE_TRUSTED_PROXIES to the address of the proxy that ends TLS.",
        )


def ask_itself(base_url: str) -> Finding:
    """Ask the service over its public address, as a browser would, and say what was seen."""
    fix = (
        "Have the proxy send `X-Forwarded-Proto: https`, and name it in PASSERELLE_TRUSTED_PROXIES."
    )
    try:
        answer = ask(f"{base_url}/")
    except AskError as error:
        return Finding(
            "public_address",
            True,
            f"{base_url} cannot be asked from here ({error}): nothing is known of the proxy",
        )
    if answer.is_redirect and answer.location.rstrip("/") == base_url:
        return Finding("public_address", False, f"{base_url}/ leads to itself", fix)
    if not answer.is_good and "X-Forwarded-Proto" in answer.text:
        received = answer.text.partition("received ")[2].partition(". ")[0]
        said = f"{base_url}/ answers {answer.status}; the proxy sends {_plain(received)}"
        return Finding("public_address", False, said, fix)
    if answer.status < HTTPStatus.BAD_REQUEST:
        return Finding("public_address", True, f"{base_url}/ answers {answer.status}")
    return Finding(
        "public_address",
        False,
        f"{base_url}/ answers {answer.status}",
        "See whether `passerelle serve` runs, and whether the proxy leads to it.",
    )


def _plain(html: str) -> str:
    return unescape(re.sub("<[^>]*>", "", html))


def _database() -> Finding:
    try:
        executor = MigrationExecutor(connection)
        waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
        fault = standing_fault()
        if not fault:
            try_to_write()
    except Error as error:
        fault, text = fault_of(error) or Fault.AWAY, " ".join(str(error).split())
        return Finding("database", False, f"{fault}: {text}", CURES[fault])
    if waiting:
        count = len(waiting)
        return Finding(
            "database", False, f"{count} migrations are missing", "Run `passerelle migrate`."
        )
    if fault:
        return Finding("database", False, fault, CURES[fault])
    return Finding("database", True, f"{connection.vendor}, up to date")


def _keys(now: datetime) -> Iterator[Finding]:
    lost = sorted({row.connection.slug for row in lost_keys(now=now)})
    if lost:
        yield Finding(
            "keys",
            False,
            f"our own keys of {', '.join(lost)} were sealed with another secret key",
            "Bring the secret key back, or make new ones with `passerelle keys rotate`, and let "
            "the identity providers read our metadata again.",
        )
    else:
        yield Finding("keys", True, "our own keys can be read")


def _clock(now: datetime) -> Iterator[Finding]:
    """Compare with the database server's clock, and with the newest trace."""
    fix = "Set the clock by NTP: assertions are valid for minutes only."
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT clock_timestamp()")
            difference = abs(cursor.fetchone()[0] - now)
        if difference > MAX_CLOCK_DIFFERENCE:
            seconds = round(difference.total_seconds())
            yield Finding("clock", False, f"{seconds} s away from the database's", fix)
            return
    newest = SignIn.objects.order_by("-time").values_list("time", flat=True).first()
    if newest and newest - now > MAX_CLOCK_DIFFERENCE:
        yield Finding("clock", False, f"a sign-in was at {newest:%Y-%m-%d %H:%M:%S} UTC", fix)
    else:
        yield Finding("clock", True, f"{now:%Y-%m-%d %H:%M:%S} UTC")


def _connections(now: datetime) -> Iterator[Finding]:
    found = SamlConnection.objects.filter(enabled=True).select_related("company")
    for one in found.prefetch_related("certificates"):
        name = f"{one.company.slug}/{one.slug}"
        certificates = list(one.certificates.all())
        if lacking := missing_for_sign_in(one, len(certificates)):
            yield Finding(
                "connection",
                False,
                f"{name} lacks {', '.join(lacking)}",
                "Complete it on the company's Security settings page, or switch it off.",
            )
            continue
        if one.metadata_problem:
            yield Finding(
                "metadata",
                False,
                f"{name}: {one.metadata_url} could not be read. "
                f"{noted_sentence(one.metadata_problem)}",
                "Correct the address, or ask whoever runs the identity provider.",
            )
        if one.metadata_held:
            yield Finding(
                "metadata",
                False,
                f"{name}: changed metadata waits for an administrator",
                "Accept or dismiss it on the company's Security settings page.",
            )
        certificate = signing_certificate(certificates)
        assert certificate is not None
        last = certificate.not_after
        if last - now <= EXPIRY_NOTICE:
            state = "expired" if last <= now else "expires"
            yield Finding(
                "certificate",
                False,
                f"the certificate of {name} {state} on {last:%Y-%m-%d}",
                "Renew it at the identity provider, and add its new certificate here first.",
            )
        else:
            yield Finding("certificate", True, f"{name}: valid until {last:%Y-%m-%d}")


def _policies(now: datetime) -> Iterator[Finding]:
    """The database refuses such a row: this looks whether it was changed behind its back."""
    for company in Company.objects.filter(automatic_user_provisioning=True):
        workspaces = company.workspaces.values_list("id", flat=True)
        permission_sets = company.permission_sets.values_list("id", flat=True)
        whole = (
            company.default_workspace_id in workspaces
            and company.default_permission_set_id in permission_sets
        )
        if whole:
            yield Finding("policy", True, f"{company.slug}: newcomers get their defaults")
        else:
            yield Finding(
                "policy",
                False,
                f"{company.slug}: the default workspace or permission set is gone",
                "Select both again on the company's Security settings page.",
            )


def _walls(now: datetime) -> Iterator[Finding]:
    """A row of one company could point at another's if a constraint had gone."""
    if missing := missing_walls(connection):
        fix = "Run `passerelle migrate`: it raises them again."
        yield Finding("walls", False, f"missing between companies: {', '.join(missing)}", fix)
    else:
        yield Finding("walls", True, "companies are held apart by the database")


def _ways_back(now: datetime) -> Iterator[Finding]:
    """Where single sign-on alone is allowed, somebody must be able to enter when it fails."""
    everyone = Company.objects.filter(sso_enforcement=Company.Enforcement.EVERYONE)
    for company in everyone:
        codes = company.emergency_codes.filter(used_at=None).count()
        breakers = company.users.filter(ADMINISTRATOR_WITH_PASSWORD, breaks_glass=True).count()
        detail = f"{company.slug}: {codes} emergency codes, {breakers} who break glass"
        if has_way_back(company):
            yield Finding("enforcement", True, detail)
        else:
            fix = (
                "Give an administrator emergency access and a password: `passerelle admin create` "
                "with --password-stdin, or the person's page."
            )
            yield Finding("enforcement", False, detail, fix)


def _audit(now: datetime) -> Iterator[Finding]:
    oldest = (
        AuditEvent.objects.filter(sequence__isnull=True)
        .order_by("time")
        .values_list("time", flat=True)
        .first()
    )
    if oldest and now - oldest > MAX_SEALING_LAG:
        yield Finding(
            "audit",
            False,
            f"entries since {oldest:%Y-%m-%d %H:%M} UTC are not sealed",
            "Keep `passerelle serve` running: it seals every few seconds.",
        )
    else:
        yield Finding("audit", True, "entries are sealed as they should be")
