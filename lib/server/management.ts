import type { IncomingMessage, ServerResponse } from 'node:http';
import type { LocalSockets } from '../gateway/sockets.ts';

const path = /^\/@connections\/([^/?]+)$/;
const POST_TIMEOUT_MS = 3000;

export function isManagement(request: IncomingMessage): boolean {
  return request.url?.startsWith('/@connections/') ?? false;
}

/**
 * Answers like API Gateway's management API: POST posts to a connection, GET asks whether it is there, DELETE closes
 * it; one that is gone answers 410. Pages in a browser are kept out;
 * without `sockets` all are.
 */
export async function answerManagement(
  request: IncomingMessage,
  response: ServerResponse,
  body: Buffer,
  sockets: LocalSockets | undefined,
): Promise<void> {
  const connection = connectionIn(request.url ?? '');
  if (request.headers.origin !== undefined || !sockets) return reply(response, 403, 'ForbiddenException');
  if (!(await sockets.isOpen(connection))) return reply(response, 410, 'GoneException');
  switch (request.method) {
    case 'POST': {
      const outcome = await sockets.post(connection, body, POST_TIMEOUT_MS);
      return outcome === 'gone' ? reply(response, 410, 'GoneException') : reply(response, 200);
    }
    case 'GET':
      return reply(response, 200);
    case 'DELETE':
      await sockets.close(connection);
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
