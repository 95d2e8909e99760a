"""The leaderboard: tracks, the check of what is submitted, scores and ranks, and the Hub's repository that holds them.

    cmcc validate PREDS.jsonl cmcc
    cmcc submit PREDS.jsonl cmcc --leaderboard ORG/leaderboard-results --model NAME --training-data TEXT --yes
    cmcc leaderboard update ORG/leaderboard-results --dataset cmcc --yes

The files, in the order in which a submission passes through them:

    submission.py   what its author says of a system
    submit.py       cmcc submit: a pull request with a description and predictions
    inbox.py        the open pull requests, and the two files that are taken of each
    check.py        reads the predictions within bounds and puts them beside the rows
    standings.py    the rows to score on, and a track's table: systems, bounds, the paper's rows
    board.py        the table as data: entries, ranks, paired tests, differences
    files.py        the files of the repository: writes and reads a board; card.py writes its README.md
    update.py       cmcc leaderboard update: all of these, one after the other
    reader.py, view.py, html.py, page.py, policy.py: the page that shows a board

What is submitted was made by somebody else and may hold anything: it is read with bounds, parsed by types, never opened
as anything but JSON lines, and only what was understood is written anew and kept.
"""
