// Scale bar and measured line, drawn above the image and onto the saved picture.

import type { SceneFacts } from "./api";
import type { View } from "./state";

export interface Line { x0: number; y0: number; x1: number; y1: number }

export function formatLength(micrometres: number): string {
  const digits = (value: number) => String(Number(value.toPrecision(4)));
  if (micrometres < 1) return `${digits(micrometres * 1000)} nm`;
  if (micrometres < 1000) return `${digits(micrometres)} µm`;
  return `${digits(micrometres / 1000)} mm`;
}

// The largest 1, 2 or 5 times a power of ten below `most`.
export function roundLength(most: number): number {
  const power = 10 ** Math.floor(Math.log10(most));
  const steps = [5, 2, 1].filter((step) => step * power <= most * (1 + 1e-9));
  return (steps[0] ?? 1) * power;
}

export function measured(line: Line, facts: SceneFacts): string {
  const dx = line.x1 - line.x0, dy = line.y1 - line.y0;
  const pixels = `${Math.hypot(dx, dy).toFixed(1)} px`;
  const { X, Y } = facts.pixelSize;
  if (!X || !Y || facts.plane !== "YX") return pixels;
  return `${formatLength(Math.hypot(dx * X, dy * Y))} (${pixels})`;
}

export function drawOverlay(
  context: CanvasRenderingContext2D, view: View, facts: SceneFacts, line: Line | null, ratio: number,
): void {
  const { width, height } = context.canvas;
  context.font = `${13 * ratio}px system-ui, sans-serif`;
  context.lineJoin = "round";
  const text = (words: string, x: number, y: number, align: CanvasTextAlign) => {
    context.textAlign = align;
    context.strokeStyle = "black";
    context.lineWidth = 3 * ratio;
    context.strokeText(words, x, y);
    context.fillStyle = "white";
    context.fillText(words, x, y);
  };
  const size = facts.pixelSize.X;
  if (size && facts.plane === "YX") {
    const length = roundLength(Math.min(0.25 * width, 220 * ratio) / view.zoom * size);
    const long = length / size * view.zoom;
    const right = width - 16 * ratio, bottom = height - 16 * ratio, thick = 5 * ratio;
    context.fillStyle = "black";
    context.fillRect(right - long - ratio, bottom - thick - ratio, long + 2 * ratio, thick + 2 * ratio);
    context.fillStyle = "white";
    context.fillRect(right - long, bottom - thick, long, thick);
    text(formatLength(length), right - long / 2, bottom - thick - 6 * ratio, "center");
  }
  if (line) {
    const at = (x: number, y: number): [number, number] =>
      [(x - view.x) * view.zoom + width / 2, (y - view.y) * view.zoom + height / 2];
    const [x0, y0] = at(line.x0, line.y0), [x1, y1] = at(line.x1, line.y1);
    for (const [color, thick] of [["black", 4], ["#ffd54a", 2]] as const) {
      context.strokeStyle = color;
      context.lineWidth = thick * ratio;
      context.beginPath();
      context.moveTo(x0, y0);
      context.lineTo(x1, y1);
      context.stroke();
    }
    text(measured(line, facts), (x0 + x1) / 2, (y0 + y1) / 2 - 8 * ratio, "center");
  }
}
