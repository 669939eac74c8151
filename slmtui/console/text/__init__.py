"""Text in a terminal: columns, glyphs, control characters, tokens as rows and lines."""
