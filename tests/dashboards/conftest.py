"""Dashboards too heavy for every run, each in a virtual environment of its own."""

from tests.applications.conftest import administrator as administrator
from tests.applications.conftest import service as service
