"""Lint, types, tests and notebooks; stops at the first that fails. The second command of the README."""

import subprocess
import sys
from pathlib import Path

STEPS = (
    ("ruff", "check", "."),
    ("ruff", "format", "--check", "."),
    ("mypy",),
    ("pytest", "-m", "not slow"),
)

if __name__ == "__main__":
    for tool, *arguments in STEPS:
        print(f"--- {tool} {' '.join(arguments)}", flush=True)
        done = subprocess.run([sys.executable, "-m", tool, *arguments], cwd=Path(__file__).parents[1])
        if done.returncode:
            sys.exit(done.returncode)
