# SPDX-License-Identifier: Apache-2.0
"""One connection, from the first try to reach the server until it ends.

Calls are accepted from the start, and wait for the server's hello. A caller puts its frame into the
outbox and sends as much of it as the system takes at once. The connection's thread sends the rest,
and receives everything. So a caller waits only for its reply, and no longer than its deadline.
With encryption the connection's thread sends everything: OpenSSL allows one thread at a time in a
connection, and a signal must not interrupt it between encrypting and counting.

Signals: a handler may raise an exception between any two steps of the main thread. When this
interrupts the sending of a frame, the next thread that sends completes the frame and cancels its
call, so that no other frame gets into the middle of it. Cleaning up may be interrupted as well, so
nothing depends on it: the slot of an abandoned call is freed when the server has replied to it, or
its deadline is over. The connection's thread, which no signal reaches, does all work for the calls
of other threads.
"""

from __future__ import annotations

import _thread
import itertools
import select
import socket
import ssl
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from typing import Any

from lodestone._doubt import Doubt, undelivered_bytes
from lodestone._slots import CallSlots
from lodestone._pending import (
    Ended,
    Failure,
    Pending,
    closed,
    going_away,
    lost,
    too_large,
    until,
)
from lodestone._proto import service_pb2
from lodestone._reach import Peer, is_passing, reach
from lodestone._tls import RECORD_BYTES, WOULD_WAIT, read_failure
from lodestone._wire import Call, Frame, FrameReader, read_error
from lodestone.errors import Code, LodestoneError, Outcome

#: The largest message that a server is expected to need.
_MAX_FRAME_BYTES = 64 << 20
#: Seconds that a write waits beyond its deadline for the server's reply on its outcome.
_WRITE_GRACE = 0.05
#: The most calls in flight that the server serves at once and doesn't count.
_MAX_PASSING = 16
#: The most calls of the system before other threads get the outbox: some milliseconds.
_SENDS_AT_ONCE = 16
#: The most records that are read before output has its turn.
_READS_AT_ONCE = 16
#: Seconds between two tries to reach the server: the least, and the most after a long absence.
_SHORTEST_PAUSE = 0.05
_LONGEST_PAUSE = 0.5

#: All connections of this process, for forked children that inherit them.
connections: weakref.WeakSet[Connection] = weakref.WeakSet()


