// Sliders for Z, T and all other axes, with play.

import type { Picks, SceneFacts } from "./api";
import { make } from "./page";

const FRAME = 100;  // milliseconds of a frame while it plays; slower if tiles are still on their way

export class Sliders {
  picks: Picks = {};
  private readonly inputs = new Map<string, HTMLInputElement>();
  private playing: { letter: string; timer: number } | null = null;

  constructor(
    private readonly place: HTMLElement, private readonly changed: () => void, private readonly complete: () => boolean,
  ) {}

  show(facts: SceneFacts, picks: Picks): void {
    this.stop();
    this.picks = { ...picks };
    this.inputs.clear();
    this.place.replaceChildren(...Object.entries(facts.axes).map(([letter, size]) => this.row(letter, size, facts)));
  }

  step(letter: string, by: number): void {
    const input = this.inputs.get(letter);
    if (!input) return;
    const size = Number(input.max) + 1;
    input.value = String((Number(input.value) + by + size) % size);
    input.dispatchEvent(new Event("input"));
  }

  private row(letter: string, size: number, facts: SceneFacts): HTMLElement {
    const input = make("input", {
      type: "range", min: "0", max: String(size - 1), value: String(this.picks[letter]), "aria-label": letter,
    });
    const text = make("output");
    const write = () => {
      const index = this.picks[letter];
      const step = letter === "T" ? facts.timeStep : letter === "Z" ? facts.pixelSize.Z : null;
      const unit = letter === "T" ? "s" : "µm";
      const value = step ? ` · ${Number((index * step).toPrecision(5))} ${unit}` : "";
      text.textContent = `${index + 1}/${size}${value}`;
    };
    input.oninput = () => {
      this.picks = { ...this.picks, [letter]: Number(input.value) };
      write();
      this.changed();
    };
    this.inputs.set(letter, input);
    const play = make("button", { textContent: "▶", "aria-label": `play ${letter}`, className: "play" });
    play.onclick = () => {
      const again = this.playing?.letter === letter;
      this.stop();
      if (!again) this.play(letter, play);
    };
    write();
    return make("div", { className: "slider" }, play, make("span", { textContent: letter, className: "letter" }), input, text);
  }

  private play(letter: string, button: HTMLElement): void {
    button.textContent = "⏸";
    // The next frame waits until this one is on the screen.
    const timer = setInterval(() => this.complete() && this.step(letter, 1), FRAME);
    this.playing = { letter, timer };
  }

  private stop(): void {
    if (!this.playing) return;
    clearInterval(this.playing.timer);
    this.playing = null;
    for (const button of this.place.querySelectorAll(".play")) button.textContent = "▶";
  }
}
