"""One driver at a URL at a time: leases that are held, stale, or asked for by two at once."""

import threading
import time

import pytest

pytest.importorskip("fsspec")
from study_cells import tiny

from steadygan.errors import UsageError
from steadygan.study import lease
from steadygan.study.remote import StudyAtURL
from steadygan.study.store import Store

pytestmark = pytest.mark.usefixtures("quick")


def test_two_drivers_at_one_url(memory, monkeypatch):
    monkeypatch.setattr(lease, "BEAT", 0.02)
    first, second = StudyAtURL(memory), StudyAtURL(memory)
    for place in (first, second):
        place.create(tiny())
    with first.lock():
        with pytest.raises(UsageError, match=r"another driver is at work here \(process \d+ on .*, seen 0 seconds ago\)"):
            second.lock().__enter__()
        at = second.lease.found()["at"]
        limit = time.monotonic() + 10
        while second.lease.found().get("at") == at:
            assert time.monotonic() < limit, "it is renewed"
        first.publish()
    assert "lock.json" not in Store(memory).listed()
    with second.lock(), pytest.raises(UsageError, match="another driver is at work"):
        first.lock().__enter__()


def test_a_lease_that_is_stale_is_taken_over_and_its_owner_learns_it(memory, monkeypatch):
    first, second = StudyAtURL(memory), StudyAtURL(memory)
    for place in (first, second):
        place.create(tiny())
    monkeypatch.setattr(lease, "BEAT", 0.05)
    with first.lock():
        monkeypatch.setattr(lease, "STALE", -1.0)
        second.lease.take()
        limit = time.monotonic() + 10
        while not first.lease.lost and time.monotonic() < limit:
            time.sleep(0.01)
        with pytest.raises(UsageError, match="another driver has taken over"):
            first.publish(soon=True)
    assert second.lease.mine(), "the first gave back nothing that was not its own"


def test_of_two_drivers_that_begin_at_once_one_goes_on(memory, monkeypatch):
    monkeypatch.setattr(lease, "SETTLE", 0.3)
    places, refused = [StudyAtURL(memory), StudyAtURL(memory)], []

    def begin(place):
        try:
            place.lease.take()
        except UsageError:
            refused.append(place)

    for place in places:
        place.create(tiny())
    monkeypatch.setattr(lease.Lease, "found", after(lease.Lease.found, threading.Barrier(2)))
    threads = [threading.Thread(target=begin, args=(place,)) for place in places]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 1


def after(method, barrier):
    """The method, whose first calls in both threads are over before either goes on."""
    begun = set()

    def waits(self):
        found = method(self)
        if self not in begun:
            begun.add(self)
            barrier.wait(10)
        return found

    return waits
