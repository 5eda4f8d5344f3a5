// Figures drawn by hand as SVG at the width they are shown in, each with its numbers as a table below it.
// Meaning is never in the colour alone: what is highlighted is also written, and marks that are compared differ in shape.

import { clock, draw, make, percent, ranked, signed, table } from "./dom.js";

const ROW = 26;
const LABEL_SHARE = 0.3;
const TICKS_S = [0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600];

/** Put a drawing, its caption and its numbers together; `numbers` makes the table once somebody wants it. */
export function figure(title, note, drawing, numbers) {
  const folded = make("details", {}, make("summary", {}, "Numbers", make("span", { class: "hidden" }, ` of ${title}`)));
  folded.build = () => folded.children.length > 1 || folded.append(numbers());
  folded.addEventListener("toggle", () => folded.open && folded.build());
  return make("figure", { class: "chart" }, make("figcaption", {}, make("strong", {}, title), note ? ` ${note}` : null), drawing, folded);
}

/** Make every table there is, for a page that is going to be saved. */
export const buildAll = (root) => root.querySelectorAll("details").forEach((folded) => folded.build?.());

const sheet = (width, height, title, ...marks) =>
  draw("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": title }, ...marks);

const text = (x, y, value, attributes = {}) => draw("text", { x, y, ...attributes }, value);

/** Column for the labels: as wide as the longest of them needs, within reason. */
const labelWidth = (names, width) =>
  Math.ceil(Math.min(width * LABEL_SHARE + 20, Math.max(48, 12 + 7.6 * Math.max(...names.map((name) => name.length)))));

/** Cut a label that would run into the drawing. */
const short = (name, width) => (name.length * 7.4 > width ? `${name.slice(0, Math.max(3, Math.floor(width / 7.4) - 1))}…` : name);

/** Horizontal bars from 0 to 1, one a name. rows: [name, value, written?]; strong: the name that stands out, else the largest. */
export function bars(title, rows, width, strong = ranked(Object.fromEntries(rows))[0]?.[0]) {
  const left = labelWidth(rows.map(([name]) => name), width);
  const longest = Math.max(5, ...rows.map(([, value, written]) => (written ?? percent(value)).length));
  const scale = Math.max(20, width - left - longest * 7.4 - 10);
  const marks = rows.map(([name, value, written], place) => {
    const y = place * ROW;
    const leads = name === strong && value > 0;
    return draw(
      "g",
      { class: leads ? "strong" : null },
      text(0, y + 17, short(name, left - 8)),
      draw("rect", { class: "track", x: left, y: y + 6, width: scale, height: 14 }),
      draw("rect", { class: leads ? "bar best" : "bar", x: left, y: y + 6, width: Math.max(0, scale * value), height: 14 }),
      text(left + scale + 8, y + 17, written ?? percent(value), { class: "value" }),
    );
  });
  const spoken = rows.map(([name, value, written]) => `${name} ${written ?? percent(value)}`).join(", ");
  return sheet(width, rows.length * ROW, `${title}: ${spoken}`, ...marks);
}

/** Bars to both sides of nothing: what spoke for the label to the right, what spoke against it to the left. */
export function sided(title, rows, width) {
  const left = labelWidth(rows.map(([name]) => name), width);
  const largest = Math.max(1e-9, ...rows.map(([, value]) => Math.abs(value)));
  const half = Math.max(10, (width - left - 104) / 2);
  const middle = left + 52 + half;
  const marks = rows.map(([name, value], place) => {
    const y = place * ROW;
    const length = (half * Math.abs(value)) / largest;
    const against = value < 0;
    return draw(
      "g",
      {},
      text(0, y + 17, short(name, left - 8)),
      draw("rect", { class: against ? "bar against" : "bar best", x: against ? middle - length : middle, y: y + 6, width: length, height: 14 }),
      text(against ? middle - length - 6 : middle + length + 6, y + 17, signed(value), {
        class: "value",
        "text-anchor": against ? "end" : "start",
      }),
    );
  });
  const height = rows.length * ROW + 20;
  marks.push(draw("line", { class: "axis", x1: middle, x2: middle, y1: 0, y2: height - 18 }));
  marks.push(text(middle - 8, height - 2, "against", { class: "soft", "text-anchor": "end" }));
  marks.push(text(middle + 8, height - 2, "for", { class: "soft" }));
  return sheet(width, height, `${title}: ${rows.map(([name, value]) => `${name} ${signed(value)}`).join(", ")}`, ...marks);
}

