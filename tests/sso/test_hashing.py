"""Hashing passwords: limited, and after all other work."""

import os
import sys
import threading

import pytest

from passerelle.config.hashers import Argon2PasswordHasher
from passerelle.infra import hashing


def test_a_password_matches_its_hash_only():
    encoded = hashing.hash_of("a long enough passphrase")
    assert hashing.is_hash_of("a long enough passphrase", encoded) == (True, False)
    assert hashing.is_hash_of("another passphrase", encoded) == (False, False)


def test_a_hash_by_older_rules_is_to_be_made_anew_once_the_password_is_known():
    hasher = Argon2PasswordHasher()
    hasher.time_cost = 1
    older = hasher.encode("a long enough passphrase", hasher.salt())
    assert hashing.is_hash_of("a long enough passphrase", older) == (True, True)
    assert hashing.is_hash_of("another passphrase", older) == (False, False)


@pytest.mark.skipif(sys.platform != "linux", reason="priorities of threads are Linux's")
def test_it_takes_what_other_work_leaves():
    def priority() -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    assert hashing._in_turn(priority) == hashing.LOWEST
    assert priority() < hashing.LOWEST


def test_who_would_wait_too_long_is_sent_away_and_keeps_no_place(monkeypatch):
    monkeypatch.setattr(hashing, "PATIENCE", 0.01)
    hold, held = threading.Event(), []
    for _ in range(hashing.AT_ONCE):
        held.append(hashing._threads.submit(hold.wait))
    try:
        for _ in range(hashing.AT_ONCE + hashing.WAITING + 1):
            with pytest.raises(hashing.TooBusy):
                hashing.hash_of("a long enough passphrase")
    finally:
        hold.set()
    assert [one.result(5) for one in held] == [True] * hashing.AT_ONCE
    monkeypatch.undo()
    assert hashing.hash_of("a long enough passphrase").startswith("argon2")


def test_beyond_the_room_nobody_waits(monkeypatch):
    room = threading.BoundedSemaphore(1)
    monkeypatch.setattr(hashing, "_room", room)
    with room, pytest.raises(hashing.TooBusy):
        hashing.hash_of("a long enough passphrase")
    assert hashing.hash_of("a long enough passphrase")
