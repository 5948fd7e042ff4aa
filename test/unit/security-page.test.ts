import { globSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

/** The sentences of all tests, as they are written, without the quotes of the language. */
function testSentences(): Set<string> {
  const calls = /\b(?:it|test)(?:\.\w+(?:\((?:[^()]|\(\))*\))?)*\(\s*(?:dynamoTitle\()?(['"`])(.*?)(?<!\\)\1/gs;
  const files = globSync('test/**/*.test.ts').map((path) => readFileSync(path, 'utf8'));
  return new Set(files.flatMap((text) => [...text.matchAll(calls)].map(([, , sentence = '']) => sentence)));
}

const page = readFileSync('docs/security.md', 'utf8');

it('each sentence that the security page quotes is that of a test', () => {
  const quoted = [...page.matchAll(/(?<=[(\s|])_([^_]+)_(?=[),.\s])/g)].map(([, sentence = '']) => sentence);
  expect(quoted.length).toBeGreaterThan(40);
  const sentences = testSentences();
  expect(quoted.filter((sentence) => !sentences.has(sentence))).toEqual([]);
});

it('each test of access is quoted by the security page', () => {
  const files = globSync('test/protocol/access/*.test.ts').map((path) => readFileSync(path, 'utf8'));
  const names = files.flatMap((text) =>
    [...text.matchAll(/\bit(?:\.skipIf\(\w+\))?\(\s*(['"])(.*?)\1,/g)].map(([, , name = '']) => name),
  );
  expect(names.length).toBeGreaterThan(30);
  expect(names.filter((name) => !page.includes(`_${name}_`))).toEqual([]);
});
