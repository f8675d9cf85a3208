"""What is kept on disk: whole files, the cache, and where a result comes from."""
