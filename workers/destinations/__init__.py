"""The story of where a task goes, computed from data alone: per-key merge of options, attributes, routers and defaults, then the queue.

Pure. The outcome of Celery's own code is in `workers.dry_run`; a difference between the two is a bug of Hareline. What the broker then does with
the message is elsewhere.
"""

from workers.destinations.question import Question, read_question
from workers.destinations.sending import Outcome, Sending, send
from workers.destinations.steps import Difference, Step, describe, differences
from workers.destinations.terms import BadQuestion

__all__ = ["BadQuestion", "Difference", "Outcome", "Question", "Sending", "Step", "describe", "differences", "read_question", "send"]
