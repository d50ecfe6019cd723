# SPDX-License-Identifier: Apache-2.0
"""tantivy's ranked text, measured next to Lodestone's by `lodestone-bench text --vs`.

usage: text_peer.py tantivy FOLDER STOP_WORDS

FOLDER has documents.txt, one a line. STOP_WORDS is keep or drop: whether the analyzer, of documents and
queries alike, leaves out the English stop words. Answers once the index is there, in one segment: its
documents a second of processor time. Then each line of input is a kind, and each answer one pass over
FOLDER/KIND.txt, a query a line, on one thread: queries a second of processor time. Queries are made
before the clock starts; a ranked one is a disjunction of its words.
"""
import json
import re
import sys
import time

import tantivy

folder, stop_words = sys.argv[2:4]
analyzer = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple())
analyzer = analyzer.filter(tantivy.Filter.remove_long(40)).filter(tantivy.Filter.lowercase())
if stop_words == "drop":
    analyzer = analyzer.filter(tantivy.Filter.stopword("english"))
analyzer = analyzer.filter(tantivy.Filter.stemmer("english")).build()
schema = tantivy.SchemaBuilder()
# Positions are kept for phrases; the ranked field does without, which is faster.
schema.add_text_field("ranked", tokenizer_name="chosen", index_option="freq")
schema.add_text_field("phrases", tokenizer_name="chosen", index_option="position")
index = tantivy.Index(schema.build())
index.register_tokenizer("chosen", analyzer)
writer = index.writer(1_000_000_000, 1)
start = time.process_time()
count = 0
with open(folder + "/documents.txt", encoding="utf-8") as lines:
    for line in lines:
        writer.add_document(tantivy.Document(ranked=line, phrases=line))
        count += 1
writer.commit()
writer.wait_merging_threads()
built = count / (time.process_time() - start)
index.reload()
searcher = index.searcher()


def words(text):
    return [word for word in analyzer.analyze(" ".join(re.findall(r"\w+", text)))]


def query(kind, text):
    if kind == "phrase":
        terms = words(text)
        if len(terms) > 1:
            return tantivy.Query.phrase_query(index.schema, "phrases", terms)
    if kind == "fuzzy":
        return tantivy.Query.fuzzy_term_query(index.schema, "ranked", text, 1)
    occur = tantivy.Occur.Must if kind == "boolean" else tantivy.Occur.Should
    terms = [tantivy.Query.term_query(index.schema, "ranked", word, "freq") for word in words(text)]
    return tantivy.Query.boolean_query([(occur, term) for term in terms])


print(json.dumps({"built": built}), flush=True)
made = {}
for kind in map(str.strip, sys.stdin):
    if kind not in made:
        with open(f"{folder}/{kind}.txt", encoding="utf-8") as lines:
            made[kind] = [query(kind, line) for line in lines]
    start = time.process_time()
    for one in made[kind]:
        searcher.search(one, 10, count=False)
    seconds = time.process_time() - start
    print(json.dumps({"qps": len(made[kind]) / seconds}), flush=True)
