"""Settings of nbval, which runs every notebook again and compares its outputs."""

import pytest

# What is not compared. Figures are left out by nbval itself.
# - stderr: progress bars. tests/test_notebooks.py refuses warnings there.
# - hidden glued values: they carry every digit of a float, and the last ones differ between
#   processors. What a page claims about them is asserted in a cell.
NOT_COMPARED = (
    "stderr",
    "application/papermill.record/text/plain",
    "application/papermill.record/text/html",
    "application/papermill.record/image/png",
)

# nbval waits 5 s for the last output of a cell, too little on a busy machine.
OUTPUT_TIMEOUT_SECONDS = 120


def pytest_collectstart(collector: pytest.Collector) -> None:
    if hasattr(collector, "skip_compare"):
        collector.skip_compare += NOT_COMPARED


def pytest_itemcollected(item: pytest.Item) -> None:
    if hasattr(item, "output_timeout"):
        item.output_timeout = OUTPUT_TIMEOUT_SECONDS
