# SPDX-License-Identifier: Apache-2.0
"""Keeps golden_frames.json true: encodes each frame's text with Google's protobuf.

    python golden.py           writes the hex of every frame
    python golden.py --check   fails when a frame's hex is not what its text encodes to

Needs the package of clients/python. A change of hex is a change of the protocol.
"""

import json
import pathlib
import struct
import sys

from google.protobuf import text_format
from lodestone._proto import service_pb2

PATH = pathlib.Path(__file__).with_name("golden_frames.json")
KINDS = {"request": service_pb2.Request, "response": service_pb2.Response}


def encode(frame: dict) -> str:
    message = text_format.Parse(frame["text"], KINDS[frame["kind"]]())
    body = message.SerializeToString(deterministic=True)
    return (struct.pack(">I", len(body)) + body).hex()


def main() -> None:
    frames = json.loads(PATH.read_text())
    if "--check" in sys.argv:
        wrong = [frame["name"] for frame in frames if encode(frame) != frame["hex"]]
        if wrong:
            sys.exit(f"golden frames differ from their text: {', '.join(wrong)}")
        print(f"{len(frames)} golden frames match their text")
        return
    for frame in frames:
        frame["hex"] = encode(frame)
    PATH.write_text(json.dumps(frames, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
