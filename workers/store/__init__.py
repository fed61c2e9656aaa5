"""The only writer of what is stored about workers, event sources and tasks. A receiver's round is one transaction: `save_batch`."""

from workers.store.silence import doubt_unheard
from workers.store.tasks import trim_tasks
from workers.store.workers import Batch, Sampler, SourceFacts, Unstorable, ensure_source, mark_gone, note_fault, note_unwatched, remove_source, save_batch

__all__ = [
    "Batch", "Sampler", "SourceFacts", "Unstorable", "doubt_unheard", "ensure_source", "mark_gone", "note_fault", "note_unwatched", "remove_source",
    "save_batch", "trim_tasks",
]  # fmt: skip
