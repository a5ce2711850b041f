"""Directories that lie between the pixels of a remote TIFF, fetched before the chain reaches them.

Rule kept here: a guess costs bytes and no correctness. Ranges where the next directories should lie are fetched
ahead; the chain is followed link by link all the same, and finds its directories in them or reads them itself.

Sizes of compressed planes vary little, or in turns if channels alternate: the distances of the directories so far
show where the next ones are, and how far each may be off. 180 planes of 380 KiB take 9 requests in place of 181; of
single ranges, a z-stack of 109 MB takes 34 turns and 18 MB.
"""

import bisect
import math
from collections.abc import Sequence

import attrs

from aicsio._io.readers import Buffer, Reader, Span

LEAST_DISTANCE = 16 << 10
"""Directories closer than this come with the bytes that a remote read fetches ahead anyway."""
LEAST_KNOWN = 3
"""Distances that are known before the first guess; a period of several planes needs two more than its length."""
MOST_KNOWN = 12
"""Distances that a guess looks back to: sizes drift along a stack."""
MOST_CHANNELS = 6
"""The longest period that is tried: planes whose sizes alternate are channels of one position."""
LEAST_FOR_SLOPE = 8
"""Distances from which growth is told from chance."""
FIRST_COUNT, LEAST_COUNT, MOST_COUNT, GROWTH = 8, 4, 96, 4
"""Directories of the first guess, of the smallest and of the largest one; each one that held is followed by one four
times as large, one that broke by one twice as large as what held of it."""
BENDING = 1.5
"""How much more than seen a place may be off next time."""
SAFETY = 3.0
"""Standard deviations that a directory may be off."""
MARGIN_BEFORE, MARGIN_BEHIND = 256, 2048
"""Bytes around a directory that are fetched with it: its values lie beside it."""
KEPT_BEHIND = 4096
"""Bytes behind the begin of a directory that stay in memory once it was found: itself, and its values."""
MOST_SPREAD = 96 << 10
"""A guess ends where a directory may be off by more: the range would take as long as a request."""
MOST_GUESSED = 3 << 20
"""Bytes of one guess."""
MOST_FETCHED = 16 << 20
"""Bytes of guesses that are kept, the newest ones."""


@attrs.define(eq=False, repr=False)
class FetchedRanges:
    """Ranges of a file that were fetched before they were needed; they live while it is being opened."""

    starts: list[int] = attrs.field(factory=list)
    """Sorted offsets."""
    parts: list[Buffer] = attrs.field(factory=list)
    """Their bytes."""
    nbytes: int = 0
    """Bytes of all of them."""

    def find(self, offset: int, nbytes: int) -> Buffer | None:
        """Return the bytes from an offset to the end of its range, at least ``nbytes``."""
        index = bisect.bisect_right(self.starts, offset) - 1
        if index < 0:
            return None
        part, start = self.parts[index], offset - self.starts[index]
        if start + nbytes > len(part):
            return None
        return part[start:]

    def keep(self, offset: int) -> None:
        """Let go of the bytes of a range that were fetched for the directory at an offset might have been there."""
        index = bisect.bisect_right(self.starts, offset) - 1
        part, start = self.parts[index], self.starts[index]
        low = max(offset - MARGIN_BEFORE - start, 0)
        kept = bytes(part[low : offset - start + KEPT_BEHIND])
        self.nbytes += len(kept) - len(part)
        self.starts[index], self.parts[index] = start + low, kept

    def fetch(self, reader: Reader, spans: Sequence[Span]) -> None:
        """Fetch ranges and keep them; the earlier ones go if they are too many."""
        from aicsio._io.remote import RemoteReader  # six modules that local files do not need

        # One call for all ranges: those that lie near each other share a request. A guess knows how long each must be.
        read = reader.read_ranges if isinstance(reader, RemoteReader) else reader.read_spans
        buffers = read(spans)
        if self.nbytes > MOST_FETCHED:
            self.starts, self.parts, self.nbytes = [], [], 0
        for (offset, nbytes), buffer in zip(spans, buffers, strict=True):
            index = bisect.bisect_left(self.starts, offset)
            self.starts.insert(index, offset)
            self.parts.insert(index, buffer)
            self.nbytes += nbytes


