// Requests to the server: the page's token with every change, errors as one sentence.
const TOKEN = document.querySelector("meta[name=impasto-token]").content;

async function asked(method, path, { body, type, signal } = {}) {
  let answer;
  try {
    answer = await fetch(`/api${path}`, {
      method,
      body,
      signal,
      headers: { ...(type ? { "content-type": type } : {}), ...(method === "GET" ? {} : { "x-impasto-token": TOKEN }) },
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("the studio does not answer: is it still running?");
  }
  const told = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(told.error || `the studio answered ${answer.status}`);
  return told;
}

const JSON_TYPE = "application/json";
const sent = (method) => (path, value) => asked(method, path, { body: JSON.stringify(value ?? {}), type: JSON_TYPE });

export const get = (path, signal) => asked("GET", path, { signal });
export const post = sent("POST");
export const put = sent("PUT");
export const remove = (path) => asked("DELETE", path);
export const upload = (path, file) => asked("POST", path, { body: file, type: "application/octet-stream" });
export const url = (...parts) => `/api/${parts.map(encodeURIComponent).join("/")}`;
