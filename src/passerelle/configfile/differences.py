"""What is different between two settings of a company, as lines for people."""

from collections.abc import Iterator
from typing import Any

_KEYS = {
    "workspaces": "name",
    "permission_sets": "name",
    "domains": "name",
    "applications": "name",
    "saml": "slug",
}
_SINGULAR = {
    "workspaces": "workspace",
    "permission_sets": "permission set",
    "domains": "domain",
    "applications": "application",
    "saml": "SAML connection",
}


def changes_between(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """One line for each change: `+ …`, `~ …`, `- …`."""
    slug = after["slug"]
    return [f"{line[0]} {slug}: {line[2:]}" for line in _changes(before, after)]


_IN_USE = ("saml", "domains", "applications")
"""Tables whose entries people may be using, whatever the database knows of it."""
_SWITCHES = (
    ("provisioning", "automatic_user_provisioning"),
    ("google_sso", "enabled"),
)


def removals_between(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """What people use and would have no more, in the words of the lines of change."""
    return [f"{after['slug']}: {one}" for one in _removals(before, after)]


def _removals(before: dict[str, Any], after: dict[str, Any]) -> Iterator[str]:
    for table in _IN_USE:
        key, noun = _KEYS[table], _SINGULAR[table]
        wanted = {one[key]: one for one in after[table]}
        for one in before[table]:
            name = one[key]
            if name not in wanted:
                yield f"{noun} {name} is removed"
                continue
            for switch in ("enabled", "verified"):
                if one.get(switch) and not wanted[name][switch]:
                    yield f"{noun} {name} is not {switch} any more"
    if before["jit_provisioning_available"] and not after["jit_provisioning_available"]:
        yield "jit_provisioning_available is switched off"
    for table, switch in _SWITCHES:
        if before[table][switch] and not after[table][switch]:
            yield f"{table}.{switch} is switched off"


def _changes(before: dict[str, Any], after: dict[str, Any]) -> Iterator[str]:
    for key in ("name", "jit_provisioning_available"):
        yield from _changed(key, before[key], after[key])
    for table, key in _KEYS.items():
        yield from _collection(_SINGULAR[table], key, before[table], after[table])
    for table in ("provisioning", "google_sso", "security"):
        for key, value in after[table].items():
            if key == "rules":
                yield from _rules(before[table][key], value)
            else:
                yield from _changed(f"{table}.{key}", before[table][key], value)


def _changed(name: str, before: Any, after: Any) -> Iterator[str]:
    if before != after:
        yield f"~ {name}: {_shown(before)} → {_shown(after)}"


def _collection(
    noun: str, key: str, before: list[dict[str, Any]], after: list[dict[str, Any]]
) -> Iterator[str]:
    old, new = ({one[key]: one for one in entries} for entries in (before, after))
    for name, entry in new.items():
        if name not in old:
            yield f"+ {noun} {name}"
            continue
        for field, value in entry.items():
            if _listed(old[name][field]) != _listed(value):
                shown = (_count(old[name][field]), _count(value))
                yield f"~ {noun} {name}: {field}: {shown[0]} → {shown[1]}"
    for name in old:
        if name not in new:
            yield f"- {noun} {name}"


def _listed(value: Any) -> Any:
    """Of a table, also the order counts."""
    return list(value.items()) if isinstance(value, dict) else value


def _rules(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> Iterator[str]:
    given = [f"+ rule {_rule(rule)}" for rule in after if rule not in before]
    gone = [f"- rule {_rule(rule)}" for rule in before if rule not in after]
    yield from given + gone
    kept = (
        [rule for rule in one if rule in other] for one, other in [(before, after), (after, before)]
    )
    if next(kept) != next(kept):
        yield "~ rules: their order"


def _rule(rule: dict[str, Any]) -> str:
    condition = f"= {rule['equals']}" if rule["matches"] is None else f"~ {rule['matches']}"
    right = f"{rule['permission_set']} in {rule['workspace']}"
    target = "administrator" if rule["administrator"] else right
    when = {"always": ", at each sign-in", "first_sign_in": ", at the first sign-in"}
    return f"{rule['attribute']} {condition}: {target}{when.get(rule['sync'], '')}"


def _count(value: Any) -> str:
    """Certificates are long: how many there are says enough in one line."""
    if isinstance(value, list) and any("-----BEGIN" in str(one) for one in value):
        return f"{len(value)} certificate{'s' if len(value) != 1 else ''}"
    return _shown(value)


def _shown(value: Any) -> str:
    if value is None or value == "":
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {one}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(str(one) for one in value) + "]"
    return str(value)
