"""An explanation prepared for a page, from top to bottom: sentences, levels and marks. Pure; `dashboard.why.explanations` builds the explanation.

`dashboard.layout.spans` holds the parts of sentences, `hops` the exchanges on the path, `destinations` the queues, `risks` what could still go wrong there,
`message` the complete story, `task` Celery’s part.
"""
