import { backlog } from './backlog.ts';
import { bulk } from './bulk.ts';
import { crowd } from './crowd.ts';
import { cumulative } from './cumulative.ts';
import { expiry } from './expiry.ts';
import { fanOut } from './fan-out.ts';
import { forward } from './forward.ts';
import { management } from './management.ts';
import { pull } from './pull.ts';
import { push } from './push.ts';
import { redelivery } from './redelivery.ts';
import { refusal } from './refusal.ts';
import { transaction } from './transaction.ts';
import { transient } from './transient.ts';
import type { Workload } from './workload.ts';

export const workloads: readonly [Workload, ...Workload[]] = [
  push,
  pull,
  redelivery,
  backlog,
  transient,
  expiry,
  management,
  fanOut,
  forward,
  bulk,
  crowd,
  cumulative,
  transaction,
  refusal,
];

/** Each seed has its workload; consecutive seeds go through all of them. */
export function workloadOf(seed: number): Workload {
  return workloads[seed % workloads.length] ?? workloads[0];
}

export function workloadNamed(name: string): Workload {
  const named = workloads.find((workload) => workload.name === name);
  if (named) return named;
  throw new Error(
    `There is no workload "${name}"; there are ${workloads.map((workload) => workload.name).join(', ')}.`,
  );
}
