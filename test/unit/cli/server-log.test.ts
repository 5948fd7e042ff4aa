import { describe, expect, it } from 'vitest';
import { logLevels, ServerLog } from '../../../lib/cli/server-log.ts';
import { BrokerError } from '../../../lib/model/errors.ts';

/** What a log of this kind writes of one event of each level. */
function writtenBy(isJson: boolean, level: (typeof logLevels)[number]) {
  const out: string[] = [];
  const err: string[] = [];
  const log = new ServerLog(isJson, level, { out: (line) => out.push(line), err: (line) => err.push(line) });
  log.say('It is ready.', 'started', { url: 'http://127.0.0.1:1' });
  const cause = new SyntaxError('Unexpected token in "a secret"');
  log.log('request failed', { path: '/v1' }, new BrokerError('INTERNAL', 'It failed.', { cause }));
  log.log('lease stolen', { shard: '/queue/a b' });
  log.audit('queue purged', { by: 'user root', what: 'q' });
  log.trace('connected', { connection: 'c', from: undefined });
  return { out, err };
}

describe('the log of a server', () => {
  it.each(logLevels)('at the level %s says what the server does, and of what befalls it as much as that', (level) => {
    const { out, err } = writtenBy(false, level);
    expect(out).toEqual(['It is ready.']);
    const events = ['request failed', 'lease stolen', 'queue purged', 'connected'];
    expect(err.map((line) => events.find((event) => line.includes(event)))).toEqual(
      events.slice(0, logLevels.indexOf(level) + 1),
    );
  });

  it('is a text for people, in which what has blanks is quoted', () => {
    const lines = writtenBy(false, 'debug').err.map((line) => line.replace(/^\S+Z /, '').replace(/,"stack".*/, ''));
    expect(lines).toEqual([
      'error request failed path=/v1 code=INTERNAL message="It failed." cause={"name":"SyntaxError"',
      'warn  lease stolen shard="/queue/a b"',
      'info  queue purged by="user root" what=q',
      'debug connected connection=c',
    ]);
  });

  it('is an object a line for programs, all of it on stdout', () => {
    const { out, err } = writtenBy(true, 'debug');
    expect(err).toEqual([]);
    const lines = out.map((line) => JSON.parse(line));
    expect(lines.map(({ level, event }) => [level, event])).toEqual([
      ['info', 'started'],
      ['error', 'request failed'],
      ['warn', 'lease stolen'],
      ['info', 'queue purged'],
      ['debug', 'connected'],
    ]);
    for (const { time } of lines) expect(Date.parse(time)).toBeGreaterThan(0);
  });

  it('shows of a cause nothing but its name and its place', () => {
    for (const isJson of [true, false]) {
      const { out, err } = writtenBy(isJson, 'debug');
      expect([...out, ...err].join()).not.toContain('secret');
    }
  });
});
