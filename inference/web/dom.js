// Small makers of elements: text is always set as text, so nothing a file or a service says can become markup.

const SVG = "http://www.w3.org/2000/svg";

/** Fill an element from {attribute: value} and children; false and null are left out, on… are listeners. */
function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export const make = (name, attributes = {}, ...children) => fill(document.createElement(name), attributes, children);

export const draw = (name, attributes = {}, ...children) =>
  fill(document.createElementNS(SVG, name), attributes, children);

export const byId = (id) => document.getElementById(id);

/** A probability as people read it: "62 %", with a space that does not break. */
export const percent = (value) => `${Math.round(100 * value)}\u202f%`;

/** A signed number with a real minus, two places. */
export const signed = (value) =>
  `${value < 0 ? "\u2212" : "+"}${Math.abs(value).toFixed(2)}`;

export function clock(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

/** [name, value] pairs, the largest first. */
export const ranked = (values) => Object.entries(values ?? {}).sort((a, b) => b[1] - a[1]);

/** Show one line of trouble where it belongs, or clear it. */
export function complain(id, line) {
  const place = byId(id);
  place.textContent = line ?? "";
  place.hidden = !line;
}

/** Say something to people who listen to the page instead of looking at it. */
export function announce(line) {
  byId("announce").textContent = line;
}

/** A table with a caption; the first cell of a row is its heading, numbers are set to the right. */
export function table(caption, headings, rows) {
  const cells = (row) =>
    row.map((cell, place) =>
      place === 0 ? make("th", { scope: "row" }, cell) : make("td", { class: typeof cell === "number" ? "number" : null }, String(cell)),
    );
  return make(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    make(
      "table",
      {},
      make("caption", { class: "hidden" }, caption),
      make("thead", {}, make("tr", {}, headings.map((heading) => make("th", { scope: "col" }, heading)))),
      make("tbody", {}, rows.map((row) => make("tr", {}, cells(row)))),
    ),
  );
}
