import { afterAll, beforeAll, expect, it } from 'vitest';
import { type AccessSubject, ask, logIn, makeUser, startAccessSubject, textOf } from '../../access-subject.ts';

let subject: AccessSubject;
beforeAll(async () => {
  subject = await startAccessSubject();
});
afterAll(() => subject.close());

function publish(authorization: string, topic: string, body: string) {
  return ask(subject, authorization, 'POST', `/v1/topics/${topic}/messages`, { body });
}

it('a rule for a queue is none for the topic of its name, nor the other way round', async () => {
  const ofQueue = await makeUser(subject, 'of-queue', ['read,write:/queue/news']);
  const ofTopic = await makeUser(subject, 'of-topic', ['read,write:/topic/news']);
  expect((await publish(ofQueue, 'news', 'x')).status).toBe(403);
  expect((await publish(ofTopic, 'news', 'x')).status).toBe(201);
  expect((await ask(subject, ofTopic, 'POST', '/v1/queues/news/messages', { body: 'x' })).status).toBe(403);
  const socket = await logIn(subject, 'of-queue');
  const error = await socket.ask('SUBSCRIBE\nid:s\ndestination:/topic/news\n\n\0');
  expect(error.headers.code).toBe('FORBIDDEN');
  expect(textOf(error)).toMatch(/"read" to \/topic\/news/);
  await socket.closed;
});

it('a SEND to a topic without the right is an ERROR, and nobody gets anything', async () => {
  await makeUser(subject, 'listener', ['read:/topic/quiet']);
  const listener = await logIn(subject, 'listener');
  await listener.ask('SUBSCRIBE\nid:s\ndestination:/topic/quiet\nreceipt:s\n\n\0');
  const intruder = await logIn(subject, 'listener');
  expect((await intruder.ask('SEND\ndestination:/topic/quiet\n\nno\0')).headers.code).toBe('FORBIDDEN');
  await publish(subject.administrator, 'quiet', 'yes');
  expect(textOf(await listener.next())).toBe('yes');
  listener.close();
});

it('a subscriber to a topic whose user is removed is given nothing more', async () => {
  await makeUser(subject, 'subscriber', ['read:/topic/prices']);
  const socket = await logIn(subject, 'subscriber');
  await socket.ask('SUBSCRIBE\nid:s\ndestination:/topic/prices\nreceipt:s\n\n\0');
  await publish(subject.administrator, 'prices', 'before');
  expect(textOf(await socket.next())).toBe('before');
  expect((await ask(subject, subject.administrator, 'DELETE', '/v1/users/subscriber')).status).toBe(204);
  expect((await socket.next()).headers.code).toBe('UNAUTHENTICATED');
  await publish(subject.administrator, 'prices', 'after');
  await socket.closed;
  expect(socket.unread).toEqual([]);
});
