"""Results of systems, computed from prediction files: tables, one screen for the terminal, and a page."""
