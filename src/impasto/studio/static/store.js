// What goes on, as the server tells it: the only memory of jobs that the page has. A reload loses nothing.
import { get } from "./api.js";

export const jobs = new Map();
export const facts = { start: null, styles: [], ready: false, isConnected: false };
const listeners = new Set();

export function onChange(listen) {
  listeners.add(listen);
  return () => listeners.delete(listen);
}

const tell = (changed) => listeners.forEach((listen) => listen(changed));

export async function begin() {
  facts.start = await get("/start");
  await refreshStyles();
  connect();
}

export async function refreshStyles() {
  facts.styles = await get("/styles");
  tell([]);
}

function connect() {
  const stream = new EventSource("/api/stream");
  let isFirst = true;
  stream.onmessage = (message) => {
    const told = JSON.parse(message.data);
    const wasReady = facts.ready;
    facts.ready = told.ready;
    facts.isConnected = true;
    if (isFirst) jobs.clear();
    isFirst = false;
    let hasStyle = false;
    for (const job of told.jobs) {
      if (job.gone) jobs.delete(job.id);
      else {
        hasStyle ||= job.saved !== jobs.get(job.id)?.saved;
        jobs.set(job.id, job);
      }
    }
    if (told.jobs.length || wasReady !== told.ready) tell(told.jobs);
    if (hasStyle) refreshStyles();
  };
  stream.onerror = () => {
    isFirst = true; // it connects again by itself, and is told everything anew
    if (facts.isConnected) {
      facts.isConnected = false;
      tell([]);
    }
    if (stream.readyState === EventSource.CLOSED) {
      stream.close();
      setTimeout(connect, 2000);
    }
  };
}

export const sorted = (keep) => [...jobs.values()].filter(keep).sort((a, b) => (a.id < b.id ? 1 : -1));
export const isActive = (job) => ["waiting", "running", "stopping"].includes(job.state);

// What was typed, kept for the next time the page is opened.
export function draft(name, otherwise) {
  try {
    return { ...otherwise, ...JSON.parse(localStorage.getItem(`impasto.${name}`) || "{}") };
  } catch {
    return otherwise;
  }
}
export const keepDraft = (name, value) => localStorage.setItem(`impasto.${name}`, JSON.stringify(value));
