"""Keep the French catalogue in step with the texts: `make check` refuses a missing translation.

`python -m tests.translations` checks; with `--update` it collects new texts and compiles.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import polib

SOURCE = Path(__file__).resolve().parent.parent / "src" / "passerelle"
CATALOGUE = SOURCE / "locale" / "fr" / "LC_MESSAGES" / "django.po"
NO_BREAK, NARROW = "\u00a0", "\u202f"


def collect(root: Path) -> None:
    """Let gettext collect every marked text below a folder into its catalogue."""
    script = Path(sys.executable).parent / "django-admin"
    command = [str(script), "makemessages", "-l", "fr", "--no-obsolete", "--no-wrap"]
    environment = {k: v for k, v in os.environ.items() if k != "DJANGO_SETTINGS_MODULE"}
    subprocess.run(
        [*command, "--add-location", "file", "--verbosity", "0"],
        cwd=root,
        env=environment,
        check=True,
    )


def problems(catalogue: polib.POFile) -> list[str]:
    """Texts that are not translated, doubtful, or against French typography."""
    found = []
    for entry in catalogue:
        texts = list(entry.msgstr_plural.values()) or [entry.msgstr]
        if entry.fuzzy or not all(texts):
            found.append(f"not translated: {entry.msgid}")
        for text in texts:
            if any(f" {mark}" in text for mark in ":;!?»") or "« " in text:
                found.append(f"needs a no-break space before the sign: {text}")
            if "'" in text:
                found.append(f"needs a typographic apostrophe: {text}")
            if sorted(_placeholders(entry.msgid)) != sorted(_placeholders(text)):
                found.append(f"other placeholders than the original: {text}")
    return found


def _placeholders(text: str) -> list[str]:
    import re

    return re.findall(r"%\([a-z_]+\)s|\{[a-z_]*\}", text)


def main() -> int:
    if "--update" in sys.argv:
        collect(SOURCE)
        polib.pofile(str(CATALOGUE)).save_as_mofile(str(CATALOGUE.with_suffix(".mo")))
        found = problems(polib.pofile(str(CATALOGUE)))
    else:
        found = _check_in_a_copy()
    sys.stdout.write("".join(f"{line}\n" for line in found))
    return 1 if found else 0


def _check_in_a_copy() -> list[str]:
    """Collect into a copy of the sources, and compare with what is kept."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "passerelle"
        shutil.copytree(SOURCE, copy, ignore=shutil.ignore_patterns("__pycache__", "static"))
        collect(copy)
        wanted = polib.pofile(str(copy / CATALOGUE.relative_to(SOURCE)))
    kept = polib.pofile(str(CATALOGUE))
    compiled = polib.mofile(str(CATALOGUE.with_suffix(".mo")))
    missing = {one.msgid for one in wanted} ^ {one.msgid for one in kept}
    found = [f"not in step, run `make translations`: {one}" for one in sorted(missing)]
    texts = {one.msgid: (one.msgstr, one.msgstr_plural) for one in kept}
    if texts != {one.msgid: (one.msgstr, one.msgstr_plural) for one in compiled}:
        found.append("the compiled catalogue is not in step: run `make translations`")
    return found + problems(kept)


if __name__ == "__main__":
    raise SystemExit(main())
