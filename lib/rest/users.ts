import * as z from 'zod/mini';
import { checkUserName } from '../access/credentials.ts';
import { RULES_MAX } from '../access/rules.ts';
import { changeUser, listUsers, noUser, readUser, removeUser, type User } from '../access/users.ts';
import type { Broker } from '../broker/broker.ts';
import { BrokerError } from '../model/errors.ts';
import { check, fields } from './check.ts';
import type { Gate } from './gate.ts';
import { nextOf, nextPage, pageQuery } from './paging.ts';
import { readJson } from './request-body.ts';
import { type Call, decodePercent, type Reply, type Route } from './route.ts';

const rules = z
  .array(z.string())
  .check(z.maxLength(RULES_MAX), z.describe('Rights and a pattern each, e.g. "read,write:/queue/orders.>".'));

const userInfo = z.object({
  name: z.string(),
  rules,
  disabled: z.boolean().check(z.describe('True while nobody can log in as this user.')),
});

/** A user as REST shows it: without what proves a password. */
export type UserInfo = z.infer<typeof userInfo>;

const userChange = fields({
  password: z.optional(z.string().check(z.describe('8 to 256 octets; a new user needs one.'))),
  rules: z.optional(rules),
  disabled: z.optional(z.boolean()),
});

const listing = z.object({
  users: z.array(userInfo),
  next: nextPage,
});

const query = pageQuery('users');

/** Lists, makes, changes and removes users. */
export function userRoutes(broker: Broker, gate: Gate | undefined): readonly Route[] {
  const one = { path: '/v1/users/{name}', needs: 'credentials', readName } as const;
  const info = { 200: { description: 'The user.', schemas: { User: userInfo } } };
  return [
    {
      method: 'GET',
      path: '/v1/users',
      operation: 'listUsers',
      summary: 'Lists users in the order of their names.',
      needs: 'credentials',
      query,
      replies: { 200: { description: 'A page.', schemas: { UserPage: listing } } },
      async handle(call) {
        demandManagement(call, gate);
        return await list(broker, call);
      },
    },
    {
      ...one,
      method: 'GET',
      operation: 'describeUser',
      summary: 'Describes a user.',
      replies: info,
      async handle(call) {
        demandManagement(call, gate);
        const user = await readUser(broker.store, call.name);
        if (!user) throw noUser(call.name);
        return { status: 200, json: infoOf(user) };
      },
    },
    {
      ...one,
      method: 'PUT',
      operation: 'changeUser',
      audited: 'user changed',
      summary: 'Changes a user, or makes one; what is not named stays as it is. Connections of the user end.',
      body: { required: true, types: { 'application/json': { UserChange: userChange } } },
      replies: info,
      async handle(call) {
        const { revoking } = demandManagement(call, gate);
        const asked = check(userChange, await readJson(call.request, broker.limits), 'The request');
        const change = { password: asked.password, rules: asked.rules, isDisabled: asked.disabled };
        const revision = broker.random.id();
        const user = await revoking(call.name, () => changeUser(broker.store, call.name, change, revision));
        return { status: 200, json: infoOf(user) };
      },
    },
    {
      ...one,
      method: 'DELETE',
      operation: 'removeUser',
      audited: 'user removed',
      summary: 'Removes a user. Connections of the user end.',
      replies: { 204: { description: 'It is gone.' } },
      async handle(call) {
        const { revoking } = demandManagement(call, gate);
        await revoking(call.name, () => removeUser(broker.store, call.name));
        return { status: 204 };
      },
    },
  ];
}

/** Where everybody may do everything nobody makes users, who would count once that ends. */
function demandManagement({ grants }: Call, gate: Gate | undefined): Gate {
  if (!gate || !grants)
    throw new BrokerError('NOT_SUPPORTED', 'This broker runs without access rules, and so without users.');
  grants.demandUserManagement();
  return gate;
}

function readName(written: string): string {
  const name = decodePercent(written);
  checkUserName(name);
  return name;
}

async function list(broker: Broker, { request }: Call): Promise<Reply> {
  const { after, limit } = check(query, request.query(), 'The query');
  const users = (await listUsers(broker.store, after, limit)).map(infoOf);
  return { status: 200, json: { users, ...nextOf(users, limit) } };
}

function infoOf({ name, rules, isDisabled }: User): UserInfo {
  return { name, rules: [...rules], disabled: isDisabled };
}
