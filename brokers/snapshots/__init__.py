"""The codec of snapshots: the numbers of every queue (exchange, worker …) of a broker at each poll, in a few bytes a point.

Pure. A *frame* is what one poll adds. A keyframe holds every object; any other holds only the objects that changed since the frame
before, as differences. Missing means unchanged; a frame is written at every poll, so a frame that is missing is a gap, and a gap is unknown. A poll that
failed leaves a gap frame: a keyframe without objects, so that everything is unknown from there on.

A frame: version, flags (1: keyframe, 2: zstd, 4: gap; who doesn't know the last reads an empty keyframe), poll interval in ms (u32), number of
metrics; then, perhaps compressed, the number of objects (u32) and columns: primary keys (ascending, each as its distance to the one before), then
one column a metric. A column is its width in bytes (0: all zero) and that many byte planes: first the lowest byte of every number, then the next.
A number is first made whole (rates: hundredths), then a code that leaves 0 for None (`codes.codes_of`), then the difference to its last code, then zigzag.
New metrics are only ever appended to METRICS: older frames simply have fewer.
"""

from brokers.snapshots.codes import Integers, numbers
from brokers.snapshots.encoding import Encoder
from brokers.snapshots.frames import Frame, UnreadableSnapshot, gap_frame
from brokers.snapshots.metrics import METRICS, RAW_STEP, STEPS_TO_A_GAP, Metric, metric_index
from brokers.snapshots.reading import Moment, Series, columns_of, moment_of, series_of

__all__ = [
    "METRICS",
    "RAW_STEP",
    "STEPS_TO_A_GAP",
    "Encoder",
    "Frame",
    "Integers",
    "Metric",
    "Moment",
    "Series",
    "UnreadableSnapshot",
    "columns_of",
    "gap_frame",
    "metric_index",
    "moment_of",
    "numbers",
    "series_of",
]
