"""The shipped language files: our texts for tickets in other languages, one file each (`rules/comment_texts.py`)."""
