"""Charts in a terminal: from numbers to rows of text, and the widget that shows them."""
