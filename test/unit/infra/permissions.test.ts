import { describe, expect, it } from 'vitest';
import { actionsOf } from './resources.ts';
import { synthWithChecks, templateOf, templateWithKey } from './synth.ts';

const template = templateOf({ tablePrefix: 'p', destinationGroups: [{ name: 'eu', destinations: ['/queue/eu.>'] }] });

function onTable(table: string, ...actions: readonly string[]): string[] {
  return actions.map((action) => `dynamodb:${action} on ${table}`);
}

function onShards(...actions: readonly string[]): string[] {
  return onTable('Shards', ...actions);
}

function onConnections(...methods: readonly string[]): string[] {
  return methods.map((method) => `execute-api:ManageConnections on GatewaysWebSocket/live/${method}/@connections/*`);
}

const dispatch = ['lambda:InvokeFunction on DispatchFunction'];
const headsAndBodies = onShards('GetItem', 'BatchGetItem', 'PutItem', 'UpdateItem');

describe('a function may do what its code calls, and nothing else:', () => {
  it.each([
    ['connect', onTable('Directory', 'GetItem', 'PutItem')],
    [
      'frame',
      [
        ...headsAndBodies,
        ...onTable('Directory', 'GetItem', 'PutItem', 'DeleteItem', 'Query'),
        ...onConnections('GET', 'POST', 'DELETE'),
        ...dispatch,
      ],
    ],
    [
      'disconnect',
      [
        ...headsAndBodies,
        ...onTable('Directory', 'GetItem', 'PutItem', 'DeleteItem', 'Query'),
        ...onConnections('GET', 'POST', 'DELETE'),
        ...dispatch,
      ],
    ],
    [
      'rest',
      [
        ...headsAndBodies,
        ...onShards('DeleteItem'),
        ...onTable('Directory', 'GetItem', 'PutItem', 'DeleteItem', 'Query'),
        ...onConnections('GET', 'POST', 'DELETE'),
        ...dispatch,
      ],
    ],
    [
      'dispatch',
      [
        ...headsAndBodies,
        ...onTable('Directory', 'GetItem', 'PutItem', 'DeleteItem', 'Query'),
        ...onConnections('GET', 'POST', 'DELETE'),
        ...dispatch,
      ],
    ],
    [
      'sweep',
      [
        ...headsAndBodies,
        ...onShards('DeleteItem'),
        ...onTable('Shards/index/due', 'Query', 'Scan'),
        ...onTable('Directory', 'GetItem', 'PutItem', 'DeleteItem', 'Query'),
        ...onConnections('GET', 'POST', 'DELETE'),
        ...dispatch,
      ],
    ],
  ])('%s', (name, expected) => {
    const log = `${name[0]?.toUpperCase()}${name.slice(1)}Logs`;
    const sent = ['dispatch', 'sweep'].includes(name) ? ['SendMessage', 'GetQueueAttributes', 'GetQueueUrl'] : [];
    expect(actionsOf(template, name)).toEqual(
      [
        `logs:CreateLogStream on ${log}`,
        `logs:PutLogEvents on ${log}`,
        ...sent.map((action) => `sqs:${action} on Failures`),
        ...expected,
      ].sort(),
    );
  });
});

it('the shard tables are those of the broker, whatever groups it has: a group that was removed goes on', () => {
  const roles = JSON.stringify(template.findResources('AWS::IAM::Policy'));
  expect(roles).toContain(':table/p-shards-*"');
  expect(roles).toContain(':table/p-shards-*/index/due"');
});

it('a key of the owner is used by those who use the tables', () => {
  const withKey = templateWithKey();
  const users = ['connect', 'frame', 'disconnect', 'rest', 'dispatch', 'sweep'].filter((name) =>
    actionsOf(withKey, name).some((action) => action.startsWith('kms:Decrypt')),
  );
  expect(users).toEqual(['connect', 'frame', 'disconnect', 'rest', 'dispatch', 'sweep']);
});

describe('the AWS Solutions rules', () => {
  it('find nothing that is not accepted with a reason', () => {
    const destinationGroups = [{ name: 'eu', destinations: ['/queue/eu.>'] }];
    synthWithChecks({ destinationGroups, observability: {}, alarmEmail: 'on-call@app.example' });
  });

  it('would find a wildcard that is not', () => {
    expect(() => synthWithChecks({}, (broker) => broker.functions.rest.allow(['dynamodb:*'], ['*']))).toThrow(
      /IAM5\[Action::dynamodb:\*\]/,
    );
  });
});
