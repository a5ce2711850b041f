// Small helpers for elements of the page.

type Children = (Node | string)[];

export function make<K extends keyof HTMLElementTagNameMap>(
  name: K, attributes: Record<string, unknown> = {}, ...children: Children
): HTMLElementTagNameMap[K] {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key in element) (element as unknown as Record<string, unknown>)[key] = value;
    else element.setAttribute(key, String(value));
  }
  element.append(...children);
  return element;
}

export function byId<T extends HTMLElement = HTMLElement>(id: string): T {
  return document.getElementById(id) as T;
}

export const toColor = (color: number) => `#${color.toString(16).padStart(6, "0")}`;

// As few digits as tell values of a range apart.
export function formatValue(value: number | string, step = 0): string {
  if (typeof value === "string") return value;
  if (Number.isInteger(value)) return String(value);
  return String(Number(value.toPrecision(step ? Math.max(4, 1 + Math.ceil(Math.log10(Math.abs(value / step) + 1))) : 6)));
}
