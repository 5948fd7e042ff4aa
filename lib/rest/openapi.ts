import * as z from 'zod/mini';
import { browsedMessage, receivedMessage } from './message-schema.ts';
import { failed, failure } from './results.ts';
import type { Route, Schemas } from './route.ts';

type Json = Readonly<Record<string, unknown>>;

/** Where the document keeps its schemas. */
const pathTo = (name: string) => `#/components/schemas/${name}`;

/** What occurs inside other schemas, and every failure. */
const shared: Schemas = {
  Failed: failed,
  Failure: failure,
  ReceivedMessage: receivedMessage,
  BrowsedMessage: browsedMessage,
};

/** The OpenAPI 3.1 document of the routes. @see OpenAPI Specification 3.1.1 */
export function describeApi(routes: readonly Route[], version: string): Json {
  const paths = [...Map.groupBy(routes, (route) => route.path)].map(([path, group]) => [
    path,
    Object.fromEntries(group.map((route) => [route.method.toLowerCase(), operationOf(route)])),
  ]);
  return {
    openapi: '3.1.1',
    info: {
      title: 'CirrusMQ',
      version,
      description: 'Queues and topics over HTTP. Their names may hold slashes, plain or percent-encoded.',
    },
    paths: Object.fromEntries(paths),
    components: { schemas: componentsOf(routes), securitySchemes },
  };
}

/** Each named schema once; where one occurs in another, by reference. */
function componentsOf(routes: readonly Route[]): Json {
  const registry = z.registry<{ id: string }>();
  const used = routes.flatMap(({ body, replies }) => [
    ...Object.values(body?.types ?? {}),
    ...Object.values(replies).map(({ schemas }) => schemas ?? {}),
  ]);
  for (const [id, schema] of [shared, ...used].flatMap((schemas) => Object.entries(schemas))) {
    registry.add(schema, { id });
  }
  const { schemas } = z.toJSONSchema(registry, { io: 'input', uri: pathTo });
  return Object.fromEntries(Object.entries(schemas).map(([id, { $schema, $id, ...schema }]) => [id, schema]));
}

function operationOf({ operation, summary, needs, path, query, body, replies }: Route): Json {
  const answers = Object.entries(replies).map(([status, { description, schemas }]) => [
    status,
    schemas ? { description, content: contentOf({ 'application/json': schemas }) } : { description },
  ]);
  return {
    operationId: operation,
    summary,
    ...(needs === 'nothing' ? {} : { description: rightOf(needs) }),
    security: needs === 'nothing' ? [] : [{ password: [] }, { token: [] }],
    parameters: [
      ...(path.includes('{name}') ? [path.startsWith('/v1/users/') ? userName : queueName] : []),
      ...(query ? parametersOf(query) : []),
    ],
    ...(body ? { requestBody: { required: body.required, content: contentOf(body.types) } } : {}),
    responses: {
      ...Object.fromEntries(answers),
      default: { description: 'What went wrong.', content: contentOf({ 'application/json': { Failed: failed } }) },
    },
  };
}

const securitySchemes = {
  password: { type: 'http', scheme: 'basic', description: "A user's name and password." },
  token: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description: 'A token of the configured issuer.' },
};

function rightOf(needs: Exclude<Route['needs'], 'nothing'>): string {
  const right = needs === 'credentials' ? 'credentials' : `the right "${needs}" to the queue or topic`;
  return `Where access is configured, it needs ${right}.`;
}

function contentOf(types: Readonly<Record<string, Schemas>>): Json {
  const entries = Object.entries(types).map(([type, schemas]) => {
    const references = Object.keys(schemas).map((name) => ({ $ref: pathTo(name) }));
    return [type, { schema: references.length === 1 ? references[0] : { anyOf: references } }];
  });
  return Object.fromEntries(entries);
}

const queueName = {
  name: 'name',
  in: 'path',
  required: true,
  description: 'The name of the queue or topic, e.g. orders or orders/eu.',
  schema: { type: 'string' },
};

const userName = { ...queueName, description: "The user's name, e.g. alice." };

function parametersOf(query: z.ZodMiniObject): Json[] {
  const { properties = {} } = z.toJSONSchema(query, { io: 'input' });
  return Object.entries(properties).map(([name, schema]) => ({ name, in: 'query', required: false, schema }));
}