/** Two shares of each class, joined: a filled circle for the one, an open diamond for the other. */
export function pairs(title, names, one, other, words, width) {
  const left = labelWidth(names, width);
  const scale = Math.max(20, width - left - 116);
  const top = Math.max(0.05, ...names.flatMap((name) => [one[name] ?? 0, other[name] ?? 0]));
  const at = (value) => left + 8 + (scale * value) / top;
  const circle = (x, y) => draw("circle", { class: "mark-one", cx: x, cy: y, r: 6 });
  const diamond = (x, y) => draw("path", { class: "mark-other", d: `M${x} ${y - 7}l7 7-7 7-7-7z` });
  const marks = names.map((name, place) => {
    const y = 44 + place * ROW;
    const [a, b] = [one[name] ?? 0, other[name] ?? 0];
    return draw(
      "g",
      {},
      text(0, y + 5, short(name, left - 8)),
      draw("line", { class: "track", x1: at(0), x2: at(top), y1: y, y2: y }),
      draw("line", { class: "joint", x1: at(a), x2: at(b), y1: y, y2: y }),
      diamond(at(b), y),
      circle(at(a), y),
      text(width, y + 5, `${percent(a)} / ${percent(b)}`, { class: "value", "text-anchor": "end" }),
    );
  });
  const second = 22 + words[0].length * 7.6 + 18;
  const legend = draw("g", {}, circle(7, 12), text(20, 17, words[0]), diamond(second, 12), text(second + 13, 17, words[1]));
  const spoken = names.map((name) => `${name} ${percent(one[name] ?? 0)} against ${percent(other[name] ?? 0)}`).join(", ");
  return sheet(width, 30 + names.length * ROW + 8, `${title}: ${spoken}`, legend, ...marks);
}

const PROBABLE = (moment) => moment.smoothed ?? moment.probabilities ?? {};

/** At most `most` windows: neighbours are drawn as one where there are more, the table keeps them all. */
function thinned(moments, most) {
  const step = Math.ceil(moments.length / most);
  if (step <= 1) return moments;
  const found = [];
  for (let start = 0; start < moments.length; start += step) {
    const part = moments.slice(start, start + step);
    const names = Object.keys(PROBABLE(part[0]));
    const mean = (name) => part.reduce((sum, moment) => sum + (PROBABLE(moment)[name] ?? 0), 0) / part.length;
    const smoothed = Object.fromEntries(names.map((name) => [name, mean(name)]));
    const label = ranked(smoothed)[0]?.[0];
    found.push({ ...part[0], end_s: part.at(-1).end_s, smoothed, smoothed_label: label });
  }
  return found;
}

/** The height of a band: the largest probability there is, up to the next tenth. */
export function topOf(moments) {
  const most = moments.reduce((top, moment) => Math.max(top, ...Object.values(PROBABLE(moment))), 0.1);
  return Math.min(1, Math.ceil(10 * most - 1e-9) / 10);
}

/** When a window's own piece of the time axis starts and ends: the hops between the middles of windows. */
function spans(moments) {
  const middles = moments.map((moment) => (moment.start_s + moment.end_s) / 2);
  const hop = moments.length > 1 ? (middles.at(-1) - middles[0]) / (moments.length - 1) : moments[0].end_s - moments[0].start_s;
  return middles.map((middle) => [middle - hop / 2, middle + hop / 2]);
}

