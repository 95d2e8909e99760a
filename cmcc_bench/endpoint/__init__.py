"""Language models behind an endpoint: predictions of any model that speaks the chat-completions interface.

from cmcc_bench.endpoint.run import predict

Rows become messages (prompt, shots, questions), messages become answers (client, journal), answers become prediction
lines (answers) in the form of those of trained models. It needs neither torch nor a vendor's library.
"""
