"""What is left of a training: the run folder with its log, checkpoints, lock and control."""
