/** Headers as they go out: nothing is escaped. */
export type FrameHeaders = Readonly<Record<string, string | number>>;

/** A SEND whose receipt is its body. */
export function sendFrame(destination: string, body: string, headers: FrameHeaders = {}): string {
  return frame('SEND', { destination, receipt: body, ...headers }, body);
}

/** A SUBSCRIBE with the id `s`, unless `headers` say otherwise, and the receipt `sub`. */
export function subscribeFrame(destination: string, headers: FrameHeaders = {}): string {
  return frame('SUBSCRIBE', { id: 's', destination, receipt: 'sub', ...headers });
}

function frame(command: string, headers: FrameHeaders, body = ''): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}:${value}\n`);
  return `${command}\n${lines.join('')}\n${body}\0`;
}
