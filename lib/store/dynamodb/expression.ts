import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { attributes } from './tables.ts';

export type Item = Record<string, AttributeValue>;
export type Values = Record<string, AttributeValue>;
type Attribute = keyof typeof attributes;

/**
 * The aliases that the expressions use: `#inbox` stands for the attribute named in `attributes.inbox`. No attribute is
 * named directly, since DynamoDB reserves hundreds of words.
 */
export function namesIn(...expressions: readonly (string | undefined)[]): Record<string, string> {
  const names: Record<string, string> = {};
  for (const [alias] of expressions.join(' ').matchAll(/#[a-z]+/g)) {
    names[alias] = attributes[alias.slice(1) as Attribute];
  }
  return names;
}

/** The key of an item, in both tables. */
export function itemKey(partition: string, sort: string): Item {
  return { [attributes.pk]: { S: partition }, [attributes.sk]: { S: sort } };
}

export function numberOf(value: number): AttributeValue {
  return { N: String(value) };
}

/** The number in an attribute; 0 if it is missing. */
export function readNumber(item: Item, attribute: Attribute): number {
  return Number(item[attributes[attribute]]?.N ?? 0);
}

export function readText(item: Item, attribute: Attribute): string {
  return item[attributes[attribute]]?.S ?? '';
}

export function readBytes(item: Item, attribute: Attribute): Uint8Array | undefined {
  return item[attributes[attribute]]?.B;
}
