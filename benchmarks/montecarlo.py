"""Deal-paths a second of the Monte Carlo engine, against SimPy and NumPy rivals in the same run.

Run ``python benchmarks/montecarlo.py``; see ``benchmarks/README.md`` for what is measured. Exits with an
error if the methods disagree: the speed of a wrong answer is worth nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from montecarlo_parts import report
from montecarlo_parts.methods import METHODS

_ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "VECLIB_MAXIMUM")}

_BEGIN, _END = "<!-- figures of montecarlo.py begin -->", "<!-- figures of montecarlo.py end -->"


def main() -> int:
    options = _options()
    if options.child:
        _run_child(options)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        timings = _time_methods(options, folder)
        extra = {name: json.loads(_output(options, name, folder)) for name in ("limits", "split")}
        results = report.results(timings, extra, Path(folder), options.futures)
    text = report.text(results)
    print(text)
    if options.json:
        Path(options.json).write_text(json.dumps(results, indent=2) + "\n")
    if options.readme:
        _put_into_readme(text)
    return 1 if any(gap["is_too_large"] for gap in results["largest_gaps"]) else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--futures", type=int, default=10_000, help="simulated futures (default 10000)")
    parser.add_argument("--rounds", type=int, default=5, help="timed runs of every method (default 5)")
    parser.add_argument("--seconds", type=float, default=10.0, help="length of a SimPy run (default 10)")
    parser.add_argument("--json", metavar="FILE", help="also write the figures to FILE")
    parser.add_argument("--readme", action="store_true", help="put the figures into benchmarks/README.md")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    return parser.parse_args()


def _run_child(options: argparse.Namespace) -> None:
    if options.child == "limits":
        from montecarlo_parts.limits import limits

        print(json.dumps(limits(options.futures, n_draws=100)))
    elif options.child == "split":
        from montecarlo_parts.split import split

        print(json.dumps(split(options.futures)))
    else:
        from montecarlo_parts.child import serve

        serve(options.child, options.futures, options.seconds, Path(options.folder))


def _time_methods(options: argparse.Namespace, folder: str) -> dict[str, list[dict[str, Any]]]:
    """Lines of every method: a first one from its warm-up, then one a round.

    All take turns within a round, so that a machine that slows down slows all of them.
    """
    children, lines = {}, {}
    for name in METHODS:  # one after the other: a warm-up decides how many futures a slow method runs
        children[name] = _start(options, name, folder)
        lines[name] = [_read(children[name])]
    for seed in range(options.rounds):
        for name, child in children.items():
            child.stdin.write(f"{seed}\n")
            child.stdin.flush()
            lines[name].append(_read(child))
        print(f"round {seed + 1} of {options.rounds}", file=sys.stderr)
    for name, child in children.items():
        child.stdin.close()
        if child.wait():
            raise SystemExit(f"{name} failed")
    return lines


def _command(options: argparse.Namespace, child: str, folder: str) -> dict[str, Any]:
    sizes = ["--futures", str(options.futures), "--seconds", str(options.seconds)]
    command = [sys.executable, __file__, "--child", child, "--folder", folder, *sizes]
    return {"args": command, "env": os.environ | _ONE_THREAD, "stdout": subprocess.PIPE, "text": True}


def _start(options: argparse.Namespace, name: str, folder: str) -> subprocess.Popen[str]:
    return subprocess.Popen(**_command(options, name, folder), stdin=subprocess.PIPE)


def _output(options: argparse.Namespace, name: str, folder: str) -> str:
    return subprocess.run(**_command(options, name, folder), check=True).stdout


def _read(child: subprocess.Popen[str]) -> dict[str, Any]:
    line = child.stdout.readline()
    if not line:
        raise SystemExit("a method failed; its error stands above")
    return json.loads(line)


def _put_into_readme(text: str) -> None:
    readme = Path(__file__).with_name("README.md")
    before, rest = readme.read_text().split(_BEGIN)
    after = rest.split(_END)[1]
    readme.write_text(f"{before}{_BEGIN}\n```text\n{text}\n```\n{_END}{after}")


if __name__ == "__main__":
    raise SystemExit(main())
