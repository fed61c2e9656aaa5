"""Why a message or a task goes where it goes: what is known put together with the rules of `brokers.routing` and `workers.destinations`."""
