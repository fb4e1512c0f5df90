"""A real Apache Kafka on this machine, for the demo, the tests and the benchmarks.

`broker.Broker` is one, in KRaft mode, on free loopback ports, with its data in a directory that
goes when it does. `mock.MockBroker` stands in where there is no Java or no Maven.
"""
