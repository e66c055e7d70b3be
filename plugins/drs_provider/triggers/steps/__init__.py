"""What looks, in the triggerer, at what steps wait for."""
