#!/usr/bin/env python3
"""Commit-wait in Python: commit_wait.py COUNT PAGE... commits COUNT transactions in turn by the clocks of these nodes.
README.md says what is promised."""

import sys

import berkeley_clock

ATTEMPTS_MAX = 100


def commit(clock):
    """Gives the transaction a timestamp, and returns when it may be acknowledged."""
    for attempt in range(ATTEMPTS_MAX):
        stamp = clock.now().latest_ns
        # ...here the transaction is written with its stamp, and replicated...
        try:
            clock.wait_until_past(stamp)
            return stamp
        except berkeley_clock.ClockError as error:
            # A stamp from before a step belongs to another clock: we draw a new one.
            if error.code != berkeley_clock.Error.DISRUPTED or attempt == ATTEMPTS_MAX - 1:
                raise


def main():
    if len(sys.argv) < 3 or not sys.argv[1].isdigit():
        sys.exit("usage: %s COUNT PAGE..." % sys.argv[0])
    count = int(sys.argv[1])
    try:
        clocks = [berkeley_clock.Clock(path) for path in sys.argv[2:]]
        last = None
        for i in range(count):
            stamp = commit(clocks[i % len(clocks)])
            if last is not None and stamp <= last:
                sys.exit("transaction %d has stamp %d, the one before %d" % (i, stamp, last))
            last = stamp
    except berkeley_clock.ClockError as error:
        sys.exit("not committed: %s" % error)
    print("%d transactions, each stamp greater than the one before" % count)


main()
