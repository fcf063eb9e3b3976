"""Worker processes: they evaluate batches of due tickets, so that a first cycle or a rule change uses every core.

What they buy, measured with 50,000 tickets on two cores (docs/decisions/0009-worker-processes.md): a first cycle
takes 38 s instead of 62 s, a rule change 24 s instead of 42 s. Below 4,000 due tickets they cost more than they save,
and none is started.

A worker reads the register and the settings by itself and never writes to them. Each task names the rules and the
mapping of the asking process; a worker with other ones declines. The daemon evaluates every batch that has no answer,
so a worker can make a cycle faster and never different. While a source is read for the first time, one worker
evaluates mirrored tickets speculatively; an outcome counts only after the source was read to its end, and only if
nothing that it rests on has changed.

`pool` starts workers and gives them tasks. `dispatch` decides which process evaluates which batch. `process` is the
connection to one worker. Inside the worker, `serving` evaluates tasks (`task`), and `speculation` keeps outcomes.
"""

from __future__ import annotations

from capa_sync.daemon.workers.pool import WorkerPool
from capa_sync.daemon.workers.serving import serve

__all__ = ["WorkerPool", "serve"]
