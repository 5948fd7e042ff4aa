import {
  ApiGatewayManagementApiClient,
  type ApiGatewayManagementApiClientConfig,
  DeleteConnectionCommand,
  GetConnectionCommand,
  PostToConnectionCommand,
} from '@aws-sdk/client-apigatewaymanagementapi';
import { KeptSockets } from './kept-sockets.ts';
import { outcomeOfStatus, type PostOutcome, type Push } from './push.ts';

/** How long a close, or the question whether a connection is open, may take with its repeats. */
const QUERY_MS = 5000;

/**
 * Pushes through the `@connections` API. The SDK does not repeat a post: a repeat of one whose outcome is unknown
 * would be a second delivery without a flag.
 * @param config with the `endpoint` of the WebSocket API's stage
 * @param onThrottled told of each post that was put off
 * @param now see `KeptSockets`
 */
export function apiGatewayPush(
  config: ApiGatewayManagementApiClientConfig,
  onThrottled = () => {},
  now: () => number = Date.now,
): Push {
  const sockets = new KeptSockets(now);
  const { requestHandler } = sockets;
  const posts = new ApiGatewayManagementApiClient({ requestHandler, ...config, maxAttempts: 1 });
  const queries = new ApiGatewayManagementApiClient({ requestHandler, ...config });
  const inTime = () => ({ abortSignal: AbortSignal.timeout(QUERY_MS) });
  return {
    async post(connection, octets, timeoutMs) {
      const command = new PostToConnectionCommand({ ConnectionId: connection, Data: octets });
      sockets.prepare();
      try {
        await posts.send(command, { abortSignal: AbortSignal.timeout(timeoutMs) });
        return 'sent';
      } catch (error) {
        const outcome = outcomeOf(error);
        if (outcome === 'refused') onThrottled();
        return outcome;
      }
    },
    async close(connection) {
      sockets.prepare();
      try {
        await queries.send(new DeleteConnectionCommand({ ConnectionId: connection }), inTime());
      } catch (error) {
        if (outcomeOf(error) !== 'gone') throw error;
      }
    },
    async isOpen(connection) {
      sockets.prepare();
      try {
        await queries.send(new GetConnectionCommand({ ConnectionId: connection }), inTime());
        return true;
      } catch (error) {
        // Only a clear answer takes a consumer out.
        return outcomeOf(error) !== 'gone';
      }
    },
  };
}

function outcomeOf(error: unknown): PostOutcome {
  return outcomeOfStatus((error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode);
}