class Connection:
    """A connection to the server, from the first try to reach it to its end.

    ``_lock`` guards the calls and the state; ``_send_lock`` guards the outbox, the socket's sending
    side and closing. Both are held for moments only, never during a wait. A thread that needs both
    takes ``_send_lock`` first.
    """

    def __init__(
        self,
        peer: Peer,
        last_sequence_number: Callable[[], int],
        broke: Callable[[], object],
        pause: float = 0.0,
    ) -> None:
        """Creates a connection; ``broke`` is called once when it is lost with calls on it."""
        self._peer = peer
        self._last_sequence_number = last_sequence_number
        self._broke = broke
        self._pause = pause
        self._lock = threading.Lock()
        self._send_lock = threading.Lock()
        self._ids = itertools.count(2)  # hello is 1
        #: The calls that the server counts, and the calls that it serves at once and doesn't
        #: count.
        self._counted, self._passing = self._slots = (CallSlots(self._ids), CallSlots(self._ids))
        self._max_frame_bytes = 0
        self._end: LodestoneError | None = None
        self._is_leaving = False
        #: Whether the server has refused a call because it is stopping.
        self._is_draining = False
        #: Whether the server has replied to a call on this connection.
        self.has_served = False
        #: The error of the last try to reach the server.
        self._last_error: LodestoneError | None = None
        self._outbox: deque[Frame] = deque()
        self._is_backpressured = False
        self._is_shut = False
        #: Whether this process was forked from the process of the connection.
        self._is_inherited = False
        #: The bytes of the frames that were sent and have left the outbox.
        self._sent_bytes = 0
        self._doubt = Doubt()
        self._socket: socket.socket | None = None
        #: The thread that alone sends, with encryption.
        self._sender: int | None = None
        self._wake_in, self._wake_out = socket.socketpair()
        self._wake_in.setblocking(False)
        self._wake_out.setblocking(False)
        connections.add(self)
        try:
            # threading.Thread would wait until the new thread runs, while others wait for the
            # caller.
            _thread.start_new_thread(self._run, ())
        except BaseException:
            # Whether the thread runs or not, it finds that it has nothing to do.
            self._finish(lost("was given up"))
            raise

    @property
    def takes_calls(self) -> bool:
        """Whether a new call would be accepted."""
        return self._end is None and not self._is_leaving and not self._is_draining

    def call(
        self, call: Call | None, request_id: bytes | None, end: float, waits_for_server: bool
    ) -> Any:
        """Makes one attempt at a call; returns its reply, or raises a Failure by ``end``.

        A write may take a little longer. With None instead of a call, it waits until the server has
        said hello. Raises Ended when another connection is needed.
        """
        pending = Pending(call, request_id, end, waits_for_server)
        try:
            self._submit(pending)
            if self._is_inherited:
                raise Ended  # since a moment ago, so that no thread will settle the call
            has_turn = pending.turn is None or pending.turn.acquire(timeout=until(end))
            if has_turn and call is not None and pending.result is None:
                self._send(pending, call)
                grace = _WRITE_GRACE if request_id is not None else 0.0
                pending.done.acquire(timeout=until(end + grace))
        except BaseException:
            self._abandon(pending)
            raise
        # From now on the reply may only be that to the cancellation.
        result = pending.result
        if result is None:
            self._abandon(pending)
        if isinstance(result, Failure):
            raise result
        if result is None:
            if call is None and pending.id != 0:
                return None
            raise self._too_late(pending)
        if result.HasField("error"):
            error = read_error(result.error)
            is_leaving = error.reason == "DRAINING" and error.outcome is Outcome.NOT_APPLIED
            if is_leaving:
                self._is_draining = True
                self._wake()
            raise Failure(error, is_unsent=is_leaving)
        return result

    def close(self) -> None:
        """Ends the connection; calls in flight fail."""
        self._finish(closed())

    # Calls

    def _submit(self, pending: Pending) -> None:
        with self._lock:
            if not self.takes_calls:
                raise Ended
            self._slots_of(pending).enter(pending)
        if pending.turn is not None and self._is_open:
            self._wake()

    @property
    def _is_open(self) -> bool:
        """Whether the server has said hello."""
        return self._counted.count > 0

    def _slots_of(self, pending: Pending) -> CallSlots:
        call = pending.call
        return self._passing if call is not None and call.is_uncounted else self._counted

    def _sweep(self) -> None:
        """Gives free slots to calls that wait. Under the lock."""
        for slots in self._slots:
            slots.sweep()

    def _abandon(self, pending: Pending) -> None:
        """Removes a call whose caller no longer waits, and cancels it at the server if it was sent.

        A call that the server has keeps its slot until the reply comes.
        """
        with self._lock:
            if pending.id == 0:
                self._slots_of(pending).forget(pending)
                return
        with self._send_lock:
            frame = pending.frame
            if frame is not None and not frame.has_begun and frame in self._outbox:
                self._outbox.remove(frame)
        if not pending.has_begun:
            with self._lock:
                self._slots_of(pending).forget(pending)
        elif pending.result is None:
            cancel = Call("cancel", service_pb2.CancelRequest(id=pending.id))
            self._doubt.arise()
            self._flush(Frame(cancel.frame(next(self._ids), 1, None)))
        self._wake()

    def _too_late(self, pending: Pending) -> Failure:
        """The failure of a call whose deadline has passed."""
        if not self._is_open:
            why = self._last_error or self._peer.no_connection("it has not said hello")
            return Failure(why.with_outcome(Outcome.NOT_APPLIED), is_unsent=True)
        problem = "got no reply" if pending.has_begun else "was not sent"
        return pending.failure(
            LodestoneError(
                Code.DEADLINE_EXCEEDED,
                "DEADLINE",
                f"The call {problem} before its deadline.",
                "Allow more time, or request less in one call.",
            )
        )

    # Sending

    def _send(self, pending: Pending, call: Call) -> None:
        frame = Frame(call.frame(pending.id, until(pending.end), pending.request_id))
        if frame.byte_count > self._max_frame_bytes:
            raise Failure(too_large(call, frame.byte_count, self._max_frame_bytes))
        pending.frame = frame
        self._flush(frame)

    def _flush(self, frame: Frame | None = None) -> None:
        """Puts a frame into the outbox, and sends as much as the system takes at once."""
        try:
            with self._send_lock:
                if frame is not None and not self._is_shut and not self._is_leaving:
                    self._outbox.append(frame)
                self._send_outbox()
        except OSError:
            # The server may have sent the reason, which is still unread: the connection's thread
            # reads to the end of the input now.
            with self._send_lock:
                self._shut()
        except BaseException:
            self._is_backpressured = True
            self._wake()
            raise

    def _send_outbox(self) -> None:
        """Sends as much as the system takes, in a limited number of calls. Under the send lock."""
        connected = self._socket
        most_bytes = None
        if self._peer.encryption is not None:
            if self._sender != threading.get_ident():
                if self._outbox:
                    self._ring()
                return
            most_bytes = RECORD_BYTES
        sends = 0
        while self._outbox and connected is not None and not self._is_shut:
            sent_bytes = self._outbox[0].sent_bytes
            if sent_bytes == self._outbox[0].byte_count + 4:
                # A signal between the two steps makes the count too small: at worst a dead
                # connection is taken for alive.
                self._outbox.popleft()
                self._sent_bytes += sent_bytes
                continue
            try:
                if sends == _SENDS_AT_ONCE:
                    raise BlockingIOError  # others wait for the lock
                self._outbox[0].send(connected, most_bytes)
                sends += 1
            except WOULD_WAIT:
                if not self._is_backpressured:
                    self._is_backpressured = True
                    self._ring()
                return
        self._is_backpressured = False

    def _wake(self) -> None:
        with self._send_lock:
            self._ring()

    def _ring(self) -> None:
        """Wakes up the connection's thread to check everything again. Under the send lock."""
        try:
            self._wake_out.send(b"\0")
        except OSError:
            pass  # it is full, so the thread will check; or closed, so the thread has ended

    # The connection's thread

    def _run(self) -> None:
        try:
            reader = self._open()
            if reader is not None:
                self._serve(reader)
        except ssl.SSLError as error:
            failure = read_failure(error, self._peer.name)
            self._finish(failure or lost(f"broke: {error}"))
        except (OSError, EOFError) as error:
            self._finish(lost(f"broke: {error}"))
        except Exception as error:
            self._finish(lost(f"carried {error}"))
        finally:
            with self._send_lock:
                for one in (self._socket, self._wake_in, self._wake_out):
                    if one is not None:
                        one.close()

    def _open(self) -> FrameReader | None:
        """Tries to reach the server while calls wait for it; None when no call waits any more."""
        away_since = time.monotonic()
        self._wait(self._pause)
        while self._end is None:
            try:
                reader, hello, rest = reach(
                    self._peer, self._last_sequence_number(), self._keep
                )
            except LodestoneError as error:
                if not is_passing(error):
                    self._finish(error)
                    return None
                if not self._is_awaited(error):
                    return None
                away = time.monotonic() - away_since
                self._wait(min(max(_SHORTEST_PAUSE, away / 20), _LONGEST_PAUSE))
                continue
            reader.max_frame_bytes = min(hello.max_frame_bytes, _MAX_FRAME_BYTES)
            self._max_frame_bytes = hello.max_frame_bytes
            with self._lock:
                self._counted.count = max(1, hello.max_in_flight)
                self._passing.count = _MAX_PASSING
                self._sweep()
            for message in rest:
                self._deliver(message)
            return reader
        return None

    def _keep(self, fresh: socket.socket) -> None:
        with self._send_lock:
            last, self._socket = self._socket, fresh
            if last is not None:
                last.close()

    def _wait(self, pause: float) -> None:
        """Waits, unless the connection is closed."""
        end = time.monotonic() + pause
        poller = select.poll()
        poller.register(self._wake_in, select.POLLIN)
        while self._end is None and time.monotonic() < end:
            if poller.poll(until(end) * 1000):
                self._drain()

    def _is_awaited(self, why: LodestoneError) -> bool:
        """Records why the server can't be reached; returns whether calls still wait for it."""
        now = time.monotonic()
        with self._lock:
            self._last_error = why
            unwaiting = [one for slots in self._slots for one in slots.drop_unwaiting(now)]
            is_awaited = any(slots.queue for slots in self._slots)
            if not is_awaited:
                self._end = self._end or why
        for one in unwaiting:
            one.settle(one.failure(why, is_counted=True))
        return is_awaited

    def _serve(self, reader: FrameReader) -> None:
        connected = self._socket
        assert connected is not None
        self._sender = threading.get_ident()
        self._flush()
        poller = select.poll()
        poller.register(self._wake_in, select.POLLIN)
        poller.register(connected, select.POLLIN)
        woken, readable = self._wake_in.fileno(), connected.fileno()
        watches_output = False
        doubt = self._doubt
        while self._end is None:
            if watches_output != self._is_backpressured:
                watches_output = not watches_output
                poller.modify(
                    connected, select.POLLIN | (select.POLLOUT if watches_output else 0)
                )
            ready = poller.poll(doubt.until_next_check() if doubt.exists else None)
            if (
                doubt.exists
                and all(descriptor == woken for descriptor, _ in ready)
                and self._is_silent()
            ):
                self._finish(lost("was given up, because the server no longer replies"))
            for descriptor, event in ready:
                if descriptor == woken:
                    self._look_around()
                elif descriptor == readable and event & ~select.POLLOUT:
                    self._receive(reader)
            if watches_output:
                self._flush()

    def _drain(self) -> None:
        try:
            self._wake_in.recv(4096)
        except BlockingIOError:
            pass

    def _look_around(self) -> None:
        """Does the work that callers have left to the connection's thread."""
        self._drain()
        if self._is_draining and not self._is_leaving:
            self._leave(None)
        with self._lock:
            self._sweep()
        self._finish_if_left()
        if self._peer.encryption is not None:
            self._flush()

    def _receive(self, reader: FrameReader) -> None:
        reads = 0
        while True:
            try:
                messages = reader.receive()
            except WOULD_WAIT:
                return
            self._doubt.end()
            for message in messages:
                self._deliver(message)
            # The system knows nothing of the bytes of a record that has been read in part.
            connected = self._socket
            if not isinstance(connected, ssl.SSLSocket):
                return
            reads += 1
            if reads >= _READS_AT_ONCE and not connected.pending():
                return

    def _is_silent(self) -> bool:
        """Whether the server has been silent for too long."""
        return self._doubt.exists and self._doubt.is_certain(*self._progress())

    def _progress(self) -> tuple[int, int]:
        """The bytes to send since the connection began, and those that the other end has taken.

        On a Unix socket the second number may be too small while bytes are in transit; only its
        growth is meaningful there.
        """
        with self._send_lock:
            sent = self._sent_bytes + sum(frame.sent_bytes for frame in self._outbox)
            unsent = sum(frame.byte_count + 4 - frame.sent_bytes for frame in self._outbox)
            return sent + unsent, sent - undelivered_bytes(self._socket)

    def _deliver(self, reply: Any) -> None:
        kind = reply.WhichOneof("result")
        if kind == "go_away":
            self._leave(reply.go_away.last_request)
        elif reply.id != 0:
            with self._lock:
                pending = None
                for slots in self._slots:
                    pending = pending or slots.in_flight.pop(reply.id, None)
                    if slots.queue:
                        slots.sweep()
            if pending is not None:
                self.has_served = True
                pending.settle(reply)
            if self._is_leaving:
                self._finish_if_left()
        elif kind == "error":
            # The error belongs to no call, so the outcome of the calls in flight is unknown.
            self._finish(lost(f"was ended: {read_error(reply.error)}"))

    # The end

    def _leave(self, last_request: int | None) -> None:
        """Accepts no more calls; calls that the server has not begun move to another connection.

        ``last_request`` is None when the server is stopping without a statement of the calls that
        it has begun.
        """
        with self._send_lock:
            self._is_leaving = True
            for frame in [frame for frame in self._outbox if not frame.has_begun]:
                self._outbox.remove(frame)
        with self._lock:
            late = [one for slots in self._slots for one in slots.take_unbegun(last_request)]
        for one in late:
            one.settle(Failure(going_away(), is_unsent=True, is_counted=True))
        self._finish_if_left()

    def _finish_if_left(self) -> None:
        """Ends a connection that accepts no more calls when none is in flight."""
        if self._is_leaving:
            with self._lock:
                is_done = not any(slots.in_flight for slots in self._slots)
            if is_done:
                self._finish(going_away())

    def _shut(self) -> None:
        """Sends nothing more, and reads only what has arrived. Under the send lock."""
        self._is_shut = True
        self._outbox.clear()
        if self._socket is not None:
            try:
                # An encrypted socket's own method would forget its state, which may be in use.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)
            except OSError:
                pass  # it is not connected, or not any more
        self._ring()

    def _finish(self, error: LodestoneError) -> None:
        with self._send_lock:
            self._shut()
        with self._lock:
            is_first, self._end = self._end is None, self._end or error
            ended = [one for slots in self._slots for one in slots.all()]
            for slots in self._slots:
                slots.clear()
        if is_first and any(one.has_begun for one in ended):
            self._broke()
        for one in ended:
            one.settle(one.failure(error, is_counted=True))

    def abandon_after_fork(self) -> None:
        """Leaves the connection to the parent process. Only in a child, which has one thread.

        The threads that held the locks don't exist in the child. Closing the socket here does the
        parent no harm; a shutdown would. The fork may happen in a signal handler in the middle of a
        method, which goes on here afterwards; so the data of that method stay as they are.
        """
        self._lock = threading.Lock()
        self._send_lock = threading.Lock()
        self._is_shut = self._is_inherited = True
        for one in (self._socket, self._wake_in, self._wake_out):
            if one is not None:
                one.close()
        self._socket = None
        error = lost("belongs to the process that has forked")
        self._end = self._end or error
        for pending in [one for slots in self._slots for one in slots.all()]:
            pending.settle(pending.failure(error, is_counted=True))
