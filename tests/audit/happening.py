"""Events that happen, and several things at once."""

from concurrent.futures import ThreadPoolExecutor

from django.db import connection

from passerelle.audit.events import EventName
from passerelle.audit.record import OPERATOR, Entry, record
from tests.world import NOW


def happen(company, target="x"):
    entry = Entry(EventName.SETTINGS_CHANGED, target)
    record([entry], company_id=company.id, actor=OPERATOR, now=NOW)


def at_once(*jobs):
    """Run each job in its own thread with its own connection; return what they return."""

    def closing(job):
        try:
            return job()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(jobs)) as pool:
        return [future.result(60) for future in [pool.submit(closing, job) for job in jobs]]
