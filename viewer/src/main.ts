// The page: opens an image, follows the pointer and the keys, and keeps the address up to date.

import { ask, type Metadata, type SceneFacts, type ScenesFacts } from "./api";
import { ChannelRow } from "./channels";
import { Gpu } from "./gpu";
import { drawOverlay, formatLength, type Line } from "./overlay";
import { byId, formatValue, make } from "./page";
import { Sliders } from "./sliders";
import { fromHash, toHash, type Requested, type View } from "./state";
import { Tiles } from "./tiles";
import { showWells } from "./wells";

const FIT_MARGIN = 0.98;
const MOST_ZOOM = 64;      // screen pixels for one of the image
const VALUE_WAIT = 60;     // milliseconds of rest before the value under the pointer is asked for

class Viewer {
  private readonly canvas = byId<HTMLCanvasElement>("image");
  private readonly overlay = byId<HTMLCanvasElement>("overlay");
  private readonly gpu = new Gpu(this.canvas);
  private readonly sliders = new Sliders(byId("sliders"), () => this.moved(), () => this.tiles?.complete ?? true);
  private files: string[] = [];
  private scenes: ScenesFacts | null = null;
  private facts: SceneFacts | null = null;
  private tiles: Tiles | null = null;
  private rows: ChannelRow[] = [];
  private view: View = { file: 0, scene: 0, picks: {}, x: 0, y: 0, zoom: 1, channels: [] };
  private line: Line | null = null;
  private measuring = false;
  private due = false;
  private asked: AbortController | null = null;
  private waiting = 0;
  private written = "";

  async start(): Promise<void> {
    this.listen();
    this.files = (await ask<{ files: string[] }>("files")).files;
    const select = byId<HTMLSelectElement>("file");
    select.replaceChildren(...this.files.map((name, index) => make("option", { value: String(index), textContent: name })));
    select.hidden = this.files.length < 2;
    select.onchange = () => void this.openFile({ ...fromHash(""), file: Number(select.value) });
    // An open page keeps a server with --idle alive.
    setInterval(() => void ask("alive").catch(() => this.report("the server has ended")), 20000);
    await this.openFile(fromHash(location.hash));
  }

  private async openFile(requested: Requested): Promise<void> {
    const file = Math.min(requested.file, this.files.length - 1);
    try {
      this.scenes = await ask<ScenesFacts>("scenes", { file });
    } catch (error) {
      return this.report((error as Error).message);
    }
    byId<HTMLSelectElement>("file").value = String(file);
    document.title = `${this.files[file]} – aicsio`;
    const { scenes, empty, wells, whole, focus } = this.scenes;
    const select = byId<HTMLSelectElement>("scene");
    select.replaceChildren(...scenes.map((name, index) =>
      make("option", { value: String(index), textContent: `${index}: ${name}`, disabled: empty.includes(index) })));
    select.hidden = scenes.length < 2 || !whole;
    select.onchange = () => void this.openScene(file, Number(select.value), fromHash(""));
    showWells(byId("wells"), whole ? wells : [], (scene) => void this.openScene(file, scene, fromHash("")));
    await this.openScene(file, requested.scene ?? focus, requested);
  }

