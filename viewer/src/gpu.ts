// Tiles as textures, drawn with contrast and colour by WebGL2. Channels are added up.

import type { SceneFacts } from "./api";
import type { Channel } from "./state";

const VERTEX = `#version 300 es
in vec2 corner;
uniform vec4 place;   // left, top, width, height in clip coordinates
uniform vec2 margin;  // a pixel of the screen, in widths and heights of the tile
out vec2 at;
void main() {
  // A pixel larger than the tile: where an edge runs through the middle of a pixel of the screen, neither
  // neighbour would draw it. The scissors cut the rest off.
  at = corner * (1.0 + 2.0 * margin) - margin;
  gl_Position = vec4(place.xy + at * place.zw, 0.0, 1.0);
}`;

// texelFetch, not filtering: a pixel of the image stays a sharp square. Where several lie below one
// of the screen, four of them are averaged.
const fragment = (sampler: string) => `#version 300 es
precision highp float;
precision highp ${sampler};
uniform ${sampler} tile;
uniform vec2 size;
uniform vec2 limits;
uniform vec3 color;
uniform bool colored;
in vec2 at;
out vec4 shown;
vec3 value(vec2 where) {
  ivec2 last = ivec2(size) - 1;
  return vec3(texelFetch(tile, clamp(ivec2(floor(where)), ivec2(0), last), 0).rgb);
}
void main() {
  vec2 where = at * size;
  vec2 reach = max(fwidth(where) * 0.25 - 0.25, 0.0);
  vec3 sum = value(where + reach * vec2(1, 1)) + value(where + reach * vec2(-1, 1))
    + value(where + reach * vec2(1, -1)) + value(where + reach * vec2(-1, -1));
  vec3 level = clamp((sum * 0.25 - limits.x) / (limits.y - limits.x), 0.0, 1.0);
  if (any(isnan(sum))) level = vec3(0.0);
  shown = vec4(colored ? level : level.r * color, 1.0);
}`;

interface Program { program: WebGLProgram; at: (name: string) => WebGLUniformLocation | null }
export interface Tile { texture: WebGLTexture; width: number; height: number; nbytes: number }
export interface Rectangle { left: number; top: number; right: number; bottom: number }

export class Gpu {
  readonly gl: WebGL2RenderingContext;
  private readonly programs: Record<"integers" | "floats", Program>;

  constructor(readonly canvas: HTMLCanvasElement) {
    // Kept: the picture of what is seen is read back from the canvas.
    const gl = canvas.getContext("webgl2", { antialias: false, alpha: false, preserveDrawingBuffer: true });
    if (!gl) throw new Error("this browser has no WebGL2: enable hardware acceleration, or use another browser");
    this.gl = gl;
    this.programs = { integers: this.link("usampler2D"), floats: this.link("sampler2D") };
    const corners = gl.createBuffer();
    gl.bindBuffer(gl.ARRAY_BUFFER, corners);
    gl.bufferData(gl.ARRAY_BUFFER, new Float32Array([0, 0, 1, 0, 0, 1, 1, 1]), gl.STATIC_DRAW);
    gl.enableVertexAttribArray(0);
    gl.vertexAttribPointer(0, 2, gl.FLOAT, false, 0, 0);
    gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
  }

  private link(sampler: string): Program {
    const { gl } = this;
    const program = gl.createProgram()!;
    for (const [kind, text] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, fragment(sampler)]] as const) {
      const shader = gl.createShader(kind)!;
      gl.shaderSource(shader, text);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    gl.bindAttribLocation(program, 0, "corner");
    gl.linkProgram(program);
    if (!gl.getProgramParameter(program, gl.LINK_STATUS)) {
      throw new Error(gl.getProgramInfoLog(program) ?? "the shaders do not compile");
    }
    const known = new Map<string, WebGLUniformLocation | null>();
    const at = (name: string) => {
      if (!known.has(name)) known.set(name, gl.getUniformLocation(program, name));
      return known.get(name)!;
    };
    return { program, at };
  }

  upload(bytes: ArrayBuffer, width: number, height: number, facts: SceneFacts): Tile {
    const { gl } = this;
    const texture = gl.createTexture()!;
    gl.bindTexture(gl.TEXTURE_2D, texture);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.NEAREST);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MAG_FILTER, gl.NEAREST);
    const rgb = facts.samples === 3;
    const forms = {
      u1: [rgb ? gl.RGB8UI : gl.R8UI, gl.UNSIGNED_BYTE, Uint8Array],
      u2: [rgb ? gl.RGB16UI : gl.R16UI, gl.UNSIGNED_SHORT, Uint16Array],
      f4: [rgb ? gl.RGB32F : gl.R32F, gl.FLOAT, Float32Array],
    } as const;
    const [stored, type, View] = forms[facts.kind];
    let format: number = rgb ? gl.RGB_INTEGER : gl.RED_INTEGER;
    if (facts.kind === "f4") format = rgb ? gl.RGB : gl.RED;
    gl.texImage2D(gl.TEXTURE_2D, 0, stored, width, height, 0, format, type, new View(bytes));
    return { texture, width, height, nbytes: bytes.byteLength };
  }

  drop(tile: Tile): void {
    this.gl.deleteTexture(tile.texture);
  }

  begin(): void {
    const { gl, canvas } = this;
    gl.viewport(0, 0, canvas.width, canvas.height);
    gl.disable(gl.SCISSOR_TEST);
    gl.clearColor(0, 0, 0, 1);
    gl.clear(gl.COLOR_BUFFER_BIT);
    gl.enable(gl.SCISSOR_TEST);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE);
  }

  // Rectangles are in pixels of the canvas, rows downwards; `clip` lies on whole pixels.
  draw(tile: Tile, place: Rectangle, clip: Rectangle, facts: SceneFacts, channel: Channel): void {
    const { gl, canvas } = this;
    const { program, at } = this.programs[facts.kind === "f4" ? "floats" : "integers"];
    gl.useProgram(program);
    gl.bindTexture(gl.TEXTURE_2D, tile.texture);
    gl.scissor(clip.left, canvas.height - clip.bottom, clip.right - clip.left, clip.bottom - clip.top);
    const across = 2 / canvas.width, down = 2 / canvas.height;
    gl.uniform4f(at("place"), place.left * across - 1, 1 - place.top * down,
      (place.right - place.left) * across, -(place.bottom - place.top) * down);
    gl.uniform2f(at("margin"), 1 / (place.right - place.left), 1 / (place.bottom - place.top));
    gl.uniform2f(at("size"), tile.width, tile.height);
    gl.uniform2f(at("limits"), channel.low, channel.high);
    gl.uniform3f(at("color"), (channel.color >> 16 & 255) / 255, (channel.color >> 8 & 255) / 255,
      (channel.color & 255) / 255);
    gl.uniform1i(at("colored"), facts.samples === 3 ? 1 : 0);
    gl.drawArrays(gl.TRIANGLE_STRIP, 0, 4);
  }
}
