// What is drawn over the camera's picture: a box, a number, 68 landmarks and the likeliest classes of each face.
// White on dark edges, so that it is read over any picture, in both colour schemes.

import { percent, ranked } from "./dom.js";

const TOLD = 3;

const font = (size, weight) => `${weight} ${size}px "Segoe UI", "Helvetica Neue", Helvetica, Arial, sans-serif`;

// The strokes that join the 68 points of the iBUG 300-W annotation (Sagonas et al. 2016): [first, last, closed].
const STROKES = [
  [0, 16, false],
  [17, 21, false],
  [22, 26, false],
  [27, 30, false],
  [31, 35, false],
  [36, 41, true],
  [42, 47, true],
  [48, 59, true],
  [60, 67, true],
];

/** Fit the canvas to the picture as it stands on the page; returns how a point of the analysed picture gets there. */
function fitted(canvas, width, height, mirrored) {
  const ratio = window.devicePixelRatio || 1;
  const [wide, high] = [canvas.clientWidth, canvas.clientHeight];
  if (canvas.width !== Math.round(wide * ratio)) canvas.width = Math.round(wide * ratio);
  if (canvas.height !== Math.round(high * ratio)) canvas.height = Math.round(high * ratio);
  const scale = Math.min(wide / width, high / height);
  const [left, top] = [(wide - scale * width) / 2, (high - scale * height) / 2];
  return { ratio, at: ([x, y]) => [left + scale * (mirrored ? width - x : x), top + scale * y] };
}

function stroked(pen, inner) {
  pen.lineWidth = inner + 2.5;
  pen.strokeStyle = "rgb(0 0 0 / 55%)";
  pen.stroke();
  pen.lineWidth = inner;
  pen.strokeStyle = "#fff";
  pen.stroke();
}

function landmarks(pen, points, at, radius) {
  for (const [first, last, closed] of points.length === 68 ? STROKES : []) {
    pen.beginPath();
    for (let place = first; place <= last; place += 1) pen.lineTo(...at(points[place]));
    if (closed) pen.closePath();
    pen.lineWidth = 1;
    pen.strokeStyle = "rgb(255 255 255 / 55%)";
    pen.stroke();
  }
  for (const point of points) {
    const [x, y] = at(point);
    pen.beginPath();
    pen.arc(x, y, radius, 0, 7);
    pen.fillStyle = "#fff";
    pen.fill();
    pen.lineWidth = radius / 2;
    pen.strokeStyle = "rgb(0 0 0 / 70%)";
    pen.stroke();
  }
}

const overlaps = (a, b) => a.x < b.x + b.wide && b.x < a.x + a.wide && a.y < b.y + b.high && b.y < a.y + a.high;

/** Where the words of a face go: above, below or beside its box, where the picture has room and no other plate lies. */
function placed(pen, face, [left, top, right, bottom], taken) {
  const [edge, floor] = [pen.canvas.clientWidth, pen.canvas.clientHeight];
  const all = ranked(face.probabilities).map(([name, value]) => `${name} ${percent(value)}`);
  pen.font = font(14, 600);
  const plates = [TOLD, 1].flatMap((count) => {
    const rows = all.length ? all.slice(0, count) : ["face"];
    const wide = Math.max(...rows.map((row) => pen.measureText(row).width)) + 38;
    const high = 12 + 18 * rows.length;
    const inside = Math.max(2, Math.min(left, edge - wide - 2));
    const corners = [[inside, top - high - 6], [inside, bottom + 6], [right + 6, top], [left - wide - 6, top]];
    return corners.map(([x, y]) => ({ x, y, wide, high, rows }));
  });
  const fits = (plate) => plate.x >= 0 && plate.y >= 0 && plate.x + plate.wide <= edge && plate.y + plate.high <= floor;
  return plates.find((plate) => fits(plate) && !taken.some((other) => overlaps(plate, other))) ?? { ...plates[0], y: Math.max(2, plates[0].y) };
}

function write(pen, number, { x, y, wide, high, rows }) {
  pen.fillStyle = "rgb(10 14 20 / 78%)";
  pen.beginPath();
  pen.roundRect(x, y, wide, high, 6);
  pen.fill();
  pen.fillStyle = "#fff";
  pen.font = font(15, 700);
  pen.fillText(String(number), x + 9, y + 21);
  rows.forEach((row, place) => {
    pen.font = font(14, place ? 400 : 600);
    pen.globalAlpha = place ? 0.85 : 1;
    pen.fillText(row, x + 28, y + 21 + 18 * place);
  });
  pen.globalAlpha = 1;
}

/** Draw the faces of one analysed picture over the camera. */
export function drawFaces(canvas, { faces, width, height }, mirrored) {
  const { ratio, at } = fitted(canvas, width, height, mirrored);
  const pen = canvas.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, canvas.width, canvas.height);
  const boxes = faces.map(({ box }) => {
    const [a, b] = [at([box[0], box[1]]), at([box[2], box[3]])];
    return [Math.min(a[0], b[0]), a[1], Math.max(a[0], b[0]), b[1]];
  });
  const taken = boxes.map(([left, top, right, bottom]) => ({ x: left, y: top, wide: right - left, high: bottom - top }));
  faces.forEach((face, place) => {
    const box = taken[place];
    pen.beginPath();
    pen.roundRect(box.x, box.y, box.wide, box.high, 6);
    stroked(pen, 2);
    landmarks(pen, face.landmarks ?? [], at, Math.max(0.7, Math.min(1.6, box.wide / 90)));
  });
  faces.forEach((face, place) => {
    const plate = placed(pen, face, boxes[place], taken);
    taken.push(plate);
    write(pen, face.number, plate);
  });
}

export function clearFaces(canvas) {
  canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
}
