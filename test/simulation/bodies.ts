import { must } from './checks/violation.ts';

/** A body of so many octets that names its message; of as many as the name takes if that is more. */
export function bodyOf(id: string, sizeBytes: number): string {
  const head = `${id} ${sizeBytes} `;
  return head.length >= sizeBytes ? id : head.padEnd(sizeBytes, `${id}.`);
}

/** The message that a body names, which has to be all there. */
export function idOf(body: Uint8Array): string {
  const text = Buffer.from(body).toString();
  const [id = '', sizeBytes] = text.split(' ', 2);
  must(sizeBytes === undefined || text === bodyOf(id, Number(sizeBytes)), 'a body arrives as it was sent', id, text);
  return id;
}
