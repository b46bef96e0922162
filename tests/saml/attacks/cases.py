"""One attack: a message, and the reason for which it has to be refused."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from lxml import etree

from passerelle import saml

from ..response_builder import DS_NS, SAML_NS, SAMLP_NS, expected, response

Tree = etree._Element
EVIL = "admin@acme.example"


@dataclass(frozen=True, kw_only=True)
class Attack:
    name: str
    reason: str
    parts: dict[str, Any] = field(default_factory=dict)
    expected: dict[str, Any] = field(default_factory=dict)
    change: Callable[[bytes], bytes | str] = bytes
    """What the attacker does to the message after it was signed."""

    def judged(self) -> saml.Judgement:
        message = self.change(response(**self.parts))
        raw = message if isinstance(message, bytes) else message.encode()
        return saml.judge(raw, expected(**self.expected))


def refuse(attack: Attack) -> None:
    judgement = attack.judged()
    assert judgement.reason == attack.reason, judgement.checks[-1]
    assert not judgement.accepted
    for check in judgement.checks:
        detail, fix = saml.explain(check)
        assert "%(" not in detail
        assert bool(fix) is not check.passed


def said(name: str, reason: str, *, expected: dict[str, Any] | None = None, **parts: Any) -> Attack:
    """A response that is well signed and says something wrong."""
    return Attack(name=name, reason=reason, parts=parts, expected=expected or {})


def issuer(value: str, more: str = "") -> str:
    return f"<saml:Issuer{more and ' ' + more}>{value}</saml:Issuer>"


def names(attacks: tuple[Attack, ...]) -> list[str]:
    listed = [attack.name for attack in attacks]
    assert len(set(listed)) == len(listed)
    return listed


def replaced(old: str, new: str) -> Callable[[bytes], bytes]:
    """Change the text after it was signed."""

    def change(message: bytes) -> bytes:
        assert old.encode() in message
        return message.replace(old.encode(), new.encode(), 1)

    return change


def moved(change: Callable[[Tree], None]) -> Callable[[bytes], bytes]:
    """Change the tree after it was signed."""

    def changed(message: bytes) -> bytes:
        root = etree.fromstring(message)
        change(root)
        return etree.tostring(root)

    return changed


def samlp(name: str) -> str:
    return f"{{{SAMLP_NS}}}{name}"


def saml_(name: str) -> str:
    return f"{{{SAML_NS}}}{name}"


def ds(name: str) -> str:
    return f"{{{DS_NS}}}{name}"


def assertion_of(root: Tree) -> Tree:
    return next(root.iter(saml_("Assertion")))


def signature_of(element: Tree) -> Tree:
    found = element.find(ds("Signature"))
    assert found is not None
    return found


def taken(element: Tree) -> Tree:
    """Take an element out of its parent."""
    parent = element.getparent()
    assert parent is not None
    parent.remove(element)
    return element


def forged(original: Tree, new_id: str = "_evil") -> Tree:
    """A copy about somebody else, with another ID and without a signature."""
    copy = deepcopy(original)
    for signature in list(copy.iter(ds("Signature"))):
        taken(signature)
    if new_id:
        copy.set("ID", new_id)
    for name_id in copy.iter(saml_("NameID")):
        name_id.text = EVIL
    return copy


def wrapped(inside: Tree, *path: str) -> Tree:
    """An element inside new ones, outermost first."""
    for name in reversed(path):
        outer = etree.Element(name)
        outer.append(inside)
        inside = outer
    return inside
