"""The tasks for inspect-ai: `inspect eval cmcc/emotion --model ...`, with the prompts and scores of this library.

It needs the extra `inspect`, whose packages do not fit those of the other extras: constraints-inspect.txt pins them.
"""
