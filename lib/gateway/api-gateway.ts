import {
  ApiGatewayManagementApiClient,
  type ApiGatewayManagementApiClientConfig,
  DeleteConnectionCommand,
  GetConnectionCommand,
  PostToConnectionCommand,
} from '@aws-sdk/client-apigatewaymanagementapi';
import { outcomeOfStatus, type PostOutcome, type Push } from './push.ts';

/**
 * Pushes through the `@connections` API. The SDK does not repeat a post: a repeat of one whose outcome is unknown
 * would be a second delivery without a flag.
 * @param config with the `endpoint` of the WebSocket API's stage
 * @param onThrottled told of each post that was put off
 */
export function apiGatewayPush(config: ApiGatewayManagementApiClientConfig, onThrottled = () => {}): Push {
  const posts = new ApiGatewayManagementApiClient({ ...config, maxAttempts: 1 });
  const queries = new ApiGatewayManagementApiClient(config);
  return {
    async post(connection, octets, timeoutMs) {
      const command = new PostToConnectionCommand({ ConnectionId: connection, Data: octets });
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
      try {
        await queries.send(new DeleteConnectionCommand({ ConnectionId: connection }));
      } catch (error) {
        if (outcomeOf(error) !== 'gone') throw error;
      }
    },
    async isOpen(connection) {
      try {
        await queries.send(new GetConnectionCommand({ ConnectionId: connection }));
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
