"""Answers assistants: a read-only server of the Model Context Protocol over the public views, as a reader sees them.

What a ticket says is data of unknown people: each answer marks it so, and no tool changes anything. `server` imports
the SDK, which is an extra, and is therefore imported by the verb alone.
"""
