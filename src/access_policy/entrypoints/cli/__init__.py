"""The command line: commands for operators, which call the HTTP API, and commands that run the service.

Exit status 0: done, 1: refused or failed, 2: usage, 130: interrupted.
"""
