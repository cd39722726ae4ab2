"""The process that works for an editor's plug-in, and the language between the two."""
