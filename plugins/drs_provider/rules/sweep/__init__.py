"""PURE: which records are orphans, and which instances have outlived their drill."""
