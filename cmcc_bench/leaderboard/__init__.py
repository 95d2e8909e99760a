"""The leaderboard: tracks, the check of what is submitted, scores and ranks, and the Hub's repository that holds them.

    cmcc validate PREDS.jsonl cmcc
    cmcc submit PREDS.jsonl cmcc --leaderboard ORG/leaderboard-results --model NAME --training-data TEXT --yes
    cmcc leaderboard update ORG/leaderboard-results --dataset cmcc --yes

What is submitted was made by somebody else and may hold anything: it is read with bounds, parsed by types, never opened
as anything but JSON lines, and only what was understood is written anew and kept.
"""
