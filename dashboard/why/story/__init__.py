"""An explanation told from top to bottom for a page: prepared words, levels and marks. Pure; `dashboard.why.explanations` makes what is told here.

`spans` has the parts that sentences are made of, `hops` the exchanges on the way, `destinations` the queues, `risks` what could still go wrong there,
`message` the whole, `task` Celery’s part.
"""
