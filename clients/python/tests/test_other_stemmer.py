# SPDX-License-Identifier: Apache-2.0
"""Stores whose words another version of libstemmer made.

PyStemmer's module exports the functions of the libstemmer that it was built with, so a server that
preloads it is one on a system with that version.
"""

from __future__ import annotations

import os
import subprocess
import sysconfig
from pathlib import Path

import pytest

from lodestone import Client, LodestoneError, Query, TextOptions, matching

LANGUAGES = [
    "arabic", "armenian", "basque", "catalan", "danish", "dutch", "finnish", "french", "german",
    "greek", "hindi", "hungarian", "indonesian", "irish", "italian", "lithuanian", "nepali",
    "norwegian", "portuguese", "romanian", "russian", "serbian", "spanish", "swedish", "tamil",
    "turkish", "yiddish",
]  # fmt: skip
# Two words per language. Most of them have different stems in the two versions.
WORDS = {
    "arabic": "الكتاب مدرسون", "armenian": "գրքերի մարդկանց", "basque": "etxearekin mendiko",
    "catalan": "casetes llibres", "danish": "påhhets hundenes", "dutch": "mogelijkheden huizen",
    "finnish": "lieaithen taloissa", "french": "continuellement mangées",
    "german": "aktuell häuser", "greek": "παγαετε θάλασσες", "hindi": "किताबों लड़कियाँ",
    "hungarian": "házaknak könyvekkel", "indonesian": "makanannya bukunya",
    "irish": "leabhair fhear", "italian": "bellissime amici", "lithuanian": "heelserys knygomis",
    "nepali": "किताबहरूको केटालाई", "norwegian": "bøkenes hundene",
    "portuguese": "canções cidades", "romanian": "informațiile orașul",
    "russian": "книгами собаки", "serbian": "knjigama gradovima", "spanish": "habitaciones niñas",
    "swedish": "tädet skräddarens", "tamil": "புத்தகங்கள் மரங்களில்", "turkish": "kitaplardan evlerin",
    "yiddish": "קינדער הײַזער",
}  # fmt: skip


def other_stemmer() -> dict[str, str]:
    """The environment that makes a program use PyStemmer's library."""
    module = pytest.importorskip("Stemmer", reason="NOT RUN: PyStemmer is not there").__file__
    folder, name = sysconfig.get_config_var("LIBDIR"), sysconfig.get_config_var("LDLIBRARY")
    python = Path(str(folder)) / str(name)
    if not python.exists() or python.suffix == ".a":
        candidates = sorted(Path("/usr/lib").glob(f"*/lib{'python'}3*.so.1.0"))
        if not candidates:
            pytest.skip("NOT RUN: Python's library, which PyStemmer needs, is not there")
        python = candidates[0]
    return {"LD_PRELOAD": f"{python} {module}"}


class Starter:
    """Starts servers on one store, of either library."""

    def __init__(self, program: str, directory: Path) -> None:
        self._command = [program, "--data", str(directory), "--listen", "127.0.0.1:0"]
        self._running: list[subprocess.Popen[str]] = []

    def start(self, preload: dict[str, str] | None = None) -> tuple[str, str]:
        """The address, and the output of the server before and after it."""
        process = subprocess.Popen(
            self._command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, **(preload or {})},
        )
        self._running.append(process)
        assert process.stdout is not None
        said = ""
        for line in process.stdout:
            said += line
            if "listening on " in line:
                return line.split("listening on ")[1].split()[0], said
        return "", said

    def stop(self) -> None:
        while self._running:
            process = self._running.pop()
            process.terminate()
            process.wait(60)


@pytest.fixture
def starter(tmp_path: Path) -> Starter:
    program = os.environ.get("LODESTONE_SERVER")
    if not program:
        pytest.skip("NOT RUN: set LODESTONE_SERVER to the program lodestoned")
    return Starter(program, tmp_path / "store")


def check_all(address: str) -> None:
    """Every word is found in both documents that have it."""
    with Client(address) as client:
        for language in LANGUAGES:
            for strategy in ["postings", "fts5"]:
                name = f"{language}-{strategy}"
                for number, word in enumerate(WORDS[language].split()):
                    hits = client.collection(name).search(Query(matching(word))).hits
                    assert {str(number), f"late{number}"} <= {hit.id for hit in hits}, (name, word)


@pytest.mark.parametrize("first_is_other", [True, False])
def test_words_of_another_stemmer_are_made_again_in_all_languages(
    starter: Starter, first_is_other: bool
) -> None:
    other = other_stemmer()
    address, _ = starter.start(other if first_is_other else None)
    with Client(address) as client:
        for language in LANGUAGES:
            for strategy in ["postings", "fts5"]:
                name = f"{language}-{strategy}"
                client.create_collection(
                    name, text=TextOptions(language=language), text_strategy=strategy
                )
                words = WORDS[language].split()
                collection = client.collection(name)
                collection.index_many(ids=[str(n) for n in range(len(words))], texts=words)
                # Documents in a base, and documents in the log.
                collection.compact()
                collection.index_many(ids=[f"late{n}" for n in range(len(words))], texts=words)
    starter.stop()
    address, said = starter.start(None if first_is_other else other)
    assert "texts were analyzed again" in said
    check_all(address)
    starter.stop()
    # Once is enough for the store, and bases have followed.
    address, _ = starter.start(None if first_is_other else other)
    check_all(address)
    starter.stop()


def test_a_process_with_another_stemmer_is_refused_while_the_store_is_open(starter: Starter) -> None:
    other = other_stemmer()
    address, _ = starter.start()
    refused, said = starter.start(other)
    assert refused == ""
    assert "makes other words of texts" in said and "libstemmer" in said
    with Client(address) as client:
        try:
            client.create_collection("still-there")
        except LodestoneError as error:
            pytest.fail(f"{error}")
    starter.stop()
