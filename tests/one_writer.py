"""Nothing but `administration/settings.py` writes settings: watched through all of the tests."""

import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.db import models
from django.db.models.signals import pre_save

import passerelle
from passerelle.directory.models import Company
from passerelle.sso.models import FOLLOWING, SamlConnection, SigningCertificate

SOURCE, TESTS = Path(passerelle.__file__).parent, Path(__file__).parent
WRITER = str(SOURCE / "administration/settings.py")
# What is noted of them besides, and is nobody's choice.
NOTED: dict[type[models.Model], set[str]] = {
    Company: {"version"},
    SamlConnection: {"last_success_at", "attributes_seen", *FOLLOWING},
    SigningCertificate: {"last_seen_at"},
}


def _writer() -> str | None:
    """Who is writing: the file of ours that is nearest, or none where a test arranges things."""
    frame, nearest = sys._getframe(2), None
    while frame is not None:
        name = frame.f_code.co_filename
        if name == WRITER:
            return WRITER
        if name.startswith(str(TESTS)) and name != __file__:
            return nearest
        if nearest is None and name.startswith(str(SOURCE)):
            nearest = name
        frame = frame.f_back  # type: ignore[assignment]
    return nearest


def _refuse(model: type[models.Model], written: Collection[str] | None) -> None:
    if model not in NOTED or (written is not None and set(written) <= NOTED[model]):
        return
    writer = _writer()
    if writer not in (None, WRITER):
        raise AssertionError(f"{writer} writes {model.__name__}, past {WRITER}")


def _saving(sender: type[models.Model], instance: models.Model, **keywords: Any) -> None:
    if sender is Company and instance._state.adding:
        # Who makes a company gives it its first settings.
        return
    _refuse(sender, keywords["update_fields"])


@contextmanager
def one_writer() -> Iterator[None]:
    real = models.QuerySet.update

    def updating(rows: Any, **values: Any) -> int:
        _refuse(rows.model, values)
        return real(rows, **values)

    pre_save.connect(_saving)
    models.QuerySet.update = updating  # type: ignore[method-assign,assignment]
    try:
        yield
    finally:
        models.QuerySet.update = real  # type: ignore[method-assign]
        pre_save.disconnect(_saving)
