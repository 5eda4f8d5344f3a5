// What this page remembers, in memory only: no cookie, no local storage, no server. Closing the page is deleting it.

export const events = new EventTarget();

export const session = { model: null, consent: false, items: [] };

let last = 0;

export const changed = () => events.dispatchEvent(new Event("change"));

/**
 * Add something that was analysed.
 *
 * kind: "live", "text", "file" or "interview"; name: what a person calls it; answer: the fused answer or null;
 * moments: windows along its time; words: words with their contributions; faces: blinks by face number.
 */
export function remember(item) {
  last += 1;
  const kept = { number: last, at: new Date().toISOString(), answer: null, moments: [], words: [], faces: {}, ...item };
  session.items.push(kept);
  changed();
  return kept;
}

/** Forget everything; whoever holds a device or an object address lets go of it on "clear". Returns how much there was. */
export function forget() {
  const count = session.items.length;
  events.dispatchEvent(new Event("clear"));
  session.items.length = 0;
  session.consent = false;
  last = 0;
  changed();
  return count;
}

/** Call back at most once a frame, however often the session changes. */
export function onChange(callback) {
  let waiting = false;
  events.addEventListener("change", () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      callback();
    });
  });
}

export const onClear = (callback) => events.addEventListener("clear", callback);

/** Every label of an item, one a window; an item without windows counts once. */
export const labelsOf = (item) =>
  item.moments.length
    ? item.moments.map((moment) => moment.smoothed_label ?? moment.label).filter(Boolean)
    : [item.answer?.label].filter(Boolean);

/** Share of each class among labels, in the order of the model's classes. */
export function sharesOf(items) {
  const labels = items.flatMap(labelsOf);
  return Object.fromEntries(
    (session.model?.classes ?? []).map((name) => [name, labels.length ? labels.filter((label) => label === name).length / labels.length : 0]),
  );
}

/** Mean share in the answer and mean contribution of each modality, over all answers and windows that had it. */
export function modalitiesOf(items) {
  const sums = {};
  const said = items.flatMap((item) => (item.moments.length ? item.moments : [item.answer])).filter((one) => one?.modalities);
  for (const one of said)
    for (const [name, part] of Object.entries(one.modalities)) {
      if (!part.present) continue;
      sums[name] ??= { weight: 0, contribution: 0, count: 0 };
      sums[name].weight += part.weight ?? 0;
      sums[name].contribution += part.contribution ?? 0;
      sums[name].count += 1;
    }
  return Object.entries(sums).map(([name, sum]) => ({
    name,
    weight: sum.weight / said.length,
    contribution: sum.contribution / sum.count,
    count: sum.count,
  }));
}
