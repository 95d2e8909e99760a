"""The leaderboard as a Gradio page: choose a track, sort, filter, see scores with intervals, compare two systems.

    launch_board("ORG/leaderboard-results", port=None)

The plot is SVG in the page, without a plotting library: it loads nothing from other hosts, fits a phone, and is part of
a list whose rows also give the numbers as text.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # no requests to other hosts

import gradio as gr
from starlette.middleware import Middleware

from cmcc_bench.errors import DataError
from cmcc_bench.leaderboard import html
from cmcc_bench.leaderboard.board import Difference, TrackBoard, differences
from cmcc_bench.leaderboard.files import read_predictions_of, read_texts
from cmcc_bench.leaderboard.policy import OwnContentOnly
from cmcc_bench.leaderboard.reader import BoardReader, Reading, source_of_space
from cmcc_bench.leaderboard.view import (
    KINDS,
    ORDERS,
    TableQuery,
    comparable,
    compare_entries,
    page_of_differences,
    plot_of,
    table_of,
)
from cmcc_bench.masking import mask_error
from cmcc_bench.reports.table import score_name
from cmcc_bench.tasks import TASKS

TITLE = "CMCC leaderboard"
_FONTS = ("system-ui", "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", "sans-serif")  # local fonts only
# Events that change the rows are handled one after the other, and the last one is never dropped.
_IN_TURN = {"concurrency_id": "rows", "concurrency_limit": 1, "trigger_mode": "always_last"}
_FILTER_LENGTH = 200  # maximum characters of a filter
_NOTHING_CHOSEN = "Choose two systems, then press Compare."
_NO_PREDICTIONS = "To see single answers that differ, choose two submitted systems. Other rows have no stored answers."

# The buttons in the table's head name the order; the table is updated in place, so that the focus stays.
_SORT = """
element.addEventListener('click', (event) => {
  const button = event.target.closest('button[data-order]');
  if (button) trigger('click', { order: button.dataset.order });
});
"""


def make_board_page(reader: BoardReader) -> gr.Blocks:
    """The page of a board. It reads the board again, after a minute, when a visitor opens or reloads the page."""
    page: gr.Blocks
    with gr.Blocks(title=TITLE, analytics_enabled=False) as page:
        _Page(reader, page)
    return page


class _Page:
    """The components of a page and their event handlers; it stores no data of visitors."""

    def __init__(self, reader: BoardReader, page: gr.Blocks) -> None:
        self.reader = reader
        self.read_differences = lru_cache(maxsize=16)(_read_differences)
        self._lay_out()
        self._connect(page)

    def _lay_out(self) -> None:
        self.heading = _html()
        self.reload = gr.Button("Reload the leaderboard", size="sm", elem_classes=["reload"])
        with gr.Column() as self.body:
            self._lay_out_rows()
            self._lay_out_comparison()
        self.help, self.rejected = _html(), _html()

    def _lay_out_rows(self) -> None:
        self.track = gr.Radio([], label="Track")
        self.order = gr.Radio([], label="Sort by", info="Highest first. The plot and the ranks use this score.")
        # The order that the handlers use. A state is read when its event runs, a radio's value when the event is sent:
        # a filter that is sent during a sort would put the rows back into the earlier order.
        self.chosen_order = gr.State("")
        with gr.Row():
            placeholder = "name, author, training data"
            self.text = gr.Textbox(label="Filter", placeholder=placeholder, max_lines=1, min_width=240)
            kinds = [(label, kind) for kind, label in KINDS.items()]
            self.kinds = gr.CheckboxGroup(kinds, value=[*KINDS], label="Show", min_width=300)
        self.table, self.page = _html(js_on_load=_SORT), gr.State(0)
        self.rows_before, self.rows_after = _pager("rows")
        self.plot = _html()

    def _lay_out_comparison(self) -> None:
        _html("<h2>Compare two systems</h2>")
        with gr.Row():
            self.a = gr.Dropdown([], label="System A", min_width=240)
            self.b = gr.Dropdown([], label="System B", min_width=240)
        self.compare = gr.Button("Compare", variant="primary")
        self.comparison, self.differences, self.differences_page = _html(), _html(), gr.State(0)
        self.items_before, self.items_after = _pager("differences")

    def _connect(self, page: gr.Blocks) -> None:
        query = [self.track, self.chosen_order, self.text, self.kinds, self.page]
        rows = [self.table, self.plot, self.page, self.rows_before, self.rows_after]
        after = [self.help, self.rejected, self.body]
        board = [
            self.heading,
            self.track,
            self.order,
            *rows,
            self.a,
            self.b,
            *self._compared(),
            self.chosen_order,
            *after,
        ]
        for event in (page.load, self.reload.click, self.track.input):
            _on(event, self.show_board, query, board)
        filtered = [*rows, self.a, self.b]
        _on(self.order.input, self.choose_order, [self.order, *query], [self.chosen_order, *rows], **_IN_TURN)
        for event in (self.text.change, self.kinds.input):
            _on(event, self.filter_rows, [*query, self.a, self.b], filtered, **_IN_TURN)
        _on(self.table.click, self.sort, query, [self.order, self.chosen_order, *rows], **_IN_TURN)
        for button, step in ((self.rows_before, -1), (self.rows_after, 1)):
            _on(button.click, self.turn_rows(step), query, rows, **_IN_TURN | {"trigger_mode": "once"})
        for event in (self.compare.click, self.a.input, self.b.input):
            _on(event, self.show_comparison, [self.track, self.a, self.b], self._compared(), trigger_mode="always_last")
        for button, step in ((self.items_before, -1), (self.items_after, 1)):
            sides = [self.track, self.a, self.b, self.differences_page]
            _on(button.click, self.turn_differences(step), sides, self._compared()[1:])

    def _compared(self) -> list[Any]:
        return [self.comparison, self.differences, self.differences_page, self.items_before, self.items_after]

    def show_board(self, task: str, order: str, text: str, kinds: list[str], _: int) -> list[Any]:
        """The whole page for the chosen track, or for the first one."""
        reading = self.reader.read()
        track = _track(reading, task)
        if track is None:
            empty = [gr.update(choices=[], value=None)] * 2
            nothing = ["", "", 0, *_buttons(0, 1)]
            shown = [html.heading_html(reading, None), *empty, *nothing, *empty, *_no_comparison(_NOTHING_CHOSEN)]
            return [*shown, order, *_about(reading), gr.update(visible=False)]
        orders = _orders(track)
        order = order if order in orders.values() else track.track.headline[0]
        tracks = reading.board.tracks if reading.board else {}
        tasks = [(board.track.title, name) for name, board in tracks.items()]
        return [
            html.heading_html(reading, track),
            gr.update(choices=tasks, value=track.track.name),
            gr.update(choices=[*orders.items()], value=order),
            *_rows(track, _query(order, text, kinds)),
            *_sides(track, _query(order, text, kinds)),
            *_no_comparison(_NOTHING_CHOSEN),
            order,
            *_about(reading),
            gr.update(visible=True),
        ]

    def choose_order(self, chosen: str, task: str, _: str, text: str, kinds: list[str], page: int) -> list[Any]:
        """The order that was chosen in the list, and the table in it."""
        return [chosen, *self.show_rows(task, chosen, text, kinds, page)]

    def show_rows(self, task: str, order: str, text: str, kinds: list[str], _: int) -> list[Any]:
        """The table, from its first page, and the plot."""
        return self._show_page(task, _query(order, text, kinds))

    def _show_page(self, task: str, query: TableQuery) -> list[Any]:
        track = _track(self.reader.last(), task)
        return ["", "", 0, *_buttons(0, 1)] if track is None else _rows(track, query)

    def filter_rows(self, task: str, order: str, text: str, kinds: list[str], page: int, a: str, b: str) -> list[Any]:
        """The table, the plot, and the systems to compare: those that match the filter, and those chosen before."""
        track = _track(self.reader.last(), task)
        sides = [gr.update(), gr.update()] if track is None else _sides(track, _query(order, text, kinds), (a, b))
        return [*self.show_rows(task, order, text, kinds, page), *sides]

    def sort(self, task: str, order: str, text: str, kinds: list[str], page: int, event: gr.EventData) -> list[Any]:
        """The table sorted by the column whose head was clicked."""
        track = _track(self.reader.last(), task)
        clicked = getattr(event, "order", None)
        if track is not None and clicked in _orders(track).values():
            order = str(clicked)
        return [gr.update(value=order), order, *self.show_rows(task, order, text, kinds, page)]

    def turn_rows(self, step: int) -> Callable[..., list[Any]]:
        """A handler that shows the previous (-1) or next (1) page of rows."""
        return lambda task, order, text, kinds, page: self._show_page(task, _query(order, text, kinds, page + step))

    def show_comparison(self, task: str, a: str | None, b: str | None) -> list[Any]:
        """The paired test of two systems, and the first page of the items that they answer differently."""
        reading = self.reader.last()
        track = _track(reading, task)
        if track is None or not a or not b:
            return _no_comparison(_NOTHING_CHOSEN)
        if a == b:
            return _no_comparison("System A and system B are the same. Choose another one.")
        try:
            comparison = compare_entries(track, a, b)
        except KeyError:
            problem = "One of these systems is no longer on the leaderboard. Reload the leaderboard."
            return _no_comparison(problem, is_problem=True)
        return [html.comparison_html(comparison), *self.show_differences(task, a, b, 0)]

    def show_differences(self, task: str, a: str | None, b: str | None, page: int) -> list[Any]:
        """A page of the items that two systems answer differently."""
        reading = self.reader.last()
        track = _track(reading, task)
        if track is None or not a or not b or reading.folder is None:
            return _no_comparison(_NOTHING_CHOSEN)[1:]
        entries = {entry.key: entry for entry in track.entries}
        if any(key not in entries or entries[key].kind != "submission" for key in (a, b)):
            return [html.note_html(_NO_PREDICTIONS), 0, *_buttons(0, 1)]
        try:
            found = self.read_differences(reading.folder, reading.read_at, task, a, b)
        except (DataError, OSError) as error:
            reason = mask_error(error) if isinstance(error, DataError) else "no such file"
            return [html.note_html(f"The answers cannot be read: {reason}", is_problem=True), 0, *_buttons(0, 1)]
        shown = page_of_differences(found, page)
        content = html.differences_html(shown, track.track.items)
        return [content, shown.page, *_buttons(shown.page, shown.pages)]

    def turn_differences(self, step: int) -> Callable[..., list[Any]]:
        """A handler that shows the previous (-1) or next (1) page of differences."""
        return lambda task, a, b, page: self.show_differences(task, a, b, page + step)


def _html(value: str = "", **options: Any) -> gr.HTML:  # noqa: ANN401
    return gr.HTML(value, apply_default_css=False, elem_classes=["cmcc"], **{"js_on_load": None, **options})


def _pager(what: str) -> tuple[gr.Button, gr.Button]:
    with gr.Row():
        before = gr.Button(f"Previous {what}", size="sm", visible=False, min_width=120)
        after = gr.Button(f"Next {what}", size="sm", visible=False, min_width=120)
    return before, after


def _on(event: Any, function: Callable[..., Any], inputs: Any, outputs: Any, **options: Any) -> None:  # noqa: ANN401
    """Connects an event to a function. None is a public API: programs read the files of the results instead."""
    event(function, inputs, outputs, api_visibility="private", show_progress="hidden", **options)


def _about(reading: Reading) -> list[str]:
    """The sections on how to submit and on rejected submissions."""
    return [html.help_html(reading.board, reading.source), html.rejected_html(reading.board)]


def _track(reading: Reading, task: str | None) -> TrackBoard | None:
    tracks = reading.board.tracks if reading.board else {}
    return tracks.get(task or "") or next(iter(tracks.values()), None)


def _orders(track: TrackBoard) -> dict[str, str]:
    return {score_name(score): score for score in track.track.headline} | {label: key for key, label in ORDERS.items()}


def _query(order: str, text: str, kinds: Sequence[str], page: int = 0) -> TableQuery:
    return TableQuery(order, (text or "")[:_FILTER_LENGTH], tuple(kind for kind in KINDS if kind in kinds), page)


def _rows(track: TrackBoard, query: TableQuery) -> list[Any]:
    table = table_of(track, query)
    return [
        html.table_html(table),
        html.plot_html(plot_of(track, query)),
        table.page,
        *_buttons(table.page, table.pages),
    ]


def _sides(track: TrackBoard, query: TableQuery, chosen: Sequence[str | None] | None = None) -> list[Any]:
    """The two lists of systems to compare.

    chosen: the selected keys, which stay as they are; a visitor may choose another one while this is computed. Without
    them the two best submissions are selected.
    """
    choices = comparable(track, query)
    labels = {key: label for label, key in comparable(track, TableQuery(query.order))}
    ranked = [entry.key for entry in track.sorted_by(track.track.headline[0]) if entry.ranks]
    selected = [*ranked, None, None][:2] if chosen is None else chosen
    keys = {key for _, key in choices}
    choices += [(labels[key], key) for key in dict.fromkeys(selected) if key in labels and key not in keys]
    if chosen is None:
        return [gr.update(choices=choices, value=key) for key in selected]
    return [gr.update(choices=choices) if key in labels else gr.update(choices=choices, value=None) for key in selected]


def _buttons(page: int, pages: int) -> list[Any]:
    return [
        gr.update(visible=pages > 1, interactive=page > 0),
        gr.update(visible=pages > 1, interactive=page < pages - 1),
    ]


def _no_comparison(text: str, is_problem: bool = False) -> list[Any]:
    return [html.note_html(text, is_problem), "", 0, *_buttons(0, 1)]


def _read_differences(folder: Path, read_at: str, task: str, a: str, b: str) -> list[Difference]:
    """All items that two submissions answer differently. read_at: part of the cache key, for a newer board."""
    del read_at
    track = TASKS[task]
    first, second = (read_predictions_of(folder, track, key) for key in (a, b))
    return differences(track, first, second, read_texts(folder, task))


def launch_page(page: gr.Blocks, **options: Any) -> Any:  # noqa: ANN401 - the type that Gradio returns
    """Serves the page. options: of Gradio's launch, such as server_name; its defaults are right for a Space."""
    return page.launch(
        theme=gr.themes.Default(primary_hue="blue", font=list(_FONTS), font_mono=["ui-monospace", "monospace"]),
        css=html.style(),
        footer_links=[],
        app_kwargs={"middleware": [Middleware(OwnContentOnly)]},
        share=False,
        ssr_mode=False,
        **options,
    )


def launch_board(source: str | Path, port: int | None) -> None:
    """Serves the page of a board on this machine only, until interrupted. source: a folder, or a data set's Hub id."""
    launch_page(make_board_page(BoardReader(source)), server_name="127.0.0.1", server_port=port)


def launch_space(folder: Path) -> None:
    """Serves the page of a Space until stopped. folder: with the Space's README.md, which names the results."""
    launch_page(make_board_page(BoardReader(source_of_space(folder, os.environ))))
