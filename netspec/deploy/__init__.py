"""From a checked spec and its weights to files that run elsewhere: the `export` section."""
