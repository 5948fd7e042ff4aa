import { isUtf8 } from 'node:buffer';
import { readFile } from 'node:fs/promises';
import type { SentMessage } from '../rest/message-schema.ts';
import { CommandFailure, wrongUsage } from './exit.ts';

const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;

/** Where the bodies come from. */
export type Source =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'files'; readonly paths: readonly string[] }
  /** All of standard input is one body, each of its lines is one, or each of its lines is a message as JSON. */
  | { readonly kind: 'stdin' | 'lines' | 'json' };

/** The messages of a source, one at a time, however long it is. */
export async function* messagesOf(source: Source, stdin: AsyncIterable<Buffer>): AsyncGenerator<SentMessage> {
  switch (source.kind) {
    case 'text':
      yield { body: source.text };
      return;
    case 'files':
      for (const path of source.paths) yield contentOf(await readFile(path));
      return;
    case 'stdin':
      yield contentOf(await wholeOf(stdin));
      return;
    case 'lines':
      for await (const line of linesOf(stdin)) yield contentOf(line);
      return;
    case 'json':
      yield* jsonMessages(stdin);
  }
}

/** An input that is not there is no message: a script whose command failed would send an empty one. */
async function wholeOf(chunks: AsyncIterable<Buffer>): Promise<Buffer> {
  const whole: Buffer[] = [];
  for await (const chunk of chunks) whole.push(chunk);
  if (whole.length === 0) throw wrongUsage("Standard input is empty, and nothing was sent: --body '' sends no text.");
  return Buffer.concat(whole);
}

/** Octets that are no UTF-8 travel as base64. */
function contentOf(octets: Buffer): SentMessage {
  if (isUtf8(octets)) return { body: octets.toString('utf8') };
  return { body: octets.toString('base64'), contentEncoding: 'base64' };
}

/** Lines without their ends; the last one need have none. */
async function* linesOf(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let begun: Buffer[] = [];
  for await (const chunk of chunks) {
    let from = 0;
    for (let eol = chunk.indexOf(LINE_FEED); eol !== -1; eol = chunk.indexOf(LINE_FEED, from)) {
      yield withoutReturn(Buffer.concat([...begun, chunk.subarray(from, eol)]));
      begun = [];
      from = eol + 1;
    }
    if (from < chunk.length) begun.push(chunk.subarray(from));
  }
  if (begun.length > 0) yield withoutReturn(Buffer.concat(begun));
}

function withoutReturn(line: Buffer): Buffer {
  return line.at(-1) === CARRIAGE_RETURN ? line.subarray(0, -1) : line;
}

async function* jsonMessages(stdin: AsyncIterable<Buffer>): AsyncGenerator<SentMessage> {
  let number = 0;
  for await (const line of linesOf(stdin)) {
    number += 1;
    const text = line.toString('utf8').trim();
    if (text !== '') yield parseMessage(text, number);
  }
}

/** The line of a message that was received or browsed may be sent as it is: what the broker added is left out. */
function parseMessage(text: string, number: number): SentMessage {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new CommandFailure(`Line ${number} is not valid JSON.`, undefined, cause);
  }
  if (typeof value !== 'object' || value === null) throw new CommandFailure(`Line ${number} is no JSON object.`);
  const { messageId, token, queue, redelivered, deliveryCount, timestamp, sequence, inFlight, ...message } =
    value as Record<string, unknown>;
  delete message.text;
  return message as SentMessage;
}
