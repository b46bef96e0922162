"""The environment of the tests, set before anything reads it.

`PASSERELLE_TEST_DATABASE=postgresql` runs them on a temporary PostgreSQL cluster instead of SQLite.
"""

import os
import tempfile
from pathlib import Path

BASE_URL = "http://127.0.0.1:8000"

for name in [name for name in os.environ if name.startswith("PASSERELLE_")]:
    if name not in ("PASSERELLE_TEST_DATABASE", "PASSERELLE_DATABASE_URL"):
        del os.environ[name]

os.environ["DJANGO_SETTINGS_MODULE"] = "passerelle.config.settings"
os.environ["PASSERELLE_BASE_URL"] = BASE_URL
os.environ["PASSERELLE_SECRET_KEY"] = "tests only, and long enough for the check of it"
os.environ["PASSERELLE_DATA_DIR"] = tempfile.mkdtemp(prefix="passerelle-tests-")
os.environ["PASSERELLE_DEMO"] = "1"
os.environ["PASSERELLE_EARLY_ACCESS_CONTACT"] = "early-access@passerelle.example"
# Playwright's driver makes its thread look asynchronous.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"

if os.environ.get("PASSERELLE_TEST_DATABASE") == "postgresql":
    # Started once, by the process that starts the others; those inherit the address.
    if "PYTEST_XDIST_WORKER" not in os.environ:
        from tests.servers.postgresql import PostgreSQL

        _cluster = PostgreSQL.start(Path(tempfile.mkdtemp(prefix="passerelle-postgresql-")))
        os.environ["PASSERELLE_DATABASE_URL"] = _cluster.url("postgres")
else:
    os.environ.pop("PASSERELLE_DATABASE_URL", None)
