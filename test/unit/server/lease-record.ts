import { BrokerError } from '../../../lib/model/errors.ts';
import type { LeaseRecord } from '../../../lib/server/broker-lease.ts';
import { thisProcess } from '../../../lib/server/process-identity.ts';
import { sameBytes } from '../../../lib/store/same-bytes.ts';

const notAnswering = () => new BrokerError('UNAVAILABLE', 'The store does not answer.');

/** A record in memory, which may stop to answer. */
export class MemoryRecord implements LeaseRecord {
  value: Uint8Array | undefined;
  isOfOneKernel = false;
  isUnreadable = false;
  isUnwritable = false;
  read = async () => {
    if (this.isUnreadable) throw notAnswering();
    return this.value;
  };
  replace = async (expected: Uint8Array | null, value: Uint8Array) => {
    if (this.isUnwritable) throw notAnswering();
    if (!sameBytes(this.value, expected)) return false;
    this.value = value;
    return true;
  };
  get isDown(): boolean {
    return this.isUnreadable && this.isUnwritable;
  }
  set isDown(isDown: boolean) {
    this.isUnreadable = isDown;
    this.isUnwritable = isDown;
  }
}

/** The claim of a process in another container: nobody can ask from here whether it is there. */
export function strangersClaim(beat: number, more: object = {}): Uint8Array {
  const claim = { owner: 'stranger', beat, ...thisProcess, namespace: 'pid:[1]', ...more };
  return Buffer.from(JSON.stringify(claim));
}
