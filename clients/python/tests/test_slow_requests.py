# SPDX-License-Identifier: Apache-2.0
"""The slow requests of a server, and the trace that a client names."""

from __future__ import annotations

from conftest import Server
from lodestone import Client, trace_parent

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_the_slowest_requests_name_their_client_and_their_trace(server: Server) -> None:
    with Client(server.address, client_name="traced") as client:
        client.create_collection("slow")
        token = trace_parent.set(TRACE)
        try:
            client.collection("slow").count()
        finally:
            trace_parent.reset(token)
        client.collection("slow").count()
        report = client.slow_requests()
        counts = [one for one in report.slowest if one.call == "count" and one.client == "traced"]
        assert [one.trace_parent for one in counts if one.trace_parent] == [TRACE]
        assert len(counts) == 2
        assert all(one.seconds > 0 and one.collection == "slow" for one in counts)
        shapes = {one.shape: one for one in report.shapes if one.collection == "slow"}
        assert shapes["count count"].count == 2
        assert shapes["count count"].longest_seconds >= max(one.seconds for one in counts) * 0.99
        assert len(client.slow_requests(limit=1).slowest) == 1
