"""Runs the stages: `cycle` orders sources and steps, `pipeline` owns the steps of a ticket for every caller."""

from __future__ import annotations
