"""Why a message goes where it goes inside one virtual host, exactly as RabbitMQ decides it. All pure.

`questions` reads what is asked, `virtual_host` holds the exchanges with their bindings indexed, `route` decides, `afterwards` and `deaths` follow
the message into and out of queues, `explanation` tells all of it in the JSON of docs/routing.md. `reach` asks the other way round; `changes`,
`changed` and `comparison` ask what would be if. Celery's part of the story is in `workers`.
"""
