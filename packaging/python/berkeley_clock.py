"""Berkeley's clock for Python: cluster time, with a certain bound on its error.

One file over the C library (berkeley/clock.h, berkeley_clock(3)), which says what is promised:

    import berkeley_clock
    with berkeley_clock.Clock("/dev/shm/berkeley/default/s1") as clock:
        stamp = clock.now()                        # stamp.earliest_ns <= cluster time <= stamp.latest_ns
        clock.wait_until_past(stamp.latest_ns)     # commit-wait

All times are integers, nanoseconds since 1970 by convention. A Clock may be read by any number of threads; the
waits let other threads run. Errors are ClockError, with the number of clock.h in `code`.
The library is libberkeley-clock.so.1, or what BERKELEY_CLOCK_LIBRARY names.
"""

import ctypes
import enum
import os

__all__ = ["Clock", "ClockError", "Error", "Interval", "Reading", "Status"]

CLOCK_REALTIME = 0
CLOCK_MONOTONIC_RAW = 4
_ALLOW_HOLDOVER = 1


class Status(enum.IntEnum):
    UNSYNCHRONIZED = 0  # the interval promises nothing
    SYNCHRONIZED = 1
    HOLDOVER = 2  # no master: the interval holds for its term, and grows
    DISRUPTED = 3  # the clock was stepped, or the machine was suspended


class Error(enum.IntEnum):
    ARGUMENT = 1
    NOT_FOUND = 2
    PERMISSION = 3
    FORMAT = 4
    VERSION = 5
    EMPTY = 6
    BUSY = 7
    UNSYNCHRONIZED = 8
    DISRUPTED = 9
    SYSTEM = 10
    BOOT = 11
    TIME_NAMESPACE = 12
    TRUNCATED = 13
    HOLDOVER = 14
    TIMEOUT = 15
    STAMP = 16


class ClockError(Exception):
    def __init__(self, code, path=None):
        text = _library().berkeley_clock_strerror(code).decode()
        super().__init__(text if path is None else "%s: %s" % (path, text))
        self.code = code


class Interval(ctypes.Structure):
    """A reading: cluster time lies in [earliest_ns, latest_ns], if `status` says so."""

    _fields_ = [
        ("earliest_ns", ctypes.c_int64),
        ("latest_ns", ctypes.c_int64),
        ("now_ns", ctypes.c_int64),
        ("term", ctypes.c_uint64),
        ("disruption", ctypes.c_uint32),
        ("status_code", ctypes.c_int32),
    ]

    @property
    def status(self):
        return Status(self.status_code)

    @property
    def bounded(self):
        """Whether the interval is a promise."""
        return self.status in (Status.SYNCHRONIZED, Status.HOLDOVER)

    def before(self, other):
        """Certainly before the other: False also where nobody can know."""
        return bool(_library().berkeley_clock_before(ctypes.byref(self), ctypes.byref(other)))

    def after(self, other):
        return other.before(self)

    def __repr__(self):
        half = (self.latest_ns - self.earliest_ns) // 2
        return "<%s %d +-%d ns, term %d>" % (self.status.name, self.now_ns, half, self.term)


class Reading(ctypes.Structure):
    """All that the page tells; see berkeley_clock_reading in clock.h."""

    _fields_ = [
        ("interval", Interval),
        ("raw_ns", ctypes.c_int64),
        ("age_ns", ctypes.c_int64),
        ("published_ago_ns", ctypes.c_int64),
        ("suspect_for_ns", ctypes.c_int64),
        ("unslewed_ns", ctypes.c_int64),
        ("rate_ppb", ctypes.c_int64),
        ("generation", ctypes.c_uint64),
        ("round", ctypes.c_uint64),
        ("running", ctypes.c_int32),
        ("reserved", ctypes.c_int32),
    ]


_loaded = None


def _library():
    global _loaded
    if _loaded is None:
        # use_errno is not needed: the library says in its own numbers what went wrong.
        lib = ctypes.CDLL(os.environ.get("BERKELEY_CLOCK_LIBRARY", "libberkeley-clock.so.1"))
        pointer, time_ns = ctypes.c_void_p, ctypes.c_int64
        interval = ctypes.POINTER(Interval)
        for name, arguments in {
            "open": [ctypes.c_char_p, ctypes.POINTER(pointer)],
            "close": [pointer],
            "now": [pointer, interval],
            "read": [pointer, ctypes.POINTER(Reading), ctypes.c_size_t],
            "at": [pointer, ctypes.c_int, time_ns, interval],
            "before": [interval, interval],
            "commit_wait": [pointer, time_ns, ctypes.c_uint],
            "sleep_until": [pointer, time_ns, ctypes.c_uint],
            "wait_synchronized": [pointer, time_ns, time_ns],
            "strerror": [ctypes.c_int],
        }.items():
            getattr(lib, "berkeley_clock_" + name).argtypes = arguments
        lib.berkeley_clock_close.restype = None
        lib.berkeley_clock_strerror.restype = ctypes.c_char_p
        _loaded = lib
    return _loaded


def _check(error):
    if error:
        raise ClockError(error)


class Clock:
    """The clock page at `path`. Use it in a `with`, or close() it."""

    def __init__(self, path):
        self._clock = ctypes.c_void_p()
        error = _library().berkeley_clock_open(os.fsencode(path), ctypes.byref(self._clock))
        if error:
            raise ClockError(error, os.fspath(path))

    def close(self):
        """No thread may use the clock meanwhile or afterwards."""
        clock, self._clock = self._clock, ctypes.c_void_p()
        _library().berkeley_clock_close(clock)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def now(self):
        interval = Interval()
        _check(_library().berkeley_clock_now(self._clock, ctypes.byref(interval)))
        return interval

    def read(self):
        reading = Reading()
        _check(_library().berkeley_clock_read(self._clock, ctypes.byref(reading), ctypes.sizeof(reading)))
        return reading

    def at(self, stamp_ns, clock_id=CLOCK_MONOTONIC_RAW):
        """Cluster time at a past stamp of CLOCK_MONOTONIC_RAW or CLOCK_REALTIME."""
        interval = Interval()
        _check(_library().berkeley_clock_at(self._clock, clock_id, stamp_ns, ctypes.byref(interval)))
        return interval

    def wait_until_past(self, ns, allow_holdover=False):
        """Commit-wait: returns once cluster time is certainly later than `ns`."""
        flags = _ALLOW_HOLDOVER if allow_holdover else 0
        _check(_library().berkeley_clock_commit_wait(self._clock, ns, flags))

    def sleep_until(self, ns, allow_holdover=False):
        """Sleeps until this node's clock reads `ns`."""
        flags = _ALLOW_HOLDOVER if allow_holdover else 0
        _check(_library().berkeley_clock_sleep_until(self._clock, ns, flags))

    def wait_synchronized(self, bound_ns=0, timeout_ns=-1):
        """True once SYNCHRONIZED within +-bound_ns (0: any); False after timeout_ns (negative: never)."""
        error = _library().berkeley_clock_wait_synchronized(self._clock, bound_ns, timeout_ns)
        if error == Error.TIMEOUT:
            return False
        _check(error)
        return True
