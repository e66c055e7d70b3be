"""From plans to DAGs: the only room that makes operators."""
