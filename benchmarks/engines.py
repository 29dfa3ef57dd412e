"""The exact engine and Monte Carlo: speed, memory, equal accuracy and growth.

Run ``python benchmarks/engines.py``; see ``benchmarks/README.md`` for what is measured. Every part has a
process of its own with one thread.
"""

from __future__ import annotations

import argparse
import importlib
import os
import platform
import subprocess
import sys

import numpy
import scipy

_PARTS = ("law", "recursion", "equal", "growth")
_ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "VECLIB_MAXIMUM")}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--part", choices=_PARTS, help="one part only, in this process")
    part = parser.parse_args().part
    if part:
        print(importlib.import_module(f"engines_parts.{part}").measure())
        return 0
    print(
        f"{os.cpu_count()} cores, architecture {platform.machine()}, Python {platform.python_version()}, ",
        end="",
    )
    print(f"numpy {numpy.__version__}, scipy {scipy.__version__}", flush=True)
    for name in _PARTS:
        print(flush=True)
        subprocess.run([sys.executable, __file__, "--part", name], check=True, env=os.environ | _ONE_THREAD)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
