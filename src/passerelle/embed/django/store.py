"""The memory of sign-ins, in the project's own database: all its processes share it."""

from datetime import datetime

from django.db import IntegrityError, transaction

from passerelle.embed.django.models import Kept


class DatabaseStore:
    def put(self, key: str, value: str, *, until: datetime, now: datetime) -> bool:
        Kept.objects.filter(until__lte=now).delete()
        try:
            with transaction.atomic():
                Kept(key=key, value=value, until=until).save(force_insert=True)
        except IntegrityError:
            return False
        return True

    def take(self, key: str, *, now: datetime) -> str | None:
        row = Kept.objects.filter(key=key, until__gt=now).first()
        # Whoever deletes it has it: of two at once, the other deletes nothing.
        taken = row is not None and Kept.objects.filter(key=key).delete()[0] == 1
        return row.value if row and taken else None
