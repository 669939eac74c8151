"""What a run means: warnings, diagnosis, the quality of samples, memorisation, reports."""
