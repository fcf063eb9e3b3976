"""The ports between stages: what each stage needs from outside itself, as protocols.

A protocol stands here because stages do not import each other, or because two classes answer to it. The daemon needs
none for the store: `store.Register` is its one typed surface, and the mirror and the register stay SQLite.

Terms. SOURCE: a tracker named in the settings. READING: one ticket as just read, raw and parsed. PAGE: readings that
are committed together with their CURSOR. CENSUS: a sweep that reads ids only. PART: a raw piece of a ticket, stored
for ever. WRITE: an intended change of ours on a tracker. DELIVERY: an attempt at a write. EPISODE: the time of a
finding from opened to cleared.
"""
