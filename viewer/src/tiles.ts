// Which tiles are needed, which are there, and which are on their way.

import { address, askBytes, type Picks, type SceneFacts } from "./api";
import { Gpu, type Rectangle, type Tile } from "./gpu";
import type { Channel, View } from "./state";

const MOST_BYTES = 256 * 2 ** 20;   // of textures; a screen of 4 channels takes some 40 MB
const THINNEST = 3;                 // pixels of the screen: a scan of one line would be too thin to be drawn
const MOST_REQUESTS = 6;            // browsers open six connections to a server

const isRough = (key: string) => key.startsWith("rough ");

interface Wanted { key: string; url: string; rank: number; width: number; height: number }

export class Tiles {
  private readonly loaded = new Map<string, Tile>();  // in order of their last use
  private readonly failed = new Set<string>();
  private readonly running = new Map<string, AbortController>();
  private wanted: Wanted[] = [];
  private nbytes = 0;
  private shownPicks: Picks | null = null;
  requested = 0;

  constructor(
    private readonly gpu: Gpu, private readonly facts: SceneFacts, private readonly base: Record<string, number>,
    private readonly redraw: () => void, private readonly report: (message: string) => void,
  ) {}

  close(): void {
    this.wanted = [];
    for (const controller of this.running.values()) controller.abort();
    for (const tile of this.loaded.values()) this.gpu.drop(tile);
    this.loaded.clear();
  }

  // True when everything that is on the screen has come.
  get complete(): boolean {
    return this.wanted.length === 0 && this.running.size === 0;
  }

  // The coarsest level that still has a pixel for each of the screen.
  levelFor(zoom: number): number {
    let best = 0;
    this.facts.levels.forEach((level, index) => {
      if (level.scale * zoom <= 1.0001) best = index;
    });
    return best;
  }

  draw(view: View): void {
    const { canvas } = this.gpu;
    this.gpu.begin();
    const level = this.levelFor(view.zoom);
    const { height, width } = this.facts;
    const left = view.x - canvas.width / 2 / view.zoom, top = view.y - canvas.height / 2 / view.zoom;
    const seen = {
      left: Math.max(0, left), top: Math.max(0, top),
      right: Math.min(width, left + canvas.width / view.zoom),
      bottom: Math.min(height, top + canvas.height / view.zoom),
    };
    const wanted: Wanted[] = [];
    const { rough } = this.facts;
    const last = this.facts.levels.length - 1;
    const shownChannels = view.channels.map((channel, index) => ({ channel, index })).filter((one) => one.channel.on);
    for (const { channel, index } of shownChannels) {
      // Far in, the tiles on the screen need few blocks, and come sooner than a picture of the whole.
      if (level >= last - 2) rough.forEach((_, pass) => this.wantRough(pass, index, view, wanted));
      // The coarsest level first: one tile of it shows where everything is.
      if (level < last) this.want(last, index, view, seen, wanted, -1e6);
      this.want(level, index, view, seen, wanted, 0);
      if (!channel.ready) continue;
      this.cover(level, index, view.picks, seen, seen, view, channel, true);
    }
    this.request(wanted);
    if (this.complete) this.shownPicks = { ...view.picks };
  }

  private grid(level: number, seen: Rectangle): Rectangle {
    const one = this.facts.levels[level];
    const across = this.facts.width / one.width * one.tile, down = this.facts.height / one.height * one.tile;
    return {
      left: Math.floor(seen.left / across), top: Math.floor(seen.top / down),
      right: Math.min(Math.ceil(one.width / one.tile), Math.ceil(seen.right / across)),
      bottom: Math.min(Math.ceil(one.height / one.tile), Math.ceil(seen.bottom / down)),
    };
  }

  private key(level: number, channel: number, picks: Picks, row: number, column: number): string {
    return `${level}/${channel}/${Object.entries(picks).join(";")}/${row}/${column}`;
  }

  // Rough pictures of the whole plane come before everything else, the roughest first.
  private wantRough(pass: number, channel: number, view: View, wanted: Wanted[]): void {
    const key = this.roughKey(pass, channel, view.picks);
    if (this.loaded.has(key) || this.failed.has(key)) return;
    const [height, width] = this.facts.rough[pass];
    const query = { ...this.base, ...view.picks, c: channel, pass };
    wanted.push({ key, url: address("rough", query), rank: -1e9 + pass, width, height });
  }

  private roughKey(pass: number, channel: number, picks: Picks): string {
    return `rough ${this.key(pass, channel, picks, 0, 0)}`;
  }

  private want(level: number, channel: number, view: View, seen: Rectangle, wanted: Wanted[], base: number): void {
    if (seen.right <= seen.left || seen.bottom <= seen.top) return;
    const one = this.facts.levels[level];
    const grid = this.grid(level, seen);
    const middle = [(grid.left + grid.right - 1) / 2, (grid.top + grid.bottom - 1) / 2];
    for (let row = grid.top; row < grid.bottom; row++) {
      for (let column = grid.left; column < grid.right; column++) {
        const key = this.key(level, channel, view.picks, row, column);
        if (this.loaded.has(key) || this.failed.has(key)) continue;
        const query = { ...this.base, ...view.picks, c: channel, level, y: row, x: column };
        wanted.push({
          key, url: address("tile", query), rank: base + Math.hypot(column - middle[0], row - middle[1]),
          width: Math.min(one.tile, one.width - column * one.tile),
          height: Math.min(one.tile, one.height - row * one.tile),
        });
      }
    }
  }

