"""PURE, what is decided, as functions over plain data; one room for each subject."""
