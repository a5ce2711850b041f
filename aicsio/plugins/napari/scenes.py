"""The widget that picks scenes, and wells and fields of plates.

Rule kept here: it holds nothing of an image. The images are those of the layers of the viewer,
whose metadata have their handles; a scene that is picked replaces the layers of the scene before,
with their contrast and colours.
"""

import os
from typing import Any, TypeAlias

from aicsio.errors import AicsioError
from aicsio.plugins.napari.layers import to_layers
from aicsio.records import ImageHandle, Well
from aicsio.steps import select_scene

__all__ = ["ScenePicker", "list_handles", "make_widget", "show_scene"]

Widget: TypeAlias = Any
Viewer: TypeAlias = Any

KEPT = ("visible", "opacity", "gamma", "colormap", "contrast_limits")
"""Attributes of a layer that the layer of the same channel in another scene takes over."""
MOST_LISTED = 2000
"""Scenes in the list: Qt fills it with as many in a tenth of a second; the filter finds the
others."""


def make_widget(viewer: Viewer = None) -> Widget:
    """Make the widget of the menu "Plugins > aicsio > Scenes and wells".

    Parameters
    ----------
    viewer
        A viewer of napari; ``None`` for the one in front.

    Returns
    -------
    qtpy.QtWidgets.QWidget
        Lists the scenes of the images that the viewer shows.

    Examples
    --------
    >>> from aicsio.plugins.napari.scenes import make_widget
    >>> make_widget.__name__  # within napari: viewer.window.add_dock_widget(make_widget(viewer))
    'make_widget'
    """
    if viewer is None:
        import napari

        viewer = napari.current_viewer()
    picker = ScenePicker(viewer)
    # Qt owns the widget, and the widget what answers its signals.
    picker.widget.picker = picker
    return picker.widget


def list_handles(viewer: Viewer) -> list[ImageHandle]:
    """List the images of the layers of a viewer, one handle a file.

    Parameters
    ----------
    viewer
        A viewer of napari, or its model.

    Returns
    -------
    list of ImageHandle
        In the order of the layers; each shows the scene of the last of its layers.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> from aicsio.plugins.napari.scenes import list_handles
    >>> list_handles(SimpleNamespace(layers=[]))
    []
    """
    handles: dict[str, ImageHandle] = {}
    for layer in viewer.layers:
        handle = layer.metadata.get("handle")
        # Labels are images of their own that lie in the file of their image.
        if isinstance(handle, ImageHandle) and "aicsio-labels" not in layer.metadata:
            handles[handle.source.uri] = handle
    return list(handles.values())


def show_scene(viewer: Viewer, handle: ImageHandle, *, replace: bool = True) -> None:
    """Show a scene in a viewer.

    Parameters
    ----------
    viewer
        A viewer of napari, or its model.
    handle
        The scene.
    replace
        Whether the layers of other scenes of the file go; the new ones take over their contrast and
        colours.

    Raises
    ------
    AicsioError
        As by ``to_layers``.

    Examples
    --------
    >>> from aicsio.plugins.napari.scenes import show_scene
    >>> show_scene.__name__  # within napari: show_scene(viewer, select_scene(handle, 3))
    'show_scene'
    """
    from napari.layers import Layer

    layers = [Layer.create(*each) for each in to_layers(handle)]
    shown = [layer for layer in viewer.layers if _is_of(layer, handle)]
    if replace:
        by_channel = {_channel_key(layer): layer for layer in shown}
        for layer in layers:
            before = by_channel.get(_channel_key(layer))
            if before is not None:
                _take_over(layer, before)
        for layer in shown:
            viewer.layers.remove(layer)
    for layer in layers:
        viewer.add_layer(layer)


def _is_of(layer: Any, handle: ImageHandle) -> bool:
    own = layer.metadata.get("handle")
    return isinstance(own, ImageHandle) and own.source.uri == handle.source.uri


def _channel_key(layer: Any) -> tuple[object, ...]:
    metadata = layer.metadata
    return type(layer).__name__, metadata.get("channel_index"), metadata.get("aicsio-labels")


def _take_over(layer: Any, before: Any) -> None:
    for name in KEPT:
        value = getattr(before, name, None)
        is_plain = name not in {"colormap", "contrast_limits"} or type(layer).__name__ == "Image"
        if value is not None and is_plain:
            setattr(layer, name, value)


