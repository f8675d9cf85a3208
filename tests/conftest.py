"""Fixtures that several files of tests share."""

import pytest


@pytest.fixture(scope="module")
def cold_cache(tmp_path_factory):
    """Give the tests of a file a cache of their own, with nothing in it."""
    patch = pytest.MonkeyPatch()
    patch.setenv("LGL_CACHE", str(tmp_path_factory.mktemp("cache")))
    yield
    patch.undo()
