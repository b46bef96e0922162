"""Filters (RFC 7644 §3.4.2.2) as conditions on columns: never a scan of what is in JSON."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q
from scim2_models import InvalidFilterException
from scim2_models.path import (
    AttrPath,
    CompareOperator,
    Comparison,
    FilterNode,
    LogicalExpr,
    LogicalOperator,
    Not,
    Present,
    ValuePath,
)

from passerelle.directory.models import User
from passerelle.provisioning import parse_email

MAX_DEPTH, MAX_TERMS, MAX_VALUE = 20, 50, 1000
Made = Callable[[CompareOperator, Any], Q]
_LOOKUPS = {
    CompareOperator.eq: "",
    CompareOperator.co: "__contains",
    CompareOperator.sw: "__startswith",
    CompareOperator.ew: "__endswith",
    CompareOperator.gt: "__gt",
    CompareOperator.ge: "__gte",
    CompareOperator.lt: "__lt",
    CompareOperator.le: "__lte",
}


def _text(column: str, *, fold: bool = True) -> Made:
    def made(op: CompareOperator, value: Any) -> Q:
        if value is None and op in (CompareOperator.eq, CompareOperator.ne):
            empty = Q(**{f"{column}__isnull": True}) | Q(**{column: ""})
            return empty if op == CompareOperator.eq else ~empty
        if not isinstance(value, str):
            raise InvalidFilterException(detail=f"expected a text, received {value!r}")
        value = value.replace("\0", "")
        if op == CompareOperator.ne:
            return ~Q(**{column: value.casefold() if fold else value})
        return Q(**{f"{column}{_LOOKUPS[op]}": value.casefold() if fold else value})

    return made


def _loose(column: str) -> Made:
    """Of a column without a folded twin."""

    def made(op: CompareOperator, value: Any) -> Q:
        if not isinstance(value, str):
            raise InvalidFilterException(detail=f"expected a text, received {value!r}")
        value = value.replace("\0", "")
        if op in (CompareOperator.eq, CompareOperator.ne):
            same = Q(**{f"{column}__iexact": value})
            return same if op == CompareOperator.eq else ~same
        lookup = {"__contains": "__icontains", "__startswith": "__istartswith"}.get(
            _LOOKUPS[op], "__iendswith" if op == CompareOperator.ew else _LOOKUPS[op]
        )
        return Q(**{f"{column}{lookup}": value})

    return made


def _user_name(op: CompareOperator, value: Any) -> Q:
    """Whom the client does not look after yet has their address for a name."""
    own = _text("managed__user_name_key")(op, value)
    return Q(managed__isnull=False) & own | Q(managed__isnull=True) & _email(op, value)


def _email(op: CompareOperator, value: Any) -> Q:
    address = parse_email(value) if isinstance(value, str) else None
    if address and op in (CompareOperator.eq, CompareOperator.ne):
        same = Q(email_key=address.key)
        return same if op == CompareOperator.eq else ~same
    return _loose("email")(op, value)


def _active(op: CompareOperator, value: Any) -> Q:
    if isinstance(value, str) and value.lower() in ("true", "false"):
        value = value.lower() == "true"
    if not isinstance(value, bool) or op not in (CompareOperator.eq, CompareOperator.ne):
        raise InvalidFilterException(detail="active is compared with eq or ne, to true or false")
    suspended = Q(status=User.Status.SUSPENDED)
    return ~suspended if value == (op == CompareOperator.eq) else suspended


def _identifier(column: str) -> Made:
    def made(op: CompareOperator, value: Any) -> Q:
        if op not in (CompareOperator.eq, CompareOperator.ne):
            raise InvalidFilterException(detail="identifiers are compared with eq or ne")
        try:
            same = Q(**{column: UUID(str(value))})
        except ValueError:
            same = Q(pk__in=[])
        return same if op == CompareOperator.eq else ~same

    return made


def _moment(column: str) -> Made:
    def made(op: CompareOperator, value: Any) -> Q:
        try:
            moment = datetime.fromisoformat(str(value))
        except ValueError:
            raise InvalidFilterException(detail=f"expected a time, received {value!r}") from None
        if moment.tzinfo is None or not 1 < moment.year < 9999:
            raise InvalidFilterException(detail="expected a time with its zone, such as …Z")
        if op not in _LOOKUPS or op in (CompareOperator.co, CompareOperator.sw, CompareOperator.ew):
            raise InvalidFilterException(detail="times are compared with eq, gt, ge, lt or le")
        return Q(**{f"{column}{_LOOKUPS[op]}": moment})

    return made


OF_USERS: dict[str, Made] = {
    "id": _identifier("id"),
    "username": _user_name,
    "externalid": _text("managed__external_id", fold=False),
    "emails": _email,
    "emails.value": _email,
    "name.givenname": _loose("first_name"),
    "name.familyname": _loose("last_name"),
    "active": _active,
    "meta.created": _moment("created_at"),
    "meta.lastmodified": _moment("managed__modified_at"),
    "groups": _identifier("groups__group_id"),
    "groups.value": _identifier("groups__group_id"),
}
OF_GROUPS: dict[str, Made] = {
    "id": _identifier("id"),
    "displayname": _text("name_key"),
    "externalid": _text("external_id", fold=False),
    "members": _identifier("members__user_id"),
    "members.value": _identifier("members__user_id"),
    "meta.created": _moment("created_at"),
    "meta.lastmodified": _moment("modified_at"),
}
_PRESENT = {
    "externalid": ("managed__external_id__isnull", "external_id__isnull"),
    "members": ("", "members__isnull"),
    "members.value": ("", "members__isnull"),
    "groups": ("groups__isnull", ""),
    "groups.value": ("groups__isnull", ""),
}
_NEVER_EMPTY = {
    "id", "username", "emails", "emails.value", "active", "displayname", "meta.created"
}  # fmt: skip


def condition(node: FilterNode, of: dict[str, Made]) -> Q:
    """The condition of a filter. Raises InvalidFilterException for what no column holds."""
    return _Reader(of).read(node, "", 0)


class _Reader:
    def __init__(self, of: dict[str, Made]) -> None:
        self.of, self.terms = of, 0

    def read(self, node: FilterNode, within: str, depth: int) -> Q:
        self.terms += 1
        if depth > MAX_DEPTH or self.terms > MAX_TERMS:
            raise InvalidFilterException(
                detail=f"expected a filter of at most {MAX_TERMS} terms, {MAX_DEPTH} deep"
            )
        if isinstance(node, LogicalExpr):
            found = [self.read(term, within, depth + 1) for term in node.terms]
            made = found[0]
            for one in found[1:]:
                made = made & one if node.op == LogicalOperator.and_ else made | one
            return made
        if isinstance(node, Not):
            return ~self.read(node.expr, within, depth + 1)
        if isinstance(node, ValuePath):
            return self.read(node.val_filter, f"{_name(node.attr_path)}.", depth + 1)
        if isinstance(node, Present):
            return self._present(within + _name(node.attr_path))
        assert isinstance(node, Comparison)
        return self._compared(within + _name(node.attr_path), node)

    def _compared(self, name: str, node: Comparison) -> Q:
        if isinstance(node.value, str) and not _is_text(node.value):
            raise InvalidFilterException(
                detail=f"expected a text of at most {MAX_VALUE} characters"
            )
        if name in ("emails.type", "emails.primary"):
            # There is one address: it is for work, and the first one.
            wanted = "work" if name == "emails.type" else "true"
            holds = str(node.value).lower() == wanted
            return Q() if holds == (node.op != CompareOperator.ne) else Q(pk__in=[])
        if name not in self.of:
            known = ", ".join(sorted(self.of))
            raise InvalidFilterException(detail=f"{name} cannot be searched; these can: {known}")
        return self.of[name](node.op, node.value)

    def _present(self, name: str) -> Q:
        if name in _NEVER_EMPTY and name in self.of:
            return Q()
        column = _PRESENT.get(name, ("", ""))[0 if self.of is OF_USERS else 1]
        if column:
            return Q(**{column: False})
        if name in ("name.givenname", "name.familyname") and self.of is OF_USERS:
            return ~Q(**{"first_name" if name == "name.givenname" else "last_name": ""})
        raise InvalidFilterException(detail=f"{name} cannot be searched for its presence")


def _is_text(value: str) -> bool:
    """Whether a database can look for it."""
    return len(value) <= MAX_VALUE and not any("\ud800" <= one <= "\udfff" for one in value)


def _name(path: AttrPath) -> str:
    return f"{path.attr}.{path.sub_attr}".lower() if path.sub_attr else path.attr.lower()
