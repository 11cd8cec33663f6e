// What the suites use of node:fs, for Workers, which may wait for an answer; vite.config.js puts it in that one's place.

export function readFileSync(url, encoding) {
  const request = new XMLHttpRequest();
  request.open('GET', url, false);
  request.responseType = 'arraybuffer';
  request.send();
  if (request.status !== 200) throw new Error(`${url} answered ${request.status}`);
  const bytes = new Uint8Array(request.response);
  return encoding === undefined ? bytes : new TextDecoder(encoding).decode(bytes);
}
