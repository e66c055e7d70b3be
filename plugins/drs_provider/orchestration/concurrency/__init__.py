"""Other executions: claims on servers, pre-emption, the queue for quota."""
