// What is shown, and its text in the address of the page: a link shows the same view again.

import type { Picks } from "./api";

export interface Channel { on: boolean; color: number; low: number; high: number; ready: boolean }
export interface View {
  file: number;
  scene: number;
  picks: Picks;
  // Centre in pixels of level 0, and screen pixels for one of them.
  x: number;
  y: number;
  zoom: number;
  channels: Channel[];
}

export function toHash(view: View): string {
  const words = new URLSearchParams();
  words.set("file", String(view.file));
  words.set("scene", String(view.scene));
  for (const [letter, position] of Object.entries(view.picks)) words.set(letter, String(position));
  words.set("at", [view.x, view.y, view.zoom].map((value) => Number(value.toPrecision(8))).join(","));
  const channels = view.channels.filter((channel) => channel.ready);
  if (channels.length === view.channels.length) {
    words.set("c", channels.map((one) => [
      one.on ? 1 : 0, one.color.toString(16).padStart(6, "0"),
      Number(one.low.toPrecision(7)), Number(one.high.toPrecision(7)),
    ].join(":")).join(","));
  }
  return words.toString();
}

export interface Requested {
  file: number;
  scene: number | null;
  picks: Picks;
  at: [number, number, number] | null;
  channels: Channel[];
}

export function fromHash(hash: string): Requested {
  const words = new URLSearchParams(hash.replace(/^#/, ""));
  const picks: Picks = {};
  for (const [name, value] of words) {
    if (/^[A-Z]$/.test(name) && /^\d+$/.test(value)) picks[name] = Number(value);
  }
  const numbers = (words.get("at") ?? "").split(",").map(Number);
  const isPlace = numbers.length === 3 && numbers.every(Number.isFinite) && numbers[2] > 0;
  const channels: Channel[] = [];
  for (const part of (words.get("c") ?? "").split(",").filter(Boolean)) {
    const [on, color, low, high] = part.split(":");
    const one = {
      on: on === "1", color: parseInt(color, 16), low: Number(low), high: Number(high), ready: true,
    };
    if ([one.color, one.low, one.high].every(Number.isFinite)) channels.push(one);
  }
  const scene = words.get("scene");
  return {
    file: Number(words.get("file") ?? 0) || 0,
    scene: scene === null ? null : Number(scene) || 0,
    picks,
    at: isPlace ? (numbers as [number, number, number]) : null,
    channels,
  };
}
