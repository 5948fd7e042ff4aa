import { type Context, Hono } from 'hono';
import type { Grants } from '../access/grants.ts';
import type { Broker } from '../broker/broker.ts';
import type { Caller } from '../model/caller.ts';
import { asBrokerError, BrokerError } from '../model/errors.ts';
import { browserRules } from './browsers.ts';
import { browseRoute } from './browsing.ts';
import { deliveryRoutes } from './deliveries.ts';
import { errorResponse } from './failures.ts';
import { callerOf, type Gate, hintsOf, nobody } from './gate.ts';
import { groupRoutes } from './groups.ts';
import { describeApi } from './openapi.ts';
import { LOOPBACK } from './origin.ts';
import { purgeRoute, queueRoutes } from './queues.ts';
import { receiveRoute } from './receiving.ts';
import { queueNamed, type Route, routeFinder } from './route.ts';
import { sendRoute } from './sending.ts';
import { transactionRoutes } from './transactions.ts';
import { userRoutes } from './users.ts';

/** What the REST interface is made from. */
export type RestOptions = {
  readonly broker: Broker;
  /** The broker's version, as the description and the health check show it. */
  readonly version: string;
  /** Origins of pages that may use it; `loopback` stands for all of those. Default: these alone. */
  readonly allowedOrigins?: readonly string[];
  /** True if it is reached by loopback names alone: others are refused. Default: false. */
  readonly loopbackOnly?: boolean;
  /** Who may ask for what. Without it, everybody may ask for everything. */
  readonly gate?: Gate | undefined;
};

/** What `hono/aws-lambda` shows of an invocation; `caller` is in the context of a self-hosted broker alone. */
type Invoked = { readonly Bindings: { readonly lambdaContext?: { readonly caller?: Caller | undefined } } };

/**
 * Replies may hold messages: no cache keeps them, and no browser takes what somebody sent for a page.
 * @see RFC 9111 §5.2.2.5; WHATWG Fetch, "X-Content-Type-Options"
 */
const forItsClientAlone = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' };

/**
 * The REST interface, described at `/openapi.json`. Whatever fails answers `{error: {code, message, retryable}}` with
 * the status of its code.
 */
export function restApi(options: RestOptions): Hono<Invoked> {
  const { broker, version, gate, allowedOrigins = [LOOPBACK], loopbackOnly = false } = options;
  const app = new Hono<Invoked>();
  const find = routeFinder(routesOf(broker, version, gate));
  app.use(browserRules(allowedOrigins, loopbackOnly));
  app.all('*', async (c) => {
    const path = new URL(c.req.url).pathname;
    const match = find(path);
    if (!match) throw new BrokerError('NOT_FOUND', `There is nothing at ${path.slice(0, 64)}; see /openapi.json.`);
    const method = c.req.method === 'HEAD' ? 'GET' : c.req.method;
    const route = match.routes.find((candidate) => candidate.method === method);
    if (!route) return wrongMethod(method, match.routes);
    const { by, grants } = gate && route.needs !== 'nothing' ? await callerOf(gate, c) : nobody;
    const readName = route.readName ?? ((written: string) => queueNamed(written, broker.limits));
    const name = match.name === '' ? '' : readName(match.name);
    demand(grants, route, name);
    const {
      status,
      json,
      what = name,
    } = await route.handle({ request: c.req, name, by, grants, caller: c.env?.lambdaContext?.caller });
    if (route.audited !== undefined) broker.audit(route.audited, { by, what });
    const headers = route.needs === 'nothing' ? {} : forItsClientAlone;
    return json === undefined ? new Response(null, { status }) : jsonOf(json, { status, headers });
  });
  app.onError((cause, c) => refuse(broker, gate, cause, c));
  return app;
}

/** The kind of a destination stands in the path: a right to a queue is none to a topic of its name. */
function demand(grants: Grants | undefined, { needs, path }: Route, name: string): void {
  if (needs === 'nothing' || needs === 'credentials') return;
  grants?.demand(needs, path.startsWith('/v1/topics/') ? `/topic/${name}` : `/queue/${name}`);
}

/** Those with a suffix come before those that end in a name. */
function routesOf(broker: Broker, version: string, gate: Gate | undefined): readonly Route[] {
  const routes: Route[] = [
    sendRoute(broker, 'queue'),
    sendRoute(broker, 'topic'),
    browseRoute(broker),
    purgeRoute(broker),
    receiveRoute(broker),
    ...queueRoutes(broker),
    ...groupRoutes(broker),
    ...deliveryRoutes(broker),
    ...transactionRoutes(broker),
    ...userRoutes(broker, gate),
  ];
  routes.push(...aboutRoutes(version, routes));
  return routes;
}

function aboutRoutes(version: string, routes: readonly Route[]): readonly Route[] {
  let description: unknown;
  return [
    {
      method: 'GET',
      path: '/health',
      operation: 'checkHealth',
      summary: 'Answers while the broker takes requests.',
      needs: 'nothing',
      replies: { 200: { description: 'It does.' } },
      handle: async () => ({ status: 200, json: { status: 'ok', version } }),
    },
    {
      method: 'GET',
      path: '/openapi.json',
      operation: 'describeApi',
      summary: 'This description.',
      needs: 'nothing',
      replies: { 200: { description: 'An OpenAPI 3.1 document.' } },
      async handle() {
        description ??= describeApi(routes, version);
        return { status: 200, json: description };
      },
    },
  ];
}

function wrongMethod(method: string, routes: readonly Route[]): Response {
  const allow = routes.map((route) => route.method).join(', ');
  const error = new BrokerError('NOT_SUPPORTED', `${method} is not for this path; it takes ${allow}.`);
  return jsonOf(errorResponse(error).json, { status: 405, headers: { allow } });
}

function refuse(broker: Broker, gate: Gate | undefined, cause: unknown, { req }: Context): Response {
  const error = asBrokerError(cause);
  if (error.code === 'INTERNAL' || error.code === 'CORRUPT') {
    broker.log('request failed', { method: req.method, path: req.path, code: error.code }, error);
  }
  const { status, json } = errorResponse(error);
  return jsonOf(json, { status, headers: hintsOf(error, gate?.access) });
}

/** JSON with a line's end, so that a terminal shows its prompt on a line of its own. */
function jsonOf(json: unknown, { status, headers }: ResponseInit): Response {
  return new Response(`${JSON.stringify(json)}\n`, {
    status: status ?? 200,
    headers: { ...(headers as Record<string, string> | undefined), 'content-type': 'application/json' },
  });
}
