"""The way into an account: connection, role, proven identity, clients, and what errors mean."""
