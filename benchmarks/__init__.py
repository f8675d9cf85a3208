"""Side-by-side timings of lgl_core and of what one would use instead: ``python -m benchmarks``."""
