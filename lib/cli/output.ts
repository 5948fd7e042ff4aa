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

/** A column of a table: its head, and what it shows of a row. Numbers stand to the right, texts to the left. */
export type Column<Row> = {
  readonly head: string;
  readonly kind: 'text' | 'number';
  readonly of: (row: Row) => string;
};

/** Writes rows in columns. */
export async function printTable<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): Promise<void> {
  const cells = columns.map(({ head, kind, of }) => {
    const texts = [head, ...rows.map(of)];
    const width = Math.max(...texts.map((text) => text.length));
    return texts.map((text) => (kind === 'text' ? text.padEnd(width) : text.padStart(width)));
  });
  const lines = [...rows, undefined].map((_, line) =>
    cells
      .map((column) => column[line])
      .join('  ')
      .trimEnd(),
  );
  await print(`${lines.join('\n')}\n`);
}
