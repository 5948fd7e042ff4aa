import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { BrokerLease, type LeaseEvents, type LeaseTimes } from '../../../lib/server/broker-lease.ts';
import { thisProcess } from '../../../lib/server/process-identity.ts';
import { startBroker } from '../../../lib/server/start-broker.ts';
import { temporaryFolder } from '../../folders.ts';
import { MemoryRecord, strangersClaim } from './lease-record.ts';

const HOUR_MS = 3_600_000;
/** A lease that ends within a test. */
const short = { leaseMs: 100, renewMs: 10, pollMs: 5, marginMs: 10 };
/** One that does not, however slow the machine is; shorter than the step of a clock. */
const long = { ...short, leaseMs: HOUR_MS / 2 };

/** Claims the lease; the result is in an object, since a promise of a lease would be waited for. */
async function claim(record: MemoryRecord, times: LeaseTimes, events: Partial<LeaseEvents> = {}, owner = 'a') {
  const all = { onStandby: () => {}, onLost: () => {}, ...events };
  const lease = await BrokerLease.claim(record, times, owner, new AbortController().signal, all);
  if (!lease) throw new Error('Nobody asked it to give up.');
  return lease;
}

/** A lease, and the end of it. */
async function claimed(record: MemoryRecord, times: LeaseTimes) {
  const { promise: lost, resolve: onLost } = Promise.withResolvers<{ readonly code: string }>();
  return { lease: await claim(record, times, { onLost }), lost };
}

function setClock(stepMs: number): void {
  const now = Date.now.bind(Date);
  vi.spyOn(Date, 'now').mockImplementation(() => now() + stepMs);
}

