"""What a plan is between its executions: protected, failed over or not protected; ready; drilled."""
