# SPDX-License-Identifier: Apache-2.0
"""Encodes calls as messages, and decodes replies into the values that callers see."""

from lodestone._codec.results import (
    read_count,
    read_edge_page,
    read_query_result,
    read_walk_result,
)
from lodestone._codec.collections import (
    collection_options,
    read_description,
    read_receipt,
    write_strategy,
)
from lodestone._codec.documents import index_many, read_documents, read_page, write_sourced_edges
from lodestone._codec.maintenance import (
    read_erase_receipt,
    read_snapshot,
    read_slow_requests,
    read_stats,
    read_verify_report,
)
from lodestone._codec.names import write_path, write_paths
from lodestone._codec.queries import (
    include,
    list_edges,
    search,
    write_cursor,
    write_facets,
    write_filter,
    write_walks,
)

__all__ = [
    "collection_options",
    "include",
    "index_many",
    "list_edges",
    "read_count",
    "read_description",
    "read_documents",
    "read_edge_page",
    "read_erase_receipt",
    "read_page",
    "read_query_result",
    "read_receipt",
    "read_snapshot",
    "read_slow_requests",
    "read_stats",
    "read_verify_report",
    "read_walk_result",
    "search",
    "write_cursor",
    "write_facets",
    "write_filter",
    "write_path",
    "write_paths",
    "write_sourced_edges",
    "write_strategy",
    "write_walks",
]
