"""Fixtures that several files of tests share."""

import os

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes says something of the machine and of what else runs on it, and nothing
# of the code. Examples are the same each time, so that a run fails for a change and not by
# chance; `make fuzz` looks for new ones.
settings.register_profile(
    "any_machine",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize="LGL_FUZZ" not in os.environ,
)
settings.load_profile("any_machine")


@pytest.fixture(scope="module")
def cold_cache(tmp_path_factory):
    """Give the tests of a file a cache of their own, with nothing in it."""
    patch = pytest.MonkeyPatch()
    patch.setenv("LGL_CACHE", str(tmp_path_factory.mktemp("cache")))
    yield
    patch.undo()
