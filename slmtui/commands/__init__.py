"""One module for each job of the command line: `main(arguments)` does it and returns the exit status."""
