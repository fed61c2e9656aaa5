"""Why a message goes where it goes inside one virtual host, exactly as RabbitMQ decides it. All pure.

`questions` reads and checks a question, `virtual_host` indexes the bindings of each exchange, `route` decides, `queue_outcome` and `dead_lettering` follow
the message through its queues, `explanation` assembles the structs of `answer`, which become the JSON of docs/routing.md only where they leave the program.
`reverse_routing` starts from a queue; `what_if` compares the answer before and after changes. Celery's part is in `workers`.
"""
