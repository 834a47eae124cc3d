"""Pictures of the group that is asked next, decoded while another is asked."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

from .messages import AskRequest
from .model import Decoder, Picture


def _key(request: AskRequest) -> tuple[object, ...]:
    """A file that was written to meanwhile is another picture."""
    stamps: list[object] = [request.max_image_side]
    for picture in request.pictures:
        stamp = None
        if picture.content is None:
            try:
                status = os.stat(picture.path)
                stamp = (status.st_size, status.st_mtime_ns)
            except (OSError, ValueError):
                pass
        stamps.append((picture.path, stamp, picture.content))
    return tuple(stamps)


class _Job:
    def __init__(self, request: AskRequest, key: tuple[object, ...]) -> None:
        self.request = request
        self.key = key
        self.wanted = True
        self.done = threading.Event()
        self.pictures: list[Picture] = []


class Shelf:
    """Decodes one group ahead; the one after it waits until the first was taken.

    Thread: `prepare` and `clear` may come from another than the rest.
    """

    def __init__(self, decode: Decoder) -> None:
        self._decode = decode
        self._lock = threading.Lock()
        self._job: _Job | None = None  # in work, or done
        self._next: _Job | None = None

    def prepare(self, request: AskRequest) -> None:
        if not request.pictures:
            self.clear()
            return
        job = _Job(request, _key(request))
        with self._lock:
            if self._job is None:
                self._begin(job)
            elif self._job.key != job.key:
                self._next = job

    def take(self, request: AskRequest) -> list[Picture]:
        key = _key(request)
        with self._lock:
            passed = self._job
            if passed is not None and passed.key != key:
                asked_next = self._next is not None and self._next.key == key
                if asked_next or passed.request.group == request.group:
                    passed.wanted = False
                    self._begin(self._next)
            job = self._job
        if job is None or job.key != key:
            return self._decoded(request, lambda: True)
        job.done.wait()
        with self._lock:
            self._begin(self._next)
        return job.pictures

    def wait_ahead(self, stop: Callable[[], bool]) -> None:
        """Until the group ahead is decoded: its memory is planned with the group before."""
        with self._lock:
            job = self._job
        while job is not None and not job.done.wait(0.02) and not stop():
            pass

    def clear(self) -> None:
        with self._lock:
            if self._job is not None:
                self._job.wanted = False
            self._job = self._next = None

    def _begin(self, job: _Job | None) -> None:
        """Puts it into work, in place of the one before. Under the lock."""
        before, self._job, self._next = self._job, job, None
        if job is not None:
            threading.Thread(target=self._work, args=(job, before), daemon=True).start()

    def _work(self, job: _Job, before: _Job | None) -> None:
        try:
            if before is not None:
                before.done.wait()  # no two groups at once
            job.pictures = self._decoded(job.request, lambda: job.wanted)
        finally:
            job.done.set()

    def _decoded(self, request: AskRequest, wanted: Callable[[], bool]) -> list[Picture]:
        pictures = []
        for reference in request.pictures:
            if not wanted():
                break
            try:
                pictures.append(self._decode(reference, request.max_image_side))
            except Exception as error:  # noqa: BLE001 - it is the items' failure
                pictures.append(Picture(failure=error))
        return pictures