@attrs.define(eq=False, repr=False)
class Lookahead:
    """Guesses where the next directories of a chain lie; lives while the chain is followed."""

    reader: Reader
    size: int
    """Bytes of the file."""
    fetched: FetchedRanges
    """Where guesses go."""
    last: int
    """Offset of the directory that was reached last."""
    distances: list[int] = attrs.field(factory=list)
    """Those between the directories so far, the newest last."""
    count: int = FIRST_COUNT
    """Directories of the next guess."""
    expected: list[tuple[float, float]] = attrs.field(factory=list)
    """Places of the last guess that were not reached yet, the next one first, and how far off each may be by chance."""
    held: int = 0
    """Directories of the last guess that were where it expected them."""
    bend: float = 0.0
    """Bytes that a place may be off for each squared step ahead, as the guesses so far have shown."""

    def reach(self, offset: int, nbytes: int) -> None:
        """Note that the chain has come to an offset, and fetch what should come next.

        Parameters
        ----------
        offset
            Where the next directory begins.
        nbytes
            Bytes that it takes, if it is like the last one.
        """
        self.distances.append(offset - self.last)
        self.last = offset
        if len(self.distances) > 2 * MOST_KNOWN:
            del self.distances[:-MOST_KNOWN]
        if len(self.distances) < LEAST_KNOWN or self.distances[-1] < LEAST_DISTANCE:
            return
        if not 0 <= offset <= self.size - nbytes:
            return
        is_fetched = self.fetched.find(offset, nbytes) is not None
        self._judge(offset, is_fetched=is_fetched)
        if is_fetched:
            # Else the values of the first pages would be gone before they are read.
            self.fetched.keep(offset)
            return
        spans = self._guess(nbytes)
        # One range more is no request less: the plain way reads the directory itself.
        if len(spans) > 1:
            self.fetched.fetch(self.reader, spans)
            self.fetched.keep(offset)
        else:
            self.count = FIRST_COUNT

    def _judge(self, offset: int, *, is_fetched: bool) -> None:
        """Learn from a directory of the last guess, or from the end of it."""
        if not self.expected:
            if self.held and not is_fetched:
                self.count = min(GROWTH * self.count, MOST_COUNT)
                self.bend /= 2
            return
        center, chance = self.expected.pop(0)
        if is_fetched:
            self.held += 1
            return
        # Sizes that rise and fall along a stack bend away from the mean of those before.
        steps = self.held + 1
        self.bend = max(self.bend, BENDING * (abs(offset - center) - chance) / steps**2)
        self.count = max(2 * self.held, LEAST_COUNT)
        self.expected = []

    def _guess(self, nbytes: int) -> list[Span]:
        """Return the range of the directory that was reached, and of those behind it."""
        rhythm = Rhythm.of(self.distances[-MOST_KNOWN:])
        spans: list[Span] = []
        self.expected, self.held = [], 0
        center = float(self.last)
        end = total = 0
        for step in range(self.count):
            chance = SAFETY * rhythm.deviation_after(step)
            spread = chance + self.bend * step**2
            if spread > MOST_SPREAD or total > MOST_GUESSED:
                break
            low = max(math.floor(center - spread) - MARGIN_BEFORE, end, 0)
            high = min(math.ceil(center + spread) + nbytes + MARGIN_BEHIND, self.size)
            if high - low < nbytes:
                break
            spans.append((low, high - low))
            # The first one is the directory that was reached.
            if step:
                self.expected.append((center, chance))
            end, total = high, total + high - low
            center += rhythm.distance(step)
        return spans


@attrs.define
class Rhythm:
    """How distances go on: means that repeat with a period, and a slope. Not a record: it lives for one guess."""

    means: list[float]
    """Mean distances of the next period, in order, as they were half a history ago."""
    slope: float
    """Growth from one distance to the next; 0 where it may be chance."""
    deviation: float
    """Standard deviation of one distance."""
    count: int
    """Distances that are known."""

    @classmethod
    def of(cls, distances: Sequence[int]) -> "Rhythm":
        """Find the period, the means and the slope of distances, at least three of them."""
        rhythms = [
            cls._of_period(distances, period)
            for period in range(1, MOST_CHANNELS + 1)
            if period == 1 or len(distances) >= period + 2
        ]
        best = rhythms[0]
        for rhythm in rhythms[1:]:
            # A longer period must be better by far, or it wins by chance.
            if rhythm.deviation < best.deviation / 2:
                best = rhythm
        return best

    @classmethod
    def _of_period(cls, distances: Sequence[int], period: int) -> "Rhythm":
        count = len(distances)
        # The first class is that of the distance that comes next.
        means = []
        for index in range(period):
            of_class = distances[(count + index) % period :: period]
            means.append(math.fsum(of_class) / len(of_class))
        rest = [distance - means[(at - count) % period] for at, distance in enumerate(distances)]
        squares = sum(each * each for each in rest)
        # Each mean takes one degree of freedom.
        deviation = math.sqrt(squares / (count - period))
        if count < LEAST_FOR_SLOPE:
            return cls(means, 0.0, deviation, count)
        # Least squares: the slope of values without a mean, and what it leaves.
        # Squared distances of the positions from their mean add up to this, but for a small term.
        spread = count**3 / 12
        slope = sum((at - (count - 1) / 2) * each for at, each in enumerate(rest)) / spread
        left = math.sqrt(max(squares - slope * slope * spread, 0.0) / (count - period))
        if abs(slope) < SAFETY * left / math.sqrt(spread):
            return cls(means, 0.0, deviation, count)
        return cls(means, slope, left, count)

    def distance(self, step: int) -> float:
        """Return the expected distance behind the directory ``step`` directories ahead."""
        return self.means[step % len(self.means)] + self.slope * (step + self.count / 2)

    def deviation_after(self, steps: int) -> float:
        """Return the standard deviation of a place so many directories ahead."""
        # Distances add up by the root of their number, errors of the mean by the number.
        variance = steps + steps * steps * len(self.means) / self.count
        if self.slope:
            reach = steps * (steps + self.count) / 2
            variance += 12 * reach * reach / self.count**3
        return self.deviation * math.sqrt(variance)
