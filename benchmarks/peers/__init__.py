"""Each folder is one peer: a server, and the environment it runs in."""