/** Resolves at the next renewal. */
async function renewal(record: MemoryRecord): Promise<void> {
  const { value } = record;
  await vi.waitUntil(() => record.value !== value, { interval: 1, timeout: 30_000 });
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe('a lease on the broker', () => {
  it('is waited for while the store does not answer', async () => {
    const record = new MemoryRecord();
    record.isDown = true;
    const lease = await claim(record, long, {
      onStandby: () => {
        record.isDown = false;
      },
    });
    expect(lease.isHeld).toBe(true);
    await lease.release();
  });

  it('is over once it was not renewed in time', async () => {
    const record = new MemoryRecord();
    const { lease, lost } = await claimed(record, short);
    record.isDown = true;
    expect(await lost).toMatchObject({ code: 'NOT_MASTER' });
    expect(lease.isHeld).toBe(false);
  });

  it('is not prolonged by a refusal whose reason cannot be read', async () => {
    const record = new MemoryRecord();
    const { lease, lost } = await claimed(record, short);
    record.value = strangersClaim(0);
    record.isUnreadable = true;
    expect(await lost).toMatchObject({ code: 'NOT_MASTER' });
    expect(lease.isHeld).toBe(false);
  });

  it('goes on after a renewal whose reply was lost', async () => {
    const record = new MemoryRecord();
    const { lease, lost } = await claimed(record, long);
    const { replace } = record;
    record.replace = async (expected, value) => {
      await replace(expected, value);
      record.replace = replace;
      throw new Error('The reply was lost.');
    };
    await renewal(record);
    await renewal(record);
    expect(lease.isHeld).toBe(true);
    await lease.release();
    expect(await Promise.race([lost, 'held to the end'])).toBe('held to the end');
  });

  it('is over at once when another has it', async () => {
    const record = new MemoryRecord();
    const { lease, lost } = await claimed(record, long);
    record.value = strangersClaim(0);
    await lost;
    expect(lease.isHeld).toBe(false);
  });

  it('is over, with the reason, when what it guards is gone', async () => {
    const record = new MemoryRecord();
    const gone = { code: 'NOT_FOUND' };
    const { lost, lease } = await claimed(Object.assign(record, { failure: async () => gone }), long);
    expect(await lost).toBe(gone);
    expect(lease.isHeld).toBe(false);
  });

  it('is given up after the renewal that is under way', async () => {
    const record = new MemoryRecord();
    const { replace } = record;
    const { promise: isUnderWay, resolve: begin } = Promise.withResolvers<void>();
    const { promise: mayEnd, resolve: goOn } = Promise.withResolvers<void>();
    const lease = await claim(record, long);
    record.replace = async (expected, value) => {
      const isReplaced = await replace(expected, value);
      begin();
      await mayEnd;
      return isReplaced;
    };
    await isUnderWay;
    const released = lease.release();
    goOn();
    await released;
    const next = await claim(record, long, {}, 'b');
    await next.release();
  });

  it.each([HOUR_MS, -HOUR_MS])('does not end when the clock is set by %i ms', async (stepMs) => {
    const record = new MemoryRecord();
    const { lease, lost } = await claimed(record, long);
    setClock(stepMs);
    expect(lease.isHeld).toBe(true);
    await renewal(record);
    expect(lease.isHeld).toBe(true);
    await lease.release();
    expect(await Promise.race([lost, 'held to the end'])).toBe('held to the end');
  });

  it.each([HOUR_MS, -HOUR_MS])('lasts no longer when the clock is set by %i ms', async (stepMs) => {
    const record = new MemoryRecord();
    const { lease, lost } = await claimed(record, short);
    record.isDown = true;
    setClock(stepMs);
    await lost;
    expect(lease.isHeld).toBe(false);
  });
});

describe('a standby', () => {
  it('waits for a master in another container for as long as it renews, and for a lease after that', async () => {
    const record = new MemoryRecord();
    const until = performance.now() + 3 * short.leaseMs;
    let beat = 0;
    let renewedAt = 0;
    record.read = async () => {
      const now = performance.now();
      if (now < until) {
        record.value = strangersClaim(++beat);
        renewedAt = now;
      }
      return record.value;
    };
    let held = 0;
    const lease = await claim(record, short, { onHeld: () => held++ });
    expect(performance.now() - renewedAt).toBeGreaterThan(short.leaseMs);
    expect(held).toBeGreaterThan(1);
    await lease.release();
  });

  it.each([HOUR_MS, -HOUR_MS])('waits neither more nor less when its own clock is set by %i ms', async (stepMs) => {
    const record = new MemoryRecord();
    record.value = strangersClaim(0);
    const from = performance.now();
    const lease = await claim(record, short, { onStandby: () => setClock(stepMs) });
    expect(performance.now() - from).toBeGreaterThanOrEqual(short.leaseMs);
    await lease.release();
  });

  it('follows at once a process of this container whose number another one has now', async () => {
    const record = new MemoryRecord();
    record.value = strangersClaim(0, { namespace: thisProcess.namespace, pid: process.pid, started: '1' });
    const lease = await claim(record, long);
    await lease.release();
  });

  it('says that it can never follow a living master under another kernel, where the data are of one', async () => {
    const record = new MemoryRecord();
    record.isOfOneKernel = true;
    record.value = strangersClaim(0, { kernel: 'another' });
    const onStandby = () => {
      record.value = strangersClaim(1, { kernel: 'another' });
    };
    await expect(claim(record, long, { onStandby })).rejects.toMatchObject({ code: 'NOT_SUPPORTED' });
  });

  it('follows a dead master under another kernel, as after a reboot', async () => {
    const record = new MemoryRecord();
    record.isOfOneKernel = true;
    record.value = strangersClaim(0, { kernel: 'before the reboot' });
    const lease = await claim(record, short);
    await lease.release();
  });

  it('waits out a claim that it cannot read', async () => {
    const record = new MemoryRecord();
    record.value = Buffer.from('noise');
    const lease = await claim(record, short);
    await lease.release();
  });
});

it('a broker whose port is taken leaves its data to others', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => other.once('listening', resolve));
  const { port } = other.address() as AddressInfo;
  using folder = temporaryFolder();
  const data = folder.path;
  await expect(startBroker({ data, port })).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  let waited = false;
  const onStandby = () => {
    waited = true;
  };
  const broker = await startBroker({ data, port: 0, onStandby });
  expect(waited).toBe(false);
  await broker.close();
  other.close();
});