  private async openScene(file: number, scene: number, requested: Requested): Promise<void> {
    const where = { file, scene };
    let facts: SceneFacts;
    try {
      facts = await ask<SceneFacts>("scene", where);
    } catch (error) {
      return this.report((error as Error).message);
    }
    this.report("");
    const sameKind = this.facts && JSON.stringify(this.facts.channels) === JSON.stringify(facts.channels);
    const kept = sameKind && file === this.view.file ? this.view.channels : [];
    this.tiles?.close();
    this.facts = facts;
    byId<HTMLSelectElement>("scene").value = String(scene);
    byId("wells").dispatchEvent(new CustomEvent("scene", { detail: scene }));
    const picks = { ...facts.start };
    for (const [letter, size] of Object.entries(facts.axes)) {
      const asked = requested.picks[letter] ?? this.view.picks[letter] ?? picks[letter];
      picks[letter] = Math.min(size - 1, asked);
    }
    const chosen = requested.channels.length === facts.channels.length ? requested.channels : kept;
    const channels = facts.channels.map(({ color }, index) =>
      chosen[index] ?? { on: index < 7, color, low: 0, high: 1, ready: false });
    this.view = { file, scene, picks, x: facts.width / 2, y: facts.height / 2, zoom: 1, channels };
    this.line = null;
    this.tiles = new Tiles(this.gpu, facts, where, () => this.redraw(), (message) => this.report(message));
    this.sliders.show(facts, picks);
    // The sliders take height from the image, and the first picture fits into what is left.
    this.measureStage();
    this.rows = channels.map((channel, index) => new ChannelRow(channel, index, facts, where,
      () => this.view.picks, () => this.redraw(), (message) => this.report(message)));
    byId("channels").replaceChildren(...this.rows.map((row) => row.element));
    for (const row of this.rows) void row.suggest(false);
    if (requested.at) [this.view.x, this.view.y, this.view.zoom] = requested.at;
    else this.fit();
    if (!byId("metadata").hidden) void this.showMetadata();
    this.redraw();
  }

  // ------------------------------------------------------------------ drawing

  redraw(): void {
    if (this.due) return;
    this.due = true;
    requestAnimationFrame(() => {
      this.due = false;
      this.draw();
    });
  }

