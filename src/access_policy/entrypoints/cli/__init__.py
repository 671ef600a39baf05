"""The command line: an operator's commands, which call the HTTP API, and the commands that run the service.

Exit status 0: done, 1: refused or failed, 2: usage, 130: interrupted.
"""
