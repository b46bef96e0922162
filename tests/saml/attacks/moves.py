"""Moves of signature wrapping: what was signed goes aside, something forged takes its place."""

from collections.abc import Callable
from copy import deepcopy

from .cases import (
    EVIL,
    Tree,
    assertion_of,
    ds,
    forged,
    saml_,
    samlp,
    signature_of,
    taken,
    wrapped,
)


def xsw1(root: Tree) -> None:
    """The original response goes into the Object of its own signature, in a forged response."""
    original = deepcopy(root)
    taken(signature_of(original))
    forge_in_place(root)
    signature_of(root).append(wrapped(original, ds("Object")))


def xsw2(root: Tree) -> None:
    """The original response goes before its own signature."""
    original = deepcopy(root)
    taken(signature_of(original))
    forge_in_place(root)
    signature_of(root).addprevious(original)


def xsw3(root: Tree) -> None:
    """A forged assertion goes before the original."""
    assertion_of(root).addprevious(forged(assertion_of(root)))


def xsw4(root: Tree) -> None:
    """The original goes into a forged assertion."""
    original = assertion_of(root)
    evil = forged(original)
    original.addprevious(evil)
    evil.append(original)


def xsw5(root: Tree) -> None:
    """The signature goes into a forged assertion, the original follows without one."""
    original = assertion_of(root)
    evil = forged(original)
    if original.find(ds("Signature")) is not None:
        evil.insert(1, taken(signature_of(original)))
    original.addprevious(evil)


def xsw6(root: Tree) -> None:
    """The original goes into the signature, which goes into a forged assertion."""
    original = assertion_of(root)
    evil = forged(original)
    original.addprevious(evil)
    signature = next(root.iter(ds("Signature")))
    evil.insert(1, taken(signature))
    signature.append(taken(original))


def xsw7(root: Tree) -> None:
    """A forged assertion of the same ID goes into Extensions."""
    evil = forged(assertion_of(root), new_id="")
    root.insert(1, wrapped(evil, samlp("Extensions")))


def xsw8(root: Tree) -> None:
    """The original goes into an Object of the signature of a forged assertion."""
    original = assertion_of(root)
    evil = forged(original, new_id="")
    original.addprevious(evil)
    signature = next(root.iter(ds("Signature")))
    evil.insert(1, taken(signature))
    signature.append(wrapped(taken(original), ds("Object")))


def forge_in_place(root: Tree) -> None:
    root.set("ID", "_evil_response")
    assertion_of(root).set("ID", "_evil")
    for name_id in root.iter(saml_("NameID")):
        name_id.text = EVIL


def whole_response_aside(*path: str) -> Callable[[Tree], None]:
    """The original assertion goes somewhere, a forged one takes its place."""

    def change(root: Tree) -> None:
        original = assertion_of(root)
        evil = forged(original)
        root.replace(original, evil)
        root.insert(1, wrapped(original, *path))

    return change


def forged_aside(*path: str) -> Callable[[Tree], None]:
    """A forged assertion goes somewhere, the original stays."""

    def change(root: Tree) -> None:
        root.insert(1, wrapped(forged(assertion_of(root)), *path))

    return change


def into_status(root: Tree) -> None:
    original = assertion_of(root)
    root.replace(original, forged(original))
    status = root.find(samlp("Status"))
    assert status is not None
    status.append(wrapped(original, samlp("StatusDetail")))


def into_advice(root: Tree) -> None:
    original = assertion_of(root)
    evil = forged(original)
    root.replace(original, evil)
    evil.insert(1, wrapped(original, saml_("Advice")))


def into_attribute(root: Tree) -> None:
    original = assertion_of(root)
    evil = forged(original)
    root.replace(original, evil)
    path = ("AttributeStatement", "Attribute", "AttributeValue")
    evil.append(wrapped(original, *(saml_(name) for name in path)))


def signature_only(root: Tree) -> None:
    """The assertion is forged, keeps the ID, and its signed original becomes something else."""
    original = assertion_of(root)
    evil = forged(original, new_id="")
    evil.insert(1, taken(signature_of(original)))
    root.replace(original, evil)
    original.tag = samlp("Assertion")
    root.insert(1, wrapped(original, samlp("Extensions")))


def signature_lifted(root: Tree) -> None:
    """The assertion's signature goes to the response, which takes its ID."""
    signature = taken(signature_of(assertion_of(root)))
    root.insert(1, signature)
    root.set("ID", "_assertion")
    assertion_of(root).set("ID", "_evil")


def signature_lowered(root: Tree) -> None:
    """The response's signature goes to the assertion."""
    assertion_of(root).insert(1, taken(signature_of(root)))


def signature_in_extensions(root: Tree) -> None:
    root.insert(1, wrapped(taken(signature_of(assertion_of(root))), samlp("Extensions")))


def signature_in_subject(root: Tree) -> None:
    subject = next(root.iter(saml_("Subject")))
    subject.append(taken(signature_of(assertion_of(root))))


def signature_twice(root: Tree) -> None:
    signature = signature_of(assertion_of(root))
    signature.addnext(deepcopy(signature))


def signature_in_signature(root: Tree) -> None:
    signature = signature_of(assertion_of(root))
    signature.append(wrapped(deepcopy(signature), ds("Object")))


def signature_in_key_info(root: Tree) -> None:
    signature = signature_of(assertion_of(root))
    key_info = signature.find(ds("KeyInfo"))
    assert key_info is not None
    key_info.append(deepcopy(signature))


def response_in_response(root: Tree) -> None:
    root.append(forged(root))


def response_in_extensions(root: Tree) -> None:
    """A signed response inside a forged one that has no assertion of its own."""
    inner = deepcopy(root)
    assertion = assertion_of(root)
    root.remove(assertion)
    root.set("ID", "_evil_response")
    root.insert(1, wrapped(inner, samlp("Extensions")))


def assertion_without_signature_beside(root: Tree) -> None:
    root.append(forged(assertion_of(root)))


def encrypted_beside(root: Tree) -> None:
    root.append(wrapped(forged(assertion_of(root)), saml_("EncryptedAssertion")))


def empty_encrypted_beside(root: Tree) -> None:
    root.insert(1, root.makeelement(saml_("EncryptedAssertion")))


def two_signed(root: Tree) -> None:
    copy = deepcopy(assertion_of(root))
    root.append(copy)


def second_subject(root: Tree) -> None:
    subject = next(root.iter(saml_("Subject")))
    subject.addprevious(deepcopy(subject))
