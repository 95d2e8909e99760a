"""Quality control (the paper's section 2.4), agreement between annotators, and the annotation guideline."""
