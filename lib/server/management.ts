import type { IncomingMessage, ServerResponse } from 'node:http';
import type { PostOutcome, Push } from '../gateway/push.ts';
import { isLoopbackHost } from '../rest/origin.ts';
import { writeResult } from './http-event.ts';

/** The connections that the management API speaks of. */
export type ManagedConnections = Pick<Push, 'isOpen' | 'close'> & {
  /** @returns the HTTP status that says what became of the post */
  readonly post: (connection: string, octets: Uint8Array) => Promise<number>;
};

const path = /^\/@connections\/([^/?]+)$/;
const POST_TIMEOUT_MS = 3000;

const exceptions: Readonly<Record<number, string>> = {
  400: 'BadRequestException',
  410: 'GoneException',
  413: 'PayloadTooLargeException',
  429: 'LimitExceededException',
};

const statuses: Partial<Record<PostOutcome, number>> = { gone: 410, refused: 429 };

/** The connections of a push that goes by outcomes. */
export function connectionsOf(push: Push): ManagedConnections {
  return {
    isOpen: push.isOpen,
    close: push.close,
    post: async (connection, octets) => statuses[await push.post(connection, octets, POST_TIMEOUT_MS)] ?? 200,
  };
}

export function isManagement(request: IncomingMessage): boolean {
  return request.url?.startsWith('/@connections/') ?? false;
}

/**
 * Answers like API Gateway's management API: POST posts to a connection, GET asks whether it is there, DELETE closes
 * it; one that is gone answers 410. Pages in a browser are kept out, those whose name was pointed at this machine too;
 * without `connections` all are.
 */
export async function answerManagement(
  request: IncomingMessage,
  response: ServerResponse,
  body: Buffer,
  connections: ManagedConnections | undefined,
): Promise<void> {
  const connection = connectionIn(request.url ?? '');
  const { origin, host } = request.headers;
  const isOfPage = origin !== undefined || !isLoopbackHost(host);
  if (isOfPage || !connections) return reply(response, 403, 'ForbiddenException');
  if (!(await connections.isOpen(connection))) return reply(response, 410, 'GoneException');
  switch (request.method) {
    case 'POST': {
      const status = await connections.post(connection, body);
      return reply(response, status, exceptions[status]);
    }
    case 'GET':
      return reply(response, 200);
    case 'DELETE':
      await connections.close(connection);
      return reply(response, 204);
    default:
      return reply(response, 405, 'MethodNotAllowedException');
  }
}

/** Empty, which is no connection's id, where the path names none. */
function connectionIn(url: string): string {
  try {
    return decodeURIComponent(path.exec(url)?.[1] ?? '');
  } catch {
    return '';
  }
}

function reply(response: ServerResponse, statusCode: number, exception?: string): void {
  const headers = { 'content-type': 'application/json', ...(exception ? { 'x-amzn-errortype': exception } : {}) };
  const body = statusCode === 204 ? '' : JSON.stringify(exception ? { message: exception } : {});
  writeResult(response, { statusCode, headers, body });
}
