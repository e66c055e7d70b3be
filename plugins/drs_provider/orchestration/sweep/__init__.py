"""The sweep: orphaned records and drill instances that nobody ends any more."""
