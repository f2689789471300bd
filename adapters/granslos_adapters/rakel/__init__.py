"""Rakel (TETRA) adapter: crews' statuses, positions, texts and emergencies in; texts and position requests out.

codec/      pure: one message's bytes to typed values and back
framing     pure: a terminal's byte stream to lines, answers and indications, with resynchronisation
profile     an organisation's meaning of status numbers, as data
mapping     pure: what was heard to commands and observations of the contract
outbox      pure: what waits to be sent, by priority, with its delivery facts
link        one terminal: transport, one command at a time, registration, reconnection
emulator    a terminal that behaves, or misbehaves as told; for tests, demo and drills
service     link + mapping + delivery to the nodes
conform     what each message of a file means, for ``granslos conform``
"""
