"""The leaderboard: checks and scores submissions, ranks systems, and keeps all of it in a repository on the Hub.

    cmcc validate PREDS.jsonl cmcc
    cmcc submit PREDS.jsonl cmcc --leaderboard ORG/leaderboard-results --model NAME --training-data TEXT --yes
    cmcc leaderboard update ORG/leaderboard-results --dataset cmcc --yes

The files, in the order in which a submission passes through them:

    submission.py   the description of a system, submission.json
    submit.py       cmcc submit: opens a pull request with a description and predictions
    inbox.py        the open pull requests, and the two files that are downloaded from each
    check.py        reads predictions with size limits and aligns them with the rows
    standings.py    the rows to score on, and a track's table: submissions, bounds, the paper's rows
    board.py        the table as data: entries, ranks, paired tests, differences
    files.py        writes and reads the files of the repository; card.py writes its README.md
    update.py       cmcc leaderboard update: all of these steps
    reader.py, view.py, html.py, page.py, policy.py: the page that shows a board

A submission is untrusted input: it is read with size limits, parsed by types and only as JSON lines, and only the
parsed content is written to the repository.
"""
