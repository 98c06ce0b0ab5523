"""Images that do not fit into memory: decoded batch by batch, in this process or in others that cannot hang it."""