class ScenePicker:
    """The widget and what answers its signals. Not a record: Qt calls it."""

    def __init__(self, viewer: Viewer) -> None:
        from qtpy import QtWidgets

        self.viewer = viewer
        self.widget = QtWidgets.QWidget()
        self.files = QtWidgets.QComboBox()
        self.filter = QtWidgets.QLineEdit()
        self.filter.setPlaceholderText("part of a name")
        self.scenes = QtWidgets.QListWidget()
        self.wells = QtWidgets.QTableWidget()
        self.fields = QtWidgets.QSpinBox()
        self.adds = QtWidgets.QCheckBox("keep the scenes that are shown")
        self.message = QtWidgets.QLabel()
        self.message.setWordWrap(True)
        self.files.setSizeAdjustPolicy(
            QtWidgets.QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        layout = QtWidgets.QFormLayout(self.widget)
        for label, part in (
            ("file", self.files),
            ("scenes", self.filter),
            ("", self.scenes),
            ("wells", self.wells),
            ("field", self.fields),
            ("", self.adds),
            ("", self.message),
        ):
            layout.addRow(label, part)
        self._of_wells = [layout.labelForField(self.wells), layout.labelForField(self.fields)]
        self._handles: list[ImageHandle] = []
        self.files.currentIndexChanged.connect(lambda _: self.fill())
        self.filter.textChanged.connect(lambda _: self.fill_scenes())
        self.scenes.itemClicked.connect(lambda item: self.pick(item.data(_USER_ROLE)))
        self.wells.cellClicked.connect(self.pick_well)
        self.fields.valueChanged.connect(lambda _: self.pick_well(*self._cell()))
        for signal in (viewer.layers.events.inserted, viewer.layers.events.removed):
            signal.connect(self._on_layers)
        self.refresh()

    def _on_layers(self, event: object = None) -> None:
        del event
        self.refresh()

    def refresh(self) -> None:
        """List the files of the viewer anew."""
        handles = list_handles(self.viewer)
        # Layers come one by one: the lists are filled when a file or scene is new.
        if handles == self._handles:
            return
        before = self.files.currentText()
        self._handles = handles
        # Each change of the list would send a signal, which fills the widget anew.
        self.files.blockSignals(True)
        self.files.clear()
        for handle in handles:
            self.files.addItem(os.path.basename(handle.source.uri.rstrip("/")))
            self.files.setItemData(self.files.count() - 1, handle.source.uri, _TOOLTIP_ROLE)
        self.files.setCurrentIndex(max(0, self.files.findText(before)))
        self.files.blockSignals(False)
        self.fill()

    @property
    def handle(self) -> ImageHandle | None:
        """The chosen file; ``None`` where the viewer shows none of ours."""
        index = self.files.currentIndex()
        return self._handles[index] if 0 <= index < len(self._handles) else None

    def fill(self) -> None:
        """Show the scenes and wells of the chosen file."""
        self.fill_scenes()
        placed = self._placed()
        rows, columns = _plate_axes([well for _, well in placed])
        for part in (self.wells, self.fields, *self._of_wells):
            part.setVisible(bool(placed))
        self.wells.setRowCount(len(rows))
        self.wells.setColumnCount(len(columns))
        self.wells.setVerticalHeaderLabels(rows)
        self.wells.setHorizontalHeaderLabels(columns)
        self.wells.clearContents()
        from qtpy import QtWidgets

        for row, column in {(well.row, well.column) for _, well in placed}:
            item = QtWidgets.QTableWidgetItem("●")
            item.setToolTip(f"{row}{column}")
            self.wells.setItem(rows.index(row), columns.index(column), item)
        self.wells.resizeColumnsToContents()
        # A smaller maximum may change the value, whose signal would show another field.
        self.fields.blockSignals(True)
        self.fields.setMaximum(max((well.field for _, well in placed), default=0))
        self.fields.blockSignals(False)

    def fill_scenes(self) -> None:
        """List the scenes whose names have the text of the filter."""
        from qtpy import QtWidgets

        self.scenes.clear()
        handle = self.handle
        if handle is None:
            return
        wanted = self.filter.text().lower()
        for index, scene in enumerate(handle.scenes):
            if wanted not in scene.name.lower() or not scene.levels:
                continue
            item = QtWidgets.QListWidgetItem(f"{scene.name}   {scene.dims}")
            item.setData(_USER_ROLE, index)
            self.scenes.addItem(item)
            if index == handle.scene_index:
                self.scenes.setCurrentItem(item)
            if self.scenes.count() >= MOST_LISTED:
                break

    def _placed(self) -> list[tuple[int, Well]]:
        handle = self.handle
        scenes = () if handle is None else handle.scenes
        return [(n, scene.well) for n, scene in enumerate(scenes) if scene.well and scene.levels]

    def _cell(self) -> tuple[int, int]:
        return self.wells.currentRow(), self.wells.currentColumn()

    def pick_well(self, row: int, column: int) -> None:
        """Show a well by its place in the table, at the chosen field or its first one.

        Parameters
        ----------
        row
            Of the table.
        column
            Of the table.
        """
        placed = self._placed()
        rows, columns = _plate_axes([well for _, well in placed])
        if not (0 <= row < len(rows) and 0 <= column < len(columns)):
            return
        there = [
            one for one in placed if (one[1].row, one[1].column) == (rows[row], columns[column])
        ]
        fitting = [one for one in there if one[1].field == self.fields.value()] or there
        if fitting:
            self.pick(fitting[0][0])

    def pick(self, index: int) -> None:
        """Show a scene.

        Parameters
        ----------
        index
            Of the scene in its file.
        """
        handle = self.handle
        if handle is None:
            return
        self.message.clear()
        try:
            show_scene(self.viewer, select_scene(handle, index), replace=not self.adds.isChecked())
        except AicsioError as error:
            # A dialog for each damaged scene would stop the browsing of a plate.
            self.message.setText(str(error))


_USER_ROLE, _TOOLTIP_ROLE = 0x100, 3
"""``Qt.ItemDataRole``, whose members PyQt and PySide pass differently."""


def _plate_axes(wells: list[Well]) -> tuple[list[str], list[str]]:
    """Return the names of rows and columns in the order of a plate: A, B, ... AA; 1, 2, ... 10."""
    rows = sorted({well.row for well in wells}, key=_plate_order)
    columns = sorted({well.column for well in wells}, key=_plate_order)
    return rows, columns


def _plate_order(name: str) -> tuple[int, str]:
    # Longer names come later: AA after Z, 10 after 9; zeros in front do not count.
    return len(name.lstrip("0")), name
