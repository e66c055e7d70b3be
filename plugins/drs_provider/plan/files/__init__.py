"""PURE: folders of plan files, their libraries, strict YAML, the published schema, last good forms."""
