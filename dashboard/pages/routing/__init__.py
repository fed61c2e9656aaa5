"""The page "Why": one form with several ways in (`way`), each in a file of its own, and the virtual host they ask about (`where`)."""
