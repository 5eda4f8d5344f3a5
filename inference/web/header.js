// What the model is: its name, classes, what it reads, how well it did and where, and under which licences.

import { named } from "./answer.js";
import { cardOf } from "./card.js";
import { byId, make } from "./dom.js";

const METRICS = { uar: "unweighted average recall", accuracy: "accuracy", macro_f1: "macro F1", weighted_f1: "weighted F1" };

const size = (bytes) => (bytes >= 1e6 ? `${(bytes / 1e6).toFixed(1)} MB` : `${Math.max(1, Math.round(bytes / 1e3))} kB`);

const listed = (names) => (names.length > 1 ? `${names.slice(0, -1).join(", ")} and ${names.at(-1)}` : (names[0] ?? ""));

/** The first metric known here: [name, mean, low, high]. */
function figureOf(validation) {
  const metrics = validation.metrics ?? validation;
  const name = Object.keys(METRICS).find((one) => metrics[one] !== undefined && metrics[one] !== null);
  if (!name) return null;
  const value = metrics[name];
  return typeof value === "number" ? [name, value] : [name, value.mean ?? value.value, value.low, value.high];
}

const STAMPS = { adaptive: "adaptive", leaky: "leaky", synthetic: "synthetic" };

/** Stamps stand beside every number: what makes it easier than the task. */
function stamps(validation) {
  const said = { ...validation, ...(typeof validation.protocol === "object" ? validation.protocol : {}) };
  const own = Array.isArray(validation.stamps) ? validation.stamps : [];
  const found = Object.keys(STAMPS).filter((name) => said[name] === true).map((name) => STAMPS[name]);
  return [...new Set([...own, ...found])].map((stamp) => make("span", { class: "stamp" }, stamp));
}

function validated(validation) {
  const found = figureOf(validation);
  if (!found) return ["not validated: nothing is known about how well it does"];
  const [name, mean, low, high] = found;
  const where = [validation.corpus?.name ?? validation.corpus ?? validation.study, validation.protocol?.name ?? validation.protocol]
    .filter((part) => typeof part === "string")
    .join(", ");
  return [
    make("strong", {}, mean.toFixed(3)),
    low === undefined || low === null ? null : ` [${low.toFixed(3)}, ${high.toFixed(3)}]`,
    ` ${METRICS[name]}`,
    where ? ` (${where})` : null,
    " ",
    stamps(validation),
  ].flat();
}

const fact = (name, ...values) => make("div", {}, make("dt", {}, name), make("dd", {}, ...values));

const licenceLine = (licence) =>
  typeof licence === "string"
    ? licence
    : [licence.name ?? licence.what ?? licence.of, licence.licence ?? licence.text ?? licence.note].filter(Boolean).join(": ") || JSON.stringify(licence);

export function showModel(model) {
  const reads = Object.keys(model.modalities).map(named);
  byId("model-name").textContent = model.name;
  document.title = `${model.name} · emofuse`;
  byId("model-lead").textContent = `A classical model that tells ${listed(model.classes)} from ${listed(reads)}, on this machine's processor.`;
  byId("model-facts").replaceChildren(
    fact("Validated", ...validated(model.validation ?? {})),
    fact("Needs", Object.entries(model.modalities).map(([source, blocks]) => `${named(source)} (${blocks.join(", ")})`).join("; ")),
    fact("Size", model.size_bytes ? size(model.size_bytes) : "unknown"),
  );
  const folds = [];
  if (model.licences?.length)
    folds.push(make("details", {}, make("summary", {}, "Licences"), make("ul", {}, model.licences.map((one) => make("li", {}, licenceLine(one))))));
  if (model.card) folds.push(make("details", {}, make("summary", {}, "Model card"), cardOf(model.card)));
  byId("model-details").replaceChildren(...folds);
}
