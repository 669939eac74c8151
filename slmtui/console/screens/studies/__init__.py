"""Studies: what is known of each, cell by cell, and the processes that train its trials."""
