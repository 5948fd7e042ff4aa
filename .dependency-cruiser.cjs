// The arrows of the house: who may import whom. What is not listed is not allowed.
const arrows = {
  model: [],
  shard: ['model'],
  store: ['model'],
  access: ['shard/codec/packing', 'store/port', 'model'],
  broker: ['access', 'shard', 'store', 'model'],
  stomp: ['broker', 'model'],
  rest: ['access', 'broker', 'model'],
  gateway: ['model'],
  handlers: ['access', 'broker', 'stomp', 'rest', 'gateway', 'store/port', 'model'],
  server: ['access', 'handlers', 'stomp', 'rest', 'gateway', 'store', 'model'],
  client: ['stomp', 'model'],
  cli: ['access', 'client', 'rest', 'server', 'model'],
};

const inside = Object.entries(arrows).map(([from, to]) => ({
  name: `${from}-imports`,
  comment: `lib/${from} may import ${to.length > 0 ? to.map((name) => `lib/${name}`).join(', ') : 'nothing of lib'}.`,
  severity: 'error',
  from: { path: `^lib/${from}/` },
  to: { path: '^(lib|functions|infra|test|bench)/', pathNot: [from, ...to].map((name) => `^lib/${name}(/|\\.ts$)`) },
}));

module.exports = {
  forbidden: [
    ...inside,
    {
      name: 'no-circles',
      comment: 'What is below knows nothing of what is above it.',
      severity: 'error',
      from: { path: '^(lib|functions|infra)/' },
      to: { circular: true },
    },
    {
      name: 'infra-imports',
      comment: 'What is deployed knows names and limits of the broker, and nothing of how it works.',
      severity: 'error',
      from: { path: '^infra/' },
      to: { path: '^(lib|functions)/', pathNot: '^lib/(model/|store/dynamodb/tables\\.ts$)' },
    },
    {
      name: 'aws-sdk-at-the-edge',
      comment: 'With an embedded store no part of the AWS SDK is loaded.',
      severity: 'error',
      from: { path: '^(lib|infra)/', pathNot: '^lib/(store/dynamodb|gateway/api-gateway)' },
      to: { path: 'node_modules/@aws-sdk/' },
    },
    {
      name: 'dynamodb-on-demand',
      comment: 'The server loads the DynamoDB store only when it is asked for.',
      severity: 'error',
      from: { path: '^lib/server/' },
      to: { path: '^lib/store/dynamodb/', dynamic: false, dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'tests-stay-outside',
      severity: 'error',
      from: { path: '^(lib|functions|infra)/' },
      to: { path: '^(test|bench)/' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default'] },
  },
};
