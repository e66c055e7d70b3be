"""What ties the engine to moto: backend, request handling, EC2 instances, identities, HTTP server."""
