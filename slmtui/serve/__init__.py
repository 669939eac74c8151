"""An HTTP endpoint for the models of runs, as editors and OpenAI's clients ask for completions."""
