#!/usr/bin/env node
import { refusalOfNode } from '../model/node-version.ts';

// Loaded on demand: what an older Node does not have would end it before it could say what is needed.
const refusal = refusalOfNode(process.versions.node);
if (refusal === undefined) await import('./main.ts');
else {
  process.stderr.write(`cirrusmq: ${refusal}\n`);
  process.exitCode = 1;
}
