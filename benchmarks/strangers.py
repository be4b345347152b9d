"""Packages by others, each in a virtual environment of its own, made at the first run."""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

from harness import ContestantError

HOMES = Path(__file__).parent.parent / ".nox" / "bench-packages"
STRANGERS = {
    "i_unipile_sdk": "i-unipile-sdk==0.3.4a1",
    "unipile_python_community": "unipile-python-community==0.1.0",
}
"""Contestants, and what they need; the newest releases at the time of writing."""


def python_of(contestant: str, *, install: bool = True) -> str:
    """Return the interpreter that a contestant needs; give a stranger one of its own first.

    Raises:
        ContestantError: it cannot be installed, or shall not be; the text says why.
    """
    requirement = STRANGERS.get(contestant)
    if requirement is None:
        return sys.executable
    home = HOMES / requirement
    python = home / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    done = home / "installed"
    if not done.exists():
        if not install:
            msg = f"{requirement} is not installed yet: a full run does that"
            raise ContestantError(msg)
        venv.create(home, with_pip=True, clear=True)
        installed = subprocess.run(
            [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", requirement],
            capture_output=True,
            text=True,
            check=False,
        )
        if installed.returncode:
            last = (installed.stderr.strip().splitlines() or ["pip failed"])[-1]
            msg = f"cannot install {requirement}: {last}"
            raise ContestantError(msg)
        done.touch()
    return str(python)
