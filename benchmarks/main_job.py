"""Time of the main job by stage of the work: read, check, fit, forecast, three levers; one cold process.

    python benchmarks/main_job.py DEALS HISTORY STAGES --periods 4W --target 8e6

Prints seconds by stage and the peak memory of the process, imports included.
"""

import argparse
import resource
import time
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")


def timed(stage: str, work: Callable[[], Result]) -> Result:
    start = time.perf_counter()
    result = work()
    print(f"{stage:<22}{time.perf_counter() - start:6.2f} s")
    return result


def load() -> None:
    import funnelsim.engines.run
    import funnelsim.intake.deals
    import funnelsim.questions.compare  # noqa: F401


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name in ("deals", "history", "stages"):
        parser.add_argument(name)
    parser.add_argument("--periods", default="4Q")
    parser.add_argument("--target", type=float, required=True)
    options = parser.parse_args()
    start = time.perf_counter()

    timed("import", load)
    import funnelsim as fs

    history = timed("read", lambda: fs.read_deals(options.deals, options.history, stages=options.stages))
    timed("check", history.issue_summary)
    funnel = timed("fit", lambda: fs.fit(history))
    timed("table of the funnel", funnel.table)
    pipeline = history.pipeline()
    outlook = timed(
        "forecast", lambda: fs.forecast(funnel, pipeline, periods=options.periods, target=options.target)
    )
    timed("table of the forecast", outlook.table)
    timed(
        "three levers",
        lambda: fs.compare_levers(funnel, pipeline, periods=options.periods, target=options.target).table(),
    )
    print(f"{'all':<22}{time.perf_counter() - start:6.2f} s")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MB")
    print(outlook)
