"""Which machines producers, broker and consumers share."""
