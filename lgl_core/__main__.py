"""``python -m lgl_core``: walk the whole path, which fills the cache, and print the scores."""

from lgl_core.experiment import main

main()
