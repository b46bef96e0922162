"""Checks of single values in the configuration file; each says what was expected."""

import re
from ipaddress import ip_network

from passerelle.oidc.addresses import is_our_host, is_redirect_uri, normal_host
from passerelle.provisioning.patterns import MOST_STEPS, compile_pattern, is_costly
from passerelle.sso.connections.connection import is_web_address
from passerelle.sso.connections.idp_metadata import MAX_ENTITY_ID

_KEY = re.compile(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*")


def permission_key(value: str) -> str:
    if not _KEY.fullmatch(value) or len(value) > 100:
        raise ValueError("expected area.action, such as reports.export")
    return value


def web_address(value: str) -> str:
    if not is_web_address(value) or len(value) > 2048:
        raise ValueError("expected an address starting with https://")
    return value


def short_entity_id(value: str) -> str:
    if len(value.encode()) > MAX_ENTITY_ID:
        raise ValueError(f"expected at most {MAX_ENTITY_ID} bytes")
    return value


def rule_pattern(value: str) -> str:
    try:
        compile_pattern(value)
    except ValueError as error:
        raise ValueError(f"expected a regular expression (RE2): {error}") from None
    if is_costly(value):
        raise ValueError(
            f"expected at most {MOST_STEPS} steps with all repetitions written out: repeat fewer "
            "times, or without a number (* or +)"
        )
    return value


def network(value: str) -> str:
    try:
        return str(ip_network(value, strict=False))
    except ValueError:
        raise ValueError("expected an address or a network such as 203.0.113.0/24") from None


def uri(value: str) -> str:
    if not value.isprintable() or not value or any(one.isspace() for one in value):
        raise ValueError("expected a URI without white space")
    return value


def followed_address(value: str) -> str:
    if not is_web_address(value) or not value.startswith("https://") or len(value) > 2048:
        raise ValueError("expected an address starting with https://, where metadata is published")
    return value


def redirect_uri(value: str) -> str:
    if not is_redirect_uri(value):
        raise ValueError("expected an address such as https://reports.example/callback")
    return value


def application_host(value: str) -> str:
    host = normal_host(value)
    if host is None:
        raise ValueError("expected a host such as reports.example")
    if is_our_host(host):
        raise ValueError("expected another host than Passerelle's own")
    return host
