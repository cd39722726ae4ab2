"""The worker process of an editor's plug-in, and the protocol between the two."""
