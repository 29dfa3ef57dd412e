import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from threadpoolctl import threadpool_limits

# A busy machine is no fault of the code: nothing hangs on how long an example takes.
settings.register_profile(
    "house", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("house")

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """Matrices are small here: threads that wait for a busy core make fits five times as slow, and more.

    Tests of what threads might change in an answer take `all_threads`.
    """
    with threadpool_limits(1):
        yield


@pytest.fixture
def all_threads() -> Iterator[None]:
    """As many threads as users have; workers have fewer."""
    with threadpool_limits(os.cpu_count()):
        yield


@pytest.fixture
def shared() -> Callable[[str], Path]:
    """Path of a shared folder or file; the test is skipped, with the reason, where it is absent."""

    def find(name: str) -> Path:
        path = SHARED / name
        if not path.exists():
            pytest.skip(f"needs {name} in the shared folder beside the checkout")
        return path

    return find
