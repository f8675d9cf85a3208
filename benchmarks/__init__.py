"""Side-by-side timings of lgl_core and of what one would use instead: ``lgl bench``."""

import lgl_core  # noqa: F401  # hears Ctrl-C from here on
