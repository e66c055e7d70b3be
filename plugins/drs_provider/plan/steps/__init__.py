"""Steps of a plan: what is checked and done around its waves."""
