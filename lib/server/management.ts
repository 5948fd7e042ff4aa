import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Push } from '../gateway/push.ts';

/** The connections that the management API speaks of. */
export type Connections = Pick<Push, 'isOpen' | 'close'> & {
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

/** The connections of a push that goes by outcomes. */
export function connectionsOf(push: Push): Connections {
  return {
    isOpen: push.isOpen,
    close: push.close,
    post: async (connection, octets) => ((await push.post(connection, octets, POST_TIMEOUT_MS)) === 'gone' ? 410 : 200),
  };
}

export function isManagement(request: IncomingMessage): boolean {
  return request.url?.startsWith('/@connections/') ?? false;
}

/**
 * Answers like API Gateway's management API: POST posts to a connection, GET asks whether it is there, DELETE closes
 * it; one that is gone answers 410. Pages in a browser are kept out; without `connections` all are.
 */
export async function answerManagement(
  request: IncomingMessage,
  response: ServerResponse,
  body: Buffer,
  connections: Connections | undefined,
): Promise<void> {
  const connection = connectionIn(request.url ?? '');
  if (request.headers.origin !== undefined || !connections) return reply(response, 403, 'ForbiddenException');
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

function reply(response: ServerResponse, status: number, exception?: string): void {
  response.writeHead(status, {
    'content-type': 'application/json',
    ...(exception ? { 'x-amzn-errortype': exception } : {}),
  });
  response.end(status === 204 ? undefined : JSON.stringify(exception ? { message: exception } : {}));
}
