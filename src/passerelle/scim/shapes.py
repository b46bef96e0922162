"""What provisioning clients send, brought into the form of the RFC: see docs/guides/scim.md.

Each function takes decoded JSON, and gives back what does not need to be changed as it is.
"""

import re
from typing import Any

MANAGER = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager"
_ONE_MEMBER = re.compile(r'members\[value eq "([^"]+)"\]', re.IGNORECASE)
_UNQUOTED = re.compile(r"^\s*([A-Za-z][\w.:]*)\s+(eq|ne|co|sw|ew)\s+([^\"\s(][^\s()]*)\s*$")
_LITERALS = {"true", "false", "null"}


def quoted(text: str) -> str:
    """A filter whose one value lacks its quotes (authentik)."""
    found = _UNQUOTED.match(text)
    if found is None or found[3].lower() in _LITERALS or _is_number(found[3]):
        return text
    return f'{found[1]} {found[2]} "{found[3]}"'


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def patch(body: Any) -> Any:
    """A PatchOp as its operations mean it."""
    if not isinstance(body, dict):
        return body
    key = next((name for name in body if name.lower() == "operations"), "Operations")
    operations = body.get(key)
    if isinstance(operations, dict):
        operations = [operations]
    if not isinstance(operations, list):
        return body
    changed = [one for operation in operations for one in _operation(operation)]
    return {**{name: value for name, value in body.items() if name != key}, "Operations": changed}


def _operation(operation: Any) -> list[Any]:
    if not isinstance(operation, dict):
        return [operation]
    path, value = operation.get("path"), operation.get("value")
    op = str(operation.get("op", "")).lower()
    if not isinstance(path, str):
        if isinstance(value, dict):
            return [{**operation, "value": resource(value)}]
        return [operation]
    one = _ONE_MEMBER.fullmatch(path.strip())
    if op == "add" and one and value is None:
        return [{"op": "add", "path": "members", "value": [{"value": one[1]}]}]
    if path.lower() == "members":
        return _of_members(op, operation)
    if path.lower() == "active" and isinstance(value, list) and len(value) == 1:
        return [{**operation, "value": value[0]}]
    if path.lower() == MANAGER.lower():
        return [{**operation, "value": _manager(value)}]
    return [operation]


def _of_members(op: str, operation: dict[str, Any]) -> list[Any]:
    if "value" not in operation or operation["value"] is None:
        # Of a remove without a value the RFC says that all go: whoever means it, says it so.
        return [operation] if op == "remove" else []
    members = _members(operation["value"])
    if op == "remove":
        # Those that it names, never all: an empty list names nobody.
        return [
            {"op": "remove", "path": f'members[value eq "{_escaped(one)}"]'}
            for one in dict.fromkeys(str(member.get("value", "")) for member in members)
        ]
    return [{**operation, "value": members}]


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def resource(body: Any) -> Any:
    """A user or group as it is sent whole."""
    if not isinstance(body, dict):
        return body
    changed = dict(body)
    for name, value in body.items():
        if name.lower() == "members" and value is not None:
            changed[name] = _members(value)
        elif name.lower() == MANAGER.rpartition(":")[0].lower() and isinstance(value, dict):
            changed[name] = {
                key: _manager(one) if key.lower() == "manager" else one
                for key, one in value.items()
            }
        elif name.lower() == MANAGER.lower():
            changed[name] = _manager(value)
    return changed


def _members(value: Any) -> list[dict[str, Any]]:
    """Each member once; one may come as bare text."""
    found: dict[str, dict[str, Any]] = {}
    for one in value if isinstance(value, list) else [value]:
        member = one if isinstance(one, dict) else {"value": str(one)}
        told = {name: member[name] for name in ("value", "display") if name in member}
        found.setdefault(str(member.get("value")), told)
    return list(found.values())


def _manager(value: Any) -> Any:
    """Entra sends an identifier, or a list of one."""
    if isinstance(value, list):
        value = value[0] if value else None
    return {"value": value} if isinstance(value, str) else value


def only_members(body: Any) -> tuple[dict[str, str], set[str]] | None:
    """Who a patch of a group adds and removes, if that is all that it does: (added, removed).

    Who is added, with what they are called there.
    """
    operations = body.get("Operations") if isinstance(body, dict) else None
    if not isinstance(operations, list):
        return None
    added: dict[str, str] = {}
    removed: set[str] = set()
    for operation in operations:
        if not isinstance(operation, dict):
            return None
        op, path = str(operation.get("op", "")).lower(), str(operation.get("path", ""))
        one = _ONE_MEMBER.fullmatch(path.strip())
        if op == "remove" and one:
            added.pop(one[1], None)
            removed.add(one[1])
        elif op == "add" and path.lower() == "members" and isinstance(operation["value"], list):
            for member in operation["value"]:
                added[str(member.get("value"))] = str(member.get("display") or "")
                removed.discard(str(member.get("value")))
        else:
            return None
    return added, removed
