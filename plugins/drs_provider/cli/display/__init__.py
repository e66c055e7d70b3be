"""What a terminal shows: tables, views of an execution, graphs of waves."""
