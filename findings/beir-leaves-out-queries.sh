#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# beir 2.2.0: NDCG, MAP, recall and precision are means of the queries in the results, MRR is the mean of all queries.
# Expected: one divisor, the queries of the qrels, so that a query without an answer counts as 0 (trec_eval -c).
# Seen for two queries, one of them answered: NDCG@10 = 1.0 without the other query, 0.5 with an empty answer for it.
#   MRR@10 = 0.5 in both. A run file has no line for a query without hits, so it is read as the first case.
# Also: evaluate() removes a hit whose document has the id of the query, from the caller's results, too; MRR counts it.
set -eu
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
python3 -m venv "$directory/venv"
"$directory/venv/bin/pip" install --quiet --disable-pip-version-check \
    --no-deps beir==2.2.0 numpy==2.4.6 pytrec-eval-terrier==0.5.11 tqdm==4.70.1
cd "$directory"
venv/bin/python - <<'PYTHON'
from beir.retrieval.evaluation import EvaluateRetrieval

evaluate, custom = EvaluateRetrieval.evaluate, EvaluateRetrieval.evaluate_custom
qrels = {'q1': {'d1': 1}, 'q2': {'d2': 1}}
answers = []
for results in ({'q1': {'d1': 1.0}}, {'q1': {'d1': 1.0}, 'q2': {}}):
    ndcg, _, recall, _ = evaluate(qrels, results, [10])
    answers.append((ndcg['NDCG@10'], recall['Recall@10'], custom(qrels, results, [10], 'mrr')['MRR@10']))
print('NDCG, recall, MRR without the query', answers[0], 'with an empty answer', answers[1])
assert answers == [(1, 1, 0.5), (0.5, 0.5, 0.5)]
qrels, results = {'1': {'1': 1}}, {'1': {'1': 2.0, '7': 1.0}}
mrr = custom(qrels, results, [1], 'mrr')['MRR@1']
ndcg = evaluate(qrels, results, [1])[0]['NDCG@1']
print('query 1, document 1: MRR', mrr, 'NDCG', ndcg, 'results afterwards', results)
assert mrr == 1 and ndcg == 0 and results == {'1': {'7': 1.0}}
print('beir 2.2.0: as seen before')
PYTHON
