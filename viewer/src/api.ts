// Requests to the server that delivered this page. All addresses are relative: they hold its token.

export interface Level { height: number; width: number; scale: number; tile: number }
export interface ChannelFacts { name: string; color: number; window: [number, number] | null }
export interface SceneFacts {
  axes: Record<string, number>;
  start: Record<string, number>;
  plane: string;
  height: number;
  width: number;
  dtype: string;
  kind: "u1" | "u2" | "f4";
  samples: 1 | 3;
  integer: boolean;
  palette: boolean;
  channels: ChannelFacts[];
  levels: Level[];
  rough: [rows: number, columns: number][];  // pictures that come sooner than the tiles of the coarsest level
  pixelSize: Record<string, number | null>;
  origin: Record<string, number | null>;
  timeStep: number | null;
}
export type WellRow = [scene: number, row: string, column: string, field: number, plate: string | null];
export interface ScenesFacts {
  scenes: string[];
  empty: number[];
  focus: number;
  whole: boolean;
  wells: WellRow[];
}
export interface Contrast {
  low: number; high: number; least: number; most: number; shown?: number; counts: number[];
}
export interface Metadata { rows: [string, string][]; diagnostics: string[]; text: string; cut: number }
export type Picks = Record<string, number>;

export function address(path: string, query: Record<string, string | number>): string {
  const words = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) words.set(name, String(value));
  return `api/${path}?${words}`;
}

export async function ask<T>(
  path: string, query: Record<string, string | number> = {}, signal?: AbortSignal,
): Promise<T> {
  const response = await fetch(address(path, query), { signal });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error ?? response.statusText);
  return answer as T;
}

export async function askBytes(url: string, signal: AbortSignal): Promise<ArrayBuffer> {
  const response = await fetch(url, { signal });
  if (response.ok) return response.arrayBuffer();
  const answer = await response.json().catch(() => ({ error: response.statusText }));
  throw new Error(answer.error);
}
