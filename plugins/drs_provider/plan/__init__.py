"""PURE, what people write: the schema of plan files, and what is wrong with one."""
