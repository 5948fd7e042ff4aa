import type { Prng } from '../simulation/prng.ts';

type Octets = Buffer<ArrayBuffer>;
type Damage = (bytes: Octets, prng: Prng) => Octets;

const flip: Damage = (bytes, prng) => {
  const at = prng.between(0, bytes.length - 1);
  bytes[at] = (bytes[at] ?? 0) ^ (1 << prng.between(0, 7));
  return bytes;
};

const overwrite: Damage = (bytes, prng) => {
  const from = prng.between(0, bytes.length - 1);
  const to = prng.between(from, Math.min(bytes.length - 1, from + 16));
  for (let at = from; at <= to; at++) bytes[at] = prng.between(0, 255);
  return bytes;
};

const cut: Damage = (bytes, prng) => bytes.subarray(0, prng.between(0, bytes.length - 1));

const remove: Damage = (bytes, prng) => {
  const from = prng.between(0, bytes.length - 1);
  return Buffer.concat([bytes.subarray(0, from), bytes.subarray(prng.between(from, bytes.length - 1) + 1)]);
};

const insert: Damage = (bytes, prng) => {
  const at = prng.between(0, bytes.length);
  return Buffer.concat([bytes.subarray(0, at), randomBytes(prng, prng.between(1, 20)), bytes.subarray(at)]);
};

const repeat: Damage = (bytes, prng) => {
  const from = prng.between(0, bytes.length - 1);
  const to = prng.between(from, bytes.length);
  return Buffer.concat([bytes.subarray(0, to), bytes.subarray(from)]);
};

const scramble: Damage = (_, prng) => randomBytes(prng, prng.between(0, 200));

const damages = [flip, flip, overwrite, cut, remove, insert, repeat, scramble] as const;

/** A copy in which something is wrong; now and then it is the same after all. */
export function damaged(bytes: Uint8Array, prng: Prng): Octets {
  return prng.pick<Damage>(damages)(Buffer.from(bytes), prng);
}

export function randomBytes(prng: Prng, count: number): Octets {
  return Buffer.from(Array.from({ length: count }, () => prng.between(0, 255)));
}
