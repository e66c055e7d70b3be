"""The evidence store: reports and what people state about them, linked into one signed chain."""
