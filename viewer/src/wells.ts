// The map of a plate: a button for each well that has an image, and one for each field of it.

import type { WellRow } from "./api";
import { make } from "./page";

const order = (a: string, b: string) => a.length - b.length || a.localeCompare(b, "en", { numeric: true });

export function showWells(place: HTMLElement, wells: WellRow[], open: (scene: number) => void): void {
  place.hidden = wells.length === 0;
  if (!wells.length) return place.replaceChildren();
  const rows = [...new Set(wells.map((well) => well[1]))].sort(order);
  const columns = [...new Set(wells.map((well) => well[2]))].sort(order);
  const fields = new Map<string, WellRow[]>();
  for (const well of wells) {
    const name = `${well[1]}${well[2]}`;
    fields.set(name, [...(fields.get(name) ?? []), well].sort((a, b) => a[3] - b[3]));
  }
  const list = make("div", { className: "fields" });
  const buttons = new Map<string, HTMLButtonElement>();
  const showFields = (name: string, scene: number) => {
    for (const [each, button] of buttons) button.setAttribute("aria-pressed", String(each === name));
    const several = fields.get(name)!;
    list.replaceChildren(...several.map((well) => {
      const button = make("button", { textContent: String(well[3]), title: `field ${well[3]} of ${name}` });
      button.setAttribute("aria-pressed", String(well[0] === scene));
      button.onclick = () => open(well[0]);
      return button;
    }));
    list.hidden = several.length < 2;
  };
  const table = make("table", { className: "plate" },
    make("tr", {}, make("th"), ...columns.map((column) => make("th", { textContent: column }))),
    ...rows.map((row) => make("tr", {}, make("th", { textContent: row }), ...columns.map((column) => {
      const name = `${row}${column}`;
      if (!fields.has(name)) return make("td");
      const button = make("button", { title: name, "aria-label": `well ${name}` });
      button.onclick = () => open(fields.get(name)![0][0]);
      buttons.set(name, button);
      return make("td", {}, button);
    }))));
  place.replaceChildren(make("h2", { textContent: "Wells" }), table, list);
  place.addEventListener("scene", (event) => {
    const scene = (event as CustomEvent<number>).detail;
    const well = wells.find((one) => one[0] === scene);
    if (well) showFields(`${well[1]}${well[2]}`, scene);
  });
}