/** Probabilities along time: one band a class, strong where the class is the (smoothed) answer, and the answers in a row below. */
export function bands(title, moments, classes, width) {
  const shown = thinned(moments, Math.max(40, Math.floor(width / 3)));
  const left = labelWidth(classes, width);
  const scale = Math.max(40, width - left - 52);
  const pieces = spans(shown);
  const [from, to] = [pieces[0][0], Math.max(pieces.at(-1)[1], pieces[0][0] + 0.1)];
  const x = (time) => left + (scale * (time - from)) / (to - from);
  const label = (moment) => moment.smoothed_label ?? moment.label;
  const top = topOf(moments);
  const step = 30;
  const marks = classes.map((name, row) => {
    const base = row * step + 26;
    const part = (keep) => {
      let path = "";
      shown.forEach((moment, place) => {
        if (!keep(moment)) return;
        const [start, end] = pieces[place].map(x);
        const y = (base - (24 * (PROBABLE(moment)[name] ?? 0)) / top).toFixed(1);
        path += place && keep(shown[place - 1]) ? `V${y}H${end.toFixed(1)}` : `M${start.toFixed(1)} ${base}V${y}H${end.toFixed(1)}`;
        if (place + 1 === shown.length || !keep(shown[place + 1])) path += `V${base}z`;
      });
      return path;
    };
    const mean = shown.reduce((sum, moment) => sum + (PROBABLE(moment)[name] ?? 0), 0) / shown.length;
    return draw(
      "g",
      {},
      text(0, base - 4, short(name, left - 8)),
      draw("line", { class: "rule", x1: left, x2: left + scale, y1: base, y2: base }),
      draw("path", { class: "quiet", d: part((moment) => label(moment) !== name) }),
      draw("path", { class: "best", d: part((moment) => label(moment) === name) }),
      text(width, base - 4, percent(mean), { class: "value", "text-anchor": "end" }),
    );
  });
  const floor = classes.length * step;
  marks.push(...runs(shown, pieces, label).map(([name, start, end]) => {
    const [a, b] = [x(start), x(end)];
    const fits = b - a > name.length * 7.4 + 8;
    return draw(
      "g",
      {},
      draw("rect", { class: "run", x: a, y: floor + 8, width: Math.max(0.5, b - a - 1.5), height: 20 }),
      fits ? text((a + b) / 2, floor + 22.5, name, { "text-anchor": "middle", class: "small" }) : null,
    );
  }));
  marks.push(text(0, floor + 23, "answer", { class: "soft" }), ...ticks(from, to, x, floor + 34, scale));
  const spoken = ranked(countOf(shown.map(label))).map(([name, count]) => `${name} in ${count} of ${shown.length} windows`);
  return sheet(width, floor + 54, `${title}, ${clock(from)} to ${clock(to)}: ${spoken.join(", ")}`, ...marks);
}

const countOf = (labels) => labels.reduce((counts, label) => ({ ...counts, [label]: (counts[label] ?? 0) + 1 }), {});

/** Neighbouring windows with one answer, as [answer, start, end]. */
function runs(moments, pieces, label) {
  const found = [];
  moments.forEach((moment, place) => {
    const [start, end] = pieces[place];
    const before = found.at(-1);
    if (before && before[0] === label(moment)) before[2] = end;
    else found.push([label(moment) ?? "none", start, end]);
  });
  return found;
}

function ticks(from, to, x, y, scale) {
  const gap = TICKS_S.find((one) => ((to - from) / one) * 72 <= scale) ?? TICKS_S.at(-1);
  const found = [];
  for (let time = Math.ceil(from / gap) * gap; time <= to + 1e-6; time += gap) {
    const written = to >= 60 ? clock(time) : `${Number(time.toFixed(1))} s`;
    found.push(draw("line", { class: "axis", x1: x(time), x2: x(time), y1: y - 2, y2: y + 3 }));
    found.push(text(x(time), y + 17, written, { class: "soft", "text-anchor": "middle" }));
  }
  return found;
}

/** The numbers of a timeline: one row a window. */
export const momentsTable = (title, moments, classes) =>
  table(
    title,
    ["from", "to", "answer", ...classes],
    moments.map((moment) => [
      `${moment.start_s.toFixed(1)} s`,
      `${moment.end_s.toFixed(1)} s`,
      moment.smoothed_label ?? moment.label ?? "none",
      ...classes.map((name) => Number((PROBABLE(moment)[name] ?? 0).toFixed(3))),
    ]),
  );
