"""Training: one loop on accelerate, the scripts that use it, and their recipes."""
