"""The screens a person sees (Textual)."""
