"""The service's programs that tests start are forks of one process that has imported them: to import them takes each process
4 CPU seconds, and to fork one takes 20 milliseconds.

A fork runs the same module with the same arguments, environment, directory and descriptors as the program that the test
starts. It is a child of the process that started it, has a process id of its own and can be signalled, killed and waited
for. Only the start of the interpreter differs: tests of the start itself have the mark `started_anew`.
"""
