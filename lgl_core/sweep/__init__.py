"""Many runs of a notebook or of the whole path, on one machine or a cluster."""
