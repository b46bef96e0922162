"""The WSGI application of one worker process, which keeps house as well."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "passerelle.config.settings")
application = get_wsgi_application()

from passerelle import housekeeping  # noqa: E402 - needs Django to be set up

housekeeping.start()
