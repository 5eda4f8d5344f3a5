// Faces as numbers and over a still picture; what the live picture and a dropped one have in common.

import { make, percent, table } from "./dom.js";
import { drawFaces } from "./overlay.js";
import { onClear } from "./session.js";

const pictures = new Set(); // addresses of dropped pictures, let go of on deletion

/** Faces are counted from one where people read them. */
export const countedFromOne = (faces) => (faces ?? []).map((face) => ({ ...face, number: face.number + 1 }));

/** A rate that is known only once a face has been seen for a while. */
export const perMinute = (rate) => (rate === null || rate === undefined ? "not yet" : Math.round(rate));

const looks = (face) => (face.label ? `${face.label}, ${percent(face.probabilities?.[face.label] ?? 0)}` : "not read");

export const facesTable = (title, faces) =>
  faces.some((face) => face.blinks !== undefined)
    ? table(title, ["face", "looks", "blinks", "a minute"], faces.map((face) => [String(face.number), looks(face), face.blinks, perMinute(face.blinks_per_minute)]))
    : table(title, ["face", "looks", "eye opening"], faces.map((face) => [String(face.number), looks(face), (face.eye_opening ?? 0).toFixed(2)]));

/** A dropped picture with its faces drawn over it, and a table of them. */
export function facesFigure(file, found) {
  const faces = countedFromOne(found.faces);
  const address = URL.createObjectURL(file);
  pictures.add(address);
  const image = make("img", { src: address, alt: `${file.name}: ${faces.length === 1 ? "1 face" : `${faces.length} faces`}` });
  const canvas = make("canvas", { "aria-hidden": "true" });
  const stage = make("div", { class: "stage" }, image, canvas);
  stage.style.aspectRatio = `${found.width} / ${found.height}`;
  const show = () => canvas.clientWidth && drawFaces(canvas, { ...found, faces }, false);
  new ResizeObserver(show).observe(canvas);
  return make(
    "figure",
    { class: "chart two even" },
    stage,
    make("div", {}, make("h4", {}, faces.length ? "Faces" : "No face found"), faces.length ? facesTable(`Faces in ${file.name}`, faces) : null),
  );
}

onClear(() => {
  pictures.forEach((address) => URL.revokeObjectURL(address));
  pictures.clear();
});
