"""The report on one run or many, as Markdown or HTML."""