  private draw(): void {
    if (!this.tiles || !this.facts) return;
    this.tiles.draw(this.view);
    const context = this.overlay.getContext("2d")!;
    context.clearRect(0, 0, this.overlay.width, this.overlay.height);
    drawOverlay(context, this.view, this.facts, this.line, devicePixelRatio);
    const level = this.facts.levels[this.tiles.levelFor(this.view.zoom)];
    byId("zoom").textContent = `${formatValue(Number((100 * this.view.zoom).toPrecision(3)))} %`;
    byId("level").textContent = level.scale > 1 ? `level 1 : ${formatValue(Number(level.scale.toPrecision(3)))}` : "";
    document.body.dataset.complete = String(this.tiles.complete && this.view.channels.every((one) => one.ready));
    document.body.dataset.requested = String(this.tiles.requested);
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => this.writeAddress(), 150);
  }

  private writeAddress(): void {
    const hash = toHash(this.view);
    if (hash === this.written) return;
    this.written = hash;
    history.replaceState(null, "", `#${hash}`);
  }

  private resize(): void {
    this.measureStage();
    this.draw();
  }

  // Not drawn before the place is known: tiles of another one would be asked for, and occupy the reader.
  private measureStage(): void {
    const box = this.canvas.parentElement!.getBoundingClientRect();
    for (const canvas of [this.canvas, this.overlay]) {
      canvas.width = Math.max(1, Math.round(box.width * devicePixelRatio));
      canvas.height = Math.max(1, Math.round(box.height * devicePixelRatio));
    }
  }

  private fit(): void {
    const { width, height } = this.facts!;
    this.view.x = width / 2;
    this.view.y = height / 2;
    this.view.zoom = FIT_MARGIN * Math.min(this.canvas.width / width, this.canvas.height / height);
    this.redraw();
  }

  private zoomBy(factor: number, x = this.canvas.width / 2, y = this.canvas.height / 2): void {
    if (!this.facts) return;
    const { width, height } = this.canvas;
    const least = 0.2 * Math.min(width / this.facts.width, height / this.facts.height, 1);
    const zoom = Math.min(MOST_ZOOM, Math.max(least, this.view.zoom * factor));
    // The pixel below the pointer stays there.
    const place = this.toImage(x, y);
    this.view.zoom = zoom;
    this.view.x = place.x - (x - width / 2) / zoom;
    this.view.y = place.y - (y - height / 2) / zoom;
    this.redraw();
  }

  private toImage(x: number, y: number): { x: number; y: number } {
    const { width, height } = this.canvas;
    return { x: (x - width / 2) / this.view.zoom + this.view.x, y: (y - height / 2) / this.view.zoom + this.view.y };
  }

  private moved(): void {
    this.view.picks = this.sliders.picks;
    this.redraw();
  }

  // ------------------------------------------------------------------ pointer and keys

  private at(event: MouseEvent): { x: number; y: number } {
    const box = this.overlay.getBoundingClientRect();
    return { x: (event.clientX - box.left) * devicePixelRatio, y: (event.clientY - box.top) * devicePixelRatio };
  }

  private listen(): void {
    new ResizeObserver(() => this.resize()).observe(this.canvas.parentElement!);
    const { overlay } = this;
    let held: { x: number; y: number } | null = null;
    overlay.onpointerdown = (event) => {
      overlay.setPointerCapture(event.pointerId);
      held = this.at(event);
      if (this.measuring) {
        const { x, y } = this.toImage(held.x, held.y);
        this.line = { x0: x, y0: y, x1: x, y1: y };
      }
      overlay.focus();
    };
    overlay.onpointermove = (event) => {
      const now = this.at(event);
      if (held && this.measuring && this.line) {
        const { x, y } = this.toImage(now.x, now.y);
        Object.assign(this.line, { x1: x, y1: y });
        this.redraw();
      } else if (held) {
        this.view.x -= (now.x - held.x) / this.view.zoom;
        this.view.y -= (now.y - held.y) / this.view.zoom;
        held = now;
        this.redraw();
      }
      this.showValue(now);
    };
    overlay.onpointerup = () => { held = null; };
    overlay.onpointerleave = () => { byId("pointer").textContent = ""; };
    overlay.onwheel = (event) => {
      event.preventDefault();
      const { x, y } = this.at(event);
      // A notch of a wheel is 100 pixels, a pad sends small steps.
      this.zoomBy(2 ** (-Math.max(-200, Math.min(200, event.deltaY)) / 200), x, y);
    };
    overlay.ondblclick = (event) => {
      const { x, y } = this.at(event);
      this.zoomBy(2, x, y);
    };
    const actions: Record<string, () => void> = {
      fit: () => this.facts && this.fit(),
      full: () => this.zoomBy(devicePixelRatio / this.view.zoom),
      measure: () => this.measure(!this.measuring),
      png: () => void this.savePicture(),
      link: () => void this.copyLink(),
      info: () => void this.toggleMetadata(),
    };
    for (const [id, action] of Object.entries(actions)) byId(id).onclick = action;
    addEventListener("keydown", (event) => this.press(event));
    addEventListener("hashchange", () => {
      const hash = location.hash.replace(/^#/, "");
      if (hash !== this.written) void this.openFile(fromHash(hash));
    });
  }

  private press(event: KeyboardEvent): void {
    const target = event.target as HTMLElement;
    if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|SELECT|TEXTAREA)$/.test(target.tagName)) return;
    const pan = (x: number, y: number) => {
      this.view.x += x * this.canvas.width / 8 / this.view.zoom;
      this.view.y += y * this.canvas.height / 8 / this.view.zoom;
      this.redraw();
    };
    const keys: Record<string, () => void> = {
      "+": () => this.zoomBy(1.5), "=": () => this.zoomBy(1.5), "-": () => this.zoomBy(1 / 1.5),
      ArrowLeft: () => pan(-1, 0), ArrowRight: () => pan(1, 0), ArrowUp: () => pan(0, -1), ArrowDown: () => pan(0, 1),
      f: () => this.fit(), m: () => this.measure(!this.measuring), i: () => void this.toggleMetadata(),
      ",": () => this.sliders.step("T", -1), ".": () => this.sliders.step("T", 1),
      "[": () => this.sliders.step("Z", -1), "]": () => this.sliders.step("Z", 1),
      Escape: () => this.measure(false),
    };
    for (let digit = 1; digit <= 9; digit++) keys[digit] = () => this.rows[digit - 1]?.flip();
    const action = keys[event.key];
    if (!action || !this.facts) return;
    event.preventDefault();
    action();
  }

  private measure(on: boolean): void {
    this.measuring = on;
    byId("measure").setAttribute("aria-pressed", String(on));
    this.overlay.classList.toggle("measuring", on);
    if (!on) this.line = null;
    this.redraw();
  }

  private showValue(now: { x: number; y: number }): void {
    if (!this.facts) return;
    const place = this.toImage(now.x, now.y);
    const x = Math.floor(place.x), y = Math.floor(place.y);
    this.asked?.abort();
    if (x < 0 || y < 0 || x >= this.facts.width || y >= this.facts.height) {
      byId("pointer").textContent = "";
      return;
    }
    const where = this.describePlace(x, y);
    byId("pointer").textContent = where;
    const controller = new AbortController();
    this.asked = controller;
    setTimeout(async () => {
      if (controller.signal.aborted) return;
      const { file, scene, picks } = this.view;
      try {
        const query = { file, scene, ...picks, x, y };
        const { values } = await ask<{ values: (number | string | number[])[] }>("values", query, controller.signal);
        const shown = values.map((value) => Array.isArray(value) ? `(${value.join(", ")})` : formatValue(value));
        byId("pointer").textContent = `${where}   ${shown.join(" | ")}`;
      } catch (error) {
        if (!controller.signal.aborted) this.report((error as Error).message);
      }
    }, VALUE_WAIT);
  }

  private describePlace(x: number, y: number): string {
    const [down, across] = this.facts!.plane;
    const words = [`${across} ${x}  ${down} ${y}`];
    const physical = (letter: string, index: number) => {
      const size = this.facts!.pixelSize[letter];
      return size ? (this.facts!.origin[letter] ?? 0) + index * size : null;
    };
    const px = physical(across, x), py = physical(down, y);
    if (px !== null && py !== null) {
      const isStage = this.facts!.origin.X !== null && this.facts!.origin.X !== undefined;
      const length = (value: number) => (value < 0 ? "-" : "") + formatLength(Math.abs(value));
      words.push(`(${length(px)}, ${length(py)}${isStage ? " on the stage" : ""})`);
    }
    return words.join("  ");
  }

  // ------------------------------------------------------------------ buttons

  private async savePicture(): Promise<void> {
    this.draw();
    const both = make("canvas", { width: this.canvas.width, height: this.canvas.height });
    const context = both.getContext("2d")!;
    context.drawImage(this.canvas, 0, 0);
    context.drawImage(this.overlay, 0, 0);
    const blob = await new Promise<Blob | null>((done) => both.toBlob(done, "image/png"));
    if (!blob) return this.report("the browser made no picture");
    const url = URL.createObjectURL(blob);
    make("a", { href: url, download: `${this.files[this.view.file]}.png` }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10000);
  }

  private async copyLink(): Promise<void> {
    this.writeAddress();
    try {
      await navigator.clipboard.writeText(location.href);
      this.report("the link is on the clipboard; it works on this machine while the viewer runs");
    } catch {
      this.report(location.href);
    }
  }

  private async toggleMetadata(): Promise<void> {
    const panel = byId("metadata");
    panel.hidden = !panel.hidden;
    byId("info").setAttribute("aria-pressed", String(!panel.hidden));
    if (!panel.hidden) await this.showMetadata();
  }

  private async showMetadata(): Promise<void> {
    const { file, scene } = this.view;
    const facts = await ask<Metadata>("metadata", { file, scene });
    const rows = facts.rows.map(([label, value]) => make("tr", {}, make("th", { textContent: label }), make("td", { textContent: value })));
    const notes = facts.diagnostics.map((note) => make("li", { textContent: note }));
    const more = facts.cut ? `\n... ${facts.cut} more characters: aicsio metadata prints them` : "";
    byId("metadata").replaceChildren(
      make("table", {}, ...rows),
      ...(notes.length ? [make("h2", { textContent: "Diagnostics" }), make("ul", {}, ...notes)] : []),
      ...(facts.text ? [make("h2", { textContent: "Metadata of the file" }), make("pre", { textContent: facts.text + more })] : []),
    );
  }

  private report(message: string): void {
    const bar = byId("message");
    bar.textContent = message;
    bar.hidden = !message;
  }
}

try {
  const viewer = new Viewer();
  viewer.start().catch((error) => fail(error));
} catch (error) {
  fail(error as Error);
}

function fail(error: Error): void {
  const bar = byId("message");
  bar.textContent = error.message;
  bar.hidden = false;
}
