"""The way in over HTTP: events of web pages, servers and other people's tools, into the log.

A request is read within bounds (`reading`), taken apart (`items`), each event judged with the
rights of the key that it came with (`judging`), and appended together with what came at the same
time (`gathering`). What is answered is durable. The log is a port (`gathering.Append`), so the same
app stands before Kafka and before the embedded log; nothing is kept here.
"""
