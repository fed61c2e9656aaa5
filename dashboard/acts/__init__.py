"""What a person may do to a broker: send a test task, look at messages. Who may, what is asked and checked first, what is said and noted."""
