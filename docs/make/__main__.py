"""``PYTHONPATH=plugins:. python -m docs.make``, which is ``make docs``."""

from __future__ import annotations

from docs.make import write_all

write_all()
