"""What slmtui can be asked to do: one module for each command, with the same name; `train` where no command is named.

`options` has what they share, and `headless` the training that `train` does without a screen.
"""

COMMANDS = {
    "check": "say whether phases and studies are valid, and what is wrong with them",
    "inspect": "count what a corpus or a phase's dataset holds",
    "suggest": "suggest a phase for a corpus, with reasons",
    "complete": "complete prompts with the model of a run",
    "serve": "answer editors and OpenAI's clients over HTTP",
    "examine": "count what a run's model writes, and test what it knows by heart",
    "continue": "train a finished run on, as a run of its own",
    "distill": "train one network from the predictions of a study's cell, or of a run",
    "study": "train the trials of a study, and say what they tell together",
    "predict": "predict a phase's loss from the trials of a study",
    "watch": "print what a run does as it happens, here or in another process",
    "runs": "list the runs and what became of them",
    "tag": "give runs names and notes",
    "report": "report on a run, or compare several, as Markdown or HTML",
    "export": "write a run's model or curves for other programs",
    "init": "set up a project with phases and a sample corpus",
    "keys": "list the keys of the console, and how to change them",
    "completion": "print the completion script for a shell",
}
