"""An explanation told from top to bottom for a page: prepared words, levels and marks. Pure; `dashboard.explaining.explanations` makes what is told here.

`words` has the parts that sentences are made of, `stops` the exchanges on the way, `ends` the queues, `risks` what could still go wrong there,
`story` the whole, `task_lines` Celery’s part.
"""
