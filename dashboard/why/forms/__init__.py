"""The forms of the page "Why": one question form in several kinds, each in a file of its own."""
