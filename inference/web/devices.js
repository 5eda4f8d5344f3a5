// Camera and microphone: never opened before somebody agreed, stopped together, and always told in the bar.

import { byId } from "./dom.js";
import { onClear, session } from "./session.js";

const open = new Map(); // the purpose of a device ("camera", "interview", …) -> its stream

function tell() {
  const parts = { camera: "off", microphone: "off" };
  for (const stream of open.values())
    for (const track of stream.getTracks()) parts[track.kind === "video" ? "camera" : "microphone"] = "on";
  byId("state").textContent = `Camera ${parts.camera}, microphone ${parts.microphone}`;
  byId("state").classList.toggle("on", open.size > 0);
}

/** Ask once a session; resolves to whether the person agreed. The dialogue gives the focus back to where it was. */
export function agreed(device) {
  if (session.consent) return Promise.resolve(true);
  const dialog = byId("consent");
  byId("consent-device").textContent = device;
  byId("consent-host").textContent = ["127.0.0.1", "localhost", "[::1]"].includes(location.hostname)
    ? "the service on this machine"
    : `the service at ${location.host}`;
  dialog.returnValue = "refuse";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener(
      "close",
      () => {
        session.consent = dialog.returnValue === "agree";
        resolve(session.consent);
      },
      { once: true },
    );
  });
}

const WHY_NOT = {
  NotAllowedError: "the browser was not allowed to open it: permit it in the address bar",
  NotFoundError: "there is no such device here",
  NotReadableError: "another program holds it",
};

/** Open devices for a purpose; an Error has one line that says what to do. */
export async function openDevices(purpose, constraints) {
  if (!navigator.mediaDevices) throw new Error("devices open on https or localhost only: reach the service there");
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia(constraints);
  } catch (error) {
    throw new Error(`${purpose}: ${WHY_NOT[error.name] ?? error.message}`);
  }
  open.set(purpose, stream);
  tell();
  if (!session.consent) closeDevices(purpose);
  stillAgreed();
  return stream;
}

/** Stop an opening that is under way when everything, the agreement too, was deleted meanwhile. */
export function stillAgreed() {
  if (!session.consent) throw new DOMException("deleted meanwhile", "AbortError");
}

export function closeDevices(purpose) {
  for (const track of open.get(purpose)?.getTracks() ?? []) track.stop();
  open.delete(purpose);
  tell();
}

onClear(() => [...open.keys()].forEach(closeDevices));
