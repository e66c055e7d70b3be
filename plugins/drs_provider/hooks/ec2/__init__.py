"""EC2: instances, launch templates, networks."""
