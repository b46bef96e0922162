"""Uploads stay in memory, and one that is too large is not quietly left out."""

from typing import Any

from django.core.files.uploadhandler import MemoryFileUploadHandler, SkipFile


class BoundedUploadHandler(MemoryFileUploadHandler):
    """Django's own leaves a large file out as if none had been chosen; this one says so.

    The request then has `upload_too_large`.
    """

    def new_file(self, *args: Any, **keywords: Any) -> None:
        if not self.activated:
            self.request.upload_too_large = True  # type: ignore[union-attr]
            raise SkipFile
        super().new_file(*args, **keywords)
