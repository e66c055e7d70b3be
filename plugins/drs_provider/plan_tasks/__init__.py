"""The tasks of plans' DAGs: they need a frozen plan, so no other DAG can use them."""
