"""UUIDv7 (RFC 9562 §5.7): identifiers that sort by time, so that indexes grow at one end.

Until Python 3.14's own. Not monotonic within a millisecond: no order may rely on it.
"""

import secrets
import time
import uuid
from datetime import datetime


def uuid7() -> uuid.UUID:
    milliseconds = time.time_ns() // 1_000_000
    value = (milliseconds << 80) | (0x7 << 76) | (secrets.randbits(12) << 64)
    return uuid.UUID(int=value | (0b10 << 62) | secrets.randbits(62))


def first_of(moment: datetime) -> uuid.UUID:
    """Every identifier made from then on is at least this one."""
    return uuid.UUID(int=int(moment.timestamp() * 1000) << 80)
