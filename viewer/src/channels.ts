// The panel of channels: on and off, colour, black and full colour on a histogram.

import { ask, type Contrast, type Picks, type SceneFacts } from "./api";
import { formatValue, make, toColor } from "./page";
import type { Channel } from "./state";

const WIDTH = 232, HEIGHT = 44;

export class ChannelRow {
  readonly element: HTMLElement;
  private readonly canvas = make("canvas", { width: WIDTH, height: HEIGHT, className: "histogram", "aria-hidden": "true" });
  private readonly low: HTMLInputElement;
  private readonly high: HTMLInputElement;
  private readonly toggle: HTMLInputElement;
  private contrast: Contrast | null = null;

  constructor(
    readonly channel: Channel, private readonly index: number, private readonly facts: SceneFacts,
    private readonly where: Record<string, number>, private readonly picks: () => Picks,
    private readonly changed: () => void, private readonly report: (message: string) => void,
  ) {
    const { name } = facts.channels[index];
    this.toggle = make("input", { type: "checkbox", checked: channel.on, "aria-label": `show ${name}` });
    this.toggle.onchange = () => { channel.on = this.toggle.checked; changed(); };
    const color = make("input", { type: "color", value: toColor(channel.color), "aria-label": `colour of ${name}` });
    color.oninput = () => {
      channel.color = parseInt(color.value.slice(1), 16);
      this.draw();
      changed();
    };
    const bound = (word: "low" | "high", text: string) => {
      const input = make("input", { type: "number", step: "any", "aria-label": `${text} of ${name}` });
      input.onchange = () => this.set({ [word]: Number(input.value) });
      return input;
    };
    this.low = bound("low", "black");
    this.high = bound("high", "full colour");
    const auto = make("button", { textContent: "Auto", title: "contrast of the plane that is shown" });
    auto.onclick = () => void this.suggest(true);
    const buttons: HTMLElement[] = [auto];
    const { window } = facts.channels[index];
    if (window) {
      const file = make("button", { textContent: "File", title: "contrast that the file states" });
      file.onclick = () => this.set({ low: window[0], high: window[1] });
      buttons.push(file);
    }
    const full = make("button", { textContent: "Full", title: "from the least to the largest value" });
    full.onclick = () => this.contrast && this.set({ low: this.contrast.least, high: this.contrast.most });
    buttons.push(full);
    const colored = facts.samples === 3;
    this.element = make("section", { className: "channel", role: "group", "aria-label": colored ? "colour" : name },
      make("label", { className: "head" }, this.toggle, ...(colored ? [] : [color]),
        make("span", { textContent: colored ? "colour" : name, title: name })),
      this.canvas, make("div", { className: "limits" }, this.low, ...buttons, this.high));
    this.drag();
  }

  async suggest(plane: boolean): Promise<void> {
    try {
      const picks = plane ? { ...this.picks(), plane: 1 } : {};
      this.contrast = await ask<Contrast>("contrast", { ...this.where, ...picks, c: this.index });
    } catch (error) {
      this.report((error as Error).message);
      this.contrast = { low: 0, high: 1, least: 0, most: 1, counts: [] };
    }
    if (!plane && this.channel.ready) this.draw();
    else this.set({ low: this.contrast.low, high: this.contrast.high });
  }

  flip(): void {
    this.toggle.click();
  }

  set(limits: { low?: number; high?: number }): void {
    let { low = this.channel.low, high = this.channel.high } = limits;
    if (!Number.isFinite(low) || !Number.isFinite(high)) return;
    // Black stays below full colour: the one that was not moved gives way.
    const least = this.facts.integer ? 1 : Math.max(1e-12, Math.abs(high) * 1e-6);
    if (high <= low) {
      if (limits.low !== undefined) high = low + least;
      else low = high - least;
    }
    Object.assign(this.channel, { low, high, ready: true });
    this.draw();
    this.changed();
  }

  private range(): [number, number] {
    const { least = 0, shown, most = 1 } = this.contrast ?? {};
    return [Math.min(least, this.channel.low), Math.max(shown ?? most, this.channel.high)];
  }

  private toX(value: number): number {
    const [least, most] = this.range();
    return (value - least) / (most - least || 1) * WIDTH;
  }

  private draw(): void {
    const context = this.canvas.getContext("2d")!;
    context.clearRect(0, 0, WIDTH, HEIGHT);
    const { counts = [], least = 0, shown = 1 } = this.contrast ?? {};
    // The root: few pixels of a bright structure are seen beside the background. The tallest bin, often
    // that of 0, may leave the drawing.
    const [tallest = 1, second = tallest] = [...counts].sort((a, b) => b - a);
    const most = Math.sqrt(Math.max(1, Math.min(tallest, 2 * second)));
    context.fillStyle = this.facts.samples === 3 ? "#bbb" : toColor(this.channel.color);
    context.globalAlpha = 0.75;
    counts.forEach((count, bin) => {
      const left = this.toX(least + (shown - least) * bin / counts.length);
      const right = this.toX(least + (shown - least) * (bin + 1) / counts.length);
      const tall = Math.min(1, Math.sqrt(count) / most) * (HEIGHT - 2);
      context.fillRect(left, HEIGHT - tall, Math.max(1, right - left), tall);
    });
    context.globalAlpha = 1;
    context.strokeStyle = "white";
    context.beginPath();
    for (const value of [this.channel.low, this.channel.high]) {
      const x = Math.min(WIDTH - 1, Math.max(1, this.toX(value)));
      context.moveTo(x, 0);
      context.lineTo(x, HEIGHT);
    }
    context.stroke();
    const step = (this.channel.high - this.channel.low) / 1000;
    this.low.value = formatValue(this.channel.low, step);
    this.high.value = formatValue(this.channel.high, step);
  }

  // The nearer of the two lines follows the pointer.
  private drag(): void {
    let moved: "low" | "high" | null = null;
    let held: [number, number] = [0, 1];
    const follow = (event: PointerEvent) => {
      const box = this.canvas.getBoundingClientRect();
      const share = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
      let value = held[0] + share * (held[1] - held[0]);
      if (this.facts.integer) value = Math.round(value);
      if (moved) this.set({ [moved]: value });
    };
    this.canvas.onpointerdown = (event) => {
      this.canvas.setPointerCapture(event.pointerId);
      held = this.range();
      const box = this.canvas.getBoundingClientRect();
      const x = (event.clientX - box.left) / box.width * WIDTH;
      const isLow = Math.abs(x - this.toX(this.channel.low)) < Math.abs(x - this.toX(this.channel.high));
      moved = isLow ? "low" : "high";
      follow(event);
    };
    this.canvas.onpointermove = follow;
    this.canvas.onpointerup = () => { moved = null; };
  }
}
