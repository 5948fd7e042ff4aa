import { describe, expect, it } from 'vitest';
import { refuseUnsupported, unsupportedHeaders } from '../../../lib/model/unsupported-headers.ts';

type Asked = Parameters<typeof refuseUnsupported>;

function refusalOf(...asked: Asked): string | undefined {
  try {
    refuseUnsupported(...asked);
    return undefined;
  } catch (error) {
    expect(error).toMatchObject({ code: 'NOT_SUPPORTED' });
    return (error as Error).message;
  }
}

describe('a header that asks for what is not built', () => {
  const named = unsupportedHeaders.flatMap(({ frames, kind = 'queue', names, values = ['yes'] }) =>
    frames.flatMap((frame) => names.map((name) => [frame, kind, name.replace('*', 'any'), values[0] ?? ''] as const)),
  );

  it.each(named)('is refused by name: %s to a %s, %s', (frame, kind, name, value) => {
    expect(refusalOf(frame, kind, { [name]: value })).toContain(`The header "${name}" is not supported: `);
  });

  const harmless = unsupportedHeaders.flatMap(({ frames, kind = 'queue', names, harmless: values = [] }) =>
    frames.flatMap((frame) => names.flatMap((name) => values.map((value) => [frame, kind, name, value] as const))),
  );

  it.each(harmless)('is passed over where it asks for what is done anyway: %s to a %s, %s:%s', (...given) => {
    const [frame, kind, name, value] = given;
    expect(refusalOf(frame, kind, { [name]: value.toUpperCase() })).toBeUndefined();
    expect(refusalOf(frame, kind, { [name]: '' })).toBeUndefined();
  });
});

it.each<Asked>([
  ['SEND', 'queue', { 'x-colour': 'blue', 'reply-to': '/queue/answers', requeue: 'false', browser: 'true' }],
  ['SUBSCRIBE', 'queue', { 'activemq.prefetchSize': '1', 'activemq.dispatchAsync': 'true', JMSXGroupID: 'one' }],
  ['SUBSCRIBE', 'topic', { exclusive: 'true', 'prefetch-count': '1' }],
  ['SUBSCRIBE', 'queue', { browser: 'true', persistent: 'true' }],
  ['UNSUBSCRIBE', undefined, { id: '1', exclusive: 'true' }],
])('other headers travel, or mean nothing there: %s to a %s', (...asked) => {
  expect(refusalOf(...asked)).toBeUndefined();
});
