"""Tasks that wait: for people, and for DRS."""
