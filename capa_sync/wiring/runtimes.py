"""Builds sources and writers from the settings, and connects them to the ports of the runtime."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from capa_sync.daemon.collector import calm_collector
from capa_sync.daemon.judging import accounts_judged_with
from capa_sync.daemon.plan_cache import PlanCache
from capa_sync.daemon.rule_files import RuleFiles
from capa_sync.daemon.runtime import Runtime, SourceContext
from capa_sync.daemon.waiver_file import WaiverFile
from capa_sync.errors import UserError
from capa_sync.kinds import BuildRequest
from capa_sync.mapping import bind, unknown_sources
from capa_sync.model.clock import Clock
from capa_sync.model.comment_texts import ENGLISH, CommentTexts
from capa_sync.model.register_check import RegisterLimits
from capa_sync.model.settings import ChildSpec, RetentionOptions, WriteOptions
from capa_sync.ports.reading import Source
from capa_sync.redaction import conceal
from capa_sync.settings import Settings, SourceSettings
from capa_sync.settings.secrets import secret_of
from capa_sync.starter import rule_paths
from capa_sync.store import Register
from capa_sync.wiring.configuration import Configuration, Setup, query_problems
from capa_sync.wiring.late_ports import late_ports

if TYPE_CHECKING:  # a vendor's library is imported where a source of that kind is built
    from capa_sync.hints import HintBox, HintReceiver

T = TypeVar("T")


def build_runtime(
    configuration: Configuration,
    register: Register,
    clock: Clock,
    stop: threading.Event,
    *,
    write_mode: str = "",
    asks: bool = True,
) -> Runtime:
    """Build the runtime on an open register.

    Args:
        configuration: the settings with rules and mappings.
        register: what it works on.
        clock: its present.
        stop: ends its work.
        write_mode: overrides the mode of every source; "" keeps it.
        asks: it asks the trackers; otherwise readers and writers are built only where one is used after all.
    """
    calm_collector()
    limits = RegisterLimits(**configuration.settings.register_checks.model_dump())
    runtime = Runtime(register, configuration.rules, configuration.options, {}, clock, stop=stop, limits=limits)
    kept = configuration.settings.retention
    runtime.retention = RetentionOptions(kept.keep, erases=kept.mode == "on")
    if name := configuration.settings.waivers.file:
        runtime.waiver_file = WaiverFile(configuration.folder / name, name)
    runtime.rule_files = writable_rule_files(configuration.settings, configuration.folder)
    runtime.contexts = {
        name: _source_context(configuration, name, register, clock, stop, write_mode, asks)
        for name in configuration.settings.sources
    }
    return runtime


def writable_rule_files(settings: Settings, folder: Path) -> RuleFiles | None:
    """Return the rule files of the settings where the page may have them written, else None."""
    if not (settings.web.rules_folder_writable and settings.rules):
        return None
    return RuleFiles(rule_paths(settings.rules, folder))


def build_hints(configuration: Setup) -> tuple[HintReceiver, HintBox] | None:
    """Build the listener for hints, bound to its address, and the box that it fills; None when it is off.

    Raises SettingsError when the address cannot be used.
    """
    settings = configuration.settings
    if not settings.hints.listen:
        return None
    from capa_sync.hints import HintBox, HintGuard, HintReceiver, HintSource

    sources = {
        name: HintSource(form, secret)
        for name, secret in configuration.hint_secrets.items()
        if (form := settings.sources[name].declared.hints) is not None
    }
    box = HintBox(sources)
    return HintReceiver(HintGuard(sources, box), settings.hints.listen), box


def build_runtime_for_reading(configuration: Configuration, register: Register, clock: Clock) -> Runtime:
    """Build the runtime for verbs that ask no tracker; mappings are bound as in `bind_as_last_known`."""
    runtime = build_runtime(configuration, register, clock, threading.Event(), write_mode="off", asks=False)
    bind_as_last_known(runtime)
    return runtime


def bind_as_last_known(runtime: Runtime) -> None:
    """Bind each mapping to the last stored site facts of its tracker, for work without a tracker."""
    for name, context in runtime.contexts.items():
        facts = runtime.register.facts.load(name)
        if facts is not None:
            context.facts, context.bound = facts, bind(context.mapping, facts, runtime.register.facts.pins(name))
            context.accounts_version = accounts_judged_with(runtime.register, name)


def _source_context(
    configuration: Configuration,
    name: str,
    register: Register,
    clock: Clock,
    stop: threading.Event,
    write_mode: str,
    asks: bool,
) -> SourceContext:
    """Build the context of one source, with its two ports."""
    source = configuration.settings.sources[name]
    mapping, secret = configuration.mappings[name], configuration.secrets.get(name, "")
    request = _request(name, source, secret, mapping.child_specs(), register, clock, stop)
    reader, writer = source.declared.build(request) if asks else late_ports(source.declared, request)
    return SourceContext(
        name=name,
        kind=source.declared,
        source=reader,
        writer=writer,
        mapping=mapping,
        notes=tuple(unknown_sources(mapping, configuration.settings.sources)),
        write=write_options(configuration.settings, name, write_mode, configuration.texts[name]),
        poll_every=source.poll_every,
        census_every=source.census_every,
        full_sweep_every=source.full_sweep_every,
        max_clock_skew=source.max_clock_skew,
        site=source.url.rstrip("/").lower(),
        url=source.url,
        plans=PlanCache(folder=register.path.parent),
        scope=f"table {source.table} and query “{source.query}”" if source.table else f"query “{source.query}”",
    )


def _request(
    name: str,
    source: SourceSettings,
    secret: str,
    children: tuple[ChildSpec, ...],
    register: Register,
    clock: Clock,
    stop: threading.Event,
) -> BuildRequest:
    """Return what the two ports of one source are built from."""
    return BuildRequest(
        name=name,
        options=source.options(),
        secret=secret,
        children=children,
        clock=clock,
        stop=stop,
        lookup=register.tickets,
        holds=register.runs,
    )


def build_unmapped_source(
    settings: Settings,
    file: Path,
    environ: Mapping[str, str],
    name: str,
    register: Register,
    clock: Clock,
    stop: threading.Event,
) -> Source:
    """Build the reader of one source without its mapping, which need not exist yet. Raises UserError."""
    source = settings.sources[name]
    secret = secret_of(file, name, source.auth, file.resolve().parent, environ)
    conceal(secret, source.options().user)
    if wrong := query_problems(file, name, source):
        raise UserError(wrong)
    return source.declared.build(_request(name, source, secret, (), register, clock, stop))[0]


def write_options(settings: Settings, name: str, mode: str = "", texts: CommentTexts = ENGLISH) -> WriteOptions:
    """Return the write-back options of one source: its own settings, else those of [write_back]."""
    source, common = settings.sources[name], settings.write_back
    own = source.write_back

    def chosen(of_source: T | None, of_all: T) -> T:
        return of_all if of_source is None else of_source

    return WriteOptions(
        mode=mode or chosen(own.mode, common.mode),
        settle=chosen(own.settle, common.settle),
        max_new_comments_per_day=chosen(own.max_new_comments_per_day, common.max_new_comments_per_day),
        max_changed_share=chosen(own.max_changed_share, common.max_changed_share),
        public_url=settings.public_url,
        timezone=settings.timezone,
        isms_lead=settings.isms_lead,
        channels=source.declared.channels,
        text_field=own.text_field,
        state_field=own.state_field,
        work_notes=own.work_notes,
        texts=texts,
    )
