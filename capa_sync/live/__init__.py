"""The live verdict set: the set in the register decides verdicts; the files are a set that may replace it.

`settle` finds the live set of a register and loads it, `changing` prepares another one and makes it live, `files`
turns loaded files into a set and a set into a configuration, `compare` finds what differs.
"""