  // Draws a region from the tiles of a level, and what they lack from coarser ones.
  private cover(
    level: number, channel: number, picks: Picks, region: Rectangle, seen: Rectangle, view: View,
    drawn: Channel, current: boolean,
  ): void {
    if (level >= this.facts.levels.length) {
      if (this.coverRoughly(channel, picks, region, view, drawn)) return;
      // While the tiles of another plane are on their way, those of the last one stay.
      if (current && this.shownPicks && Object.entries(picks).join() !== Object.entries(this.shownPicks).join()) {
        this.cover(this.levelFor(view.zoom), channel, this.shownPicks, region, seen, view, drawn, false);
      }
      return;
    }
    const one = this.facts.levels[level];
    const across = this.facts.width / one.width, down = this.facts.height / one.height;
    const grid = this.grid(level, region);
    for (let row = grid.top; row < grid.bottom; row++) {
      for (let column = grid.left; column < grid.right; column++) {
        const left = column * one.tile, top = row * one.tile;
        const place = {
          left: left * across, top: top * down,
          right: Math.min(one.width, left + one.tile) * across,
          bottom: Math.min(one.height, top + one.tile) * down,
        };
        const part = {
          left: Math.max(place.left, region.left), top: Math.max(place.top, region.top),
          right: Math.min(place.right, region.right), bottom: Math.min(place.bottom, region.bottom),
        };
        if (part.right <= part.left || part.bottom <= part.top) continue;
        const key = this.key(level, channel, picks, row, column);
        const tile = this.loaded.get(key);
        if (!tile) {
          this.cover(level + 1, channel, picks, part, seen, view, drawn, current);
          continue;
        }
        this.loaded.delete(key);
        this.loaded.set(key, tile);
        const clip = this.toScreen(part, view, Math.round);
        if (clip.right > clip.left && clip.bottom > clip.top) {
          this.gpu.draw(tile, this.toScreen(place, view, (value) => value), clip, this.facts, drawn);
        }
      }
    }
  }

  private coverRoughly(channel: number, picks: Picks, region: Rectangle, view: View, drawn: Channel): boolean {
    for (let pass = this.facts.rough.length - 1; pass >= 0; pass--) {
      const tile = this.loaded.get(this.roughKey(pass, channel, picks));
      if (!tile) continue;
      const { height, width } = this.facts;
      const place = this.toScreen({ left: 0, top: 0, right: width, bottom: height }, view, (value) => value);
      const clip = this.toScreen(region, view, Math.round);
      if (clip.right > clip.left && clip.bottom > clip.top) this.gpu.draw(tile, place, clip, this.facts, drawn);
      return true;
    }
    return false;
  }

  private toScreen(area: Rectangle, view: View, round: (value: number) => number): Rectangle {
    const { width, height } = this.gpu.canvas;
    const across = Math.max(view.zoom, THINNEST / this.facts.width);
    const down = Math.max(view.zoom, THINNEST / this.facts.height);
    const x = (value: number) => round((value - view.x) * across + width / 2);
    const y = (value: number) => round((value - view.y) * down + height / 2);
    return { left: x(area.left), top: y(area.top), right: x(area.right), bottom: y(area.bottom) };
  }

  private request(wanted: Wanted[]): void {
    wanted.sort((a, b) => a.rank - b.rank);
    const keys = new Set(wanted.map((one) => one.key));
    // What has left the screen is no longer waited for: the server stops, too.
    for (const [key, controller] of this.running) {
      if (!keys.has(key)) {
        controller.abort();
        this.running.delete(key);
      }
    }
    this.wanted = wanted.filter((one) => !this.running.has(one.key));
    this.next();
  }

  private next(): void {
    while (this.wanted.length) {
      // One rough picture at a time, and nothing beside it: the overview, which decodes all blocks, would delay it.
      if ([...this.running.keys()].some(isRough)) return;
      if (!isRough(this.wanted[0].key) && this.running.size >= MOST_REQUESTS) return;
      void this.load(this.wanted.shift()!);
    }
  }

  private async load(one: Wanted): Promise<void> {
    const controller = new AbortController();
    this.running.set(one.key, controller);
    this.requested++;
    try {
      const bytes = await askBytes(one.url, controller.signal);
      if (controller.signal.aborted) return;
      const tile = this.gpu.upload(bytes, one.width, one.height, this.facts);
      this.loaded.set(one.key, tile);
      this.nbytes += tile.nbytes;
      this.evict();
    } catch (error) {
      if (controller.signal.aborted) return;
      this.failed.add(one.key);
      this.report(String((error as Error).message));
    }
    if (this.running.get(one.key) === controller) this.running.delete(one.key);
    this.next();
    this.redraw();
  }

  private evict(): void {
    for (const [key, tile] of this.loaded) {
      if (this.nbytes <= MOST_BYTES) return;
      this.gpu.drop(tile);
      this.loaded.delete(key);
      this.nbytes -= tile.nbytes;
    }
  }
}
