"""Lint, types, tests, then notebooks, documentation and long tests; the second command of the README."""

import os
import subprocess
import sys
from pathlib import Path

STEPS = (
    ("ruff", "check", "."),
    ("ruff", "format", "--check", "."),
    ("mypy",),
    ("pytest", "-n", "auto", "--dist", "loadfile"),
    ("pytest", "-m", "thorough and not slow", "-n", "auto", "--dist", "loadfile"),
)

if __name__ == "__main__":
    for tool, *arguments in STEPS:
        print(f"--- {tool} {' '.join(arguments)}", flush=True)
        done = subprocess.run(
            [sys.executable, "-m", tool, *arguments],
            cwd=Path(__file__).parents[1],
            env=os.environ | {"OMP_NUM_THREADS": "1"},  # a process a core: threads of theirs would only wait
        )
        if done.returncode:
            sys.exit(done.returncode)
