import type { SentMessage } from '../rest/message-schema.ts';
import { CommandFailure, exitCodes } from './exit.ts';

/**
 * Writes to standard output; resolves when the octets are out.
 * @throws CommandFailure if nobody reads them
 */
export function print(octets: string | Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(octets, (error) => {
      if (error) reject(new CommandFailure('The output is closed.', exitCodes.failed, error));
      else resolve();
    });
  });
}

/** Writes values as JSON, a line each. */
export async function printJsonLines(values: readonly unknown[]): Promise<void> {
  if (values.length > 0) await print(values.map((value) => `${JSON.stringify(value)}\n`).join(''));
}

/** Writes bodies as the octets that they are, each with a line's end if `lines`. */
export async function printBodies(
  messages: readonly Pick<SentMessage, 'body' | 'contentEncoding'>[],
  lines: boolean,
): Promise<void> {
  const end = Buffer.from(lines ? '\n' : '');
  await print(
    Buffer.concat(messages.flatMap(({ body, contentEncoding }) => [Buffer.from(body, contentEncoding), end])),
  );
}

/** Writes rows in columns; names to the left, numbers to the right. */
export async function printTable(
  head: readonly string[],
  rows: readonly (readonly (string | number)[])[],
): Promise<void> {
  const texts = [head, ...rows].map((row) => row.map(String));
  const widths = head.map((_, column) => Math.max(...texts.map((row) => row[column]?.length ?? 0)));
  const lines = texts.map((row) =>
    row.map((text, i) => (i === 0 ? text.padEnd(widths[i] ?? 0) : text.padStart(widths[i] ?? 0))).join('  '),
  );
  await print(`${lines.join('\n')}\n`);
}
