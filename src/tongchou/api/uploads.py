"""Uploaded files while they are read (上传文件)."""
from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import file_digest
from pathlib import Path

from fastapi import UploadFile

from ..errors import CaseError

SUFFIX = re.compile(r"\.(csv|xlsx|xls|txt)\Z", re.IGNORECASE)
PIECE_BYTES = 1 << 20


@contextmanager
def stored(upload: UploadFile) -> Iterator[Path]:
    """An uploaded file on disk. Raises CaseError `unknown-file-kind`."""
    found = SUFFIX.search(upload.filename or "")
    if found is None:
        raise CaseError("unknown-file-kind", "the file is neither CSV nor a workbook", "file",
                        hint="Send .csv (UTF-8 or GB18030) or .xlsx.")
    with tempfile.TemporaryDirectory(prefix="tongchou-upload-") as folder:
        # The sender's name is not used: it may be a path, or a person's name.
        path = Path(folder) / f"upload{found[0].lower()}"
        with path.open("wb") as file:
            while piece := upload.file.read(PIECE_BYTES):
                file.write(piece)
        yield path


def digest(upload: UploadFile) -> str:
    """SHA-256 of an uploaded file: what makes a repeat the same request."""
    found = file_digest(upload.file, "sha256").hexdigest()
    upload.file.seek(0)
    return found
