// The service, as the page sees it: every refusal becomes one line that a person can read.

let token = null;

export class ServiceError extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

export const useToken = (value) => {
  token = value;
};

function line(status, body, retry) {
  const detail = body?.detail;
  if (typeof detail === "string") return retry ? `${detail} (try again in ${retry} s)` : detail;
  if (Array.isArray(detail) && detail.length) return detail.map((part) => part.msg ?? String(part)).join("; ");
  return `the service answered ${status}`;
}

async function call(path, options = {}) {
  const headers = { ...(options.headers ?? {}), ...(token ? { Authorization: `Bearer ${token}` } : {}) };
  let response;
  try {
    response = await fetch(path, { ...options, headers, cache: "no-store" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ServiceError("the service does not answer: is it still running?", 0);
  }
  const body = await response.json().catch(() => null);
  if (!response.ok) throw new ServiceError(line(response.status, body, response.headers.get("Retry-After")), response.status);
  return body;
}

const posted = (path, fields, signal) => {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) {
    if (value === null || value === undefined || value === "") continue;
    if (value instanceof Blob) form.append(name, value, value.name ?? "recording.webm");
    else form.append(name, String(value));
  }
  return call(path, { method: "POST", body: form, signal });
};

const postedJson = (path, value, signal) =>
  call(path, { method: "POST", body: JSON.stringify(value), headers: { "Content-Type": "application/json" }, signal });

export const readModel = () => call("/v1/model");
export const predict = (fields, signal) => posted("/v1/predict", fields, signal);
export const timeline = (fields, signal) => posted("/v1/timeline", fields, signal);
export const findFaces = (image, signal) => posted("/v1/faces", { image }, signal);
export const readDocument = (file, signal) => posted("/v1/document", { file }, signal);
export const readWords = (text, signal) => postedJson("/v1/words", { text }, signal);

/** Open the stream; a browser cannot set headers on a socket, so the token travels as a subprotocol. */
export function openStream() {
  const address = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/v1/stream`;
  const socket = token ? new WebSocket(address, ["bearer", token]) : new WebSocket(address);
  socket.binaryType = "arraybuffer";
  return socket;
}
